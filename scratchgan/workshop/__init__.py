"""
The workshop: tools around the package. No training uses them, and a reader needs none of them.

- ``bench`` measures operations and training steps beside other libraries (``scratchgan bench``);
- ``ladders`` has the matrix products of notebooks 10 and 11, and counts what they do;
- ``gpu`` tests and measures a machine with a GPU;
- ``results`` keeps the results of runs, and makes the table of them;
- ``bits`` checks whether a change of the code changed any result.

In the package, only the command line imports it.
"""
