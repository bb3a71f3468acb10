"""The matting step: frames through an engine."""

from __future__ import annotations

from collections.abc import Iterable

from app.engines.base import Engine
from app.frames import Frame, Matte


class Matting:
    """Frame -> Matte. Holds as many frames back as the engine has in flight."""

    name = "matting"

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def push(self, item: Frame) -> Iterable[Matte]:
        self.engine.submit(item)
        return self.engine.take_ready()

    def flush(self) -> Iterable[Matte]:
        return self.engine.drain()

    def reset(self) -> None:
        self.engine.drain()
