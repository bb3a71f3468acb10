"""What filters over time share: which frames are neighbours, and how to wait for the next one."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from app.frames import Alpha, Matte
from app.temporal.base import TemporalFilter

# Frames further apart than this, in seconds, are no neighbours: what changed between them may be
# motion, and the mean of both sides would be a ghost.
LONGEST_STEP = 0.3


def are_neighbours(first: Matte, second: Matte) -> bool:
    """Whether `second` follows `first` closely, in a picture of the same size."""
    step = second.frame.captured_at - first.frame.captured_at
    return first.frame.size == second.frame.size and 0 <= step <= LONGEST_STEP


def on_grid_of(alpha: Alpha, other: Alpha) -> Alpha:
    """`alpha`, float32 (h, w), on the other's grid: the network's size may change under way."""
    if alpha.shape == other.shape:
        return alpha
    size = other.shape[1], other.shape[0]
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR), np.float32)


class OneFrameLater(TemporalFilter):
    """Holds one matte back until the next has come. A gap in time lets go of what is held.

    A filter of this kind says in `filtered` what the held matte becomes.
    """

    delay_frames = 1

    def __init__(self) -> None:
        self._before: Matte | None = None  # as the network gave it
        self._held: Matte | None = None

    def push(self, item: Matte) -> Iterable[Matte]:
        out: list[Matte] = []
        if self._held is not None and not are_neighbours(self._held, item):
            out += self.flush()
        if self._held is not None:
            held = self._held
            out.append(held if self._before is None else self.filtered(self._before, held, item))
        self._before, self._held = self._held, item
        return out

    def flush(self) -> Iterable[Matte]:
        held = self._held
        self.reset()
        return () if held is None else (held,)

    def reset(self) -> None:
        self._before = self._held = None

    def filtered(self, before: Matte, held: Matte, after: Matte) -> Matte:
        """What goes out for `held`. All three are as the network gave them, and neighbours."""
        raise NotImplementedError
