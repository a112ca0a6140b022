"""
A cache of compiled code on disk: each entry is one file, and is verified before it is used.

Numba's cache has an index and the code in two files, and checks neither. So it runs code with a
flipped bit, and a process that ends between the two writes leaves old code under a new key. Here
an entry is one file with a checksum, the key and the code. It is written under a temporary name,
then renamed. If an entry is damaged or has another key, its kernel is compiled again.

Numba still chooses the folder (``NUMBA_CACHE_DIR``, ``__pycache__`` or the user's cache folder)
and turns compiled code into bytes. Both functions are private to Numba, so this cache is used
only with the tested versions.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import secrets
import sys
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import caching, serialize

from scratchgan.backends.cpu.notices import say
from scratchgan.backends.cpu.simd import ISA

__all__ = ["TESTED", "keep", "opened", "sealed", "why_not_kept", "write"]

OLDEST, NEWEST = (0, 62), (0, 68)  # tested versions of Numba; pyproject.toml has the same bounds
TESTED = f"numba>={OLDEST[0]}.{OLDEST[1]},<{NEWEST[0]}.{NEWEST[1] + 1}"

_reason: str | None = None  # why compiled code is not kept; None if it is


def why_not_kept() -> str | None:
    """Return the reason why compiled code is not kept on disk, or None if it is kept."""
    return _reason


# -- an entry --------------------------------------------------------------------------------------


def sealed(key: bytes, code: bytes) -> bytes:
    """Return an entry: a line with the checksum of the rest, a line with the key, the code."""
    body = key + b"\n" + code
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def opened(entry: bytes, key: bytes) -> bytes | None:
    """
    Return the code of an entry, or None if the entry is damaged or has another key.

    Examples
    --------
    >>> entry = sealed(b"add float32", b"code")
    >>> opened(entry, b"add float32"), opened(entry, b"add float64")
    (b'code', None)
    >>> opened(entry.replace(b"code", b"cofe"), b"add float32") is None
    True
    """
    checksum, _, body = entry.partition(b"\n")
    whole = hashlib.sha256(body).hexdigest().encode() == checksum
    return body[len(key) + 1 :] if whole and body.startswith(key + b"\n") else None


def write(path: Path, entry: bytes) -> None:
    """
    Write a file completely or not at all: under a temporary name, then renamed.

    There is no fsync: a file that a power cut damages fails its checksum.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        new.write_bytes(entry)
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


# -- the cache that Numba calls --------------------------------------------------------------------


class _Cache(caching.FunctionCache):
    """
    The compiled forms of one function, one file for each signature.

    A file's name depends on the function, signature, instruction set, processor and Python. Its
    key depends on the sources and the versions too. So new code overwrites stale code.
    """

    def __init__(self, function: Any, stamp: str) -> None:
        super().__init__(function)
        self._stamp = stamp
        module = function.__module__.rpartition(".")[2]
        self._start = f"{module}.{function.__qualname__}".replace("<", "").replace(">", "")

    def _file(self, signature: Any, codegen: Any) -> tuple[Path, bytes]:
        wanted = repr((signature, codegen.magic_tuple(), ISA.name, sys.implementation.cache_tag))
        versions = (numba.__version__, llvmlite.__version__, np.__version__, sys.version)
        key = repr((self._start, self._index_key(signature, codegen), self._stamp, versions))
        name = f"{self._start}-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}.nbc"
        return Path(self.cache_path, name), key.encode()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        path, key = self._file(sig, target_context.codegen())
        try:
            code = opened(path.read_bytes(), key)
            return code and self._impl.rebuild(target_context, pickle.loads(code))
        except Exception:  # missing, not readable, or not usable with this version
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        if not self._impl.check_cachable(data):
            return
        path, key = self._file(sig, data.codegen)
        try:
            write(path, sealed(key, serialize.dumps(self._impl.reduce(data))))
        except OSError as error:  # a full disk, or a folder that is now read-only
            say(
                f"compiled kernels could not be kept in {path.parent}: {error.strerror}; the next"
                " start compiles them again (set NUMBA_CACHE_DIR to use another folder)"
            )


def keep(dispatcher: Any, stamp: str) -> Any:
    """
    Keep the compiled forms of a function on disk; return the function.

    Parameters
    ----------
    dispatcher : object that ``njit`` returns
    stamp : str
        A digest of all sources that the code depends on. Numba itself checks only the file
        with the function.
    """
    global _reason
    version = tuple(numba.version_info[:2])
    if not OLDEST <= version <= NEWEST:
        _reason = (
            f"this cache is not tested with Numba {numba.__version__} (pip install '{TESTED}')"
        )
        return dispatcher
    try:
        dispatcher._cache = _Cache(dispatcher.py_func, stamp)
    except (OSError, RuntimeError):  # RuntimeError: Numba has found no folder
        _reason = "no cache folder can be written (set NUMBA_CACHE_DIR to use another)"
    return dispatcher
