"""PyTorch on a GPU: the check for one, full float32 precision, and CUDA graphs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["captured", "full_precision", "require_gpu"]

WARM = 3  # calls before a capture: they make all that is made once (handles, workspaces, moments)


def require_gpu(torch: Any) -> None:
    """
    Raise unless PyTorch can compute on a GPU.

    Raises
    ------
    RuntimeError
        With the version of PyTorch, and the remedy.
    """
    if torch.version.cuda is None:
        raise RuntimeError(
            f"PyTorch {torch.__version__} is built without CUDA; install a build with it"
        )
    if not torch.cuda.is_available():
        raise RuntimeError(
            f"PyTorch {torch.__version__} (CUDA {torch.version.cuda}) finds no GPU;"
            " is the driver new enough for it?"
        )


def full_precision(torch: Any) -> None:
    """Turn TF32 off, which keeps only 10 of the 23 mantissa bits of float32."""
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def captured(
    torch: Any,
    call: Callable[[], object],
    calls: int = 1,
    before: Callable[[], object] = lambda: None,
    random: Any = None,
) -> Any:
    """
    Return a CUDA graph of some calls.

    The calls are warmed up on the stream of the capture: autograd remembers the stream on
    which a parameter was first used, and waits for it.

    Parameters
    ----------
    torch : module
    call : callable
        Launches work on the GPU, always the same, and does not wait for it.
    calls : int
        The number of calls in the graph, one after the other.
    before : callable
        Called between the warm-up and the capture.
    random : torch.Generator, optional
        The generator that the calls draw from, if any: each replay then draws new numbers.

    Returns
    -------
    torch.cuda.CUDAGraph
        ``replay()`` launches it.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    before()
    graph = torch.cuda.CUDAGraph()
    if random is not None:
        graph.register_generator_state(random)
    # Freeing GPU memory during a capture makes it fail, and other peers of this process have GPU
    # memory. So unused memory is freed before, and other threads are not restricted.
    with (
        _nothing_collected(),
        torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"),
    ):
        for _ in range(calls):
            call()
    return graph


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Collect garbage now, and not again inside the block."""
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
