"""
The workshop: what no training runs, and what is not needed to read how one runs.

- ``bench`` measures operations and training steps beside other libraries (``scratchgan bench``);
- ``ladders`` has the matrix products of notebooks 10 and 11, and counts what they do;
- ``gpu`` tests and measures a machine with a GPU;
- ``results`` keeps what runs reached, and makes the table of them;
- ``bits`` says whether a change of the code changed any result.

Of the package, only the command line comes here.
"""
