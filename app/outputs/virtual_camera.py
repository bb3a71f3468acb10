"""The virtual camera that call programs list: v4l2loopback, OBS's or UnityCapture's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.errors import OutputError, OutputLost
from app.outputs.base import Picture
from app.outputs.live_base import LiveFormat, LiveOutput, live_outputs
from app.registry import option

if TYPE_CHECKING:
    import pyvirtualcam

LOAD_MODULE = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=Mattecam"
OBS_PAGE = "https://obsproject.com/download"
UNITY_CAPTURE_PAGE = "https://github.com/schellingb/UnityCapture#installation"

_MODULE = Path("/sys/module/v4l2loopback")


@dataclass(frozen=True)
class _Rule:
    """What to say where `sign` is in pyvirtualcam's words. lasting: only the user can mend it."""

    sign: str
    lasting: bool
    sentence: str


# In this order: with several back ends their reasons come together, and one that is there and in
# use says more than one that is not installed.
_RULES = (
    _Rule(
        "could not be started",
        False,
        "OBS's virtual camera is in use; stop it in OBS, or close the program that feeds it.",
    ),
    _Rule(
        "already in use",
        False,
        "The virtual camera is fed already; close the program that does, or name another one.",
    ),
    _Rule(
        "missing permissions",
        True,
        "You may not write to the virtual camera. Run: sudo usermod -aG video $USER, then log out "
        "and in again.",
    ),
    _Rule(
        "could not be configured",
        False,
        "The virtual camera refuses {width}x{height}, because a program still reads it at another "
        "size; stop the camera there.",
    ),
    _Rule(
        "is not a video output device",
        False,
        "{device} takes no pictures now: another program feeds it, or it is a real camera. Close "
        "that program, or name another device.",
    ),
    _Rule(
        "is not a V4L2 device",
        True,
        "{device} is no v4l2loopback device; leave the name out, and the first one is taken.",
    ),
    _Rule(
        "does not exist",
        True,
        f"{{device}} does not exist; leave the name out, or run: {LOAD_MODULE}",
    ),
    _Rule(
        "not installed in your system",
        True,
        f"OBS's virtual camera is not set up. Install OBS 30 or newer ({OBS_PAGE}), start its "
        "virtual camera once, and allow it under System Settings > General > Login Items & "
        "Extensions > Camera Extensions.",
    ),
    _Rule(
        "start stream",
        False,
        "OBS's virtual camera did not start; stop it in OBS, and see that its extension is allowed "
        "under System Settings > General > Login Items & Extensions > Camera Extensions.",
    ),
    _Rule(
        "No camera registered with this name",
        True,
        "There is no virtual camera called {device}; leave the name out, and the first one is "
        "taken.",
    ),
    _Rule(
        "Did you install",
        True,
        f"There is no virtual camera. Install OBS ({OBS_PAGE}) and start its virtual camera once, "
        f"or UnityCapture ({UNITY_CAPTURE_PAGE}).",
    ),
)
_NO_LOOPBACK = _Rule(
    "No v4l2 loopback device",
    True,
    f"There is no v4l2loopback device. Run: {LOAD_MODULE} (Debian, Ubuntu: install "
    "v4l2loopback-dkms before), or use the output pipewire, which needs no module.",
)
_LOOPBACK_TAKEN = _Rule(
    "No v4l2 loopback device",
    False,
    "No v4l2loopback device is free; close the program that feeds it, or run: sudo modprobe -r "
    f"v4l2loopback && {LOAD_MODULE}",
)


def explain(
    text: str, *, device: str, size: tuple[int, int], module_is_loaded: bool
) -> OutputError:
    """pyvirtualcam's refusal as a sentence with its remedy.

    OutputLost where it may pass by itself, OutputError where it cannot.
    """
    rules = (*_RULES, _LOOPBACK_TAKEN if module_is_loaded else _NO_LOOPBACK)
    for rule in rules:
        if rule.sign.lower() in text.lower():
            width, height = size
            sentence = rule.sentence.format(
                device=device or "The virtual camera", width=width, height=height
            )
            return OutputError(sentence) if rule.lasting else OutputLost(sentence)
    reason = " ".join(text.split()).rstrip(".")
    return OutputError(
        f"The virtual camera does not open ({reason}); to see why, run: python main.py doctor"
    )


def written_by_this_thread() -> int | None:
    """Bytes that the kernel took from this thread's writes so far; None where nobody counts."""
    try:
        text = Path("/proc/thread-self/io").read_text(encoding="ascii")
    except OSError:
        return None
    fields = dict(line.split(": ") for line in text.splitlines())
    return int(fields["wchar"])


class _Node:
    """Watches a device node: pyvirtualcam only prints it when a write fails.

    A failed write moves no bytes, so the kernel's own account of this thread tells.
    """

    # One failed write may be temporary: a reader that just changes the format.
    _FAILURES = 5

    def __init__(self, path: Path, picture_bytes: int) -> None:
        self._path = path
        self._picture_bytes = picture_bytes
        self._stat = path.stat()
        self._before: int | None = None
        self._failed = 0

    def before_write(self) -> None:
        self._before = written_by_this_thread()

    def after_write(self) -> None:
        after = written_by_this_thread()
        if self._before is None or after is None:
            return
        wrote = after - self._before >= self._picture_bytes
        self._failed = 0 if wrote else self._failed + 1

    def failure(self) -> str | None:
        try:
            now = self._path.stat()
        except OSError:
            return f"The virtual camera {self._path} is gone; run: {LOAD_MODULE}"
        if not os.path.samestat(now, self._stat) or now.st_rdev != self._stat.st_rdev:
            return f"The virtual camera {self._path} was made anew; it is opened again."
        if self._failed >= self._FAILURES:
            return (
                f"The virtual camera {self._path} takes no pictures; close the programs that use "
                "it and open it there again."
            )
        return None


@live_outputs.register("virtual-camera", title="Virtual camera")
class VirtualCamera(LiveOutput):
    """A camera for call programs: v4l2loopback on Linux, OBS's or UnityCapture's elsewhere."""

    @dataclass(frozen=True)
    class Options:
        device: str = option(
            "", "Device", "As in /dev/video4; the first one that is free unless you say"
        )
        backend: str = option(
            "", "Kind", "v4l2loopback, obs or unitycapture; what is there unless you say"
        )

    def __init__(
        self, options: Options, *, module_is_loaded: Callable[[], bool] = _MODULE.exists
    ) -> None:
        self._options = options
        self._module_is_loaded = module_is_loaded
        self._camera: pyvirtualcam.Camera | None = None
        self._node: _Node | None = None
        self._was_open = False

    @staticmethod
    def unavailable_because() -> str | None:
        if sys.platform.startswith("linux") and not _MODULE.exists():
            return _NO_LOOPBACK.sentence
        return None

    @property
    def description(self) -> str:
        if self._camera is None:
            return self._options.device or "virtual camera"
        return f"{self._camera.device} ({self._camera.backend})"

    @property
    def device(self) -> Path | None:
        """The device node while it is open, where there is one whose readers can be counted."""
        camera = self._camera
        return Path(camera.device) if camera is not None and self._node is not None else None

    def open(self, form: LiveFormat) -> None:
        self.close()
        try:
            import pyvirtualcam
            from pyvirtualcam.camera import BACKENDS
        except ImportError as error:
            raise OutputError(
                f"pyvirtualcam cannot be loaded ({error}); run: pip install -r requirements.txt"
            ) from error
        wanted = self._options
        if wanted.backend and wanted.backend not in BACKENDS:
            raise OutputError(
                f"There is no virtual camera of the kind {wanted.backend!r} on this system; "
                f"there are: {', '.join(BACKENDS)}."
            )
        width, height = form.size
        try:
            self._camera = pyvirtualcam.Camera(
                width,
                height,
                form.rate,
                fmt=pyvirtualcam.PixelFormat.RGB,
                device=wanted.device or None,
                backend=wanted.backend or None,
            )
        # Each back end raises what it likes, and pyvirtualcam wraps only some of it.
        except Exception as error:
            refusal = explain(
                str(error),
                device=wanted.device,
                size=form.size,
                module_is_loaded=self._module_is_loaded(),
            )
            # What worked once may come back: a module that is loaded again, a login.
            raise OutputLost(str(refusal)) if self._was_open else refusal from error
        self._was_open = True
        path = Path(self._camera.device)
        # I420 is what a picture becomes on its way to a v4l2loopback device.
        self._node = _Node(path, width * height * 3 // 2) if path.exists() else None

    def write(self, picture: Picture, captured_at: float) -> None:
        camera = self._camera
        if camera is None:
            raise RuntimeError("write() was called before open()")
        if self._node is not None:
            self._node.before_write()
        try:
            camera.send(np.ascontiguousarray(picture))
        except (RuntimeError, OSError) as error:
            raise OutputLost(
                f"The virtual camera {camera.device} failed ({error}); it is opened again."
            ) from error
        if self._node is not None:
            self._node.after_write()

    def failure(self) -> str | None:
        return None if self._node is None else self._node.failure()

    def close(self) -> None:
        camera, self._camera = self._camera, None
        self._node = None
        if camera is not None:
            camera.close()
