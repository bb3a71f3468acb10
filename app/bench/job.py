"""What a contender is to do, what it measured, and the frames that it gets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, Literal, Protocol

import cv2
import numpy as np

from app.chain import ChainSettings
from app.flow import StageTimes
from app.frames import RGB, Frame
from app.pace.quality import Quality
from app.sources.open import open_source

COLOUR = (0, 177, 64)
# What the clip's frames may take in memory: they are no part of what is measured.
_HELD_BYTES = 64 * 2**20
_FEWEST = 4

Mode = Literal["lossless", "live"]
Feed = Literal["memory", "mjpeg"]


@dataclass(frozen=True)
class Job:
    """input: what `open_source` takes. frames: how many of its frames are gone round, at most.

    frame_size: (width, height) that they are brought to, None for their own. mode: `lossless` goes
    as fast as it can in one thread; `live` spreads over threads, gets `rate` frames a second and
    drops what it cannot do; quality: what it then keeps (see LiveSettings). feed: `mjpeg` decodes
    each frame as it comes, as from a webcam.
    """

    input: str
    frames: int
    settings: ChainSettings
    frame_size: tuple[int, int] | None = None
    mode: Mode = "lossless"
    feed: Feed = "memory"
    rate: float = 60.0
    quality: Quality = Quality.BEST


@dataclass
class Turn:
    """One turn's measurement, or why there is none. Times in seconds.

    stages: what each call of each stage took. spreads: in its place, where only (median, p95) in
    milliseconds are known. cpu: processor time of the whole process. outside: processor time of
    everything but the network, for one frame; None where this turn did not measure it. latencies:
    from capture to output, where frames have a capture time.
    """

    frames: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    stages: dict[str, list[float]] = field(default_factory=dict)
    spreads: dict[str, tuple[float, float]] = field(default_factory=dict)
    outside: float | None = None
    latencies: list[float] = field(default_factory=list)
    dropped: int = 0
    description: dict[str, Any] = field(default_factory=dict)
    frame_size: tuple[int, int] = (0, 0)
    peak_memory_mb: float = 0.0
    failure: str = ""


class StageTimer:
    """`with timer("matting"): ...` gathers seconds, and seconds of processor time, by name."""

    def __init__(self) -> None:
        self.times = StageTimes()
        self.cpu = StageTimes()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began, cpu = time.perf_counter(), time.process_time()
        yield
        self.times.add(name, time.perf_counter() - began)
        self.cpu.add(name, time.process_time() - cpu)

    def cpu_without(self, name: str, frames: int) -> float:
        """Processor seconds for one frame in all stages but one."""
        spent = (sum(times) for stage, times in self.cpu.seconds.items() if stage != name)
        return sum(spent) / frames


class Feeder(Protocol):
    """Gives the clip's pictures over and over."""

    @property
    def size(self) -> tuple[int, int]: ...

    def pictures(self) -> Iterator[RGB]: ...


class Held:
    """Pictures in memory: what is measured is the chain, not the decoder."""

    def __init__(self, pictures: Sequence[RGB]) -> None:
        self._pictures = pictures

    @property
    def size(self) -> tuple[int, int]:
        height, width = self._pictures[0].shape[:2]
        return width, height

    def pictures(self) -> Iterator[RGB]:
        return cycle(self._pictures)


class Coded:
    """JPEGs in memory, decoded one by one, as most webcams need it at their full rate."""

    _QUALITY = 90

    def __init__(self, pictures: Sequence[RGB]) -> None:
        height, width = pictures[0].shape[:2]
        self.size = width, height
        how = [cv2.IMWRITE_JPEG_QUALITY, self._QUALITY]
        self._coded = [
            cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), how)[1]
            for picture in pictures
        ]

    def pictures(self) -> Iterator[RGB]:
        for coded in cycle(self._coded):
            yield np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB), np.uint8)


def open_feeder(job: Job) -> Feeder:
    """The clip's first frames at the job's size. Raises InputError."""
    with open_source(job.input) as source:
        size = job.frame_size or source.info.size
        most = max(_FEWEST, _HELD_BYTES // (size[0] * size[1] * 3))
        pictures = [_at_size(frame.rgb, size) for frame in islice(source, min(job.frames, most))]
    return Coded(pictures) if job.feed == "mjpeg" else Held(pictures)


def frames_of(
    feeder: Feeder, count: int, times: StageTimes | None = None, *, first: int = 0
) -> Iterator[Frame]:
    """`count` frames whose times go on, though the pictures come again.

    times: gets what decoding took, under "decode". first: the first one's index.
    """
    pictures = feeder.pictures()
    for index in range(first, first + count):
        began = time.perf_counter()
        rgb = next(pictures)
        if times is not None and isinstance(feeder, Coded):
            times.add("decode", time.perf_counter() - began)
        yield Frame(rgb, index, index / 30)


def _at_size(rgb: RGB, size: tuple[int, int]) -> RGB:
    """Scaled to cover `size` and cut to it, so that people keep their shape."""
    height, width = rgb.shape[:2]
    if (width, height) == size:
        return rgb
    scale = max(size[0] / width, size[1] / height)
    scaled = max(size[0], round(width * scale)), max(size[1], round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    big = cv2.resize(rgb, scaled, interpolation=how)
    left, top = (scaled[0] - size[0]) // 2, (scaled[1] - size[1]) // 2
    return np.ascontiguousarray(big[top : top + size[1], left : left + size[0]], np.uint8)
