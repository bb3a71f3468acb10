"""What an engine promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from app.errors import WeightsMissing
from app.frames import Alpha, Frame, Matte
from app.modnet.preprocess import AUTO, NetworkSize
from app.registry import Registry
from app.runtime.opening import Opening


@dataclass(frozen=True)
class EngineSettings:
    """How an engine is to work.

    weights: the file, already verified, or None for an engine that needs none;
        weights_sha256 identifies it in caches.
    device: "auto", or one of the engine's own words: cpu, cuda, cuda:1, mps, xpu, gpu, npu.
    size: the network's input size.
    precision: "auto" (what the device does fastest without harm), float32, bfloat16, float16 or
        int8.
    in_flight: how many frames are computed at once. Two give the best throughput, one the least
        delay.
    compile: torch compiles the network first, which takes a minute; others do so anyway.
    statistics: a file of fixed statistics for the instance norms, or None for the picture's own;
        statistics_sha256 identifies it in caches.
    eight_bit: a file with the weights' 8-bit form, which int8 needs and auto takes where the
        processor multiplies such integers; eight_bit_sha256 identifies it in caches.
    scene: frames are of one scene, as a camera's are, and the network may be fitted to it, where
        the engine can do that; see app/modnet/scene.py.
    """

    weights: Path | None
    weights_sha256: str
    device: str = "auto"
    size: NetworkSize = AUTO
    precision: str = "auto"
    in_flight: int = 2
    compile: bool = False
    statistics: Path | None = None
    statistics_sha256: str = ""
    eight_bit: Path | None = None
    eight_bit_sha256: str = ""
    scene: bool = False

    @property
    def norms(self) -> str:
        return "exact" if self.statistics is None else "fixed"


@dataclass(frozen=True)
class EngineInfo:
    """What really runs, for the user's eyes. `note` says why it is not what was asked for.

    norms: "exact" (each picture's own statistics), "scene" (those of the scene, where there is a
        lasting one, and of each picture else) or "fixed" (stored ones).
    """

    engine: str
    device: str
    device_name: str
    precision: str
    note: str = ""
    norms: str = "exact"

    def __str__(self) -> str:
        text = f"{self.engine} on {self.device} ({self.device_name}), {self.precision}"
        return f"{text}. {self.note}" if self.note else text


class Engine:
    """Turns frames into mattes, possibly several at once. Used from one thread.

    `__enter__` loads the weights (EngineUnavailable where the device or a package is missing),
    `__exit__` lets everything go. `submit` may block until the oldest frame in flight is done.
    Mattes come out in the order of their frames.

    wakes: whether `on_ready` is called, from any thread, when a matte becomes ready, so that
        `take_ready` gives it from then on: live, it wakes the matting thread. The mattes of an
        engine that does not are waited for.
    opening: whether it is still wanted while it is being opened; set before `__enter__`, which
        raises Cancelled where it is not.
    keeps_time: live, no frame waits for what can be had later, such as a faster network; else a
        clip gives the same twice.
    """

    needs_weights = True
    wakes = False
    keeps_time = False
    on_ready: Callable[[], None] | None = None

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.opening = Opening()

    @property
    def holds(self) -> int:
        """How many frames can be inside before `submit` blocks, computed or waiting for that."""
        return self.settings.in_flight

    @property
    def weights(self) -> Path:
        if self.settings.weights is None:
            raise WeightsMissing("This engine needs weights: python main.py weights fetch")
        return self.settings.weights

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    @staticmethod
    def devices() -> Sequence[str]:
        """The engine's own words for the devices that are there. Loads its package."""
        return ()

    @property
    def info(self) -> EngineInfo:
        """What runs; known once the engine is entered."""
        raise NotImplementedError

    def prepare(self, frame_size: tuple[int, int]) -> None:
        """Compiles for frames of (width, height), so that the first one does not wait."""

    def go_on(self, alpha: Alpha, frame_size: tuple[int, int], *, at: float) -> None:
        """Frames of (width, height) come from a scene that another engine has worked on.

        What is fitted to a scene is made now. alpha: float32 (h, w), the last matte. at: when it
        was seen, in seconds.
        """

    def use_size(self, size: NetworkSize) -> None:
        """From the next frame on. What is in flight is finished at the size it went in with."""
        self.settings = replace(self.settings, size=size)

    def forget(self) -> None:
        """The next frame has nothing to do with those before; none of them is in flight."""

    def submit(self, frame: Frame) -> None:
        raise NotImplementedError

    def take_ready(self) -> Sequence[Matte]:
        """The mattes that are done, in order, without waiting; but for one to be done again."""
        raise NotImplementedError

    def drain(self) -> Sequence[Matte]:
        """Waits for everything in flight and gives it, in order."""
        raise NotImplementedError


engines: Registry[Engine] = Registry("engine", "app.engines")
