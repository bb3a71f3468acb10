"""The preview keeps up with sixty frames a second and takes nothing from matting."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from app.frames import RGB, Frame
from app.gui.bridge import Bridge
from app.gui.main_window import MainWindow
from app.live import Callbacks, LivePipeline
from app.settings import LiveSettings
from app.sources.live_base import LiveSource
from app.sources.open import open_source

LONG = 120_000
RATE = 60.0


class Sixty(LiveSource):
    """The demo clip's pictures at sixty a second."""

    def __init__(self, pictures: list[RGB]) -> None:
        self._pictures = itertools.cycle(pictures)
        self._changed = threading.Condition()
        self._interrupted = False
        self._count = 0
        self._began = 0.0

    @property
    def description(self) -> str:
        return "sixty frames a second"

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
        self._count += 1
        return Frame(next(self._pictures), self._count, time.monotonic())

    def interrupt(self) -> None:
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def close(self) -> None: ...


@pytest.mark.soak
def test_the_preview_keeps_up_with_sixty_frames_of_720p(
    qtbot: Any, open_window: Callable[..., MainWindow], save_settings: Any
) -> None:
    with open_source("demo") as source:
        pictures = [frame.rgb.copy() for frame in source][:60]

    def make(settings: LiveSettings) -> Bridge:
        def pipeline(given: LiveSettings, callbacks: Callbacks) -> LivePipeline:
            return LivePipeline(given, callbacks, create_source=lambda _: Sixty(pictures))

        return Bridge(settings, make_pipeline=pipeline)

    save_settings(refine=False, skip_unchanged=False)
    window = open_window(make_bridge=make)
    window.resize(1400, 860)
    told: list[Any] = []
    window._bridge.stats_changed.connect(told.append)
    qtbot.waitUntil(lambda: len(told) >= 12, timeout=2 * LONG)
    median, worst = window.preview.frame_ms
    stats = told[-1]
    sys.stderr.write(
        f"preview {window.preview.fps:.1f} fps, {median:.1f} ms, at worst {worst:.1f} ms; "
        f"mattes {stats.fps_matte:.1f}\n"
    )
    assert np.isclose(stats.fps_matte, RATE, rtol=0.02)
    assert window.preview.fps > 0.97 * RATE
