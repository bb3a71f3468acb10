"""Steps, and the loop that runs them without dropping a frame. Read this second.

A step takes items of one type and gives items of another: none, one or more for each push, for
a temporal filter may hold a frame back and an engine may keep several in flight. The same steps
run live, spread over threads.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from app.frames import Composite, Frame

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class Step(Protocol[In, Out]):
    """One step of the path. Used from one thread at a time."""

    @property
    def name(self) -> str:
        """A short word for statistics: "matting", "temporal", "refine", ..."""

    def push(self, item: In) -> Iterable[Out]:
        """Takes one item in and gives what is ready, in order."""

    def flush(self) -> Iterable[Out]:
        """The end of the stream: gives up everything that is held. The step stays usable."""

    def reset(self) -> None:
        """Forgets the past without giving anything: another source, a gap in time."""


@dataclass
class StageTimes:
    """Seconds that each step took, call by call, by the step's name."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        self.seconds.setdefault(name, []).append(seconds)


def run(
    source: Iterable[Frame],
    steps: Sequence[Step[Any, Any]],
    times: StageTimes | None = None,
) -> Iterator[Composite]:
    """Pulls every frame of `source` through `steps`, in order and without loss.

    Gives as many items as went in (each a `Composite`, where the steps end in compositing).
    Nothing is read ahead: a consumer that stops iterating stops the source. `times`, if given,
    gathers the seconds spent in each step.
    """
    for frame in source:
        yield from _through(frame, steps, 0, times)
    for start, step in enumerate(steps):
        began = time.perf_counter()
        held = list(step.flush())
        if times is not None:
            times.add(step.name, time.perf_counter() - began)
        for item in held:
            yield from _through(item, steps, start + 1, times)


def _through(
    item: Any, steps: Sequence[Step[Any, Any]], start: int, times: StageTimes | None
) -> Iterator[Any]:
    if start == len(steps):
        yield item
        return
    step = steps[start]
    began = time.perf_counter()
    ready = list(step.push(item))
    if times is not None:
        times.add(step.name, time.perf_counter() - began)
    for out in ready:
        yield from _through(out, steps, start + 1, times)
