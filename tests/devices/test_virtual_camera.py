"""v4l2loopback, written to by a pipeline and read back by other programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app import v4l2
from app.live import State
from tests.devices import kernel
from tests.devices.conftest import ROOT, run_program, show
from tests.devices.watching import CARD, LONG, SIZE, OnAir, Reader, Seen, is_near

Read = Callable[..., Reader]
Produce = Callable[..., kernel.Producer]
Load = Callable[..., None]

SOURCE = "camera,size=320x180,fps=10"


def test_ffmpeg_reads_the_picture_at_its_size_and_its_rate(
    camera: Path, loopback: Path, read_device: Read
) -> None:
    with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
        live.wait_for_state(State.RUNNING)
        reader = read_device(loopback)
        reader.wait_for(Seen.PERSON, 10)
        probe = run_program(
            "ffprobe", "-v", "error", "-f", "v4l2", "-show_streams", "-of", "json", str(loopback)
        )
        (stream,) = json.loads(probe.stdout)["streams"]
        assert (stream["width"], stream["height"]) == SIZE
        assert stream["r_frame_rate"] == "10/1"
        assert stream["pix_fmt"] == "yuv420p"
        assert Seen.ROOM not in reader.seen
    assert live.sentences == []


def test_opencv_reads_the_same(camera: Path, loopback: Path) -> None:
    code = (
        "import cv2, sys; c = cv2.VideoCapture(sys.argv[1], cv2.CAP_V4L2)\n"
        "for _ in range(5): good, p = c.read(); assert good\n"
        "import json; print(json.dumps([p[-4, 4].tolist(), p[90, 160].tolist(), p.shape]))"
    )
    with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
        live.wait_for_state(State.RUNNING)
        done = run_program(sys.executable, "-c", code, str(loopback))
    corner, middle, shape = json.loads(done.stdout)
    assert shape == [180, 320, 3]
    assert corner[1] > 120
    assert max(corner[0], corner[2]) < 110
    assert middle[2] > 200
    assert max(middle[:2]) < 60


def test_a_reader_may_come_again_and_two_may_read_at_once(
    camera: Path, loopback: Path, read_device: Read
) -> None:
    with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
        live.wait_for_state(State.RUNNING)
        first = read_device(loopback)
        first.wait_for(Seen.PERSON, 3)
        first.close()
        again = read_device(loopback)
        again.wait_for(Seen.PERSON, 3)
        beside = read_device(loopback)
        if not kernel.loopback_has_one_reader():
            beside.wait_for(Seen.PERSON, 3)
        again.wait_for(Seen.PERSON, 3)
    assert live.sentences == []


def test_the_device_takes_a_second_run_after_the_first_has_ended(
    camera: Path, loopback: Path, read_device: Read
) -> None:
    for _ in range(2):
        with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
            live.wait_for_state(State.RUNNING)
            reader = read_device(loopback)
            reader.wait_for(Seen.PERSON, 2)
            reader.close()
        assert live.sentences == []


def test_a_run_begins_while_a_reader_of_the_last_one_is_still_there(
    camera: Path, loopback: Path, read_device: Read
) -> None:
    with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
        live.wait_for_state(State.RUNNING)
        reader = read_device(loopback)
        reader.wait_for(Seen.PERSON, 2)
    with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
        live.wait_for_state(State.RUNNING)
        reader.wait_for(Seen.PERSON, 2)
    assert live.sentences == []
    assert Seen.ROOM not in reader.seen


def test_another_size_is_refused_while_a_reader_holds_the_old_one_and_taken_afterwards(
    camera: Path, loopback: Path, read_device: Read
) -> None:
    with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
        live.wait_for_state(State.RUNNING)
        reader = read_device(loopback)
        reader.wait_for(Seen.PERSON, 2)
        live.pipeline.apply(live.pipeline.settings.but(output_size=(160, 90)))
        failure = live.wait_for_failure("refuses 160x90")
        assert failure.retried
        reader.close()
        live.wait_until_open()
        read_device(loopback, (160, 90)).wait_for(Seen.PERSON, 2)


def test_a_device_that_another_program_feeds_is_said_and_taken_when_it_is_free(
    camera: Path, loopback: Path, produce: Produce, read_device: Read
) -> None:
    other = produce(loopback, "YUYV", SIZE, SIZE[0] * SIZE[1] * 2)
    other.write()
    with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
        failure = live.wait_for_failure(str(loopback))
        assert "another program feeds it" in str(failure)
        other.write()
        other.close()
        live.wait_until_open()
        read_device(loopback).wait_for(Seen.PERSON, 2)


@pytest.mark.parametrize("exclusive", [0, 1])
def test_without_exclusive_caps_too_two_programs_do_not_feed_one_device(
    camera: Path, load_loopback: Load, produce: Produce, exclusive: int
) -> None:
    load_loopback(exclusive_caps=exclusive, card_label="Mattecam", video_nr=42)
    produce(Path("/dev/video42"), "YUYV", SIZE, SIZE[0] * SIZE[1] * 2).write()
    with OnAir(SOURCE, "virtual-camera") as live:
        live.wait_for_failure("refuses" if exclusive == 0 else "feeds it. Close that program")
        assert not live.pipeline.info.outputs


def test_the_first_free_device_is_taken(
    camera: Path, load_loopback: Load, produce: Produce, read_device: Read
) -> None:
    load_loopback(exclusive_caps="1,1", devices=2, video_nr="42,43")
    produce(Path("/dev/video42"), "YUYV", SIZE, SIZE[0] * SIZE[1] * 2).write()
    with OnAir(SOURCE, "virtual-camera") as live:
        live.wait_for_state(State.RUNNING)
        live.wait_until_open()
        assert "/dev/video43" in str(live.pipeline.info.outputs)
        read_device(Path("/dev/video43")).wait_for(Seen.PERSON, 2)


def test_a_module_that_is_loaded_again_between_two_runs_is_found(
    camera: Path, load_loopback: Load, read_device: Read
) -> None:
    for number in (42, 44):
        load_loopback(exclusive_caps=1, video_nr=number)
        with OnAir(SOURCE, "virtual-camera") as live:
            live.wait_for_state(State.RUNNING)
            reader = read_device(Path(f"/dev/video{number}"))
            reader.wait_for(Seen.PERSON, 1)
            reader.close()
            # The kernel itself keeps it while it is on air.
            with pytest.raises(RuntimeError, match="in use"):
                kernel.unload("v4l2loopback")
        kernel.unload("v4l2loopback")


def test_without_a_device_the_run_says_what_to_do(camera: Path) -> None:
    done = live_command("--output", "virtual-camera", "--seconds", "60")
    assert done.returncode == 1
    assert "sudo modprobe v4l2loopback exclusive_caps=1" in done.stderr


def test_a_real_camera_is_not_written_to(camera: Path) -> None:
    done = live_command("--output", f"virtual-camera:{camera}", "--seconds", "60")
    assert done.returncode == 1
    assert f"{camera} is no v4l2loopback device" in done.stderr


def test_an_odd_size_is_refused_in_a_sentence(camera: Path, loopback: Path) -> None:
    done = live_command("--output", "virtual-camera", "--output-size", "321x181")
    assert done.returncode == 2
    assert "must be even" in done.stderr


def test_no_permission_is_said(camera: Path, loopback: Path) -> None:
    loopback.chmod(0o600)
    camera.chmod(0o666)
    done = live_command("--output", f"virtual-camera:{loopback}", "--seconds", "60", user="nobody")
    assert done.returncode == 1
    assert "sudo usermod -aG video $USER" in done.stderr


def test_every_way_to_hide_is_a_card_and_never_the_room(
    camera: Path, loopback: Path, read_device: Read
) -> None:
    with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
        live.wait_until_open()
        reader = read_device(loopback)
        reader.wait_for(Seen.PERSON)
        pipeline = live.pipeline
        pipeline.pause()
        reader.wait_for(Seen.CARD, 3)
        pipeline.resume()
        reader.wait_for(Seen.PERSON)
        pipeline.show_card()
        reader.wait_for(Seen.CARD, 3)
        pipeline.resume()
        reader.wait_for(Seen.PERSON)
        pipeline.freeze()
        live.wait_for_state(State.FROZEN)
        assert set(reader.wait_for_more(10)) == {Seen.PERSON}
        pipeline.resume()
        # The engine cannot be opened: the former goes on. The camera is taken away: a card.
        kernel.set_control(camera, "Disconnect")
        live.wait_for_failure("was unplugged")
        reader.wait_for(Seen.CARD, 3)
        live.wait_for_state(State.RUNNING)
        reader.wait_for(Seen.PERSON)
        pipeline.apply(pipeline.settings.but(background="image:/nowhere/at/all.jpg"))
        live.wait_for_failure("nowhere")
        reader.wait_for_more(10)
        assert Seen.ROOM not in reader.seen


def test_an_engine_that_dies_leaves_a_card(
    camera: Path, loopback: Path, read_device: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.engines.null import NullEngine

    with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
        live.wait_for_state(State.RUNNING)
        reader = read_device(loopback)
        reader.wait_for(Seen.PERSON)
        monkeypatch.setattr(NullEngine, "submit", _die)
        live.wait_for_state(State.FAILED)
        reader.wait_for(Seen.CARD, 5)
        assert set(reader.wait_for_more(5)) == {Seen.CARD}
        assert Seen.ROOM not in reader.seen


def _die(*_: object) -> None:
    raise RuntimeError("the engine died")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_reader_never_sees_the_room_when_the_program_is_ended(
    camera: Path, loopback: Path, read_device: Read, number: signal.Signals
) -> None:
    process = start_live(f"virtual-camera:{loopback}")
    try:
        kernel.wait_until_fed(loopback, LONG)
        reader = read_device(loopback)
        reader.wait_for(Seen.PERSON, 3)
        process.send_signal(number)
        status = process.wait(LONG)
    finally:
        process.kill()
        process.wait()
    assert status == (-number if number == signal.SIGKILL else 0)
    # What it sees next comes from the next run.
    with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
        live.wait_for_state(State.RUNNING)
        reader.wait_for(Seen.PERSON, 2)
    assert Seen.ROOM not in reader.seen


def test_on_demand_the_camera_is_open_only_while_somebody_reads(
    camera: Path, loopback: Path, read_device: Read
) -> None:
    with OnAir(SOURCE, f"virtual-camera:{loopback}", on_demand=True) as live:
        live.wait_for_state(State.RESTING)
        for _ in range(2):
            assert kernel.becomes(lambda: not _has_open(camera), LONG)
            reader = read_device(loopback)
            live.wait_for_state(State.RUNNING)
            reader.wait_for(Seen.PERSON, 3)
            assert _has_open(camera)
            assert Seen.ROOM not in reader.seen
            assert Seen.CARD in reader.seen
            reader.close()
            live.wait_for_state(State.RESTING)
        assert kernel.becomes(lambda: not _has_open(camera), LONG)
    assert live.sentences == []


def _has_open(device: Path) -> bool:
    return any(program.pid == os.getpid() for program in v4l2.programs_with(device))


def test_a_camera_that_stands_still_leaves_a_card_and_not_an_old_picture(
    camera: Path, loopback: Path, read_device: Read
) -> None:
    with OnAir(SOURCE, f"virtual-camera:{loopback}") as live:
        live.wait_for_state(State.RUNNING)
        reader = read_device(loopback)
        show(camera, "red", clock=False)
        live.wait_for_failure("is frozen")
        reader.wait_for(Seen.CARD, 3)
        show(camera, "red")
        live.wait_for_state(State.RUNNING)
        reader.wait_for(Seen.PERSON, 3)
        assert reader.last is not None
        assert not is_near(reader.last[-8:, :8], CARD)


def live_command(*options: str, user: str | None = None) -> subprocess.CompletedProcess[str]:
    return run_program(*_live(*options), user=user)


def start_live(output: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _live("--output", output, "--output-size", "320x180", "--output-rate", "10"), cwd=ROOT
    )


def _live(*options: str) -> list[str]:
    command = [sys.executable, "main.py", "live", "--source", SOURCE, "--engine", "null"]
    return [*command, "--background", "color:#00b140", "--temporal", "off", *options]
