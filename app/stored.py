"""What the program stores by itself, and where: the table that docs/privacy.md explains.

A test runs every command and the window, and fails where a file is written that is neither one
that the user asked for nor in this table.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app import places


@dataclass(frozen=True)
class Place:
    """One row.

    Attributes:
        name: as docs/privacy.md has it.
        folder: where it is on this computer.
        pattern: the name of what lies in the folder, for `Path.match`, and of folders with all
            that is in them.
    """

    name: str
    folder: Callable[[], Path]
    pattern: str

    def holds(self, path: Path) -> bool:
        """Whether `path`, an absolute one, is of this row."""
        folder = self.folder()
        if not path.is_relative_to(folder):
            return False
        first = path.relative_to(folder).parts[:1]
        if not first:
            return True
        return Path(first[0]).match(self.pattern)


def _temporary() -> Path:
    return Path(tempfile.gettempdir())


def _home(*parts: str) -> Callable[[], Path]:
    return lambda: Path.home().joinpath(*parts)


def _memory() -> Path:
    return Path("/dev/shm")


PLACES = (
    Place("Settings", places.config, "*.json"),
    Place("Settings", places.config, ".*.part"),
    Place("Settings that could not be read", places.config, "*.unusable"),
    Place("Profiles", places.config, "profiles"),
    Place("Log", places.config, "logs"),
    Place("Paintings and clean plates", places.config, "scene"),
    Place("Compiled networks", places.cache, "*"),
    Place("Weights", places.weights, "*"),
    Place("Recording to adapt to", _temporary, "mattecam-adapt-*"),
    Place("Scratch of other commands", _temporary, "mattecam-bench-*"),
    Place("Scratch of other commands", _temporary, "mattecam-evaluate-*"),
    Place("Scratch of other commands", _temporary, "mattecam-wheel-*"),
    Place("torch's compiler", _temporary, "torchinductor_*"),
    Place("The system's sound library", _home(".config", "pulse"), "*"),
    Place("The system's sound library", _temporary, "pulse-*"),
    Place("The system's sound library", _memory, "jack*"),
    Place("The system's list of fonts", _home(".cache", "fontconfig"), "*"),
    Place("The system's list of fonts", lambda: Path("/var/cache/fontconfig"), "*"),
    Place("Qt's file dialogs", _home(".config"), "QtProject.conf*"),
)

# Programs that are started, and why. The Python that runs this is one of them: it compiles,
# adapts, converts and measures in processes of its own, and runs pip for `weights fetch`.
STARTED: Mapping[str, str] = {
    "uname": "Python asks which processor this is",
    "ldconfig": "Python looks for PortAudio",
    "gcc": "Python looks for PortAudio",
    "cc": "Python looks for PortAudio",
    "ld": "Python looks for PortAudio",
    "objdump": "Python looks for PortAudio",
    "nvidia-smi": "the doctor asks for the graphics card's driver",
    "gst-inspect-1.0": "the doctor looks for the PipeWire camera",
    "gst-launch-1.0": "the PipeWire camera",
    "pactl": "the microphones of PulseAudio and PipeWire",
    "system_profiler": "the cameras of macOS",
    "systemextensionsctl": "the doctor looks for OBS's camera on macOS",
    "dbus-send": "Show in folder",
    "open": "Show in folder, on macOS",
    "explorer": "Show in folder, on Windows",
}
