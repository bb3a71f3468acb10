"""A real V4L2 camera: listed, opened in every format, taken away, broken, busy and forbidden."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from app import doctor
from app.errors import SourceLost
from app.live import State
from app.sources.camera import Camera, Mode, open_with_opencv
from app.sources.devices import (
    COMPRESSED,
    UNCOMPRESSED,
    CameraInfo,
    CameraWatch,
    list_cameras,
)
from tests.devices import kernel
from tests.devices.conftest import run_program, show
from tests.devices.watching import LONG, ROOM, SIZE, OnAir, Reader, is_near

Read = Callable[..., Reader]

SOURCE = "camera,size=320x180,fps=10"
DEVICES = [sys.executable, "main.py", "devices"]
# The command would also load every engine.
_DOCTOR = "from app import doctor; print(*doctor.cameras(doctor.Machine()))"
# vivid's other kinds of nodes: an output, and metadata that belong to a camera.
_CAPTURE, _OUTPUT, _METADATA = 0x1, 0x100, 0x20000


def test_only_nodes_that_give_pictures_are_listed() -> None:
    kernel.load("vivid", n_devs=1, node_types=hex(_CAPTURE | _OUTPUT | _METADATA))
    try:
        (camera,) = list_cameras()
        assert len(list(kernel.SYSFS.glob("video*"))) == 3
        assert camera.name == kernel.CAMERA
        assert {(320, 180), (640, 480), (1280, 720)} <= {item.size for item in camera.formats}
    finally:
        kernel.unload("vivid")


def test_a_camera_that_comes_and_goes_is_told_of_without_being_asked_for() -> None:
    told: queue.Queue[Sequence[CameraInfo]] = queue.Queue()
    watch = CameraWatch(told.put)
    watch.start()
    try:
        assert told.get(timeout=LONG) == []
        kernel.load("vivid", n_devs=1, node_types=hex(_CAPTURE | _METADATA))
        assert [camera.name for camera in told.get(timeout=LONG)] == [kernel.CAMERA]
        kernel.unload("vivid")
        assert told.get(timeout=LONG) == []
    finally:
        assert watch.stop(LONG)
        kernel.unload("vivid")


def test_devices_and_doctor_name_it(camera: Path) -> None:
    listed = run_program(*DEVICES)
    assert kernel.CAMERA in listed.stdout
    assert str(camera) in listed.stdout
    (check,) = list(doctor.cameras(doctor.Machine()))
    assert (check.name, check.state) == (kernel.CAMERA, "ok")


def test_every_format_that_is_asked_for_gives_the_right_colors(camera: Path) -> None:
    (found,) = list_cameras()
    wrong = []
    for item in found.formats:
        if item.pixel_format in UNCOMPRESSED + COMPRESSED and item.size == SIZE:
            wrong += _wrong(found, Mode(item.size, 10.0, item.pixel_format))
    assert wrong == []


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (640, 480), (1280, 720), (1920, 1080)])
def test_every_size_is_given(camera: Path, size: tuple[int, int]) -> None:
    opened = Camera(Camera.Options(size=f"{size[0]}x{size[1]}", fps=5.0))
    opened.open()
    frame = opened.read()
    opened.close()
    assert frame is not None
    assert frame.size == size
    assert is_near(frame.rgb[-8:, :8], ROOM)


def _wrong(camera: object, mode: Mode) -> list[str]:
    """What is wrong with that mode's pictures."""
    capture = open_with_opencv(camera, mode)  # type: ignore[arg-type]
    if capture is None:
        return [f"{mode.pixel_format}: refused"]
    try:
        try:
            got = capture.read()
        except cv2.error as error:
            return [f"{mode.pixel_format}: {error}"]
        if got is None:
            return [f"{mode.pixel_format}: no picture"]
        raw, _ = got
        if capture.mode.pixel_format != mode.pixel_format:
            return [f"{mode.pixel_format}: gives {capture.mode.pixel_format}"]
        if raw.shape[:2] != mode.size[::-1]:
            return [f"{mode.pixel_format}: {raw.shape}"]
        corner = raw[-8:, :8].reshape(-1, 3).mean(0)
        # Red is 54 to 76 in gray, by which luma the driver has.
        wanted = (65, 65, 65) if mode.pixel_format == "GREY" else (0, 0, 255)
        if (abs(corner - np.array(wanted)) > 45).any():
            return [f"{mode.pixel_format}: {corner}"]
        return []
    finally:
        capture.release()


def test_a_camera_that_is_unplugged_while_live_comes_back(camera: Path) -> None:
    with OnAir(SOURCE, "null") as live:
        live.wait_for_state(State.RUNNING)
        kernel.set_control(camera, "Disconnect")
        failure = live.wait_for_failure("was unplugged")
        assert failure.retried
        live.wait_for_state(State.RUNNING)


def test_a_camera_that_comes_back_at_another_number_is_found_by_its_name(camera: Path) -> None:
    with OnAir("camera:vivid-000,size=320x180,fps=10", "null") as live:
        live.wait_for_state(State.RUNNING)
        # The kernel keeps the driver of an open camera, so it is let go of first.
        live.pipeline.pause()
        assert kernel.becomes(_unplugged, LONG)
        live.pipeline.resume()
        live.wait_for_failure("There is no camera 'vivid-000'; plug it in.")
        kernel.load("vivid", n_devs=1, node_types="0x1", vid_cap_nr=9)
        show(Path("/dev/video9"), "red")
        live.wait_for_state(State.RUNNING)
        assert kernel.nodes(kernel.CAMERA) == [Path("/dev/video9")]


def _unplugged() -> bool:
    """Whether the camera's driver could be unloaded."""
    try:
        kernel.unload("vivid")
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize("fault", ["Inject VIDIOC_STREAMON Error", "Inject VIDIOC_REQBUFS Error"])
def test_a_camera_that_fails_to_start_once_is_tried_again(camera: Path, fault: str) -> None:
    kernel.set_control(camera, fault)
    with OnAir(SOURCE, "null") as live:
        live.wait_for_state(State.RUNNING)
        assert all(failure.retried for failure in live.failures)


def test_a_fatal_error_while_it_streams_is_told_and_mended(camera: Path) -> None:
    with OnAir(SOURCE, "null") as live:
        live.wait_for_state(State.RUNNING)
        kernel.set_control(camera, "Inject Fatal Streaming Error")
        live.wait_for(lambda: bool(live.failures))
        live.wait_for_state(State.RUNNING)
        assert all(failure.where == "source" and failure.retried for failure in live.failures)


def test_damaged_and_lost_buffers_cost_pictures_and_nothing_else(camera: Path) -> None:
    with OnAir(SOURCE, "null") as live:
        live.wait_for_state(State.RUNNING)
        kernel.set_control(camera, "Percentage of Dropped Buffers", 50)
        _wait_for_frames(live, 5)
        kernel.set_control(camera, "Percentage of Dropped Buffers", 0)
        for _ in range(3):
            kernel.set_control(camera, "Inject V4L2_BUF_FLAG_ERROR")
            _wait_for_frames(live, 2)
        assert live.sentences == []


def _wait_for_frames(live: OnAir, count: int) -> None:
    def new() -> int:
        return live.pipeline.stats.whole().outputs["null"].new

    had = new()
    assert kernel.becomes(lambda: new() >= had + count, LONG)


def test_black_pictures_are_told_and_the_lens_may_be_opened_again(camera: Path) -> None:
    with OnAir(SOURCE, "null") as live:
        live.wait_for_state(State.RUNNING)
        show(camera, "black", clock=False)
        live.wait_for_failure("only black pictures; open its shutter")
        show(camera, "red")
        live.wait_for_state(State.RUNNING)


def test_a_camera_that_another_program_uses_names_it_and_is_taken_afterwards(
    camera: Path, read_device: Read
) -> None:
    reader = read_device(camera, SIZE, "-video_size", "320x180")
    reader.wait_for_more(1)
    with OnAir(SOURCE, "null") as live:
        failure = live.wait_for_failure("is in use by ffmpeg (process")
        assert f"(process {reader.process.pid})" in str(failure)
        reader.close()
        live.wait_for_state(State.RUNNING)


def test_without_rights_the_remedy_is_told_everywhere(camera: Path) -> None:
    camera.chmod(0o600)
    for command in (
        DEVICES,
        [sys.executable, "-c", _DOCTOR],
        [*_live(), "--seconds", "20"],
    ):
        done = run_program(*command, user="nobody")
        told = " ".join((done.stdout + done.stderr).split())
        assert "usermod -aG video" in told, (command, told)
        assert str(camera) in told


def test_a_device_without_a_format_that_we_know_says_so(
    loopback: Path, produce: Callable[..., kernel.Producer]
) -> None:
    # A depth camera, a thermal camera and a hardware encoder are such.
    other = produce(loopback, "RGBP", SIZE, SIZE[0] * SIZE[1] * 2)
    other.write()
    opened = Camera(Camera.Options(device=str(loopback)))
    with pytest.raises(SourceLost, match="RGBP"):
        opened.open()
    opened.close()


def _live() -> list[str]:
    return [sys.executable, "main.py", "live", "-s", SOURCE, "--engine", "null", "-o", "null"]


def test_the_camera_is_released_at_the_end(camera: Path) -> None:
    run_program(*_live(), "--seconds", "1")
    kernel.unload("vivid")
    assert not kernel.is_loaded("vivid")


def test_mjpg_is_decoded_and_a_damaged_picture_costs_only_itself(
    loopback: Path, produce: Callable[..., kernel.Producer]
) -> None:
    red = np.full((SIZE[1], SIZE[0], 3), (0, 0, 255), np.uint8)
    whole = cv2.imencode(".jpg", red)[1].tobytes()
    producer = produce(loopback, "MJPG", SIZE, SIZE[0] * SIZE[1] * 2)
    producer.put(whole)
    seen: list[bool] = []
    with OnAir(f"camera:{loopback}", "null") as live:
        live.pipeline.add_tap(
            lambda composite: seen.append(is_near(composite.cutout.frame.rgb[-8:, :8], ROOM))
        )
        damaged = (whole, whole[: len(whole) // 2], b"no picture at all" * 20, whole)

        def comes() -> bool:
            for picture in damaged:
                producer.put(picture)
            return len(seen) >= 8

        assert kernel.becomes(comes, LONG), live.sentences
    assert sum(seen) >= len(seen) // 2
