"""What Linux says of video devices: V4L2's queries by ioctl, and who has a device open.

It can be imported everywhere and is used on Linux. The layouts are those of linux/videodev2.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

# (file descriptor, request, a structure that is read and written in place). Raises OSError.
Ioctl = Callable[[int, int, Any], int]

LOOPBACK_DRIVER = "v4l2 loopback"

_CAPTURE = 0x00000001
_OUTPUT = 0x00000002
_DEVICE_CAPS = 0x80000000
_BUFFER_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_BUFFER_OUTPUT = 2  # V4L2_BUF_TYPE_VIDEO_OUTPUT
_FIELD_NONE = 1  # progressive
_COLORSPACE_SRGB = 8
_MEMORY_MMAP = 1
_DISCRETE = 1  # V4L2_FRMSIZE_TYPE_DISCRETE, V4L2_FRMIVAL_TYPE_DISCRETE
# v4l2loopback.h: the number of programs that stream from the device, as an event (since 0.13).
_CLIENT_USAGE = 0x08000000 + 0x08E00000 + 1
_SEND_INITIAL = 1  # V4L2_EVENT_SUB_FL_SEND_INITIAL

# Where a device takes every size or rate in a range, those that people know are listed.
_KNOWN_SIZES = (
    (320, 240),
    (640, 360),
    (640, 480),
    (800, 600),
    (1024, 768),
    (1280, 720),
    (1280, 960),
    (1920, 1080),
    (2560, 1440),
    (3840, 2160),
)
_KNOWN_RATES = (5, 10, 15, 20, 24, 25, 30, 50, 60)


class _Capability(ctypes.Structure):
    _fields_ = (
        ("driver", ctypes.c_char * 16),
        ("card", ctypes.c_char * 32),
        ("bus_info", ctypes.c_char * 32),
        ("version", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint32),
        ("device_caps", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
    )


class _FormatDescription(ctypes.Structure):
    _fields_ = (
        ("index", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("description", ctypes.c_char * 32),
        ("pixelformat", ctypes.c_uint32),
        ("mbus_code", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
    )


class _FrameSize(ctypes.Structure):
    # values: width, height where discrete; else min width, max width, step, min height, ...
    _fields_ = (
        ("index", ctypes.c_uint32),
        ("pixel_format", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("values", ctypes.c_uint32 * 6),
        ("reserved", ctypes.c_uint32 * 2),
    )


class _FrameInterval(ctypes.Structure):
    # values: numerator, denominator where discrete; else of the minimum, the maximum, the step.
    _fields_ = (
        ("index", ctypes.c_uint32),
        ("pixel_format", ctypes.c_uint32),
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("values", ctypes.c_uint32 * 6),
        ("reserved", ctypes.c_uint32 * 2),
    )


class _RequestBuffers(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("memory", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    )


class _PixelFormat(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("pixelformat", ctypes.c_uint32),
        ("field", ctypes.c_uint32),
        ("bytesperline", ctypes.c_uint32),
        ("sizeimage", ctypes.c_uint32),
        ("colorspace", ctypes.c_uint32),
        ("others", ctypes.c_uint32 * 5),
    )


class _Format(ctypes.Structure):
    # The union after `type` is 200 bytes long and aligned as its pointers are.
    _fields_ = (
        ("type", ctypes.c_ulong),
        ("pix", _PixelFormat),
        ("rest", ctypes.c_uint8 * (200 - ctypes.sizeof(_PixelFormat))),
    )


class _StreamParameters(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("capability", ctypes.c_uint32),
        ("mode", ctypes.c_uint32),
        ("numerator", ctypes.c_uint32),
        ("denominator", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 184),
    )


class _Subscription(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("id", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 5),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("content", ctypes.c_uint64 * 8),
        ("pending", ctypes.c_uint32),
        ("sequence", ctypes.c_uint32),
        ("timestamp", ctypes.c_long * 2),
        ("id", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 8),
    )


def _request(direction: int, number: int, structure: type[Any]) -> int:
    """_IOC() of asm-generic/ioctl.h. direction: 1 written to the kernel, 2 read from it, 3 both."""
    return direction << 30 | ctypes.sizeof(structure) << 16 | ord("V") << 8 | number


QUERYCAP = _request(2, 0, _Capability)
ENUM_FMT = _request(3, 2, _FormatDescription)
S_FMT = _request(3, 5, _Format)
REQBUFS = _request(3, 8, _RequestBuffers)
STREAMON = _request(1, 18, ctypes.c_int)
S_PARM = _request(3, 22, _StreamParameters)
ENUM_FRAMESIZES = _request(3, 74, _FrameSize)
ENUM_FRAMEINTERVALS = _request(3, 75, _FrameInterval)
DQEVENT = _request(2, 89, _Event)
SUBSCRIBE_EVENT = _request(1, 90, _Subscription)


def system_ioctl(descriptor: int, request: int, argument: Any) -> int:
    """The kernel's own."""
    import fcntl

    return int(fcntl.ioctl(descriptor, request, argument))


@dataclass(frozen=True)
class Capability:
    """What a device node is. captures: pictures can be read from it; outputs: written to it."""

    driver: str
    card: str
    captures: bool
    outputs: bool

    @property
    def is_loopback(self) -> bool:
        return self.driver == LOOPBACK_DRIVER


@dataclass(frozen=True)
class CameraFormat:
    """One way in which a camera gives pictures.

    size: (width, height). rates: frames a second, falling; empty where the device does not say.
    pixel_format: four letters, "MJPG".
    """

    size: tuple[int, int]
    rates: tuple[float, ...]
    pixel_format: str


def capability(descriptor: int, ioctl: Ioctl = system_ioctl) -> Capability:
    """Raises OSError where the open file is no video device."""
    answer = _Capability()
    ioctl(descriptor, QUERYCAP, answer)
    # One device has several nodes (UVC: pictures and metadata); device_caps is this node's.
    flags = answer.capabilities
    if flags & _DEVICE_CAPS:
        flags = answer.device_caps
    return Capability(
        driver=answer.driver.decode(errors="replace"),
        card=answer.card.decode(errors="replace"),
        captures=bool(flags & _CAPTURE),
        outputs=bool(flags & _OUTPUT),
    )


def camera_formats(descriptor: int, ioctl: Ioctl = system_ioctl) -> Sequence[CameraFormat]:
    """Every format, size and rate that the device offers, in its own order."""
    found = []
    for description in _enumerated(descriptor, ENUM_FMT, ioctl, _format_at):
        code = description.pixelformat
        for size in dict.fromkeys(_sizes(descriptor, code, ioctl)):
            rates = sorted(set(_rates(descriptor, code, size, ioctl)), reverse=True)
            found.append(CameraFormat(size, tuple(rates), _letters(code)))
    return found


def _letters(code: int) -> str:
    # Bit 31 marks big-endian variants.
    return (code & 0x7FFFFFFF).to_bytes(4, "little").decode("ascii", "replace").rstrip()


def _enumerated(
    descriptor: int, request: int, ioctl: Ioctl, at: Callable[[int], ctypes.Structure]
) -> Iterator[Any]:
    """The answers for index 0, 1, 2, ... until the driver has no more (EINVAL) or cannot tell."""
    # A broken driver that never says EINVAL must not hang the list.
    for index in range(256):
        item = at(index)
        try:
            ioctl(descriptor, request, item)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA):
                return
            raise
        yield item


def _format_at(index: int) -> ctypes.Structure:
    return _FormatDescription(index=index, type=_BUFFER_CAPTURE)


def _sizes(descriptor: int, code: int, ioctl: Ioctl) -> Iterator[tuple[int, int]]:
    def at(index: int) -> ctypes.Structure:
        return _FrameSize(index=index, pixel_format=code)

    for answer in _enumerated(descriptor, ENUM_FRAMESIZES, ioctl, at):
        values = answer.values
        if answer.type == _DISCRETE:
            yield values[0], values[1]
            continue
        low_width, high_width, step_width, low_height, high_height, step_height = values
        for width, height in (*_KNOWN_SIZES, (high_width, high_height)):
            if (
                low_width <= width <= high_width
                and low_height <= height <= high_height
                and (width - low_width) % max(1, step_width) == 0
                and (height - low_height) % max(1, step_height) == 0
            ):
                yield width, height
        return


def _rates(descriptor: int, code: int, size: tuple[int, int], ioctl: Ioctl) -> Iterator[float]:
    def at(index: int) -> ctypes.Structure:
        return _FrameInterval(index=index, pixel_format=code, width=size[0], height=size[1])

    for answer in _enumerated(descriptor, ENUM_FRAMEINTERVALS, ioctl, at):
        values = list(answer.values)
        if answer.type == _DISCRETE:
            yield from _rate(*values[:2])
            continue
        fastest, slowest = list(_rate(*values[:2])), list(_rate(*values[2:4]))
        yield from fastest
        yield from slowest
        if fastest and slowest:
            yield from (rate for rate in _KNOWN_RATES if slowest[0] < rate < fastest[0])
        return


def _rate(numerator: int, denominator: int) -> Iterator[float]:
    """Frames a second of an interval; nothing where the driver's answer makes none."""
    if numerator > 0 and denominator > 0:
        yield round(float(Fraction(denominator, numerator)), 3)


def streams_elsewhere(path: Path, ioctl: Ioctl = system_ioctl) -> bool:
    """Whether the driver refuses buffers because somebody else streams from the device.

    Raises OSError where the device cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        wanted = _RequestBuffers(count=1, type=_BUFFER_CAPTURE, memory=_MEMORY_MMAP)
        try:
            ioctl(descriptor, REQBUFS, wanted)
        except OSError as error:
            return error.errno == errno.EBUSY
        wanted.count = 0
        ioctl(descriptor, REQBUFS, wanted)
        return False
    finally:
        os.close(descriptor)


def set_output_format(
    descriptor: int, size: tuple[int, int], letters: str, ioctl: Ioctl = system_ioctl
) -> tuple[tuple[int, int], str]:
    """Asks to write pictures of that size and pixel format; what the device takes instead.

    Raises OSError with EBUSY where the driver knows that another program writes.
    """
    code = int.from_bytes(letters.encode("ascii"), "little")
    wanted = _Format(type=_BUFFER_OUTPUT)
    wanted.pix.width, wanted.pix.height = size
    wanted.pix.pixelformat = code
    wanted.pix.field = _FIELD_NONE
    wanted.pix.colorspace = _COLORSPACE_SRGB
    ioctl(descriptor, S_FMT, wanted)
    pix = wanted.pix
    return (pix.width, pix.height), _letters(pix.pixelformat)


def set_output_rate(descriptor: int, rate: float, ioctl: Ioctl = system_ioctl) -> None:
    """Tells readers how many pictures a second will come; drivers that do not care are left so."""
    interval = 1 / Fraction(rate).limit_denominator(1001)
    wanted = _StreamParameters(
        type=_BUFFER_OUTPUT, numerator=interval.numerator, denominator=interval.denominator
    )
    try:
        ioctl(descriptor, S_PARM, wanted)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTTY):
            raise


def claim_output(descriptor: int, ioctl: Ioctl = system_ioctl) -> None:
    """Makes an open v4l2loopback device know its writer, so that it is free again afterwards.

    Before version 0.14 a device that was written to by write() alone never became an output again.
    Later ones refuse this for lack of buffers, and do it in write() themselves.
    """
    try:
        ioctl(descriptor, STREAMON, ctypes.c_int(_BUFFER_OUTPUT))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


def subscribe_to_readers(descriptor: int, ioctl: Ioctl = system_ioctl) -> bool:
    """Asks v4l2loopback to tell who streams from it; False where it is too old for that.

    Each change, and the present state at once, comes as an event: POLLPRI, then `next_readers`.
    """
    try:
        ioctl(
            descriptor,
            SUBSCRIBE_EVENT,
            _Subscription(type=_CLIENT_USAGE, flags=_SEND_INITIAL),
        )
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY):
            return False
        raise
    return True


def next_readers(descriptor: int, ioctl: Ioctl = system_ioctl) -> int | None:
    """The number in the oldest event that waits; None where none waits or it is another one.

    v4l2loopback counts to one: whether anybody streams.
    """
    event = _Event()
    try:
        ioctl(descriptor, DQEVENT, event)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EAGAIN):
            return None
        raise
    return event.content[0] & 0xFFFFFFFF if event.type == _CLIENT_USAGE else None


@dataclass(frozen=True)
class Program:
    """A running program."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


def programs_with(
    device: Path, *, proc: Path = Path("/proc"), without: Collection[int] = ()
) -> tuple[Program, ...]:
    """The programs that have `device` open, but for the process numbers in `without`.

    Those of other users are seen only by root. Raises OSError where the device is not there.
    """
    wanted = device.stat()
    found = []
    for entry in sorted(proc.iterdir(), key=lambda entry: (len(entry.name), entry.name)):
        if not entry.name.isdigit() or int(entry.name) in without:
            continue
        if any(_same(wanted, link) for link in _links(entry / "fd")):
            found.append(Program(int(entry.name), _name_of(entry)))
    return tuple(found)


def _links(folder: Path) -> Iterator[Path]:
    """The open files of a process that have a path; nothing where it is another user's or gone."""
    try:
        entries = list(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if target.startswith("/"):
            yield entry


def _same(wanted: os.stat_result, link: Path) -> bool:
    try:
        other = link.stat()
    except OSError:
        return False
    # A container has a node of its own for the same device.
    devices = stat.S_ISCHR(wanted.st_mode) and stat.S_ISCHR(other.st_mode)
    return os.path.samestat(wanted, other) or (devices and wanted.st_rdev == other.st_rdev)


def _name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a program"
