"""`devices` and `doctor` as a user calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app import doctor
from app.cli import main
from app.doctor import Check
from app.sources import devices
from app.sources.devices import CameraFormat, CameraInfo

CAMERAS = [
    CameraInfo(
        "0",
        "HD Webcam",
        "/dev/video0",
        (
            CameraFormat((640, 480), (30.0, 15.0), "YUYV"),
            CameraFormat((1280, 720), (10.0,), "YUYV"),
            CameraFormat((1280, 720), (30.0,), "MJPG"),
        ),
    ),
    CameraInfo("2", "BRIO [4K]", "/dev/video2", problem="You may not use BRIO."),
]


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def _have(monkeypatch: pytest.MonkeyPatch, cameras: Sequence[CameraInfo]) -> None:
    monkeypatch.setattr(devices, "list_cameras", lambda: cameras)


def test_cameras_are_shown_with_their_best_rates(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _have(monkeypatch, CAMERAS)
    assert main(["devices"]) == 0
    said = capsys.readouterr().out
    assert "1280x720 (30 fps MJPG), 640x480 (30 fps YUYV)" in said
    assert "BRIO [4K]" in said
    assert "You may not use BRIO." in said
    assert "--source camera:0" in said


def test_no_camera_is_said_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _have(monkeypatch, [])
    assert main(["devices"]) == 0
    assert "No camera is connected" in capsys.readouterr().out


def test_json_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _have(monkeypatch, CAMERAS)
    assert main(["devices", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    first, second = json.loads(line)["cameras"]
    assert first["formats"][0] == {"size": "640x480", "rates": [30.0, 15.0], "pixel_format": "YUYV"}
    assert (first["id"], first["name"], first["virtual"]) == ("0", "HD Webcam", False)
    assert second["problem"] == "You may not use BRIO."


MISSING = Check("Weights", "modnet", "missing", "Not fetched.", "fetch it", essential=True)
WARNING = Check("Cameras", "Cameras", "warn", "None [here].", "plug one in, " + "very " * 60)


@pytest.mark.parametrize(("checks", "code"), [([WARNING], 0), ([WARNING, MISSING], 1)])
def test_the_doctor_fails_only_for_what_is_essential(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    checks: list[Check],
    code: int,
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda deep: checks)
    assert main(["doctor"]) == code
    said = capsys.readouterr().out
    assert "None [here]." in said
    assert WARNING.remedy in said  # in one piece, to be copied
    assert "UnityCapture" in said
    assert main(["doctor", "--json"]) == code
    (line,) = capsys.readouterr().out.splitlines()
    content = json.loads(line)
    assert content["fit"] is (code == 0)
    assert content["checks"][0]["remedy"] == WARNING.remedy
    assert {sight["program"] for sight in content["sights"]} >= {"Zoom", "Firefox"}


def test_the_doctor_examines_this_machine_without_torch(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from app.cli import main\n"
        "code = main(['doctor', '--json'])\n"
        "assert 'torch' not in sys.modules\n"
        "sys.exit(code if code in (0, 1) else 99)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).resolve().parent.parent.parent,
        env={**os.environ, "MATTECAM_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr
    content = json.loads(done.stdout.splitlines()[-1])
    assert content["fit"] is (done.returncode == 0)
    assert {check["section"] for check in content["checks"]} >= {
        "Virtual cameras",
        "Cameras",
        "Weights",
        "Engines",
        "Codecs",
        "Window",
    }
