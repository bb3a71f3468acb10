"""What a temporal filter promises."""

from __future__ import annotations

from collections.abc import Iterable

from app.frames import Matte
from app.registry import Registry


class TemporalFilter:
    """A step from Matte to Matte that looks at neighbours in time.

    Gives exactly one matte for each that it took, in order, each still paired with its own frame
    (a `Matte` holds its `Frame`); `flush` gives the rest. `delay_frames` is how many frames it
    holds back.

    takes_mirrored: whether the network is to see every other picture mirrored, because the filter
    takes out what the two views differ by.
    """

    name = "temporal"
    delay_frames = 0
    takes_mirrored = False

    def push(self, item: Matte) -> Iterable[Matte]:
        raise NotImplementedError

    def flush(self) -> Iterable[Matte]:
        return ()

    def reset(self) -> None: ...


temporal_filters: Registry[TemporalFilter] = Registry("temporal filter", "app.temporal")
