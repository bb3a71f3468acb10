"""A real sound server, a known click, and a clip that ffmpeg reads back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("click_and_flash.py")
TONE = Path(__file__).with_name("tone_and_plug.py")
RATE = 48_000


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a PulseAudio of its own, with a sink that goes nowhere."""
    for tool in ("pulseaudio", "pactl", "pacat", "parec", "ffmpeg", "ffprobe"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    if not Path("/etc/alsa/conf.d/50-pulseaudio.conf").exists():
        pytest.skip("ALSA's plugin for PulseAudio (libasound2-plugins) is not installed")
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError):
        pytest.skip("PortAudio (libportaudio2) is not installed")
    # A socket's path must be short.
    home = tmp_path_factory.mktemp("pa")
    home.chmod(0o700)
    environment = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(home),
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("PULSE_SERVER", None)
    process = subprocess.Popen(
        [
            "pulseaudio",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "-n",
            "--load=module-native-protocol-unix",
            f"--load=module-null-sink sink_name=click rate={RATE}",
        ],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(100):
        if Path(home, "pulse", "native").exists():
            break
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        pytest.skip("PulseAudio does not start here")
    yield environment
    process.terminate()
    process.wait(120)


def offsets(path: Path, server: dict[str, str], seconds: float) -> list[float]:
    """For each click, how many seconds later than its flash it sounds."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(path), str(seconds)],
        env=server,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    sys.stderr.write(f"{told}\n")
    assert told["problem"] is None
    sound = _decoded(path, "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-f", "s16le")
    loud = np.flatnonzero(np.abs(np.frombuffer(sound, np.int16).astype(int)) > 5000)
    clicks = [
        at / RATE for at, before in zip(loud, [-RATE, *loud], strict=False) if at - before > RATE
    ]
    grey = _decoded(path, "-f", "rawvideo", "-pix_fmt", "gray", "-vsync", "passthrough")
    means = np.frombuffer(grey, np.uint8).reshape(-1, 160 * 96).mean(axis=1)
    times = subprocess.run(
        [
            "ffprobe",
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "packet=pts_time",
            "-of",
            "csv=p=0",
            str(path),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    flashes = [float(times[at].strip(",")) for at in np.flatnonzero(means > 128)]
    assert flashes
    return [float(min((c - f for c in clicks), key=abs)) for f in flashes]


def _decoded(path: Path, *arguments: str) -> bytes:
    return subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(path), *arguments, "-"],
        capture_output=True,
        check=True,
        timeout=120,
    ).stdout


def test_a_click_and_a_flash_are_recorded_together(server: dict[str, str], tmp_path: Path) -> None:
    off = offsets(tmp_path / "a.mp4", server, 9)
    # The second listener may be late on a busy machine, the clip may not: the best counts.
    assert min(map(abs, off)) < 0.04, off


def test_a_microphone_is_chosen_by_name_and_may_be_pulled_out(
    server: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "a.mkv"
    done = subprocess.run(
        [sys.executable, str(TONE), str(path)],
        env=server,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    # The microphones first, then what the computer plays.
    assert told["names"] == ["Sine source at 440 Hz", "Monitor of Null Output"]
    assert told["title"] == "Sine source at 440 Hz"
    assert told["heard"]
    assert told["problem"] is None
    assert "was pulled out" in told["gone"]
    assert told["back"]
    raw = _decoded(path, "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-f", "s16le")
    sound = np.frombuffer(raw, np.int16).astype(float)
    assert len(sound) / RATE == pytest.approx(told["seconds"], abs=0.2)
    # There all the time, and at its own pitch.
    pieces = sound[: len(sound) // 4800 * 4800].reshape(-1, 4800)
    assert np.sqrt((pieces**2).mean(axis=1)).min() > 3000
    spectrum = np.abs(np.fft.rfft(sound[: 4 * RATE] * np.hanning(4 * RATE)))
    assert np.argmax(spectrum) / 4 == pytest.approx(440, abs=3)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_after_ten_minutes_they_are_still_together(server: dict[str, str], tmp_path: Path) -> None:
    off = offsets(tmp_path / "a.mkv", server, 600)
    sys.stderr.write(f"click after flash, ms: {[round(1e3 * seconds, 1) for seconds in off]}\n")
    assert len(off) > 100
    # Of the last twenty one may be the second listener's own, who reads late on a busy machine.
    assert sorted(map(abs, off[-20:]))[-2] < 0.04, off
