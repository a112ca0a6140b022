"""
What each kernel is called with, a letter an argument, in the dtypes that the backend passes.

The letters are those of ``scratchgan.workshop.ladders.compiled.signature``: a an array of floats;
i, w: of int32, of uint32. r: a float; n: a uint32; c: an int32.
A kernel that is not here is an error, and so is a line here without a kernel.
"""

SIGNATURES = {
    "tiles.product": "aaaa nnnn cc r",
    "gemm.combine": "aaa nn ccc r",
    "elementwise.activation": "aa nn r",
    "elementwise.activation_grad": "aaa nn r",
    "elementwise.add": "aaa n",
    "elementwise.multiply": "aaa n",
    "elementwise.scale": "aa n r",
    "elementwise.scale_scheduled": "aa a n",
    "elementwise.fill": "a n r",
    "elementwise.copy": "aa n",
    "elementwise.add_row": "aaa nn",
    "reduce.sum_rows": "aa nnnn",
    "reduce.activation_grad_bias": "aaaa nnnnn r",
    "reduce.log_sigmoid_mean": "aaa n r",
    "reduce.softmax_cross_entropy": "aaaa nn r",
    "rows.maxout": "aai nn",
    "rows.maxout_spread": "aia nn",
    "rows.maxout_pick": "aia nn",
    "rows.concat_columns": "aaa nnn",
    "rows.columns": "aa nnnn",
    "rows.gather_rows": "aia w nnn",
    "rows.one_hot": "ia nn",
    "rows.swap_rows": "awaai nnn r",
    "noise.random_words": "w w nnnnnn",
    "noise.uniform": "a w nnnnnn rr",
    "noise.normal": "a w nnnnnn rr",
    "noise.random_labels": "i w nnnnnn",
    "noise.dropout": "aa w nnnnnn rr",
    "optim.sgd": "aaa a nn",
    "optim.adam": "aaaa a n rrrrr",
    "optim.ema": "aa n rr",
    "optim.clip": "a n rr",
    "replay.advance": "www n",
    "cuda.naive": "aaa nnn",
    "cuda.coalesced": "aaa nnn",
    "cuda.shared_tile": "aaa nnn",
    "cuda.register_tile": "aaa nnn",
    "cuda.vectorised": "aaa nnn",
}
