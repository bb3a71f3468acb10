"""Memory for pictures that cross threads, used again and again.

A picture of some megabytes is made in one thread and let go in another, thirty or sixty times a
second. Taken from the system each time it costs page faults; taken from glibc it leaves its arenas
ragged, and a process that leaks nothing creeps up over half an hour.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.frames import RGB, Alpha8

# Waiting in mailboxes, held by a temporal filter, shown, resent and being made: seldom more.
_KEPT = 12


class PicturePool:
    """Gives out uint8 arrays; the memory comes back by itself when nobody holds one any more.

    One size at a time: where another one is asked for, the former's memory is let go. Any thread
    may ask, and the arrays may be dropped in any.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._free: deque[np.ndarray[Any, np.dtype[np.uint8]]] = deque()
        self._size = 0

    def rgb(self, size: tuple[int, int]) -> RGB:
        """uint8 (height, width, 3) for `size` (width, height); its content is undefined."""
        return self._take((size[1], size[0], 3))

    def alpha(self, size: tuple[int, int]) -> Alpha8:
        """uint8 (height, width) for `size` (width, height); its content is undefined."""
        return self._take((size[1], size[0]))

    def copy(self, picture: RGB) -> RGB:
        """`picture`, uint8 (H, W, 3), in memory of the pool."""
        copied = self._take(picture.shape)
        np.copyto(copied, picture)
        return copied

    def _take(self, shape: Sequence[int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
        length = int(np.prod(shape))
        if length != self._size:
            self._size = length
            self._free.clear()
        try:
            memory = self._free.pop()
        except IndexError:
            memory = np.empty(length, np.uint8)
        if memory.size != length:  # another thread wants another size
            memory = np.empty(length, np.uint8)
        return np.asarray(_Lease(self, memory, tuple(shape)))

    def _give_back(self, memory: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        # From whichever thread let go of it: a deque's ends may be used by several at once.
        if memory.size == self._size and len(self._free) < self._kept:
            self._free.append(memory)


class _Lease:
    """What an array given out stands on, and all views of it. Its end brings the memory back."""

    __slots__ = ("__array_interface__", "_memory", "_pool")

    def __init__(
        self,
        pool: PicturePool,
        memory: np.ndarray[Any, np.dtype[np.uint8]],
        shape: tuple[int, ...],
    ) -> None:
        self._pool = pool
        self._memory = memory
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "shape": shape,
            "data": (memory.ctypes.data, False),
        }

    def __del__(self) -> None:
        self._pool._give_back(self._memory)
