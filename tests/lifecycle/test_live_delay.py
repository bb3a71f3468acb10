"""The delay from capture to output, by a clock drawn into the pixels of the source."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from app.frames import RGB, Frame
from app.live import LivePipeline
from app.outputs.base import Picture
from app.outputs.live_base import LiveFormat, LiveOutput
from app.settings import LiveSettings
from app.sources.live_base import LiveSource
from app.sources.open import open_source

LONG = 120.0
RATE = 30.0
_BITS = 16


def draw_time(rgb: RGB, at: float) -> None:
    """Writes `at` in milliseconds, modulo 2^16, along the top as black and white blocks."""
    block = rgb.shape[1] // _BITS
    number = round(at * 1e3) % (1 << _BITS)
    for bit in range(_BITS):
        rgb[:block, bit * block : (bit + 1) * block] = 255 if number >> bit & 1 else 0


def delay_of(picture: Picture, now: float) -> float:
    """Seconds since the time that is drawn into the picture."""
    block = picture.shape[1] // _BITS
    row = picture[block // 2, block // 2 :: block, 1][:_BITS]
    number = sum(1 << bit for bit in range(_BITS) if row[bit] > 127)
    return ((round(now * 1e3) - number) % (1 << _BITS)) / 1e3


class Clock(LiveSource):
    """A camera of 30 frames a second that films a clock beside `pictures`."""

    def __init__(self, pictures: list[RGB]) -> None:
        self._pictures = pictures
        self._changed = threading.Condition()
        self._interrupted = False
        self._count = 0
        self._began = 0.0

    @property
    def description(self) -> str:
        return "a clock"

    @property
    def rate(self) -> float:
        return RATE

    def open(self) -> None:
        self._interrupted, self._count, self._began = False, 0, time.monotonic()

    def read(self) -> Frame | None:
        due = self._began + self._count / RATE
        with self._changed:
            self._changed.wait_for(lambda: self._interrupted, max(0.0, due - time.monotonic()))
            if self._interrupted:
                return None
        rgb = self._pictures[self._count % len(self._pictures)].copy()
        now = time.monotonic()
        draw_time(rgb, now)
        self._count += 1
        return Frame(rgb, self._count - 1, now)

    def interrupt(self) -> None:
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def close(self) -> None: ...


class ClockReader(LiveOutput):
    """Reads the clock in each picture when it arrives."""

    private = False
    fixed_size = False
    paced = False

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.changed = threading.Condition()

    @property
    def description(self) -> str:
        return "somebody who looks at the clock"

    def open(self, form: LiveFormat) -> None: ...

    def write(self, picture: Picture, captured_at: float) -> None:
        with self.changed:
            self.delays.append(delay_of(picture, time.monotonic()))
            self.changed.notify_all()


@dataclass(frozen=True)
class Measured:
    """Milliseconds, from the pixels; told: the same from the pipeline's own statistics."""

    p50: float
    p95: float
    told_p50: float


def measure(pictures: list[RGB], count: int, settings: LiveSettings) -> Measured:
    reader = ClockReader()
    pipeline = LivePipeline(settings, create_source=lambda _: Clock(pictures))
    pipeline.add_output("reader", reader)
    with pipeline, reader.changed:
        assert reader.changed.wait_for(lambda: len(reader.delays) >= count, count / RATE + 3 * LONG)
    delays = sorted(delay * 1e3 for delay in reader.delays)
    told = pipeline.stats.whole().outputs["reader"].latency_ms
    assert told is not None
    return Measured(statistics.median(delays), delays[int(0.95 * (len(delays) - 1))], told.p50)


@pytest.fixture
def quick_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The null engine, taking 10 ms for a frame."""
    from app.engines.null import NullEngine

    submit = NullEngine.submit
    never = threading.Event()

    def slowly(self: NullEngine, frame: Frame) -> None:
        never.wait(0.010)
        submit(self, frame)

    monkeypatch.setattr(NullEngine, "submit", slowly)
    yield
    never.set()


SETTINGS = LiveSettings(engine="null", background="original", refine=False, quality="best")


@pytest.mark.soak
@pytest.mark.parametrize(("temporal", "frames"), [("off", 2), ("ofd", 3)])
def test_the_delay_is_a_frame_or_two_and_told_as_it_is(
    quick_network: None, temporal: str, frames: int
) -> None:
    grey = np.full((180, 320, 3), 90, np.uint8)
    measured = measure([grey], 60, SETTINGS.but(temporal=temporal))
    assert measured.p50 < frames * 1e3 / RATE
    assert measured.told_p50 == pytest.approx(measured.p50, abs=5)
    if temporal == "ofd":
        assert measured.p50 > 1e3 / RATE  # the frame that is held back


@pytest.mark.soak
@pytest.mark.parametrize(("temporal", "frames"), [("off", 2), ("ofd", 3), ("steady", 3)])
def test_the_real_network_keeps_the_delay(
    weights_file: Any, temporal: str, frames: int, record_property: Callable[..., None]
) -> None:
    """On a machine with nothing else to do; 720p, all settings as they come with the program."""
    with open_source("demo") as source:
        pictures = [frame.rgb.copy() for frame in source][:90]
    measured = measure(pictures, 600, LiveSettings(temporal=temporal))
    sys.stderr.write(f"{temporal}: {measured}\n")
    assert measured.p95 < frames * 1e3 / RATE


@pytest.mark.parametrize(("temporal", "held"), [("off", 0), ("ofd", 1)])
def test_a_picture_waits_for_no_more_pictures_than_its_filter_needs(
    make_rig: Callable[..., Any], stamp_engines: Any, temporal: str, held: int
) -> None:
    rig = make_rig(temporal=temporal, skip_unchanged=False)
    viewer = rig.another_output("me", private=False)
    rig.pipeline.add_output("me", viewer)
    rig.start()
    # Frames before the network is open are only for the preview.
    while not rig.composites(viewer):
        rig.source.feed_frames(1)
        viewer.wait_for(lambda _: bool(rig.composites(viewer)), 0.05)
    for _ in range(5):
        rig.source.feed_frames(1)
        newest = rig.source.newest
        rig.see(lambda picture: rig.stamps(picture)[0] == newest - held, output=viewer)  # noqa: B023
