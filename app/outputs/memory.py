"""Outputs without a file: the fake beside the real, and the one that only takes."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

from typing_extensions import Self

from app.outputs.base import Picture


@dataclass(frozen=True, eq=False)
class Written:
    """One picture as it was given to an output."""

    picture: Picture
    index: int
    captured_at: float


class MemoryOutput:
    """Keeps a copy of every picture. For tests: memory grows with the clip."""

    accepts_alpha = True

    def __init__(self) -> None:
        self.written: list[Written] = []
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closed = True

    def write(self, picture: Picture, *, index: int, captured_at: float) -> None:
        self.written.append(Written(picture.copy(), index, captured_at))


class NullOutput:
    """Takes every picture and keeps none: for measuring without file coding."""

    accepts_alpha = True

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def write(self, picture: Picture, *, index: int, captured_at: float) -> None:
        self.count += 1
