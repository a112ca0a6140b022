"""Reading and writing files: size limits, atomic writes and checksums."""

from scratchgan.files.npz import read_archive, read_npz, write_archive
from scratchgan.files.reading import open_regular, read_small_text
from scratchgan.files.writing import (
    SUFFIX_UNFINISHED,
    as_path,
    explain,
    make_folders,
    sync,
    write_atomically,
    write_json,
)

__all__ = [
    "SUFFIX_UNFINISHED",
    "as_path",
    "explain",
    "make_folders",
    "open_regular",
    "read_archive",
    "read_npz",
    "read_small_text",
    "sync",
    "write_archive",
    "write_atomically",
    "write_json",
]
