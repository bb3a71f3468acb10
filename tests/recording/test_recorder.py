"""A recording from start to stop: pauses, limits, a camera that goes away, a disk that fills."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recording_help import (
    LONG,
    SIZE,
    Click,
    Script,
    composite,
    every,
    probe,
    record,
    sound_of,
    video_times,
)

from app.edge_colours import EdgeColours
from app.errors import DiskFull
from app.frames import Composite, Cutout, Frame
from app.pool import PicturePool
from app.recording import recorder as module
from app.recording.file_work import shot_of
from app.recording.plan import Plan, files_for
from app.recording.recorder import Figures, Recorder, State
from app.runs import Runs
from app.views import View

RECORD_ON = Path(__file__).with_name("record_on.py")


def plan(path: Path, **more: object) -> Plan:
    return Plan(files_for(path, [View.COMPOSITE]), encoder="libx264", **more)  # type: ignore[arg-type]


def feed(recorder: Recorder, script: Script, first: int, count: int) -> None:
    """30 pictures a second; lets the encoder keep up."""
    for number in range(first, first + count):
        recorder.put(composite(number, script.now))
        script.now += 1 / 30
        enough = number - 8
        wait_until(lambda n=enough: _written(recorder) >= n or not _runs(recorder))


def _written(recorder: Recorder) -> int:
    return recorder.figures().files[0].frames


def _runs(recorder: Recorder) -> bool:
    return recorder.figures().state in (State.RECORDING, State.COUNTDOWN)


def wait_until(what) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + LONG
    while not what():
        assert time.monotonic() < until
        time.sleep(0.002)  # the files' threads work meanwhile


def test_a_pause_is_cut_out_of_pictures_and_sound(tmp_path: Path) -> None:
    script = Script()
    # In the second half: 1.5 s after the start of which 5 s were a pause.
    recorder = Recorder(plan(tmp_path / "a.mp4"), clock=script.clock, sound=Click(1006.5))
    recorder.start()
    feed(recorder, script, 0, 30)
    recorder.pause()
    assert recorder.figures().state is State.PAUSED
    script.now += 5
    recorder.put(composite(99, script.now))
    recorder.resume()
    feed(recorder, script, 30, 30)
    figures = recorder.stop(LONG)
    assert figures.files[0].frames == 60
    assert figures.seconds == pytest.approx(2.0, abs=0.04)
    times = video_times(probe(tmp_path / "a.mp4"))
    assert max(b - a for a, b in itertools.pairwise(times)) < 0.04
    heard = int(abs(sound_of(tmp_path / "a.mp4").astype(int)).argmax()) / 48_000
    assert heard == pytest.approx(1.5, abs=0.02)


def test_the_clip_begins_with_the_first_picture_after_the_countdown(tmp_path: Path) -> None:
    script = Script()
    recorder = Recorder(plan(tmp_path / "a.mkv", countdown=3.0), clock=script.clock)
    recorder.start()
    assert recorder.figures().state is State.COUNTDOWN
    assert recorder.figures().countdown == pytest.approx(3)
    recorder.put(composite(0, script.now + 1))
    assert not (tmp_path / "a.mkv").exists()
    script.now += 4
    feed(recorder, script, 0, 10)
    assert recorder.stop(LONG).files[0].frames == 10
    assert video_times(probe(tmp_path / "a.mkv"))[0] == 0


def test_a_limit_by_time_is_kept_to_the_picture(tmp_path: Path) -> None:
    figures = record(tmp_path / "a.mp4", moments=every(30, 2), seconds=1.0)
    assert figures.files[0].frames == 30


def test_a_limit_by_size_ends_it_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WATCH_EVERY", 0.01)
    done = threading.Event()
    script = Script()
    recorder = Recorder(
        plan(tmp_path / "a.mp4", megabytes=0.002), clock=script.clock, on_done=lambda _: done.set()
    )
    recorder.start()
    feed(recorder, script, 0, 90)
    assert done.wait(LONG)
    assert "0.002 MB" in recorder.figures().ended
    assert float(probe(tmp_path / "a.mp4")["format"]["duration"]) > 0.3


def test_a_disk_that_is_nearly_full_ends_it_with_a_playable_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WATCH_EVERY", 0.01)
    free = [10 * module.RESERVE]
    done: list[Figures] = []
    script = Script()
    recorder = Recorder(
        plan(tmp_path / "a.mp4"),
        clock=script.clock,
        room=lambda _: (free[0], 100 * module.RESERVE),
        on_done=done.append,
    )
    recorder.start()
    feed(recorder, script, 0, 30)
    free[0] = module.RESERVE - 1
    wait_until(lambda: done)
    assert "nearly full" in done[0].ended
    assert float(probe(tmp_path / "a.mp4")["format"]["duration"]) == pytest.approx(1, abs=0.1)


def test_a_disk_without_room_is_refused_at_the_start(tmp_path: Path) -> None:
    recorder = Recorder(plan(tmp_path / "a.mp4"), room=lambda _: (1000, 10**12))
    with pytest.raises(DiskFull, match="make room"):
        recorder.start()
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_falls_behind_costs_counted_pictures_and_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    opened = Recorder._make

    def slow(self, *arguments):  # type: ignore[no-untyped-def]
        gate.wait(LONG)
        return opened(self, *arguments)

    monkeypatch.setattr(Recorder, "_make", slow)
    script = Script()
    recorder = Recorder(plan(tmp_path / "a.mp4"), clock=script.clock)
    recorder.start()
    for number in range(200):
        recorder.put(composite(number, script.now))
        script.now += 1 / 30
    assert recorder.figures().dropped == 140  # two seconds wait
    gate.set()
    figures = recorder.stop(LONG)
    assert figures.files[0].frames == 60
    assert figures.files[0].dropped == 140


def test_while_the_camera_is_away_its_last_picture_stands(tmp_path: Path) -> None:
    script = Script()
    recorder = Recorder(plan(tmp_path / "a.mp4"), clock=script.clock)
    recorder.start()
    feed(recorder, script, 0, 10)
    wait_until(lambda: recorder.figures().files[0].frames == 10)
    script.now += 3
    wait_until(lambda: recorder.figures().files[0].held >= 1)
    feed(recorder, script, 10, 10)
    figures = recorder.stop(LONG)
    assert figures.files[0].frames == 20
    assert float(probe(tmp_path / "a.mp4")["format"]["duration"]) == pytest.approx(3.67, abs=0.1)


def test_one_file_that_cannot_be_made_does_not_cost_the_others(tmp_path: Path) -> None:
    script = Script()
    files = {View.COMPOSITE: tmp_path / "a.mp4", View.MATTE: tmp_path / "b.mp4"}
    recorder = Recorder(Plan(files, encoder="libx264"), clock=script.clock)
    recorder.start()
    files[View.MATTE].write_bytes(b"somebody was quicker")
    feed(recorder, script, 0, 20)
    figures = recorder.stop(LONG)
    assert figures.files[0].frames == 20
    assert "there already" in str(figures.files[1].problem)
    assert files[View.MATTE].read_bytes() == b"somebody was quicker"


def test_without_one_picture_there_is_no_file(tmp_path: Path) -> None:
    recorder = Recorder(plan(tmp_path / "a.mp4"))
    recorder.start()
    assert recorder.stop(LONG).files[0].frames == 0
    assert list(tmp_path.iterdir()) == []


def test_sound_that_ends_does_not_end_the_clip(tmp_path: Path) -> None:
    sound = Click(1000.2)
    sound.available = 1000.5  # unplugged
    figures = record(tmp_path / "a.mp4", moments=every(30, 3), sound=sound)
    assert figures.problems == []
    told = probe(tmp_path / "a.mp4")
    assert [s["codec_type"] for s in told["streams"]] == ["video", "audio"]
    assert float(told["format"]["duration"]) == pytest.approx(3, abs=0.1)


def test_a_shot_keeps_only_what_its_file_needs() -> None:
    whole = composite(0, 0.0)
    for view in (View.COMPOSITE, View.FOREGROUND):
        assert shot_of(view, whole).composite.cutout.frame.rgb is not whole.cutout.frame.rgb
    assert shot_of(View.ORIGINAL, whole).composite.rgb is None


def test_a_shot_makes_no_picture_that_its_file_does_not_need() -> None:
    plain = composite(0, 0.0)
    alpha = np.full(plain.cutout.alpha.shape, 128, np.uint8)
    runs = Runs.between(alpha)
    pixels = np.full((1, runs.pixels, 3), 7, np.uint8)
    picture, pool = plain.cutout.frame.rgb, PicturePool()
    colours = EdgeColours(picture, alpha=alpha, runs=runs, pixels=pixels, pool=pool)
    whole = Composite(Cutout(plain.cutout.frame, alpha, colours), plain.rgb)
    assert plain.rgb is not None
    for view in View:
        shot_of(view, whole)
        shot_of(view, replace(whole, rgb=None))
    assert colours._whole is None
    shot = shot_of(View.FOREGROUND, whole)
    assert (shot.composite.cutout.foreground == 7).all()


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm", ".mov"])
def test_a_killed_recording_plays_up_to_its_last_second(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"clip{ending}"
    process = subprocess.Popen(
        [sys.executable, str(RECORD_ON), str(path)],
        env={**os.environ, "PYTHONPATH": str(RECORD_ON.parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        written = next(float(line) for line in process.stdout if float(line) > 2.5)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(LONG)
        process.stdout.close()
    told = probe(path)
    assert {stream["codec_type"] for stream in told["streams"]} == {"video", "audio"}
    assert video_times(told)[-1] > written - 1.0
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(path), "-f", "null", "-"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm", ".mov"])
def test_a_disk_that_refuses_leaves_a_playable_file_and_a_sentence(
    tmp_path: Path, ending: str
) -> None:
    resource = pytest.importorskip("resource", reason="resource limits are POSIX")
    noise = np.random.default_rng(0).integers(0, 255, (8, *SIZE[::-1], 3), np.uint8)

    def noisy(number: int, captured_at: float) -> Composite:
        rgb = noise[number % 8]
        plain = composite(number, captured_at).cutout
        return Composite(Cutout(Frame(rgb, number, captured_at), plain.alpha, rgb), rgb)

    path = tmp_path / f"a{ending}"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = 3_000_000 if ending == ".mov" else 700_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        figures = record(path, moments=every(30, 12), make=noisy, quality="best")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "can be played" in str(figures.files[0].problem)
    assert figures.state is State.DONE
    assert len(video_times(probe(path))) > 15


def test_a_small_disk_keeps_a_tenth_free_not_all_of_itself(tmp_path: Path) -> None:
    script = Script()
    room = [30_000_000, 64_000_000]
    recorder = Recorder(plan(tmp_path / "a.mp4"), clock=script.clock, room=lambda _: tuple(room))  # type: ignore[arg-type,return-value]
    recorder.start()
    feed(recorder, script, 0, 10)
    assert recorder.stop(LONG).files[0].frames == 10
    room[0] = 6_000_000
    with pytest.raises(DiskFull):
        Recorder(plan(tmp_path / "b.mp4"), room=lambda _: tuple(room)).start()  # type: ignore[arg-type,return-value]


def test_sound_that_goes_away_and_a_file_that_breaks_off_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WATCH_EVERY", 0.01)
    script, sound = Script(), Click(1000.2)
    files = {View.COMPOSITE: tmp_path / "a.mp4", View.MATTE: tmp_path / "b.mp4"}
    told: list[str] = []
    recorder = Recorder(
        Plan(files, encoder="libx264"), clock=script.clock, sound=sound, on_trouble=told.append
    )
    recorder.start()
    files[View.MATTE].write_bytes(b"somebody was quicker")
    feed(recorder, script, 0, 20)
    sound.problem = "The microphone was pulled out."
    wait_until(lambda: len(told) == 2)
    assert "there already" in told[0]
    assert told[1] == sound.problem
    assert recorder.stop(LONG).files[0].frames == 20


def test_what_was_written_is_put_on_the_disk_while_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SYNC_EVERY", 0.01)
    synced: list[str] = []
    kept = os.fsync

    def fsync(number: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{number}")))
        kept(number)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("which file a number stands for is told on Linux only")
    monkeypatch.setattr(os, "fsync", fsync)
    script = Script()
    files = {View.COMPOSITE: tmp_path / "a.mp4", View.MATTE: tmp_path / "pictures"}
    recorder = Recorder(Plan(files, encoder="libx264"), clock=script.clock)
    recorder.start()
    feed(recorder, script, 0, 3)
    wait_until(lambda: {"a.mp4", "000002.png", "pictures.ffconcat"} <= set(synced))
    recorder.stop(LONG)


def test_all_files_are_as_long_as_the_recording(tmp_path: Path) -> None:
    script = Script()
    files = {View.COMPOSITE: tmp_path / "a.mp4", View.MATTE: tmp_path / "b.webm"}
    recorder = Recorder(Plan(files, encoder="libx264"), clock=script.clock)
    recorder.start()
    feed(recorder, script, 0, 10)
    script.now += 0.4  # the camera stutters, or the network is slow, when the user ends it
    assert recorder.stop(LONG).seconds == pytest.approx(0.733, abs=0.01)
    for path in files.values():
        assert float(probe(path)["format"]["duration"]) == pytest.approx(0.733, abs=0.02)


def test_a_picture_that_was_captured_before_the_cut_is_on_the_clip(tmp_path: Path) -> None:
    script = Script()
    recorder = Recorder(plan(tmp_path / "a.mp4"), clock=script.clock)
    recorder.start()
    feed(recorder, script, 0, 10)
    recorder.cut()
    before, after = script.now - 0.01, script.now + 0.01
    script.now += 0.5
    recorder.put(composite(10, before))
    recorder.put(composite(11, after))
    figures = recorder.stop(LONG)
    assert figures.files[0].frames == 11
    assert figures.seconds == pytest.approx(10 / 30, abs=0.01)
