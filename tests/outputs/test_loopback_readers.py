"""Who reads a v4l2loopback device: told by the driver's events, or seen in /proc."""

from __future__ import annotations

import ctypes
import errno
import os
import queue
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import v4l2
from app.outputs.loopback_readers import ReaderWatch, readers

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="v4l2loopback is on Linux"),
    pytest.mark.timeout(60),
]
LONG = 120.0


class FakeProc:
    """A /proc whose processes have open what a test wants."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "self").mkdir(parents=True)
        (root / "meminfo").write_text("")

    def start(self, pid: int, name: str, *files: Path) -> None:
        folder = self.root / str(pid) / "fd"
        folder.mkdir(parents=True)
        (folder.parent / "comm").write_text(f"{name}\n")
        (folder / "0").symlink_to("pipe:[1234]")
        for number, file in enumerate(files, 3):
            (folder / str(number)).symlink_to(file)

    def close_files(self, pid: int) -> None:
        for link in (self.root / str(pid) / "fd").iterdir():
            link.unlink()


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path / "proc")


@pytest.fixture
def device(tmp_path: Path) -> Path:
    node = tmp_path / "video4"
    node.touch()
    return node


def no_events(descriptor: int, request: int, argument: Any) -> int:
    """A v4l2loopback that is too old to tell."""
    raise OSError(errno.EINVAL, "Invalid argument")


class Told:
    """Hears what a watch tells, in order."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bool] = queue.Queue()

    def __call__(self, anybody: bool) -> None:
        self._queue.put(anybody)

    def next(self) -> bool:
        return self._queue.get(timeout=LONG)

    @property
    def is_silent(self) -> bool:
        return self._queue.empty()


def test_the_programs_that_have_the_device_open_are_named(
    proc: FakeProc, device: Path, tmp_path: Path
) -> None:
    other = tmp_path / "video0"
    other.touch()
    proc.start(30, "firefox", other, device)
    proc.start(7, "zoom", device)
    proc.start(9, "vim", other)
    proc.start(os.getpid(), "python", device)
    proc.start(11, "gone", tmp_path / "deleted")
    found = readers(device, proc=proc.root)
    assert [(program.pid, program.name) for program in found] == [(7, "zoom"), (30, "firefox")]
    assert str(found[0]) == "zoom (process 7)"


def test_another_node_of_the_same_device_counts(proc: FakeProc) -> None:
    # A container's node is another file with the same device number; /dev/zero has one here.
    proc.start(5, "chrome", Path("/dev/zero"))
    assert [program.name for program in readers(Path("/dev/zero"), proc=proc.root)] == ["chrome"]
    assert not readers(Path("/dev/null"), proc=proc.root)


def test_a_device_that_is_not_there_has_no_readers(proc: FakeProc, tmp_path: Path) -> None:
    assert not readers(tmp_path / "video9", proc=proc.root)


def test_the_real_proc_shows_what_we_have_open(device: Path) -> None:
    with device.open():
        own = v4l2.programs_with(device)
        assert [program.pid for program in own] == [os.getpid()]
    assert not v4l2.programs_with(device)


def test_looking_again_and_again_tells_when_a_reader_comes_and_goes(
    proc: FakeProc, device: Path
) -> None:
    told = Told()
    watch = ReaderWatch(device, told, period=0.01, proc=proc.root, ioctl=no_events)
    watch.start()
    try:
        assert told.next() is False
        proc.start(7, "zoom", device)
        assert told.next() is True
        proc.close_files(7)
        assert told.next() is False
    finally:
        assert watch.stop(LONG)
    assert watch.stop(LONG)
    assert told.is_silent


class EventDriver:
    """v4l2loopback's events by way of a socket's urgent data, which is POLLPRI there."""

    def __init__(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self._driver = socket.create_connection(listener.getsockname())
        self.device, _ = listener.accept()
        listener.close()
        self.subscribed: list[tuple[int, int]] = []

    def send(self, count: int) -> None:
        self._driver.send(bytes([count]), socket.MSG_OOB)

    def open(self, path: Path) -> int:
        return os.dup(self.device.fileno())

    def ioctl(self, descriptor: int, request: int, argument: Any) -> int:
        if request == v4l2.SUBSCRIBE_EVENT:
            self.subscribed.append((argument.type, argument.flags))
            self.send(0)
            return 0
        assert request == v4l2.DQEVENT
        argument.type = 0x08000000 + 0x08E00000 + 1
        argument.content[0] = self.device.recv(1, socket.MSG_OOB)[0]
        return 0

    def close(self) -> None:
        self._driver.close()
        self.device.close()


@pytest.fixture
def driver() -> Iterator[EventDriver]:
    made = EventDriver()
    yield made
    made.close()


def test_the_drivers_events_are_heard_without_looking(
    driver: EventDriver, device: Path, tmp_path: Path
) -> None:
    told = Told()
    watch = ReaderWatch(
        device,
        told,
        proc=tmp_path / "there is no proc",
        open_device=driver.open,
        ioctl=driver.ioctl,
    )
    watch.start()
    try:
        assert told.next() is False
        driver.send(1)
        assert told.next() is True
        driver.send(0)
        assert told.next() is False
    finally:
        assert watch.stop(LONG)
    # With the present state at once.
    assert driver.subscribed == [(0x10E00001, 1)]


def test_a_device_that_vanishes_has_no_readers(driver: EventDriver, device: Path) -> None:
    told = Told()
    watch = ReaderWatch(device, told, open_device=driver.open, ioctl=driver.ioctl)
    watch.start()
    assert told.next() is False
    driver.send(1)
    assert told.next() is True
    device.unlink()
    # POLLHUP: both sides are shut.
    driver.device.shutdown(socket.SHUT_RDWR)
    driver._driver.shutdown(socket.SHUT_RDWR)
    assert told.next() is False
    assert watch.stop(LONG)


def test_an_event_has_the_kernels_layout() -> None:
    assert ctypes.sizeof(v4l2._Event) == 136
    assert v4l2._Event.content.offset == 8
    assert v4l2._Event.id.offset == 96
    assert (v4l2.DQEVENT, v4l2.SUBSCRIBE_EVENT) == (0x80885659, 0x4020565A)
