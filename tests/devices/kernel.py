"""What the tests do to the kernel in the virtual machine: modules, and a device's controls."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from app import v4l2
from tests.devices.machine import MODULES

SYSFS = Path("/sys/class/video4linux")
CAMERA = "vivid-000-vid-cap"  # the name that vivid gives to its first camera


class _QueryControl(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("name", ctypes.c_char * 32),
        ("minimum", ctypes.c_int32),
        ("maximum", ctypes.c_int32),
        ("step", ctypes.c_int32),
        ("default_value", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 2),
    )


class _Control(ctypes.Structure):
    _fields_ = (("id", ctypes.c_uint32), ("value", ctypes.c_int32))


class _PixelFormat(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("pixelformat", ctypes.c_uint32),
        ("field", ctypes.c_uint32),
        ("bytesperline", ctypes.c_uint32),
        ("sizeimage", ctypes.c_uint32),
        ("rest", ctypes.c_uint32 * 6),
    )


class _Format(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
        ("pix", _PixelFormat),
        ("rest", ctypes.c_uint8 * 152),
    )


_QUERYCTRL = v4l2._request(3, 36, _QueryControl)
_S_CTRL = v4l2._request(3, 28, _Control)
_S_FMT = v4l2._request(3, 5, _Format)
_NEXT = 0x80000000
_OUTPUT = 2


def load(module: str, **parameters: object) -> None:
    given = [f"{name}={value}" for name, value in parameters.items()]
    _run("insmod", str(MODULES / f"{module}.ko"), *given)


def unload(module: str) -> None:
    """Nothing happens where it is not loaded. Raises RuntimeError while it is in use."""
    if is_loaded(module):
        _run("rmmod", module)


def is_loaded(module: str) -> bool:
    return Path("/sys/module", module).exists()


def loopback_has_one_reader() -> bool:
    """Whether the loaded v4l2loopback lets only one program stream: so from 0.13 on.

    "v4l2loopback driver version 0.12.7 loaded", the kernel's log says.
    """
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    versions = re.findall(r"v4l2-?loopback driver version (\d+)\.(\d+)", log)
    return tuple(int(part) for part in versions[-1]) >= (0, 13)


def becomes(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it becomes true; for what nobody tells."""
    ends = time.monotonic() + seconds
    while not (reached := condition()) and time.monotonic() < ends:
        time.sleep(0.1)
    return reached


def wait_until_fed(device: Path, seconds: float) -> None:
    """Until a v4l2loopback device has a producer."""
    fed = SYSFS / device.name / "format"
    assert becomes(lambda: bool(fed.read_text().strip()), seconds), f"nobody feeds {device}"


def nodes(name: str) -> list[Path]:
    """The device nodes with that name, the lowest number first."""
    found = [
        int(entry.name.removeprefix("video"))
        for entry in SYSFS.glob("video*")
        if (entry / "name").read_text().strip() == name
    ]
    return [Path(f"/dev/video{number}") for number in sorted(found)]


def controls(device: Path) -> dict[str, int]:
    """Name -> number of each control."""
    found: dict[str, int] = {}
    descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    try:
        asked = _QueryControl(id=_NEXT)
        while True:
            try:
                fcntl.ioctl(descriptor, _QUERYCTRL, asked)
            except OSError:
                return found
            found[asked.name.decode()] = asked.id
            asked.id |= _NEXT
    finally:
        os.close(descriptor)


def set_control(device: Path, name: str, value: int = 1) -> None:
    number = controls(device)[name]
    descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(descriptor, _S_CTRL, _Control(number, value))
    finally:
        os.close(descriptor)


class Producer:
    """Another program's hand on a v4l2loopback device: sets a format and writes pictures."""

    def __init__(self, device: Path, letters: str, size: tuple[int, int], length: int) -> None:
        self._length = length
        self._descriptor = os.open(device, os.O_RDWR)
        code = int.from_bytes(letters.encode(), "little")
        pix = _PixelFormat(*size, code, 1, size[0] * 2, length)
        fcntl.ioctl(self._descriptor, _S_FMT, _Format(type=_OUTPUT, pix=pix))

    def write(self, value: int = 128) -> None:
        self.put(bytes([value]) * self._length)

    def put(self, data: bytes) -> None:
        os.write(self._descriptor, data)

    def close(self) -> None:
        """May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Producer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
