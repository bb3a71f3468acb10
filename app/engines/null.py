"""The fake beside the real: a matte without a network, for tests and for measuring the rest."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import numpy as np
from typing_extensions import Self

from app.engines.base import Engine, EngineInfo, engines
from app.frames import Frame, Matte
from app.modnet.preprocess import grid_for


@engines.register("null", title="None (an ellipse)")
class NullEngine(Engine):
    """Says that the person is an ellipse in the middle; needs no weights."""

    needs_weights = False
    wakes = True

    def __enter__(self) -> Self:
        self._ready: list[Matte] = []
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ready = []

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("null", "none", "no network", "float32")

    def submit(self, frame: Frame) -> None:
        width, height = grid_for(frame.size, self.settings.size).content
        x = np.linspace(-2.5, 2.5, width, dtype=np.float32)
        y = np.linspace(-1.3, 1.3, height, dtype=np.float32)
        radius = np.hypot(x[None, :], y[:, None])
        self._ready.append(Matte(frame, np.clip((1.0 - radius) * 8.0, 0.0, 1.0)))
        if self.on_ready is not None:
            self.on_ready()

    def take_ready(self) -> Sequence[Matte]:
        ready, self._ready = self._ready, []
        return ready

    def drain(self) -> Sequence[Matte]:
        return self.take_ready()
