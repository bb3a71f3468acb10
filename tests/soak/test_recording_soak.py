"""Twenty kills, and a recording's memory. What it costs a call: `main.py bench-recording`."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORD_ON = ROOT / "tests" / "recording" / "record_on.py"
LIVE = [sys.executable, "main.py", "live", "--engine", "null"]
LIVE += ["--background", "color", "--temporal", "off", "--refine", "off", "--microphone", "off"]
ENDINGS = (".mp4", ".mkv", ".webm", ".mov")


def _times(path: Path) -> list[float]:
    done = subprocess.run(
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
    )
    return sorted(float(word.strip(",")) for word in done.stdout.split())


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_twenty_kills_leave_twenty_playable_files(tmp_path: Path) -> None:
    """At random moments after the first second; what counts is what had been written by then."""
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    chance = random.Random(4)
    for number in range(20):
        path = tmp_path / f"{number}{ENDINGS[number % len(ENDINGS)]}"
        process = subprocess.Popen(
            [sys.executable, str(RECORD_ON), str(path)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        longest = chance.uniform(1.0, 8.0)
        ends: float | None = None
        written = 0.0
        for line in process.stdout:
            written = float(line)
            if ends is None and written > 0:
                ends = time.monotonic() + longest
            if ends is not None and time.monotonic() > ends and written > 1.0:
                break
        process.kill()
        process.wait(30)
        process.stdout.close()
        times = _times(path)
        sys.stderr.write(
            f"{path.name}: killed with {written:.2f} s written, plays {times[-1]:.2f} s, "
            f"{len(times)} pictures\n"
        )
        assert times[-1] > written - 1.0
        done = subprocess.run(
            ["ffmpeg", "-v", "fatal", "-i", str(path), "-f", "null", "-"], timeout=60
        )
        assert done.returncode == 0


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    """Small pictures: what waits for the encoder on a busy machine is bounded, but may be large."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    source = tmp_path / "small.mp4"
    moving = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30:duration=20"]
    subprocess.run(["ffmpeg", "-v", "error", *moving, str(source)], check=True)
    command = [*LIVE, "--source", str(source), "--output", "null"]
    command += ["--seconds", "300", "--record", str(tmp_path / "a.mp4")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    watched = psutil.Process(process.pid)
    samples: list[float] = []
    while process.poll() is None:
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            samples.append(watched.memory_info().rss / 2**20)
    assert process.returncode == 0
    first, last = samples[8:20], samples[-12:]
    sys.stderr.write(f"memory {sum(first) / 12:.1f} -> {sum(last) / 12:.1f} MiB\n")
    assert sum(last) < 1.03 * sum(first)
