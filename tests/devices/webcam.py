"""A USB webcam of our own making: a UVC gadget, plugged into this machine's own dummy host.

It is listed like any webcam, with MJPG and YUYV and a second node for metadata, and it can be
unplugged. It gives no pictures: dummy_hcd fails every isochronous transfer.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import threading
from collections.abc import Mapping
from pathlib import Path

from app import v4l2
from tests.devices import kernel

CARD = "UVC Camera"
_GADGETS = Path("/sys/kernel/config/usb_gadget")
_CONNECT_EVENT = 0x08000000
_SETUP_EVENT, _DATA_EVENT = _CONNECT_EVENT + 4, _CONNECT_EVENT + 5
_SET_CUR, _GET_LEN, _GET_INFO = 0x01, 0x85, 0x86
_PROBE_LENGTH = 34  # of UVC 1.1


class _Request(ctypes.Structure):
    """linux/usb/g_uvc.h: struct uvc_request_data."""

    _fields_ = (("length", ctypes.c_int32), ("data", ctypes.c_uint8 * 60))


_SEND_RESPONSE = 1 << 30 | ctypes.sizeof(_Request) << 16 | ord("U") << 8 | 1


class Webcam:
    """plug() and unplug() as often as wanted; close() once."""

    def __init__(self, sizes: Mapping[str, tuple[int, int]]) -> None:
        """sizes: of the formats "MJPG" and "YUYV"."""
        kernel.load("dummy_hcd")
        self._folder = _GADGETS / "webcam"
        self._folder.mkdir()
        _write(self._folder, idVendor="0x1d6b", idProduct="0x0102", bcdUSB="0x0200")
        function = self._folder / "functions/uvc.0"
        function.mkdir()
        header = function / "streaming/header/h"
        header.mkdir()
        for letters, size in sizes.items():
            (header / letters).symlink_to(_add_format(function, letters, size))
        for speed in ("fs", "hs"):
            (function / f"streaming/class/{speed}/h").symlink_to(header)
        control = function / "control/header/h"
        control.mkdir()
        (function / "control/class/fs/h").symlink_to(control)
        self._config = self._folder / "configs/c.1"
        self._config.mkdir()
        (self._config / "uvc.0").symlink_to(function)
        self._program: _Program | None = None

    def plug(self) -> None:
        (controller,) = [entry.name for entry in Path("/sys/class/udc").iterdir()]
        before = {entry.name for entry in kernel.SYSFS.glob("video*")}
        _write(self._folder, UDC=controller)
        (node,) = {entry.name for entry in kernel.SYSFS.glob("video*")} - before
        self._program = _Program(Path("/dev") / node)

    def unplug(self) -> None:
        _write(self._folder, UDC="\n")
        if self._program is not None:
            self._program.close()
            self._program = None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.unplug()


def _add_format(function: Path, letters: str, size: tuple[int, int]) -> Path:
    kind = "mjpeg" if letters == "MJPG" else "uncompressed"
    folder = function / f"streaming/{kind}/m"
    frame = folder / "f"
    frame.mkdir(parents=True)
    width, height = size
    _write(
        frame,
        wWidth=width,
        wHeight=height,
        dwMaxVideoFrameBufferSize=width * height * 2,
        dwDefaultFrameInterval=333333,
        dwFrameInterval="333333\n666666\n",
    )
    return folder


def _write(folder: Path, **values: object) -> None:
    for name, value in values.items():
        (folder / name).write_text(f"{value}")


class _Program:
    """What a gadget's firmware does: answers the host's questions about what it can stream."""

    def __init__(self, node: Path) -> None:
        self._descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK)
        for event in (_SETUP_EVENT, _DATA_EVENT):
            subscription = v4l2._Subscription(type=event)
            fcntl.ioctl(self._descriptor, v4l2.SUBSCRIBE_EVENT, subscription)
        self._ear, self._mouth = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.write(self._mouth, b"x")
        self._thread.join()
        for descriptor in (self._descriptor, self._ear, self._mouth):
            os.close(descriptor)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._ear, select.POLLIN)
        poll.register(self._descriptor, select.POLLPRI)
        while all(descriptor != self._ear for descriptor, _ in poll.poll()):
            event = v4l2._Event()
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._descriptor, v4l2.DQEVENT, event)
                if event.type == _SETUP_EVENT:
                    fcntl.ioctl(self._descriptor, _SEND_RESPONSE, _answer(bytes(event.content)))

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()


def _answer(setup: bytes) -> _Request:
    """setup: the eight bytes of a USB control request."""
    asked, length = setup[1], int.from_bytes(setup[6:8], "little")
    if asked == _SET_CUR:
        return _Request(length=length)  # "send it": it comes as data
    if asked == _GET_LEN:
        data = _PROBE_LENGTH.to_bytes(2, "little")
    elif asked == _GET_INFO:
        data = b"\x03"
    else:
        data = _probe()
    data = data[:length]
    return _Request(len(data), (ctypes.c_uint8 * 60)(*data))


def _probe() -> bytes:
    """struct uvc_streaming_control: the first format and size, at 30 pictures a second."""
    interval, largest, payload = 333333, 320 * 180 * 2, 1024
    head = bytes([0, 0, 1, 1]) + interval.to_bytes(4, "little") + bytes(10)
    tail = largest.to_bytes(4, "little") + payload.to_bytes(4, "little")
    return (head + tail).ljust(_PROBE_LENGTH, b"\0")
