"""
Numba's simulator of a GPU, with the threads of a block taking turns.

Numba's own gives every thread of a block a new thread of Python, and looks again and again whether
all of them wait at a barrier. Here each runs until it waits or ends, then comes the next. Behind
every other barrier they go on in the opposite order: where a barrier is missing, the thread that
should have waited runs first.
"""

from threading import Lock, Thread

import numpy as np
from numba.cuda.simulator import kernel


def locked():
    lock = Lock()
    lock.acquire()
    return lock


class Hand(kernel.BlockThread):
    """A thread of Python, which is thread after thread of the blocks that are run."""

    idle: list["Hand"] = []  # noqa: RUF012

    def __init__(self):
        Thread.__init__(self, daemon=True)
        self.go = locked()
        self.start()

    def become(self, block, point):
        self._manager, self.blockIdx, self.threadIdx = block, block.place, kernel.Dim3(*point)
        self.thread_id = int(np.ravel_multi_index(point[::-1], block._block_dim[::-1]))

    def run(self):
        while True:
            self.go.acquire()
            block = self._manager
            try:
                block.body()
            except Exception as error:
                block.failure = block.failure or error
            Hand.idle.append(self)
            block.back.release()

    def syncthreads(self):
        self._manager.waiting.append(self)
        self._manager.back.release()
        self.go.acquire()
        if self._manager.failure:
            raise RuntimeError("another thread of this block has failed")


class Block(kernel.BlockManager):
    """One block: its threads take turns."""

    def run(self, grid_point, *args):
        self.place, self.body = kernel.Dim3(*grid_point), lambda: self._f(*args)
        self.back, self.waiting, self.failure = locked(), [], None
        for point in np.ndindex(*self._block_dim):
            hand = Hand.idle.pop() if Hand.idle else Hand()
            hand.become(self, point)
            self.let(hand)
        step = -1
        while self.waiting:
            hands, self.waiting = self.waiting[::step], []
            for hand in hands:
                self.let(hand)
        if self.failure:
            raise self.failure

    def let(self, hand):
        hand.go.release()
        self.back.acquire()


kernel.BlockManager = Block
