"""MNIST and Fashion-MNIST: 60,000 training and 10,000 test images of 28 × 28, in ten classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scratchgan.data.dataset import Dataset
from scratchgan.data.files import Distribution, IdxFile, find

__all__ = ["fashion_mnist", "mnist"]

_MNIST = Distribution(
    name="mnist",
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    other_folders=("MNIST",),  # torchvision's
)
_FASHION = Distribution(
    name="fashion-mnist",
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    other_folders=("fashion_mnist", "FashionMNIST"),
    system=(Path("/usr/share/datasets/fashion-mnist"),),  # Debian's dataset-fashion-mnist
)


def mnist() -> Dataset:
    """
    Return MNIST, the handwritten digits of LeCun, Cortes & Burges, scaled to [0, 1].

    Returns
    -------
    Dataset
        x is (60000, 784), x_test is (10000, 784); image_shape is (28, 28).

    Raises
    ------
    DataError
        If its files can neither be found nor downloaded, or are damaged.
        ``scratchgan.data.files`` lists the places that are searched.
    """
    return _load(
        _MNIST,
        sha256=(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        label_names=tuple("0123456789"),
        source="Y. LeCun, C. Cortes & C. J. C. Burges, The MNIST database of handwritten digits",
        licence="CC BY-SA 3.0",
    )


def fashion_mnist() -> Dataset:
    """
    Return Fashion-MNIST, the clothes of Xiao, Rasul & Vollgraf 2017, in the form of ``mnist``.

    Returns
    -------
    Dataset
        x is (60000, 784), x_test is (10000, 784); image_shape is (28, 28).

    Raises
    ------
    DataError
        As for ``mnist``.
    """
    return _load(
        _FASHION,
        sha256=(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        label_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        source=(
            "H. Xiao, K. Rasul & R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for"
            " Benchmarking Machine Learning Algorithms, 2017, arXiv:1708.07747"
        ),
        licence="MIT",
    )


def _load(
    distribution: Distribution,
    sha256: tuple[str, str, str, str],  # train images and labels, test images and labels
    label_names: tuple[str, ...],
    source: str,
    licence: str,
    train: int = 60_000,
    test: int = 10_000,
) -> Dataset:
    images, labels, images_test, labels_test = (
        find(distribution, IdxFile(name, shape, digest))
        for name, shape, digest in zip(
            (
                "train-images-idx3-ubyte",
                "train-labels-idx1-ubyte",
                "t10k-images-idx3-ubyte",
                "t10k-labels-idx1-ubyte",
            ),
            ((train, 28, 28), (train,), (test, 28, 28), (test,)),
            sha256,
            strict=True,
        )
    )
    return Dataset(
        name=distribution.name,
        x=_scaled(images),
        labels=labels.astype(np.int32),
        label_names=label_names,
        image_shape=(28, 28),
        value_range=(0.0, 1.0),
        source=source,
        licence=licence,
        x_test=_scaled(images_test),
        labels_test=labels_test.astype(np.int32),
    )


def _scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return rows of pixels (n, 784) in [0, 1]."""
    x = images.reshape(len(images), -1).astype(np.float32)
    x /= 255
    return x
