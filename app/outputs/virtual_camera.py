"""The virtual camera that call programs list: v4l2loopback, OBS's or UnityCapture's.

On Linux we write to v4l2loopback ourselves; pyvirtualcam writes to the other two.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.errors import OutputError, OutputLost
from app.outputs.base import Picture
from app.outputs.live_base import LiveFormat, LiveOutput, live_outputs
from app.outputs.loopback_writer import (
    LOAD_MODULE,
    NO_MODULE,
    LoopbackSystem,
    LoopbackWriter,
    open_writer,
)
from app.registry import option

if TYPE_CHECKING:
    import pyvirtualcam

__all__ = ["LOAD_MODULE", "OBS_PAGE", "UNITY_CAPTURE_PAGE", "VirtualCamera", "explain"]

OpenLoopback = Callable[[str, LiveFormat], LoopbackWriter]

LOOPBACK = "v4l2loopback"
OBS_PAGE = "https://obsproject.com/download"
UNITY_CAPTURE_PAGE = "https://github.com/schellingb/UnityCapture#installation"


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


def explain(text: str, *, device: str) -> OutputError:
    """pyvirtualcam's refusal as a sentence with its remedy.

    OutputLost where it may pass by itself, OutputError where it cannot.
    """
    for rule in _RULES:
        if rule.sign.lower() in text.lower():
            sentence = rule.sentence.format(device=device or "The virtual camera")
            return OutputError(sentence) if rule.lasting else OutputLost(sentence)
    reason = " ".join(text.split()).rstrip(".")
    return OutputError(
        f"The virtual camera does not open ({reason}); to see why, run: python main.py doctor"
    )


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

    def __init__(self, options: Options, *, open_loopback: OpenLoopback = open_writer) -> None:
        self._options = options
        self._open_loopback = open_loopback
        self._camera: pyvirtualcam.Camera | None = None
        self._loopback: LoopbackWriter | None = None
        self._was_open = False

    @staticmethod
    def unavailable_because() -> str | None:
        if sys.platform.startswith("linux") and not LoopbackSystem().module.exists():
            return NO_MODULE
        return None

    @property
    def description(self) -> str:
        if self._loopback is not None:
            return f"{self._loopback.path} ({LOOPBACK})"
        if self._camera is not None:
            return f"{self._camera.device} ({self._camera.backend})"
        return self._options.device or "virtual camera"

    @property
    def device(self) -> Path | None:
        """The device node while it is open, where there is one whose readers can be counted."""
        return None if self._loopback is None else self._loopback.path

    def open(self, form: LiveFormat) -> None:
        self.close()
        try:
            if _is_loopback(self._options.backend):
                self._loopback = self._open_loopback(self._options.device, form)
            else:
                self._camera = self._open_camera(form)
        except OutputError as refusal:
            # What worked once may come back: a module that is loaded again, a login.
            if self._was_open and not isinstance(refusal, OutputLost):
                raise OutputLost(str(refusal)) from refusal
            raise
        self._was_open = True

    def _open_camera(self, form: LiveFormat) -> pyvirtualcam.Camera:
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
            return pyvirtualcam.Camera(
                width,
                height,
                form.rate,
                fmt=pyvirtualcam.PixelFormat.RGB,
                device=wanted.device or None,
                backend=wanted.backend or None,
            )
        # Each back end raises what it likes, and pyvirtualcam wraps only some of it.
        except Exception as error:
            raise explain(str(error), device=wanted.device) from error

    def write(self, picture: Picture, captured_at: float) -> None:
        if self._loopback is not None:
            self._loopback.write(picture)
        elif self._camera is not None:
            try:
                self._camera.send(np.ascontiguousarray(picture))
            except (RuntimeError, OSError) as error:
                raise OutputLost(
                    f"The virtual camera {self._camera.device} failed ({error}); it is opened "
                    "again."
                ) from error
        else:
            raise RuntimeError("write() was called before open()")

    def failure(self) -> str | None:
        return None if self._loopback is None else self._loopback.gone()

    def close(self) -> None:
        loopback, self._loopback = self._loopback, None
        camera, self._camera = self._camera, None
        if loopback is not None:
            loopback.close()
        if camera is not None:
            camera.close()


def _is_loopback(backend: str) -> bool:
    """Whether that kind, or the system's own where none is named, is v4l2loopback."""
    return backend == LOOPBACK or (not backend and sys.platform.startswith("linux"))
