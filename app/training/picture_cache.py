"""Decoded pictures in a bounded amount of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

import numpy as np

_T = TypeVar("_T")


class PictureCache:
    """Keeps what was decoded last, up to `limit` bytes; the oldest use is dropped first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self.bytes = 0

    def get(self, key: Hashable, read: Callable[[], _T]) -> _T:
        """What `read` gives, an array or a tuple of arrays and other values; read once if it fits.

        `key` must determine the value. Nobody may change what is returned.
        """
        if key in self._kept:
            self._kept.move_to_end(key)
            return cast(_T, self._kept[key][0])
        value = read()
        size = _size_of(value)
        if size <= self._limit:
            self._kept[key] = (value, size)
            self.bytes += size
            while self.bytes > self._limit:
                _, (_, dropped) = self._kept.popitem(last=False)
                self.bytes -= dropped
        return value

    def __len__(self) -> int:
        return len(self._kept)


def _size_of(value: object) -> int:
    parts = value if isinstance(value, tuple) else (value,)
    return sum(part.nbytes for part in parts if isinstance(part, np.ndarray))
