"""Digits: the handwritten digits of 8 × 8 pixels that scikit-learn contains; no download."""

from __future__ import annotations

import numpy as np

from scratchgan.data.dataset import Dataset

__all__ = ["digits"]

_HELD_OUT = 6  # every sixth image of each class


def digits() -> Dataset:
    """
    Return the 1,797 digits of Alpaydin & Kaynak 1998, scaled from 0 … 16 to [0, 1].

    Every sixth image of each class is held out, independently of the seed. So there are 1,493
    training images and 304 test images, with the classes in the same proportions.

    Returns
    -------
    Dataset
        x is (1493, 64), x_test is (304, 64); image_shape is (8, 8).
    """
    from sklearn.datasets import load_digits  # slow to import, so only imported when needed

    pixels, labels = load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32)
    held_out = np.zeros(len(x), dtype=bool)
    for k in range(10):
        held_out[np.flatnonzero(labels == k)[::_HELD_OUT]] = True
    return Dataset(
        name="digits",
        x=x[~held_out],
        labels=labels[~held_out],
        label_names=tuple("0123456789"),
        image_shape=(8, 8),
        value_range=(0.0, 1.0),
        source=(
            "E. Alpaydin & C. Kaynak, Optical Recognition of Handwritten Digits (test part),"
            " UCI Machine Learning Repository 1998, doi:10.24432/C50P49, as in scikit-learn"
        ),
        licence="CC BY 4.0",
        x_test=x[held_out],
        labels_test=labels[held_out],
    )
