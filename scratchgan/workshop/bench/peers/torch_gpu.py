"""PyTorch on a GPU: whether it has one, float32 as it is written, and CUDA graphs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["captured", "full_precision", "require_gpu"]

WARM = 3  # calls before a capture: what is made once (handles, workspaces, moments) is there


def require_gpu(torch: Any) -> None:
    """
    Raise unless PyTorch can compute on a GPU.

    Raises
    ------
    RuntimeError
        With what kind of PyTorch this is, and the remedy.
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
    """Let products of float32 be of float32: no TF32, which keeps 10 of its 23 bits."""
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

    They are warmed up on the stream that they are then captured on: autograd remembers on
    which stream a parameter was first used, and waits for that one.

    Parameters
    ----------
    torch : module
    call : callable
        Launches work on the GPU, always the same, and does not wait for it.
    calls : int
        How many of them the graph holds, one after the other.
    before : callable
        Called between warming up and the capture.
    random : torch.Generator, optional
        What the calls draw from, if they do: each replay then draws anew.

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
    # Memory freed during a capture spoils it, and in this process others have memory on the GPU:
    # what nobody needs of it is freed before, and other threads may do as they like.
    with (
        _nothing_collected(),
        torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"),
    ):
        for _ in range(calls):
            call()
    return graph


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Collect garbage now, and then none until the end."""
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
