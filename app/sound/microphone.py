"""A microphone that is heard, by PortAudio."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from app.errors import InputError, MattecamError
from app.runtime.stage import Stage, Work
from app.sound import server
from app.sound.arrivals import Arrivals, Lowest
from app.sound.base import PCM, RATE
from app.sound.devices import (
    DEFAULT,
    PORTAUDIO,
    Found,
    find_microphone,
    load_sounddevice,
    no_chatter,
)
from app.sound.follower import Follower
from app.sound.ring import Ring

log = logging.getLogger(__name__)

_BLOCK = 0.02  # seconds
_SILENT = 1.5  # seconds without a block until it is said to be gone, at least
_WARMS_UP = 2.0  # seconds that a Bluetooth headset may take until its first block
_LATE = 2.5  # seconds that the sound is taken to be late, while nothing is known
_FLOOR = -60.0  # dB full scale


@dataclass(frozen=True)
class Level:
    """dB full scale, from -60 to 0. peak: of the last block. rms: likewise, what is heard."""

    peak: float = _FLOOR
    rms: float = _FLOOR


class Microphone:
    """A microphone while it is entered; see app.sound.base.Sound. Called from any thread.

    name: `default`, or a part of a device's name. Where there is none, or it is busy, it is entered
    all the same and `problem` says why there is no sound. Where a sound server tells that it was
    pulled out, or is back, it ends and begins again by itself.
    offset: seconds by which the sound is played later than it was heard.
    muted: silence is recorded instead; the level is still told.
    """

    def __init__(
        self,
        name: str = DEFAULT,
        *,
        offset: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.offset = offset
        self.muted = False
        self.channels = 1
        self.name = name
        self._clock = clock
        self._lock = threading.RLock()
        self._problem: str | None = None
        self._found: Found | None = None
        self._ring = Ring(1)
        self._level = Level()
        self._stream: Any = None
        self._stage: Stage[_Block] | None = None
        self._watch: server.SourceWatch | None = None
        self._arrivals = Arrivals()
        self._follower: Follower | None = None
        self._heard_at = 0.0
        self._late: float | None = None
        self._latest = Lowest()

    @property
    def description(self) -> str:
        return "" if self._found is None else self._found.title

    @property
    def problem(self) -> str | None:
        if self._problem is not None:
            return self._problem
        usual = _LATE if self._late is None else 2 * self._late
        silent = max(_SILENT, usual + 0.5)
        if self._stream is not None and self._clock() - self._heard_at > silent:
            return (
                f"The microphone {self.description} gives no sound any more; the clip goes on "
                "without it. Plug it in again, or choose another one."
            )
        return None

    @property
    def level(self) -> Level:
        return Level() if self.problem is not None else self._level

    @property
    def card_rate(self) -> float | None:
        """Samples a second that it really gives; None while it is not known."""
        return None if self._follower is None else self._follower.card_rate

    @property
    def available(self) -> float:
        return self._ring.available + self.offset

    @property
    def late(self) -> float:
        if self.problem is not None:
            return 0.0
        return max(0.0, (_LATE if self._late is None else self._late) - self.offset)

    def wait(self, moment: float, timeout: float) -> None:
        self._ring.wait(moment - self.offset, timeout)

    def read(self, moment: float, samples: int) -> PCM:
        return self._ring.read(moment - self.offset, samples)

    def __enter__(self) -> Self:
        """Raises OptionError where no microphone is called so but others are there."""
        with self._lock:
            try:
                with PORTAUDIO.lock:
                    self._found = find_microphone(self.name)
                self.channels = self._found.channels
                self._ring = Ring(self.channels)
                self._stage = Stage(
                    "microphone", _Listening(self._heard), on_end=_log_end, depth=int(10 / _BLOCK)
                )
                self._stage.start()
                self._listen(self._found)
            except InputError as error:
                self._problem = str(error)
                self._ring.end()
                log.info("%s", error)
            if self._found is not None and self._found.source is not None:
                self._watch = server.SourceWatch(self._sources_changed)
                self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
        with self._lock:
            self._let_go()
            self._ring.end()
            if self._stage is not None:
                self._stage.abandon()

    # ---- with the lock held ----------------------------------------------------------------------

    def _listen(self, found: Found) -> None:
        """Raises InputError where it is busy, or has just gone."""
        sounddevice = load_sounddevice()
        route = server.routed(found.source if found.routed else None)
        with PORTAUDIO.lock, no_chatter(), route:
            rate = _rate_of(sounddevice, found)
            self._follower, self._arrivals = Follower(rate, self.channels), Arrivals()
            self._heard_at = self._clock() + _WARMS_UP
            self._ring.end(over=False)
            try:
                self._stream = sounddevice.InputStream(
                    samplerate=rate,
                    device=found.index,
                    channels=self.channels,
                    dtype="float32",
                    blocksize=round(rate * _BLOCK),
                    latency="high",
                    callback=self._called,
                )
                PORTAUDIO.streams += 1
                self._stream.start()
            except sounddevice.PortAudioError as error:
                self._let_go()
                raise InputError(
                    f"The microphone {found.title} cannot be used ({error}); the clip goes on "
                    "without sound. Close the program that uses it, or choose another one."
                ) from None

    def _let_go(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with PORTAUDIO.lock:
                PORTAUDIO.streams -= 1
                with contextlib.suppress(Exception):  # what is gone cannot be closed properly
                    stream.close()

    # ---- in the watch's thread -------------------------------------------------------------------

    def _sources_changed(self) -> None:
        sources = server.list_sources() or ()
        with self._lock:
            found = self._found
            if self._watch is None or found is None:
                return
            there = next((source for source in sources if source.name == found.source), None)
            if there is None and not found.routed:
                # The server goes on with another one by itself; what the computer plays is none.
                there = next(
                    (source for source in sources if source.default and not source.monitor), None
                )
                if there is not None:
                    found = self._found = replace(found, title=there.title, source=there.name)
            if there is None and self._problem is None:
                self._problem = (
                    f"The microphone {found.title} was pulled out; the clip goes on without its "
                    "sound, which comes back when it is plugged in again."
                )
                self._let_go()
                self._ring.end()
                log.info("%s", self._problem)
            elif there is not None and self._problem is not None:
                self._again(found)

    def _again(self, found: Found) -> None:
        try:
            self._listen(found)
        except MattecamError as error:
            self._problem = str(error)
            self._ring.end()
            return
        self._problem = None
        log.info("the microphone %s is back", found.title)

    # ---- in PortAudio's thread, and the stage's --------------------------------------------------

    def _called(self, block: Any, frames: int, times: Any, status: Any) -> None:
        """Hands over, nothing else."""
        stage = self._stage
        if stage is not None:
            stage.inbox.put(
                _Block(block.copy(), self._clock(), times.currentTime, times.inputBufferAdcTime)
            )

    def _heard(self, block: _Block) -> None:
        follower = self._follower
        assert follower is not None
        now = self._heard_at = self._clock()
        samples = block.samples
        self._level = Level(
            _decibels(float(np.abs(samples).max(initial=0.0))),
            _decibels(math.sqrt(float(np.mean(samples * samples)))),
        )
        arrived, inside = self._arrivals.see(
            block.came, current=block.current, adc=block.adc, length=_BLOCK
        )
        pcm = follower.push(samples, arrived, inside=inside)
        if not len(pcm):
            return
        before = self._ring.available
        if math.isfinite(before):
            self._late = min(_LATE, -self._latest.see(before - now, now))
        begins = follower.moment - len(pcm) / RATE
        self._ring.write(begins, np.zeros_like(pcm) if self.muted else pcm)


@dataclass(frozen=True)
class _Block:
    """came: on time.monotonic()'s clock. current, adc: on PortAudio's; see Arrivals."""

    samples: npt.NDArray[np.float32]
    came: float
    current: float
    adc: float


class _Listening(Work[_Block]):
    def __init__(self, heard: Callable[[_Block], None]) -> None:
        self._heard = heard

    def handle(self, item: _Block) -> None:
        self._heard(item)


def _rate_of(sounddevice: ModuleType, found: Found) -> float:
    try:
        sounddevice.check_input_settings(
            device=found.index, channels=found.channels, samplerate=RATE
        )
    except sounddevice.PortAudioError:
        return found.rate
    return float(RATE)


def _decibels(amplitude: float) -> float:
    return max(_FLOOR, min(0.0, 20 * math.log10(max(amplitude, 1e-9))))


def _log_end(error: Exception | None) -> None:
    if error is not None:
        log.error("listening to the microphone ended", exc_info=error)
