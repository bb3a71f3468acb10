"""Which cameras there are, on three systems that are recorded here, and when that changes."""

from __future__ import annotations

import errno
import json
import os
import queue
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import v4l2
from app.errors import InputError, SourceLost
from app.sources.devices import (
    CameraFormat,
    CameraInfo,
    CameraWatch,
    FolderChanges,
    LinuxCameras,
    MacCameras,
    TimedChanges,
    WindowsCameras,
    find_camera,
    list_cameras,
    system_cameras,
)
from app.sources.devices import _named_apart as named_apart

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="V4L2 is Linux's")
LONG = 120.0


class FakeLinux:
    """/dev, /sys and the kernel's answers, below a folder."""

    def __init__(self, root: Path) -> None:
        self.dev, self.sysfs, self.proc = root / "dev", root / "sys", root / "proc"
        for folder in (self.dev, self.sysfs, self.proc):
            folder.mkdir()
        self.cards: dict[Path, tuple[str, int]] = {}  # node -> driver and device capabilities
        self.busy = False
        self.pixels = "MJPG"

    def plug(self, number: int, name: str, *, captures: bool = True, driver: str = "uvc") -> Path:
        folder = self.sysfs / f"video{number}"
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "index").write_text("0\n" if captures else "1\n")
        node = self.dev / f"video{number}"
        node.touch()
        self.cards[node] = driver, 1 if captures else 0x00800000
        return node

    def ioctl(self, descriptor: int, request: int, argument: Any) -> int:
        node = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if request == v4l2.QUERYCAP:
            driver, flags = self.cards[node]
            argument.driver, argument.capabilities = driver.encode(), 0x80000001
            argument.device_caps = flags
            return 0
        if request == v4l2.REQBUFS:
            if self.busy:
                raise OSError(errno.EBUSY, "busy")
            return 0
        if argument.index > 0:
            raise OSError(errno.EINVAL, "Invalid argument")
        if request == v4l2.ENUM_FMT:
            argument.pixelformat = int.from_bytes(self.pixels.encode(), "little")
        elif request == v4l2.ENUM_FRAMESIZES:
            argument.type, argument.values[0], argument.values[1] = 1, 1280, 720
        else:
            argument.type, argument.values[0], argument.values[1] = 1, 1, 30
        return 0

    @property
    def cameras(self) -> LinuxCameras:
        return LinuxCameras(dev=self.dev, sysfs=self.sysfs, proc=self.proc, ioctl=self.ioctl)


@pytest.fixture
def machine(tmp_path: Path) -> FakeLinux:
    return FakeLinux(tmp_path)


# ---- Linux --------------------------------------------------------------------------------------


@linux
def test_capture_devices_are_listed_by_name_and_number(machine: FakeLinux) -> None:
    machine.plug(10, "Logitech BRIO")
    machine.plug(0, "Integrated Camera: Integrated C")
    machine.plug(1, "Integrated Camera: Integrated C", captures=False)
    (machine.sysfs / "v4l-subdev0").mkdir()
    found = machine.cameras.cameras()
    assert [(camera.id, camera.name) for camera in found] == [
        ("0", "Integrated Camera"),
        ("10", "Logitech BRIO"),
    ]
    assert found[0].path == str(machine.dev / "video0")
    assert found[0].formats == (CameraFormat((1280, 720), (30.0,), "MJPG"),)
    assert not found[0].virtual


@linux
def test_a_loopback_device_counts_as_virtual(machine: FakeLinux) -> None:
    machine.plug(4, "OBS", driver="v4l2 loopback")
    assert machine.cameras.cameras()[0].virtual


@linux
@pytest.mark.parametrize("pixels", ["Z16 ", "H264", "RGBP", "YVYU"])
def test_a_camera_whose_formats_cannot_be_read_says_so(machine: FakeLinux, pixels: str) -> None:
    node = machine.plug(0, "Depth Camera")
    machine.pixels = pixels
    (camera,) = machine.cameras.cameras()
    assert f"{node}) gives only {pixels.strip()}, which Mattecam cannot read" in str(camera.problem)
    machine.pixels = "GREY"
    assert machine.cameras.cameras()[0].problem is None


@linux
def test_a_node_that_vanished_or_is_no_device_is_left_out(machine: FakeLinux) -> None:
    machine.plug(0, "Gone").unlink()
    assert machine.cameras.cameras() == []
    node = machine.plug(1, "Not a device")
    real = LinuxCameras(dev=machine.dev, sysfs=machine.sysfs)
    assert node.exists()
    assert real.cameras() == []


@linux
def test_without_any_video_device_the_list_is_empty(tmp_path: Path) -> None:
    assert LinuxCameras(dev=tmp_path, sysfs=tmp_path / "nothing").cameras() == []


@linux
def test_a_camera_that_may_not_be_opened_is_listed_with_the_remedy(
    machine: FakeLinux, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.plug(0, "HD Webcam")
    machine.plug(1, "HD Webcam", captures=False)
    _refuse_to_open(monkeypatch, errno.EACCES)
    (camera,) = machine.cameras.cameras()
    assert "sudo usermod -aG video" in (camera.problem or "")
    assert machine.cameras.trouble(camera) == camera.problem


def _refuse_to_open(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    real = os.open

    def refuse(path: Any, *arguments: Any, **keywords: Any) -> int:
        if "video" in Path(os.fsdecode(path)).name:
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *arguments, **keywords)

    monkeypatch.setattr(os, "open", refuse)


def _start(machine: FakeLinux, pid: int, name: str, node: Path) -> None:
    folder = machine.proc / str(pid) / "fd"
    folder.mkdir(parents=True)
    (folder.parent / "comm").write_text(f"{name}\n")
    (folder / "7").symlink_to(node)


@linux
def test_a_busy_camera_names_the_program_that_has_it(machine: FakeLinux) -> None:
    node = machine.plug(0, "HD Webcam")
    (camera,) = machine.cameras.cameras()
    machine.busy = True
    assert "in use by another program; close" in machine.cameras.trouble(camera)
    _start(machine, 12, "pipewire", node)
    assert "another program, through PipeWire" in machine.cameras.trouble(camera)
    _start(machine, 345, "zoom", node)
    assert machine.cameras.trouble(camera) == (
        "HD Webcam is in use by zoom (process 345); close it there."
    )


@linux
def test_a_program_that_only_has_it_open_is_not_blamed(machine: FakeLinux) -> None:
    _start(machine, 345, "cheese", machine.plug(0, "HD Webcam"))
    (camera,) = machine.cameras.cameras()
    assert "gives no pictures; unplug it" in machine.cameras.trouble(camera)


@linux
def test_we_do_not_take_ourselves_for_another_program(machine: FakeLinux) -> None:
    _start(machine, os.getpid(), "python", machine.plug(0, "HD Webcam"))
    (camera,) = machine.cameras.cameras()
    machine.busy = True  # for we stream from it
    assert "gives no pictures; unplug it" in machine.cameras.trouble(camera)


@linux
def test_an_unplugged_camera_is_known_to_be_so(machine: FakeLinux) -> None:
    node = machine.plug(0, "HD Webcam")
    (camera,) = machine.cameras.cameras()
    assert machine.cameras.is_there(camera)
    node.unlink()
    assert not machine.cameras.is_there(camera)
    assert machine.cameras.trouble(camera) == "HD Webcam was unplugged; plug it in again."


@linux
def test_a_loopback_that_is_silent_wants_its_program(machine: FakeLinux) -> None:
    machine.plug(4, "OBS", driver="v4l2 loopback")
    (camera,) = machine.cameras.cameras()
    assert "start the program that feeds it" in machine.cameras.trouble(camera)


# ---- Windows and macOS --------------------------------------------------------------------------


def test_windows_lists_directshow_first_and_each_camera_once() -> None:
    cv2 = pytest.importorskip("cv2")

    def item(index: int, name: str, path: str | None) -> Any:
        return SimpleNamespace(index=index, name=name, path=path)

    lists = {
        cv2.CAP_DSHOW: [
            item(0, "HD Webcam", r"\\?\usb#vid_046d&pid_0825#1#{65e8773d-8f56-11d0}\global"),
            item(1, "OBS Virtual Camera", None),
        ],
        cv2.CAP_MSMF: [
            item(0, "HD Webcam", r"\\?\usb#vid_046d&pid_0825#1#{e5323777-f976-4f5b}\global"),
            item(1, "Surface Camera", r"\\?\acpi#cam#2#{e5323777-f976-4f5b}\global"),
        ],
    }
    system = WindowsCameras(lists.__getitem__)
    found = system.cameras()
    assert [(camera.id, camera.name, camera.api, camera.virtual) for camera in found] == [
        ("0", "HD Webcam", "dshow", False),
        ("1", "OBS Virtual Camera", "dshow", True),
        ("msmf1", "Surface Camera", "msmf", False),
    ]
    assert system.is_there(found[0])
    assert "Settings > Privacy & security > Camera" in system.trouble(found[0])
    lists[cv2.CAP_DSHOW].clear()
    lists[cv2.CAP_MSMF].clear()
    assert not system.is_there(found[0])
    assert system.trouble(found[0]) == "HD Webcam was unplugged; plug it in again."


def test_macos_counts_cameras_as_opencv_does_and_names_the_privacy_setting() -> None:
    report = {
        "SPCameraDataType": [
            {"_name": "Studio Display Camera", "spcamera_unique-id": "B2"},
            {"_name": "FaceTime HD Camera", "spcamera_unique-id": "A1"},
            {"_name": "OBS Virtual Camera", "spcamera_unique-id": "C3"},
        ]
    }
    system = MacCameras(lambda: json.dumps(report))
    found = system.cameras()
    assert [(camera.id, camera.name, camera.virtual) for camera in found] == [
        ("0", "FaceTime HD Camera", False),
        ("1", "Studio Display Camera", False),
        ("2", "OBS Virtual Camera", True),
    ]
    assert "Privacy & Security > Camera" in system.trouble(found[0])
    report["SPCameraDataType"].pop(1)
    assert "unplugged" in system.trouble(found[0])


def test_a_report_that_cannot_be_read_is_a_sentence() -> None:
    with pytest.raises(InputError, match="does not say which cameras"):
        MacCameras(lambda: "no JSON").cameras()


def test_each_system_has_its_list() -> None:
    assert isinstance(system_cameras("linux"), LinuxCameras)
    assert isinstance(system_cameras("win32"), WindowsCameras)
    assert isinstance(system_cameras("darwin"), MacCameras)


@linux
def test_this_machines_own_list_can_be_made() -> None:
    assert all(camera.path.startswith("/dev/video") for camera in list_cameras())


# ---- Choosing one -------------------------------------------------------------------------------

VIRTUAL = CameraInfo("4", "OBS", "/dev/video4", virtual=True)
BUILT_IN = CameraInfo("5", "Integrated Camera", "/dev/video5")
BRIO = CameraInfo("6", "Logitech BRIO 2", "/dev/video6")
ALL = (VIRTUAL, BUILT_IN, BRIO)


@pytest.mark.parametrize(
    ("wanted", "camera"),
    [
        ("", BUILT_IN),
        ("6", BRIO),
        ("4", VIRTUAL),
        ("/dev/video6", BRIO),
        ("integrated camera", BUILT_IN),
        ("brio", BRIO),
    ],
)
def test_a_camera_is_found_by_number_path_or_name(wanted: str, camera: CameraInfo) -> None:
    assert find_camera(wanted, ALL) == camera


def test_a_link_to_the_device_will_do(tmp_path: Path) -> None:
    node = tmp_path / "video6"
    node.touch()
    (tmp_path / "by-id").symlink_to(node)
    camera = replace(BRIO, path=str(node))
    assert find_camera(str(tmp_path / "by-id"), [camera]) == camera


def test_the_first_that_can_be_used_is_taken() -> None:
    refused = replace(BUILT_IN, problem="You may not use it.")
    assert find_camera("", [refused, BRIO]) == BRIO
    assert find_camera("", [refused]) == refused


def test_a_camera_that_is_not_there_may_come_so_it_is_lost_for_now() -> None:
    with pytest.raises(SourceLost, match=r"no camera '2'.* 6 \(Logitech BRIO 2\)"):
        find_camera("2", ALL)
    with pytest.raises(SourceLost, match="No camera is connected"):
        find_camera("", [VIRTUAL])
    with pytest.raises(SourceLost, match="there: none"):
        find_camera("brio", [])


def test_a_name_that_fits_two_is_no_choice() -> None:
    twin = replace(BRIO, id="8", name="Logitech BRIO 3")
    with pytest.raises(InputError, match="Several cameras") as caught:
        find_camera("brio", [BRIO, twin])
    assert not isinstance(caught.value, SourceLost)


@given(names=st.lists(st.sampled_from(["Webcam", "Webcam 2", "Webcam 3", "Other"]), max_size=8))
def test_no_two_cameras_have_one_name_and_the_first_keeps_its_own(names: list[str]) -> None:
    cameras = [CameraInfo(str(index), name, "") for index, name in enumerate(names)]
    named = named_apart(cameras)
    found = [camera.name for camera in named]
    assert len(set(found)) == len(names)
    assert [camera.id for camera in named] == [camera.id for camera in cameras]
    assert all(new.startswith(old) for new, old in zip(found, names, strict=True))
    assert not names or found[0] == names[0]


# ---- Coming and going ---------------------------------------------------------------------------


class Told:
    def __init__(self) -> None:
        self._queue: queue.Queue[list[str]] = queue.Queue()

    def __call__(self, cameras: Sequence[CameraInfo]) -> None:
        self._queue.put([camera.name for camera in cameras])

    def next(self) -> list[str]:
        return self._queue.get(timeout=LONG)


@linux
def test_plugging_in_and_out_is_told(machine: FakeLinux) -> None:
    told = Told()
    watch = CameraWatch(told, cameras=machine.cameras, changes=lambda: FolderChanges(machine.dev))
    watch.start()
    try:
        assert told.next() == []
        node = machine.plug(0, "HD Webcam")
        assert told.next() == ["HD Webcam"]
        machine.plug(2, "HD Webcam")
        assert told.next() == ["HD Webcam", "HD Webcam 2"]
        node.unlink()
        assert told.next() == ["HD Webcam"]
    finally:
        assert watch.stop(LONG)
    assert watch.stop(LONG)


@linux
def test_other_files_do_not_concern_it(tmp_path: Path) -> None:
    changes = FolderChanges(tmp_path)
    try:
        (tmp_path / "ttyUSB0").touch()
        assert not changes._concerns_us(os.read(changes._descriptor, 4096))
        (tmp_path / "video0").touch()
        assert changes._concerns_us(os.read(changes._descriptor, 4096))
        (tmp_path / "video0").chmod(0o600)
        assert changes.wait()
        changes.wake()
        assert not changes.wait()
    finally:
        changes.close()
    changes.close()
    changes.wake()  # too late, and harmless


@linux
def test_a_folder_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FolderChanges(tmp_path / "nothing")


def test_where_nobody_tells_it_looks_again(machine: FakeLinux) -> None:
    class Scripted:
        lists = [[], [BRIO], [BRIO], [BUILT_IN]]  # noqa: RUF012

        def cameras(self) -> Sequence[CameraInfo]:
            if len(self.lists) > 1:
                return self.lists.pop(0)
            return self.lists[0]

        def is_there(self, camera: CameraInfo) -> bool:
            raise AssertionError

        def trouble(self, camera: CameraInfo) -> str:
            raise AssertionError

    told = Told()
    watch = CameraWatch(told, cameras=Scripted(), changes=lambda: TimedChanges(0.01))
    watch.start()
    assert [told.next(), told.next(), told.next()] == [
        [],
        ["Logitech BRIO 2"],
        ["Integrated Camera"],
    ]
    assert watch.stop(LONG)


def test_a_list_that_fails_once_does_not_end_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Any] = [InputError("not now"), []]

    class Failing(MacCameras):
        def cameras(self) -> Sequence[CameraInfo]:
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

    told = Told()
    watch = CameraWatch(told, cameras=Failing(), changes=lambda: TimedChanges(0.01))
    watch.start()
    assert told.next() == []
    assert watch.stop(LONG)
    assert "not now" in caplog.text


def test_a_watch_that_was_never_started_can_be_stopped() -> None:
    assert CameraWatch(Told(), cameras=MacCameras(lambda: "{}")).stop()
