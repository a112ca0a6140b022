"""
The workshop: benchmarks, the ladders of matrix products, scripts for a GPU, tables of results.

Nothing here is needed to train a network or to read how one is trained: of the package, only the
command line comes here (and notebooks 10 and 11).
"""
