"""The matting step: frames through an engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from app.alternation import Alternation
from app.engines.base import Engine
from app.frames import Frame, Matte
from app.modnet.preprocess import NetworkSize, grid_for, smaller
from app.subject.size_change import SizeChange
from app.subject.size_policy import SizePolicy, extent_of


class Matting:
    """Frame -> Matte. Holds as many frames back as the engine does.

    alternate: every other picture is shown to the network mirrored.
    subject: how the network's size follows the subject; None keeps the size as it is.
    grids: of the network's input, each that was used, in the order of their first use.
    """

    name = "matting"

    def __init__(
        self, engine: Engine, *, alternate: bool = False, subject: SizePolicy | None = None
    ) -> None:
        self.engine = engine
        self.alternate = alternate
        self.grids: list[str] = []
        self._alternation = Alternation()
        self._subject = subject
        self._size = engine.settings.size
        self._change = SizeChange()
        self._frames = 0  # that went in
        self._followed = 0  # mattes whose wish was followed
        self._wishes: deque[NetworkSize] = deque()  # of the mattes after those

    def push(self, item: Frame) -> Iterable[Matte]:
        if self._subject is not None:
            self._follow_subject()
        grid = str(grid_for(item.size, self.engine.settings.size))
        if grid not in self.grids:
            self.grids.append(grid)
        self.engine.submit(self._alternation.into(item, alternate=self.alternate))
        self._frames += 1
        return self._taken(self.engine.take_ready())

    def flush(self) -> Iterable[Matte]:
        return self._taken(self.engine.drain())

    def reset(self) -> None:
        self.engine.drain()
        self.engine.forget()
        self._alternation.reset()
        self._change.reset()
        self._frames = self._followed = 0
        self._wishes.clear()
        if self._subject is not None:
            self._subject.reset()
            self.engine.use_size(self._size)

    def _follow_subject(self) -> None:
        # A wish is followed when the matte is sure to have come out, however fast the engine is:
        # so a clip gives the same twice.
        while self._followed < self._frames - self.engine.holds:
            self.engine.use_size(self._wishes.popleft())
            self._followed += 1

    def _taken(self, mattes: Iterable[Matte]) -> list[Matte]:
        return [self._sized(matte) for matte in self._alternation.out_of(mattes)]

    def _sized(self, matte: Matte) -> Matte:
        if self._subject is None:
            return matte
        frame = matte.frame
        factor = self._subject.factor(extent_of(matte.alpha), at=frame.captured_at)
        self._wishes.append(smaller(self._size, frame.size, factor))
        return self._change.through(matte)
