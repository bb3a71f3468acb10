"""Many chains over the same pictures: what the network says of each is computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType

import numpy as np
from typing_extensions import Self

from app.chain import ChainSettings, open_chain_engine
from app.engines.base import Engine, EngineInfo
from app.frames import Alpha, Frame, Matte
from app.modnet.preprocess import NetworkSize
from app.weights import store


class Memory:
    """What networks said. `open` goes where a chain opens its engine.

    Half precision: an alpha is off by less than a quarter of a thousandth.
    """

    def __init__(self) -> None:
        self._said: dict[Hashable, np.ndarray[tuple[int, ...], np.dtype[np.float16]]] = {}

    @contextmanager
    def open(
        self, settings: ChainSettings, weights: store.WeightsFile | None
    ) -> Iterator[tuple[Engine, EngineInfo]]:
        # What is remembered must depend on the picture alone, not on those before.
        settings = replace(settings, one_scene=False)
        with open_chain_engine(settings, weights) as (engine, info):
            network = weights.sha256 if weights else "", info.precision, info.norms
            yield RememberingEngine(engine, self, (info.engine, *network)), info

    def recall(self, key: Hashable) -> Alpha | None:
        said = self._said.get(key)
        return None if said is None else said.astype(np.float32)

    def keep(self, key: Hashable, alpha: Alpha) -> None:
        self._said[key] = alpha.astype(np.float16)


class RememberingEngine(Engine):
    """Asks the engine only about pictures that it has not seen at these settings. In order."""

    def __init__(self, engine: Engine, memory: Memory, network: Hashable) -> None:
        super().__init__(engine.settings)
        self._engine = engine
        self._memory = memory
        self._network = network
        self._ready: list[Matte] = []

    def __enter__(self) -> Self:
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
        return self._engine.info

    def prepare(self, frame_size: tuple[int, int]) -> None:
        self._engine.prepare(frame_size)

    def use_size(self, size: NetworkSize) -> None:
        super().use_size(size)
        self._engine.use_size(size)

    def submit(self, frame: Frame) -> None:
        seen = hashlib.blake2b(frame.rgb.tobytes(), digest_size=16).digest()
        key = self._network, str(self.settings.size), frame.rgb.shape, frame.mirrored, seen
        if self._memory.recall(key) is None:
            self._engine.submit(frame)
            (matte,) = self._engine.drain()
            self._memory.keep(key, matte.alpha)
        alpha = self._memory.recall(key)
        assert alpha is not None
        self._ready.append(Matte(frame, alpha))

    def take_ready(self) -> Sequence[Matte]:
        ready, self._ready = self._ready, []
        return ready

    def drain(self) -> Sequence[Matte]:
        return self.take_ready()
