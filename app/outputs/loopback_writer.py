"""Writes pictures to a v4l2loopback device. Linux only.

Every write tells at once whether the device took the picture, which pyvirtualcam does not.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app import v4l2
from app.errors import OutputError, OutputLost
from app.outputs.base import Picture
from app.outputs.live_base import LiveFormat

log = logging.getLogger(__name__)

LOAD_MODULE = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=Mattecam"
NO_MODULE = (
    f"There is no v4l2loopback device. Run: {LOAD_MODULE} (Debian, Ubuntu: install "
    "v4l2loopback-dkms before), or use the output pipewire, which needs no module."
)
_ALL_TAKEN = (
    "No v4l2loopback device is free; close the program that feeds it, or run: sudo modprobe -r "
    f"v4l2loopback && {LOAD_MODULE}"
)
# Every call program takes it; V4L2's name of I420.
_PIXELS = "YU12"


@dataclass(frozen=True)
class LoopbackSystem:
    """Where Linux keeps its devices; tests put their own here."""

    dev: Path = Path("/dev")
    sysfs: Path = Path("/sys/class/video4linux")
    proc: Path = Path("/proc")
    module: Path = Path("/sys/module/v4l2loopback")
    ioctl: v4l2.Ioctl = v4l2.system_ioctl


class LoopbackWriter:
    """An open device. It is opened by the constructor's caller: `open_writer`; close it once."""

    def __init__(self, path: Path, descriptor: int, size: tuple[int, int]) -> None:
        self.path = path
        self._descriptor = descriptor
        width, height = size
        self._shape = height, width, 3
        self._planes = np.empty((height * 3 // 2, width), np.uint8)
        self._node = os.fstat(descriptor)

    def write(self, picture: Picture) -> None:
        """picture: uint8 (H, W, 3) RGB of the size that was agreed. Raises OutputLost."""
        if picture.shape != self._shape:
            raise ValueError(f"the picture is {picture.shape}, not {self._shape}")
        cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420, dst=self._planes)
        try:
            count = os.write(self._descriptor, self._planes.data)
        except OSError as error:
            raise OutputLost(self._why(error)) from error
        if count != self._planes.size:
            raise OutputLost(
                f"The virtual camera {self.path} takes pictures of another size now; it is opened "
                "again."
            )

    def gone(self) -> str | None:
        """Why the device node is no longer the one that was opened; None where it still is."""
        try:
            now = self.path.stat()
        except OSError:
            return f"The virtual camera {self.path} is gone; run: {LOAD_MODULE}"
        if (now.st_dev, now.st_ino, now.st_rdev) != (
            self._node.st_dev,
            self._node.st_ino,
            self._node.st_rdev,
        ):
            return f"The virtual camera {self.path} was replaced; it is opened again."
        return None

    def close(self) -> None:
        os.close(self._descriptor)

    def _why(self, error: OSError) -> str:
        if error.errno in (errno.ENODEV, errno.ENXIO, errno.EIO):
            return f"The virtual camera {self.path} is gone; run: {LOAD_MODULE}"
        return (
            f"The virtual camera {self.path} takes no pictures ({error.strerror}); close the "
            "programs that use it and open it there again."
        )


def open_writer(
    device: str, form: LiveFormat, *, system: LoopbackSystem | None = None
) -> LoopbackWriter:
    """Opens that device, or the first one that nobody feeds where `device` is empty.

    Raises OutputLost where it may become possible by itself, OutputError where it cannot.
    """
    system = LoopbackSystem() if system is None else system
    if device:
        return _open(Path(device), form, system)
    refusals: list[OutputError] = []
    for path in _loopbacks(system):
        try:
            return _open(path, form, system)
        except OutputError as refusal:
            log.debug("%s", refusal)
            refusals.append(refusal)
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        rights = [refusal for refusal in refusals if not isinstance(refusal, OutputLost)]
        raise rights[0] if len(rights) == len(refusals) else OutputLost(_ALL_TAKEN)
    raise OutputLost(_ALL_TAKEN) if system.module.exists() else OutputError(NO_MODULE)


def _loopbacks(system: LoopbackSystem) -> Sequence[Path]:
    """The nodes of v4l2loopback, and those that may not be opened and could be such, by number."""
    try:
        names = [entry.name for entry in system.sysfs.iterdir()]
    except OSError:
        return ()
    numbers = sorted(int(name[5:]) for name in names if name[5:].isdecimal())
    found = []
    for number in numbers:
        # Only v4l2loopback's devices say how many programs may open them.
        if (system.sysfs / f"video{number}" / "max_openers").exists():
            found.append(system.dev / f"video{number}")
    return found


def _open(
    path: Path, form: LiveFormat, system: LoopbackSystem, *, again: bool = True
) -> LoopbackWriter:
    descriptor = _open_node(path)
    try:
        capability = _capability(path, descriptor, system)
        if not again or capability.captures or capability.outputs:
            if not capability.outputs:
                raise _fed(path, system)
            _prepare(path, descriptor, form, system)
            return LoopbackWriter(path, descriptor, form.size)
        # An earlier program wrote to it in a way that Debian's 0.12.7 did not see the end of. When
        # a writer that the driver knows leaves, it is an output again.
        v4l2.claim_output(descriptor, system.ioctl)
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return _open(path, form, system, again=False)


def _open_node(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR)
    except OSError as error:
        raise _cannot_open(path, error) from error


def _capability(path: Path, descriptor: int, system: LoopbackSystem) -> v4l2.Capability:
    try:
        capability = v4l2.capability(descriptor, system.ioctl)
    except OSError:
        raise _foreign(path) from None
    if not capability.is_loopback:
        raise _foreign(path)
    return capability


def _prepare(path: Path, descriptor: int, form: LiveFormat, system: LoopbackSystem) -> None:
    """Agrees on the format; raises OutputLost where another program decides it."""
    try:
        agreed = v4l2.set_output_format(descriptor, form.size, _PIXELS, system.ioctl)
        v4l2.set_output_rate(descriptor, form.rate, system.ioctl)
        if agreed == (form.size, _PIXELS):
            v4l2.claim_output(descriptor, system.ioctl)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise _fed(path, system) from error
        raise OutputLost(
            f"The virtual camera {path} refuses {form.size[0]}x{form.size[1]} ({error.strerror}); "
            "choose another output size."
        ) from error
    if agreed != (form.size, _PIXELS):
        (width, height), letters = agreed
        raise OutputLost(
            f"The virtual camera {path} refuses {form.size[0]}x{form.size[1]}, because "
            f"{_users(path, system)} has it open at {width}x{height} ({letters}); stop the camera "
            "there."
        )


def _users(path: Path, system: LoopbackSystem) -> str:
    """Who has it open: a program by its name where there is one that may be seen."""
    try:
        programs = v4l2.programs_with(path, proc=system.proc, without=(os.getpid(),))
    except OSError:
        programs = ()
    return str(programs[0]) if len(programs) == 1 else "another program"


def _fed(path: Path, system: LoopbackSystem) -> OutputLost:
    return OutputLost(
        f"The virtual camera {path} takes no pictures now: {_users(path, system)} feeds it. Close "
        "that program, or name another device."
    )


def _foreign(path: Path) -> OutputError:
    return OutputError(
        f"{path} is no v4l2loopback device; leave the name out, and the first one is taken."
    )


def _cannot_open(path: Path, error: OSError) -> OutputError:
    if error.errno in (errno.EACCES, errno.EPERM):
        return OutputError(
            f"You may not write to the virtual camera {path}. Run: sudo usermod -aG video $USER, "
            "then log out and in again."
        )
    if error.errno == errno.EBUSY:
        return OutputLost(
            f"The virtual camera {path} is open in as many programs as it allows; close one."
        )
    if error.errno in (errno.ENODEV, errno.ENXIO):
        return OutputLost(f"The virtual camera {path} is gone; run: {LOAD_MODULE}")
    if error.errno == errno.ENOENT:
        return OutputError(f"{path} does not exist; leave the name out, or run: {LOAD_MODULE}")
    return OutputError(f"The virtual camera {path} cannot be opened ({error.strerror}).")
