"""What the chosen camera has is what is offered."""

from __future__ import annotations

from typing import Any

import pytest

from app.gui.camera_panel import CameraPanel
from app.gui.options_form import Choice
from app.settings import LiveSettings
from app.sources.devices import CameraFormat, CameraInfo

HD = CameraInfo(
    "2",
    "HD Webcam",
    "/dev/video2",
    formats=(
        CameraFormat((1280, 720), (30.0, 15.0), "MJPG"),
        CameraFormat((1280, 720), (10.0,), "YUYV"),
        CameraFormat((640, 480), (60.0, 30.0), "YUYV"),
    ),
)


@pytest.fixture
def panel(qtbot: Any) -> CameraPanel:
    made = CameraPanel()
    qtbot.addWidget(made)
    made.load()
    made.set_cameras([HD])
    return made


def offered(panel: CameraPanel, name: str) -> list[Any]:
    assert panel.form is not None
    assert panel.form.form is not None
    control = panel.form.form.controls[name]
    assert isinstance(control, Choice)
    return [value for value, _ in control.choices]


def test_the_first_camera_is_meant_where_none_is_named(panel: CameraPanel) -> None:
    panel.show_settings(LiveSettings(source="camera"))
    assert panel.source.value() == "camera:2"
    assert panel.source.combo.currentText() == "HD Webcam"


@pytest.mark.parametrize(
    ("source", "rates", "formats"),
    [
        ("camera:2", [60.0, 30.0, 15.0, 10.0], ["auto", "mjpg", "yuyv"]),
        ("camera:2,size=1280x720", [30.0, 15.0, 10.0], ["auto", "mjpg", "yuyv"]),
        ("camera:2,size=640x480", [60.0, 30.0], ["auto", "yuyv"]),
        ("camera:2,size=1280x720,fps=10,pixel_format=yuyv", [10.0], ["auto", "mjpg", "yuyv"]),
        # What was set on another machine stays visible.
        ("camera:2,size=640x480,fps=25", [60.0, 30.0, 25.0], ["auto", "yuyv"]),
    ],
)
def test_rates_and_formats_are_those_of_the_size(
    panel: CameraPanel, source: str, rates: list[float], formats: list[str]
) -> None:
    panel.show_settings(LiveSettings(source=source))
    assert offered(panel, "size") == ["auto", "1280x720", "640x480"]
    assert offered(panel, "fps") == rates
    assert offered(panel, "pixel_format") == formats


def test_another_size_brings_its_own_rates(qtbot: Any, panel: CameraPanel) -> None:
    panel.show_settings(LiveSettings(source="camera:2,size=1280x720"))
    assert panel.form is not None
    assert panel.form.form is not None
    form = panel.form.form
    panel.changes.connect(lambda changes: panel.show_settings(LiveSettings().but(**changes)))
    with qtbot.waitSignal(panel.changes):
        form.controls["size"].changed.emit("640x480")
    assert panel.form.form is form  # the box that has the keyboard stays
    assert offered(panel, "fps") == [60.0, 30.0]


def test_a_camera_that_is_not_there_is_named_all_the_same(panel: CameraPanel) -> None:
    panel.show_settings(LiveSettings(source="camera:7"))
    assert panel.camera_of("camera:7") is None
    assert panel.source.combo.currentText() == "Camera 7 (not connected)"
