"""Which microphones there are: a sound server's, or PortAudio's own list."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from app.errors import InputError, OptionError
from app.sound import server

DEFAULT = "default"


class _PortAudio:
    """What PortAudio keeps for the whole process, and this with it.

    lock: held while devices are looked for or opened. streams: that are open.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.streams = 0


PORTAUDIO = _PortAudio()
MOST_CHANNELS = 2


@dataclass(frozen=True)
class MicrophoneInfo:
    """name: what stands after `--microphone`. default: what the system itself would take.

    monitor: no microphone, but what the computer plays.
    """

    name: str
    channels: int
    default: bool = False
    monitor: bool = False


@dataclass(frozen=True)
class Found:
    """A microphone that can be opened. index: PortAudio's. source: a sound server's own name.

    routed: whether the server is to be told the source; else it takes its own choice.
    """

    index: int
    title: str
    channels: int
    rate: float
    source: str | None = None
    routed: bool = False


def list_microphones(*, fresh: bool = False) -> Sequence[MicrophoneInfo]:
    """Those that are there now. Raises InputError where the system's sound cannot be used.

    fresh: PortAudio looks again for what was plugged in, where no stream is open: it would end it.
    """
    sounddevice = load_sounddevice()
    with PORTAUDIO.lock:
        if fresh and not PORTAUDIO.streams:
            with no_chatter():
                sounddevice._terminate()
                sounddevice._initialize()
        devices, chosen = _query(sounddevice)
    sources = _server_sources(devices)
    if sources:
        names = _names(sources)
        return [
            MicrophoneInfo(
                name, min(source.channels, MOST_CHANNELS), source.default, source.monitor
            )
            for name, source in zip(names, sources, strict=True)
        ]
    found: dict[str, MicrophoneInfo] = {}
    for index, device in enumerate(devices):
        channels = int(device["max_input_channels"])
        name = str(device["name"])
        # Windows has each device once for each of its sound systems.
        if channels and (name not in found or index == chosen):
            found[name] = MicrophoneInfo(name, min(channels, MOST_CHANNELS), index == chosen)
    return list(found.values())


def find_microphone(name: str) -> Found:
    """name: `default`, or a part of a microphone's name, whatever its case.

    Raises InputError where there is none at all, OptionError where none is called so.
    """
    devices, chosen = _query(load_sounddevice())
    inputs = [at for at, info in enumerate(devices) if info["max_input_channels"] > 0]
    if not inputs:
        raise InputError(
            "There is no microphone, so the clip has no sound. Plug one in, or switch the sound "
            "off."
        )
    sources = _server_sources(devices)
    if sources is not None and not sources:
        raise InputError(
            "The sound server has no microphone, so the clip has no sound. Plug one in, or switch "
            "the sound off."
        )
    if name == DEFAULT:
        index = chosen if chosen in inputs else inputs[0]
        taken = next((source for source in sources or () if source.default), None)
        return _found(devices, index, taken)
    wanted = name.casefold()
    titles = _names(sources) if sources else []
    for fits in (lambda other: other == wanted, lambda other: wanted in other):
        for title, source in zip(titles, sources or (), strict=True):
            if fits(title.casefold()) or fits(source.name.casefold()):
                return _found(devices, _of_server(devices), source, routed=True)
        for at in inputs:
            if fits(str(devices[at]["name"]).casefold()):
                taken = None
                if sources and str(devices[at]["name"]) == server.DEVICE:
                    taken = next((source for source in sources if source.default), None)
                return _found(devices, at, taken)
    known = titles or [str(devices[at]["name"]) for at in inputs]
    raise OptionError(
        f"No microphone is called {name!r}; there are: {', '.join(dict.fromkeys(known))}."
    )


def _found(
    devices: Sequence[dict[str, Any]],
    index: int,
    source: server.ServerSource | None,
    *,
    routed: bool = False,
) -> Found:
    info = devices[index]
    channels = int(info["max_input_channels"]) if source is None else source.channels
    return Found(
        index,
        str(info["name"]) if source is None else source.title,
        min(MOST_CHANNELS, channels),
        float(info["default_samplerate"]),
        None if source is None else source.name,
        routed,
    )


def _server_sources(devices: Sequence[dict[str, Any]]) -> Sequence[server.ServerSource] | None:
    """None where no sound server runs: asking for one would start it."""
    return None if _of_server(devices) < 0 else server.list_sources()


def _of_server(devices: Sequence[dict[str, Any]]) -> int:
    return next(
        (
            at
            for at, info in enumerate(devices)
            if info["name"] == server.DEVICE and info["max_input_channels"] > 0
        ),
        -1,
    )


def _names(sources: Sequence[server.ServerSource]) -> list[str]:
    """Titles; where two are the same, the server's own names."""
    often = Counter(source.title for source in sources)
    return [source.title if often[source.title] == 1 else source.name for source in sources]


def _query(sounddevice: ModuleType) -> tuple[list[dict[str, Any]], int]:
    """PortAudio's devices, and the index of the one that it would take."""
    with no_chatter():
        try:
            return list(sounddevice.query_devices()), int(sounddevice.default.device[0])
        except sounddevice.PortAudioError as error:
            raise InputError(f"The system's sound cannot be used: {error}.") from None


def load_sounddevice() -> ModuleType:
    """Raises InputError that says what is to be installed."""
    try:
        with no_chatter():
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
def no_chatter() -> Iterator[None]:
    """ALSA writes to stderr what it looks for in vain, page after page."""
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
