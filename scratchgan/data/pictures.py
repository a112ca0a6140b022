"""Reading a folder of PNGs of one size as an array of grey images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchgan.errors import DataError
from scratchgan.files import open_regular
from scratchgan.limits import require_memory

__all__ = ["read_pictures"]

GREY_16 = ("I;16", "I;16B", "I;16L", "I")  # Pillow's modes with 16 bits per pixel


def read_pictures(folder: Path) -> NDArray[np.float32]:
    """
    Return the PNGs of a folder, (n, height, width) in [0, 1], in the order of their names.

    Other files and subfolders are ignored.

    Raises
    ------
    DataError
        If there is no PNG, or if one cannot be read, differs in size from the first, has colours
        or is transparent. The message names the file.
    ValueError
        If the pictures need more memory than there is.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".png")
    except OSError as error:
        raise DataError(f"folder {folder} cannot be read: {error.strerror or error}") from None
    paths = [path for path in paths if not path.name.startswith(".") and not path.is_dir()]
    if not paths:
        raise DataError(f"folder {folder} holds no .png file; expected pictures of one size")
    images: NDArray[np.float32] | None = None
    for i, path in enumerate(paths):
        image = _read(path)
        if images is None:
            # Three times: the array, and its training and held-out parts.
            require_memory(3 * 4 * len(paths) * image.size, f"{len(paths):,} pictures of {folder}")
            images = np.empty((len(paths), *image.shape), np.float32)
        if image.shape != images.shape[1:]:
            first, other = (f"{h} × {w}" for h, w in (images.shape[1:], image.shape))
            raise DataError(
                f"{path} has {other} pixels, but {paths[0].name} has {first} (height × width);"
                " expected pictures of one size"
            )
        images[i] = image
    assert images is not None
    return images


def _read(path: Path) -> NDArray[Any]:
    """Return one picture, (height, width) in [0, 1]."""
    from PIL import Image

    try:
        with open_regular(path) as stream, Image.open(stream, formats=("PNG",)) as picture:
            width, height = picture.size
            require_memory(8 * width * height, f"{path} has {height} × {width} pixels")
            if picture.mode in GREY_16:
                return np.asarray(picture, np.float32) / np.float32(65535)
            if picture.mode in ("1", "L") and "transparency" not in picture.info:
                return np.asarray(picture.convert("L"), np.float32) / np.float32(255)
            red, green, blue, alpha = np.moveaxis(np.asarray(picture.convert("RGBA")), -1, 0)
    # Pillow raises SyntaxError for a damaged PNG, and DecompressionBombError for a picture of more
    # than about 180 million pixels.
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as a PNG: {reason}") from None
    if not (alpha == 255).all():
        raise DataError(f"{path} has transparent pixels; save it with an opaque background")
    if not ((red == green).all() and (green == blue).all()):
        raise DataError(f"{path} has colours; expected grey pictures (convert it to greyscale)")
    grey: NDArray[np.float32] = red.astype(np.float32) / np.float32(255)
    return grey
