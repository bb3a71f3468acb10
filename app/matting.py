"""The matting step: frames through an engine."""

from __future__ import annotations

from collections.abc import Iterable

from app.alternation import Alternation
from app.engines.base import Engine
from app.frames import Frame, Matte


class Matting:
    """Frame -> Matte. Holds as many frames back as the engine has in flight.

    alternate: every other picture is shown to the network mirrored.
    """

    name = "matting"

    def __init__(self, engine: Engine, *, alternate: bool = False) -> None:
        self.engine = engine
        self.alternate = alternate
        self._alternation = Alternation()

    def push(self, item: Frame) -> Iterable[Matte]:
        self.engine.submit(self._alternation.into(item, alternate=self.alternate))
        return list(self._alternation.out_of(self.engine.take_ready()))

    def flush(self) -> Iterable[Matte]:
        return list(self._alternation.out_of(self.engine.drain()))

    def reset(self) -> None:
        self.engine.drain()
        self._alternation.reset()
