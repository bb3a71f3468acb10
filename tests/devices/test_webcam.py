"""A USB webcam that is plugged and unplugged, and MJPG pictures, whole and damaged."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.sources.devices import CameraInfo, CameraWatch, list_cameras
from tests.devices import kernel
from tests.devices.watching import LONG, ROOM, SIZE, OnAir, is_near
from tests.devices.webcam import Webcam


@pytest.fixture
def webcam() -> Iterator[Webcam]:
    made = Webcam({"MJPG": (1280, 720), "YUYV": (640, 360)})
    yield made
    made.close()


def test_a_webcam_is_listed_once_by_its_name_with_both_formats_and_its_metadata_is_not(
    webcam: Webcam,
) -> None:
    told: queue.Queue[Sequence[CameraInfo]] = queue.Queue()
    watch = CameraWatch(told.put)
    watch.start()
    try:
        assert told.get(timeout=LONG) == []
        webcam.plug()
        (camera,) = told.get(timeout=LONG)
        offered = {(item.pixel_format, item.size) for item in camera.formats}
        assert offered == {("MJPG", (1280, 720)), ("YUYV", (640, 360))}
        assert not camera.virtual
        # The gadget's own end and the metadata are nodes as well.
        assert len(list(kernel.SYSFS.glob("video*"))) == 3
        webcam.unplug()
        assert told.get(timeout=LONG) == []
    finally:
        watch.stop(LONG)


def test_a_webcam_that_gives_nothing_is_said_to_and_tried_again(webcam: Webcam) -> None:
    webcam.plug()
    (camera,) = list_cameras()
    with OnAir("camera", "null") as live:
        failure = live.wait_for_failure(camera.name)
        assert "gives no pictures" in str(failure)
        webcam.unplug()
        live.wait_for_failure("o camera is connected")


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
