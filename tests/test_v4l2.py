"""V4L2's queries, against a kernel that is recorded here."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app import v4l2
from app.v4l2 import CameraFormat

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="V4L2 is Linux's interface"
)


def code(letters: str) -> int:
    return int.from_bytes(letters.encode(), "little")


@dataclass
class Device:
    """What one device answers. sizes and rates are the structures' `type` and `values`."""

    driver: str = "uvcvideo"
    card: str = "HD Webcam"
    capabilities: int = 0x84A00001
    device_caps: int = 0x04200001
    formats: tuple[str, ...] = ()
    sizes: dict[str, list[tuple[int, tuple[int, ...]]]] = field(default_factory=dict)
    rates: dict[tuple[int, int], list[tuple[int, tuple[int, ...]]]] = field(default_factory=dict)
    busy: bool = False
    buffers: list[int] = field(default_factory=list)

    def __call__(self, descriptor: int, request: int, argument: Any) -> int:
        answers = {
            v4l2.QUERYCAP: self._capability,
            v4l2.ENUM_FMT: self._format,
            v4l2.ENUM_FRAMESIZES: self._size,
            v4l2.ENUM_FRAMEINTERVALS: self._rate,
            v4l2.REQBUFS: self._request_buffers,
        }
        answers[request](argument)
        return 0

    def _capability(self, argument: Any) -> None:
        argument.driver = self.driver.encode()
        argument.card = self.card.encode()
        argument.capabilities = self.capabilities
        argument.device_caps = self.device_caps

    def _format(self, argument: Any) -> None:
        assert argument.type == 1
        argument.pixelformat = code(_at(self.formats, argument.index))

    def _size(self, argument: Any) -> None:
        letters = argument.pixel_format.to_bytes(4, "little").decode()
        argument.type, values = _at(self.sizes.get(letters, []), argument.index)
        argument.values[: len(values)] = values

    def _rate(self, argument: Any) -> None:
        rates = self.rates.get((argument.width, argument.height), [])
        argument.type, values = _at(rates, argument.index)
        argument.values[: len(values)] = values

    def _request_buffers(self, argument: Any) -> None:
        if self.busy:
            raise OSError(errno.EBUSY, "busy")
        self.buffers.append(argument.count)


def _at(items: Any, index: int) -> Any:
    if index >= len(items):
        raise OSError(errno.EINVAL, "Invalid argument")
    return items[index]


def test_requests_and_structures_are_the_kernels() -> None:
    # From linux/videodev2.h as a C compiler sees it on a 64-bit machine.
    assert v4l2.QUERYCAP == 0x80685600
    assert v4l2.ENUM_FMT == 0xC0405602
    assert v4l2.REQBUFS == 0xC0145608
    assert v4l2.ENUM_FRAMESIZES == 0xC02C564A
    assert v4l2.ENUM_FRAMEINTERVALS == 0xC034564B
    assert ctypes.sizeof(v4l2._Subscription) == 32


def test_the_nodes_own_capabilities_count_not_the_whole_devices() -> None:
    camera = v4l2.capability(0, Device())
    assert (camera.driver, camera.card) == ("uvcvideo", "HD Webcam")
    assert camera.captures
    assert not camera.outputs
    assert not camera.is_loopback
    # The second node of the same webcam gives metadata.
    metadata = v4l2.capability(0, Device(device_caps=0x04A00000))
    assert not metadata.captures
    # A driver from before Linux 3.4 has only one word.
    old = v4l2.capability(0, Device(capabilities=0x05000001, device_caps=0))
    assert old.captures
    fed = v4l2.capability(0, Device(driver="v4l2 loopback", device_caps=0x05200002))
    assert fed.is_loopback
    assert fed.outputs


def test_formats_sizes_and_rates_are_listed_in_the_devices_order() -> None:
    device = Device(
        formats=("MJPG", "YUYV"),
        sizes={
            "MJPG": [(1, (1280, 720)), (1, (640, 480)), (1, (640, 480))],
            "YUYV": [(1, (640, 480))],
        },
        rates={
            (1280, 720): [(1, (1, 30)), (1, (1001, 30000)), (1, (1, 60))],
            (640, 480): [(1, (1, 30)), (1, (0, 5)), (1, (1, 0))],
        },
    )
    assert v4l2.camera_formats(0, device) == [
        CameraFormat((1280, 720), (60.0, 30.0, 29.97), "MJPG"),
        CameraFormat((640, 480), (30.0,), "MJPG"),
        CameraFormat((640, 480), (30.0,), "YUYV"),
    ]


def test_a_range_of_sizes_and_rates_becomes_those_that_people_know() -> None:
    stepwise, continuous = 3, 2
    device = Device(
        formats=("NV12",),
        sizes={"NV12": [(stepwise, (48, 1928, 8, 32, 1208, 8))]},
        rates={(1280, 720): [(continuous, (1, 40, 1, 5, 0, 0))]},
    )
    found = v4l2.camera_formats(0, device)
    sizes = [item.size for item in found]
    assert (1280, 720) in sizes
    assert (1920, 1080) in sizes
    assert (2560, 1440) not in sizes
    assert sizes[-1] == (1928, 1208)
    by_size = {item.size: item.rates for item in found}
    assert by_size[1280, 720] == (40.0, 30.0, 25.0, 24.0, 20.0, 15.0, 10.0, 5.0)


def test_a_driver_that_cannot_tell_sizes_lists_none() -> None:
    def silent(descriptor: int, request: int, argument: Any) -> int:
        if request == v4l2.ENUM_FMT and argument.index == 0:
            argument.pixelformat = code("YUYV")
            return 0
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    assert v4l2.camera_formats(0, silent) == []


def test_a_driver_that_never_stops_listing_does_not_hang_it() -> None:
    def endless(descriptor: int, request: int, argument: Any) -> int:
        if request == v4l2.ENUM_FMT:
            argument.pixelformat = code("YUYV")
            return 0
        raise OSError(errno.EINVAL, "Invalid argument")

    assert v4l2.camera_formats(0, endless) == []


def test_a_device_that_is_unplugged_meanwhile_raises() -> None:
    def gone(descriptor: int, request: int, argument: Any) -> int:
        raise OSError(errno.ENODEV, "No such device")

    with pytest.raises(OSError, match="No such device"):
        v4l2.camera_formats(0, gone)


def test_whether_somebody_streams_is_asked_by_buffers_and_they_are_given_back(
    tmp_path: Path,
) -> None:
    node = tmp_path / "video0"
    node.touch()
    idle, busy = Device(), Device(busy=True)
    assert not v4l2.streams_elsewhere(node, idle)
    assert idle.buffers == [1, 0]
    assert v4l2.streams_elsewhere(node, busy)


def test_the_real_ioctl_refuses_a_file_that_is_no_device(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    node.touch()
    descriptor = os.open(node, os.O_RDWR)
    try:
        with pytest.raises(OSError, match="ioctl"):
            v4l2.capability(descriptor)
    finally:
        os.close(descriptor)


def test_an_old_loopback_cannot_tell_its_readers() -> None:
    def old(descriptor: int, request: int, argument: Any) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    def empty(descriptor: int, request: int, argument: Any) -> int:
        raise OSError(errno.ENOENT, "No such file or directory")

    assert not v4l2.subscribe_to_readers(0, old)
    assert v4l2.next_readers(0, empty) is None
