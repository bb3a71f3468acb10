"""No filter over time."""

from __future__ import annotations

from collections.abc import Iterable

from app.frames import Matte
from app.temporal.base import TemporalFilter, temporal_filters


@temporal_filters.register("off", title="Off")
class Off(TemporalFilter):
    """Each matte as the network gives it."""

    def push(self, item: Matte) -> Iterable[Matte]:
        return (item,)
