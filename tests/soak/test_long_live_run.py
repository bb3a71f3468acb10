"""Half an hour live, and fifty starts: nothing grows and nothing is left over."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from app.live import Callbacks, LivePipeline, State
from app.pace.ladder import BOXES
from app.pace.quality import Quality
from app.settings import LiveSettings

ROOT = Path(__file__).resolve().parents[2]
LIVE = ["main.py", "live", "--source", "demo", "--output", "null", "--json"]


@pytest.mark.soak
@pytest.mark.timeout(2400)
def test_half_an_hour_on_the_demo_grows_no_memory_and_no_handles(weights_file: Path) -> None:
    # One size of the network throughout: a finer one takes more memory, which is no growth.
    process = subprocess.Popen(
        [sys.executable, *LIVE, "--seconds", "1800", "--quality", "best"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    watched = psutil.Process(process.pid)
    samples: list[tuple[float, float, int, int]] = []
    began = time.monotonic()
    try:
        while process.poll() is None:
            try:
                process.wait(timeout=15)  # a sample each 15 s, and the end at once
            except subprocess.TimeoutExpired:
                with watched.oneshot():
                    samples.append(
                        (
                            time.monotonic() - began,
                            watched.memory_info().rss / 2**20,
                            watched.num_threads(),
                            watched.num_fds(),
                        )
                    )
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert len(samples) > 100
    settled = [s for s in samples if s[0] > 120]
    first, last = settled[: len(settled) // 6], settled[-len(settled) // 6 :]
    memory = [sum(s[1] for s in part) / len(part) for part in (first, last)]
    sys.stderr.write(
        f"memory {memory[0]:.1f} -> {memory[1]:.1f} MiB, threads {first[0][2]} -> {last[-1][2]}, "
        f"handles {first[0][3]} -> {last[-1][3]}\n"
    )
    assert memory[1] < memory[0] * 1.02
    assert last[-1][2] <= first[0][2]
    assert last[-1][3] <= first[0][3]


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_fifty_starts_leave_nothing_behind(weights_file: Path) -> None:
    here = psutil.Process()

    def once(seconds: float, **changes: object) -> None:
        running = threading.Event()

        def heard(state: State) -> None:
            if state is State.RUNNING:
                running.set()

        settings = LiveSettings(source="demo", outputs=("null",)).but(**changes)
        pipeline = LivePipeline(settings, Callbacks(on_state_changed=heard))
        pipeline.start()
        assert running.wait(60)
        threading.Event().wait(seconds)  # the ten seconds of live running that are asked for
        assert pipeline.stop() == ()

    # Each size that the network takes on costs OpenVINO some megabytes, once in a process.
    for size in BOXES:
        once(2, size=size, quality=Quality.BEST)
    for _ in range(5):
        once(10)
    threads, handles = here.num_threads(), here.num_fds()
    memory = []
    for _ in range(50):
        once(10)
        memory.append(here.memory_info().rss)
    # Where in the arenas the last pieces lie differs from start to start: many are compared.
    grown = sum(memory[-15:]) / sum(memory[:15])
    sys.stderr.write(
        f"memory x {grown:.3f}, threads {threads} -> {here.num_threads()}, "
        f"handles {handles} -> {here.num_fds()}\n"
    )
    assert here.num_threads() <= threads
    assert here.num_fds() <= handles
    assert grown < 1.02
