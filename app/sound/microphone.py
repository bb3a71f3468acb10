"""Microphones, by PortAudio: which there are, and one that is heard."""

from __future__ import annotations

import contextlib
import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from app.errors import InputError, OptionError
from app.runtime.stage import Stage, Work
from app.sound.base import PCM, RATE
from app.sound.follower import Follower
from app.sound.ring import Ring

log = logging.getLogger(__name__)

DEFAULT = "default"
_BLOCK = 0.02  # seconds
_SILENT = 1.5  # seconds without a block until it is said to be gone
_MOST_CHANNELS = 2
_FLOOR = -60.0  # dB full scale


@dataclass(frozen=True)
class MicrophoneInfo:
    """name: what stands after `--microphone`. default: what the system itself would take."""

    name: str
    channels: int
    default: bool = False


def list_microphones() -> Sequence[MicrophoneInfo]:
    """Those that are there now. Raises InputError where the system's sound cannot be used."""
    sounddevice = _sounddevice()
    with _no_chatter():
        try:
            devices = sounddevice.query_devices()
            chosen = sounddevice.default.device[0]
        except sounddevice.PortAudioError as error:
            raise InputError(f"The system's sound cannot be used: {error}.") from None
    found: dict[str, MicrophoneInfo] = {}
    for index, device in enumerate(devices):
        channels = int(device["max_input_channels"])
        name = str(device["name"])
        # Windows has each device once for each of its sound systems.
        if channels and (name not in found or index == chosen):
            found[name] = MicrophoneInfo(name, min(channels, _MOST_CHANNELS), index == chosen)
    return list(found.values())


@dataclass(frozen=True)
class Level:
    """dB full scale, from -60 to 0. peak: of the last block. rms: likewise, what is heard."""

    peak: float = _FLOOR
    rms: float = _FLOOR


class Microphone:
    """A microphone while it is entered; see app.sound.base.Sound. Called from any thread.

    name: `default`, or a part of a device's name. Where there is none, or it is busy, it is entered
    all the same and `problem` says why there is no sound.
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
        self._problem: str | None = None
        self._description = ""
        self._ring = Ring(1)
        self._level = Level()
        self._stream: Any = None
        self._stage: Stage[_Block] | None = None
        self._heard_at = 0.0
        self._overflows = 0
        self._follower: Follower | None = None

    @property
    def description(self) -> str:
        return self._description

    @property
    def problem(self) -> str | None:
        if self._problem is not None:
            return self._problem
        if self._stream is not None and self._clock() - self._heard_at > _SILENT:
            return (
                f"The microphone {self._description} gives no sound any more; the clip goes on "
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

    def read(self, moment: float, samples: int) -> PCM:
        return self._ring.read(moment - self.offset, samples)

    def __enter__(self) -> Self:
        """Raises OptionError where no microphone is called so but others are there."""
        try:
            self._open()
        except InputError as error:
            self._problem = str(error)
            log.info("%s", error)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(Exception):  # a device that is gone cannot be closed properly
                stream.close()
        if self._stage is not None:
            self._stage.abandon()

    def _open(self) -> None:
        sounddevice = _sounddevice()
        index, info = self._find(sounddevice)
        self._description = str(info["name"])
        self.channels = min(_MOST_CHANNELS, int(info["max_input_channels"]))
        with _no_chatter():
            rate = _rate_of(sounddevice, index, self.channels, info)
            self._ring = Ring(self.channels)
            self._follower = Follower(rate, self.channels)
            self._stage = Stage(
                "microphone", _Listening(self._heard), on_end=_log_end, depth=int(10 / _BLOCK)
            )
            self._stage.start()
            self._heard_at = self._clock() + 2.0  # a Bluetooth headset takes its time
            try:
                self._stream = sounddevice.InputStream(
                    samplerate=rate,
                    device=index,
                    channels=self.channels,
                    dtype="float32",
                    blocksize=round(rate * _BLOCK),
                    latency="high",
                    callback=self._called,
                )
                self._stream.start()
            except sounddevice.PortAudioError as error:
                self._stage.abandon()
                stream, self._stream = self._stream, None
                if stream is not None:
                    stream.close()
                raise InputError(
                    f"The microphone {self._description} cannot be used ({error}); the clip goes "
                    "on without sound. Close the program that uses it, or choose another one."
                ) from None

    def _find(self, sounddevice: ModuleType) -> tuple[int, dict[str, Any]]:
        with _no_chatter():
            try:
                devices = list(sounddevice.query_devices())
                chosen = sounddevice.default.device[0]
            except sounddevice.PortAudioError as error:
                raise InputError(f"The system's sound cannot be used: {error}.") from None
        inputs = [(at, info) for at, info in enumerate(devices) if info["max_input_channels"] > 0]
        if not inputs:
            raise InputError(
                "There is no microphone, so the clip has no sound. Plug one in, or switch the "
                "sound off."
            )
        if self.name == DEFAULT:
            return next((pair for pair in inputs if pair[0] == chosen), inputs[0])
        wanted = self.name.casefold()
        for fits in (lambda name: name == wanted, lambda name: wanted in name):
            for at, info in inputs:
                if fits(str(info["name"]).casefold()):
                    return at, info
        names = ", ".join(dict.fromkeys(str(info["name"]) for _, info in inputs))
        raise OptionError(f"No microphone is called {self.name!r}; there are: {names}.")

    def _called(self, block: Any, frames: int, times: Any, status: Any) -> None:
        """PortAudio's own thread: hands over, nothing else."""
        now = self._clock()
        age = times.currentTime - times.inputBufferAdcTime
        # Some drivers tell nothing here, or nonsense; then the block was just completed.
        if not 0 < age < 1.0:
            age = frames * _BLOCK / max(1, len(block))
        if status.input_overflow:
            self._overflows += 1
        stage = self._stage
        if stage is not None:
            stage.inbox.put(_Block(block.copy(), now - age))

    def _heard(self, block: _Block) -> None:
        assert self._follower is not None
        self._heard_at = self._clock()
        samples = block.samples
        self._level = Level(
            _decibels(float(np.abs(samples).max(initial=0.0))),
            _decibels(math.sqrt(float(np.mean(samples * samples)))),
        )
        pcm = self._follower.push(samples, block.begins)
        begins = self._follower.moment - len(pcm) / RATE
        self._ring.write(begins, np.zeros_like(pcm) if self.muted else pcm)


@dataclass(frozen=True)
class _Block:
    samples: npt.NDArray[np.float32]
    begins: float


class _Listening(Work[_Block]):
    def __init__(self, heard: Callable[[_Block], None]) -> None:
        self._heard = heard

    def handle(self, item: _Block) -> None:
        self._heard(item)


def _rate_of(sounddevice: ModuleType, index: int, channels: int, info: dict[str, Any]) -> float:
    try:
        sounddevice.check_input_settings(device=index, channels=channels, samplerate=RATE)
    except sounddevice.PortAudioError:
        return float(info["default_samplerate"])
    return float(RATE)


def _decibels(amplitude: float) -> float:
    return max(_FLOOR, min(0.0, 20 * math.log10(max(amplitude, 1e-9))))


def _sounddevice() -> ModuleType:
    try:
        with _no_chatter():
            import sounddevice
    except ImportError:
        raise InputError(
            "Sound needs the package sounddevice; run: pip install -r requirements.txt."
        ) from None
    except OSError:  # no libportaudio
        raise InputError(
            "Sound needs the library PortAudio, which is missing; on Debian or Ubuntu: "
            "sudo apt install libportaudio2."
        ) from None
    module: ModuleType = sounddevice
    return module


_CHATTER = threading.Lock()


@contextlib.contextmanager
def _no_chatter() -> Iterator[None]:
    """ALSA writes to stderr what it looks for in vain, page after page."""
    import os

    if not sys.platform.startswith("linux"):
        yield
        return
    with _CHATTER:
        sys.stderr.flush()
        try:
            kept = os.dup(2)
        except OSError:
            yield
            return
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(null)


def _log_end(error: Exception | None) -> None:
    if error is not None:
        log.error("listening to the microphone ended", exc_info=error)
