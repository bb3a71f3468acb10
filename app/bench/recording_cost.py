"""What a recording costs the call beside it: pictures that the virtual camera does not get.

Turns with and without a recording alternate in one run of the live pipeline, so that both see the
same noise of a shared machine.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.bench.job import Job, open_feeder
from app.bench.live_run import Paced
from app.bench.running import Running, running
from app.errors import MattecamError
from app.outputs.base import Picture
from app.outputs.live_base import LiveFormat, LiveOutput
from app.recording.plan import Plan, files_for, views_of
from app.recording.recorder import Recorder
from app.sound.base import PCM, RATE

_FINISH = 60.0  # seconds that a file may take to be closed
# Between two turns: what a recording's beginning and end cost is no part of the one without.
_SETTLE = 1.0


@dataclass(frozen=True)
class Cost:
    """One turn. came: pictures that the source gave. shown: new ones that the camera got.

    resent: its last one again, because none was there in time. cpu: processor seconds of the whole
    process. written, dropped: of the recording.
    """

    recorded: bool
    seconds: float
    came: int
    shown: int
    resent: int
    cpu: float
    network_size: str
    written: int = 0
    dropped: int = 0

    @property
    def rate(self) -> float:
        return self.shown / self.seconds

    @property
    def missed(self) -> float:
        """Pictures a second that came and were not shown."""
        return max(0, self.came - self.shown) / self.seconds


class _Camera(LiveOutput):
    """What a virtual camera does with a picture, but for the device: paced, and made I420."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown = self._resent = 0
        self._last = -1.0

    @property
    def description(self) -> str:
        return "a virtual camera's work"

    def open(self, form: LiveFormat) -> None: ...

    def write(self, picture: Picture, captured_at: float) -> None:
        cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
        with self._lock:
            if captured_at > self._last:
                self._last, self._shown = captured_at, self._shown + 1
            else:
                self._resent += 1

    def counts(self) -> tuple[int, int]:
        """(new, resent) so far."""
        with self._lock:
            return self._shown, self._resent


class _Tone:
    """Sound without a sound card, so that its coding is measured, too."""

    channels = 1
    description = "a tone"
    problem: str | None = None
    late = 0.0

    @property
    def available(self) -> float:
        return time.monotonic()

    def wait(self, moment: float, timeout: float) -> None: ...

    def read(self, moment: float, samples: int) -> PCM:
        times = moment % 1.0 + np.arange(samples) / RATE
        return np.asarray(8000 * np.sin(2 * np.pi * 440 * times), np.int16)[:, None]


def measure(
    job: Job,
    folder: Path,
    *,
    ending: str,
    what: Sequence[str],
    pairs: int,
    seconds: float,
    progress: Callable[[int, int], None],
) -> Sequence[Cost]:
    """`pairs` turns without and with a recording, after one pair that is not counted.

    job: its rate is the source's and the virtual camera's. folder: where the clips are kept.
    Raises MattecamError.
    """
    feeder = open_feeder(job)
    source, camera = Paced(feeder, job.rate), _Camera()

    def turn(run: Running, path: Path | None) -> Cost:
        pipeline = run.pipeline
        recorder = None if path is None else _recorder(path, what, job.rate)
        if recorder is not None:
            recorder.start()
            pipeline.add_tap(recorder.put)
        threading.Event().wait(_SETTLE)
        before = source.given, *camera.counts(), time.perf_counter(), time.process_time()
        threading.Event().wait(seconds)
        after = source.given, *camera.counts(), time.perf_counter(), time.process_time()
        came, shown, resent, lasted, cpu = (b - a for a, b in zip(before, after, strict=True))
        written = dropped = 0
        if recorder is not None:
            pipeline.remove_tap(recorder.put)
            figures = recorder.stop(_FINISH)
            if figures.problems:
                raise MattecamError(" ".join(figures.problems))
            written, dropped = sum(file.frames for file in figures.files), figures.dropped
        run.check()
        return Cost(
            path is not None,
            lasted,
            int(came),
            int(shown),
            int(resent),
            cpu,
            str(pipeline.info.network_size),
            written,
            dropped,
        )

    costs: list[Cost] = []
    size = (feeder.size[0] // 2 * 2, feeder.size[1] // 2 * 2)
    with running(job, source, camera, size=size) as run:
        for pair in range(pairs + 1):
            # Who comes first takes turns, too: what runs beside may change with time.
            for at, recorded in enumerate((pair % 2 == 1, pair % 2 == 0)):
                path = folder / f"turn {pair}{ending}" if recorded else None
                cost = turn(run, path)
                if pair:
                    costs.append(cost)
                progress(2 * pair + at + 1, 2 * (pairs + 1))
    return costs


def _recorder(path: Path, what: Sequence[str], rate: float) -> Recorder:
    return Recorder(Plan(files_for(path, views_of(what))), rate=lambda: rate, sound=_Tone())


def summary(costs: Sequence[Cost]) -> dict[str, float]:
    """Medians over the turns, in pictures a second; lost: by which a pair's recording is behind.

    noise: by how much turns without a recording differ among each other, from least to most.
    """
    without = [cost for cost in costs if not cost.recorded]
    recorded = [cost for cost in costs if cost.recorded]
    losses = [a.rate - b.rate for a, b in zip(without, recorded, strict=True)]
    return {
        "shown_without": statistics.median(cost.rate for cost in without),
        "shown_with": statistics.median(cost.rate for cost in recorded),
        "missed_without": statistics.median(cost.missed for cost in without),
        "missed_with": statistics.median(cost.missed for cost in recorded),
        "lost": statistics.median(losses),
        "noise": max(cost.rate for cost in without) - min(cost.rate for cost in without),
        "cores_without": statistics.median(cost.cpu / cost.seconds for cost in without),
        "cores_with": statistics.median(cost.cpu / cost.seconds for cost in recorded),
        "dropped": float(sum(cost.dropped for cost in recorded)),
    }
