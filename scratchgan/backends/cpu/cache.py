"""
Compiled code on the disk: one file an entry, which is verified before it is used.

Numba's cache keeps an index and the code in two files and believes both. A flipped bit is then
run, and a start that ends between the two files leaves old code under a new key. Here an entry
is one file: a checksum, the key, the code. It is written whole under another name and renamed;
one that is damaged, or has another key, counts as absent, and its kernel is compiled anew.

Of Numba's cache there remain where files lie (``NUMBA_CACHE_DIR``, ``__pycache__`` or the user's
own cache folder) and how compiled code becomes bytes. Both are private to Numba, so they are
used with the versions that they have been tested with, and with no others.
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

OLDEST, NEWEST = (0, 62), (0, 68)  # versions of Numba; pyproject.toml has the same bounds
TESTED = f"numba>={OLDEST[0]}.{OLDEST[1]},<{NEWEST[0]}.{NEWEST[1] + 1}"

_reason: str | None = None  # why nothing is kept, where that is so


def why_not_kept() -> str | None:
    """Return the reason why compiled code is not kept here, or None where it is."""
    return _reason


# -- an entry --------------------------------------------------------------------------------------


def sealed(key: bytes, code: bytes) -> bytes:
    """Return an entry: a line with the checksum of all that follows, a line with the key, code."""
    body = key + b"\n" + code
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def opened(entry: bytes, key: bytes) -> bytes | None:
    """
    Return the code of an entry, or None if a bit of it has changed or it has another key.

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
    Write a file whole or not at all: under a name of its own, then renamed.

    Nothing is forced to the disk: what a power cut leaves fails its checksum.
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


# -- where Numba asks ------------------------------------------------------------------------------


class _Cache(caching.FunctionCache):
    """
    The compiled forms of one function, one file for each signature.

    A file's name says what is wanted (function, signature, instruction set, processor, Python);
    its key says in addition what the code depends on (sources and versions). So what has become
    stale is overwritten.
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
        except Exception:  # not there, not for us to read, or no longer to be made use of
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        if not self._impl.check_cachable(data):
            return
        path, key = self._file(sig, data.codegen)
        try:
            write(path, sealed(key, serialize.dumps(self._impl.reduce(data))))
        except OSError as error:  # a full disk, a folder that has become read-only
            say(
                f"compiled kernels could not be kept in {path.parent}: {error.strerror}; the next"
                " start compiles them again (NUMBA_CACHE_DIR names another folder)"
            )


def keep(dispatcher: Any, stamp: str) -> Any:
    """
    Let what a function is compiled to be kept on the disk; return the function.

    Parameters
    ----------
    dispatcher : what ``njit`` returns
    stamp : str
        Says in which state the sources are that the code depends on. Numba looks at the
        function's own text alone.
    """
    global _reason
    version = tuple(numba.version_info[:2])
    if not OLDEST <= version <= NEWEST:
        _reason = (
            f"Numba {numba.__version__} is none of the versions whose compiled code is known to"
            f" be kept well (pip install '{TESTED}')"
        )
        return dispatcher
    try:
        dispatcher._cache = _Cache(dispatcher.py_func, stamp)
    except (OSError, RuntimeError):  # RuntimeError: Numba has found no folder
        _reason = "no folder for them can be written (NUMBA_CACHE_DIR names one)"
    return dispatcher
