"""A sound server (PulseAudio, or PipeWire in its place): its microphones, and which goes away.

PortAudio sees such a server as one device, "pulse", whatever is plugged in. So its own tool, pactl,
is asked; where that is missing, everything goes on without.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.runtime.stage import Worker

DEVICE = "pulse"  # as PortAudio calls it
_ANSWERS_WITHIN = 3.0  # seconds


@dataclass(frozen=True)
class ServerSource:
    """name: the server's own. title: for people. monitor: what the computer plays, not a
    microphone. default: what the system itself would take."""

    name: str
    title: str
    channels: int = 1
    monitor: bool = False
    default: bool = False


def list_sources() -> Sequence[ServerSource] | None:
    """Microphones first. None where there is no server, or it cannot be asked."""
    listed = _ask("--format=json", "list", "sources")
    if listed is None:
        return None
    try:
        told = json.loads(listed)
        default = (_ask("get-default-source") or "").strip()
        found = [
            ServerSource(
                str(source["name"]),
                str(source.get("description") or source["name"]),
                max(1, str(source.get("channel_map", "")).count(",") + 1),
                bool(source.get("monitor_source")),
                source["name"] == default,
            )
            for source in told
        ]
    except (ValueError, KeyError, TypeError):  # an older pactl has no JSON
        return None
    return sorted(found, key=lambda source: source.monitor)


@contextlib.contextmanager
def routed(name: str | None) -> Iterator[None]:
    """What is opened inside takes its sound from that source; None: from the server's own choice.

    The server's library reads this variable when it connects.
    """
    if name is None:
        yield
        return
    before = os.environ.get("PULSE_SOURCE")
    os.environ["PULSE_SOURCE"] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ["PULSE_SOURCE"]
        else:
            os.environ["PULSE_SOURCE"] = before


class SourceWatch:
    """Calls `on_change`, in a thread of its own, where a source came or went, or the server did."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        try:
            self._process = subprocess.Popen(
                ["pactl", "subscribe"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=_plain(),
            )
        except OSError:
            return
        Worker("microphones", self._listen, lambda _: None).start()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _listen(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        with process.stdout:
            for line in process.stdout:
                if " on source #" in line and ("'new'" in line or "'remove'" in line):
                    self._on_change()
        if self._process is not None:  # the server has ended
            self._on_change()


def _ask(*words: str) -> str | None:
    try:
        done = subprocess.run(
            ["pactl", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWERS_WITHIN,
            env=_plain(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _plain() -> dict[str, str]:
    """Its words in English, whatever the user speaks."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}
