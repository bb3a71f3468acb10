"""A camera and a virtual camera that misbehave, and each stage killed in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from app.errors import (
    EngineError,
    InputError,
    OutputError,
    OutputLost,
    SourceLost,
    WeightsMissing,
)
from app.frames import Frame
from app.live import State

LONG = 120.0

MakeRig = Callable[..., Any]


def leaves_behind(rig: Any, name: str) -> bool:
    """Whether stopping comes back although that thread does not end, and names it."""
    left: tuple[str, ...] = rig.pipeline.stop(2.0)
    return name in left


# ---- the source --------------------------------------------------------------------------------


def test_a_source_that_takes_long_for_its_first_picture_is_not_called_silent(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.live.STALL", 0.0)
    rig = make_rig()
    rig.source.silent = True
    rig.start()
    # So often the pipeline has looked at it.
    assert rig.heard.wait_for(lambda heard: len(heard.snapshots) >= 2)
    assert rig.heard.failures == []
    rig.source.silent = False
    rig.source.feed_frames(2)
    assert "no picture for some seconds" in rig.heard.failure("source").sentence


@pytest.mark.parametrize("error", [SourceLost("It was unplugged."), OSError("a driver's words")])
def test_a_source_that_goes_away_is_tried_again_until_it_is_back(
    make_rig: MakeRig, error: Exception
) -> None:
    rig = make_rig()
    rig.run()
    rig.source.refuses = error
    rig.source.feed(error)
    assert rig.source.wait_for(lambda source: source.opened > 5)
    failure = rig.heard.failure("source")
    assert str(error) in failure.sentence
    assert failure.retried
    assert failure.error is error
    assert rig.heard.state(State.WAITING)
    assert len(rig.heard.failures) == 1, "a dead camera is told once"
    rig.see_card()
    rig.source.refuses = None
    rig.see_next_composite()
    assert rig.heard.state(State.RUNNING, times=2)
    assert rig.source.closed >= rig.source.opened - 1
    assert rig.pipeline.stop(LONG) == ()


def test_a_source_that_is_not_there_at_the_start_is_waited_for(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.source.refuses = SourceLost("Another program uses the camera; close it.")
    rig.source.interval = 0.005
    rig.start()
    assert "close it" in rig.heard.failure("source").sentence
    rig.see_card()
    assert rig.showed_only_cards()
    rig.source.refuses = None
    rig.see_composite()


def test_a_source_that_can_never_be_is_told_and_another_one_chosen(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.source.refuses = InputError("There is no such file.")
    rig.start()
    failure = rig.heard.failure("source")
    assert failure.sentence == "There is no such file."
    assert not failure.retried
    assert rig.heard.state(State.FAILED)
    rig.another_source("two", interval=0.005)
    rig.pipeline.apply(rig.pipeline.settings.but(source="two"))
    rig.see_composite()
    assert rig.source.opened == 1


def test_retry_opens_again_what_failed_for_good(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.source.interval = 0.005
    rig.source.refuses = InputError("There is no such file.")
    rig.start()
    assert rig.heard.state(State.FAILED)
    rig.source.refuses = None
    rig.pipeline.retry()
    rig.see_composite()
    assert rig.pipeline.state is State.RUNNING


def test_a_hurry_ends_the_pause_between_two_tries(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.pipeline._backoff = (3600.0,)
    rig.source.interval = 0.005
    rig.source.refuses = SourceLost("It is not plugged in.")
    rig.start()
    assert rig.heard.failure("source").retried
    rig.source.refuses = None
    rig.pipeline.retry()
    rig.see_composite()


def test_an_end_does_not_wait_for_the_next_try(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.pipeline._backoff = (3600.0,)
    rig.source.refuses = SourceLost("It is not plugged in.")
    rig.start()
    assert rig.heard.failure("source").retried
    assert rig.pipeline.stop(LONG) == ()


def test_a_read_that_never_returns_is_told_left_behind_and_named(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.source.deaf = True
    rig.run()
    rig.source.interval = 0.0
    assert rig.heard.state(State.STALLED)
    rig.see_card()
    assert "no picture" in rig.heard.failure("source").sentence
    assert leaves_behind(rig, "capture")
    assert rig.heard.failure("capture").remedy
    assert rig.heard.states[-1] is State.STOPPED


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("camera", "The camera has given no picture for some seconds. If it does not come back"),
        (
            "screen:1",
            "The screen has given no picture for some seconds. It may be locked or asleep",
        ),
        ("demo", "The demo clip has given no picture for some seconds. The computer is busy"),
        ("one", "The file has given no picture for some seconds. Its drive or network may be slow"),
    ],
)
def test_a_source_that_falls_silent_says_so_in_its_own_words(
    make_rig: MakeRig, spec: str, said: str
) -> None:
    rig = make_rig(source=spec)
    rig.sources[spec] = rig.source
    rig.run()
    rig.source.interval = 0.0
    assert str(rig.heard.failure("source")).startswith(said)


def test_a_late_read_of_a_source_that_was_replaced_changes_nothing(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.live._HANDOVER", 0.05)
    rig = make_rig()
    rig.source.deaf = True
    rig.run()
    rig.source.interval = 0.0
    two = rig.another_source("two", interval=0.005)
    two.size = (160, 90)
    rig.pipeline.apply(rig.pipeline.settings.but(source="two"))
    assert rig.heard.wait_for(lambda _: rig.pipeline.info.frame_size == (160, 90))
    rig.source.feed_frames(3)  # the old camera comes to life
    assert rig.source.wait_for(lambda source: source.closed == 1)
    rig.see_next_composite()
    assert rig.pipeline.info.frame_size == (160, 90)
    assert rig.pipeline.stop(LONG) == ()


def test_the_next_source_waits_until_the_last_one_is_released(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    rig.pipeline.restart_source()
    assert rig.source.wait_for(lambda source: source.opened == 2)
    assert rig.source.closed == 1
    rig.see_next_composite()


def test_frames_that_come_late_are_no_failure(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run()
    rig.source.interval = 0.4
    rig.output.clear()
    rig.see_composite()
    assert not rig.heard.failures
    assert rig.pipeline.state is State.RUNNING


# ---- the outputs -------------------------------------------------------------------------------


def test_an_output_that_refuses_is_removed_and_the_rest_goes_on(make_rig: MakeRig) -> None:
    rig = make_rig()
    bad = rig.another_output("bad")
    bad.refuses = OutputError("There is no virtual camera; run: sudo modprobe v4l2loopback")
    rig.pipeline.add_output("bad", bad)
    rig.run()
    failure = rig.heard.failure("output bad")
    assert "modprobe" in failure.sentence
    assert not failure.retried
    assert rig.pipeline.outputs == ("cam",)
    assert bad.closed.acquire(timeout=LONG)
    rig.see_next_composite()
    assert rig.pipeline.stop(LONG) == ()


def test_an_output_that_dies_takes_nobody_with_it(make_rig: MakeRig) -> None:
    rig = make_rig()
    other = rig.another_output("other")
    rig.pipeline.add_output("other", other)
    rig.run()
    rig.see_composite(output=other)
    other.dies = ZeroDivisionError("a driver's words")
    assert "a driver's words" in rig.heard.failure("output other").sentence
    assert rig.pipeline.outputs == ("cam",)
    rig.see_next_composite()
    assert rig.pipeline.state is State.RUNNING
    assert rig.pipeline.stop(LONG) == ()


@pytest.mark.parametrize("how", ["write", "health"])
def test_an_output_that_is_lost_is_opened_again_with_the_neutral_picture_first(
    make_rig: MakeRig, how: str
) -> None:
    rig = make_rig()
    rig.run()
    if how == "write":
        rig.output.dies = OutputLost("The device is gone.")
    else:
        rig.output.ails = "The device is gone."
    failure = rig.heard.failure("output cam")
    assert failure.sentence == "The device is gone."
    assert failure.retried
    for _ in range(3):  # the first was the first of all
        assert rig.output.opened.acquire(timeout=LONG)
    rig.output.clear()
    rig.output.dies = rig.output.ails = None
    rig.see_composite()
    assert (rig.output.written[0].picture[0, 0] == (38, 42, 50)).all()
    assert rig.pipeline.outputs == ("cam",)
    assert [f.where for f in rig.heard.failures] == ["output cam"]


def test_an_output_that_blocks_holds_up_nobody_and_is_told(make_rig: MakeRig) -> None:
    rig = make_rig()
    stuck = rig.another_output("stuck")
    rig.pipeline.add_output("stuck", stuck)
    rig.run()
    stuck.may_write.clear()
    for _ in range(5):
        rig.see_next_composite()
    assert "takes no more" in rig.heard.failure("output stuck").sentence
    assert rig.pipeline.state is State.RUNNING
    assert rig.pipeline.stats.whole().dropped["output stuck"] > 0
    # `interrupt` lets it go in time: after half of it.
    assert rig.pipeline.stop(10.0) == ()
    assert stuck.interrupted.is_set()


def test_an_output_that_was_removed_while_it_blocks_is_interrupted_at_the_end(
    make_rig: MakeRig,
) -> None:
    rig = make_rig()
    stuck = rig.another_output("stuck")
    rig.pipeline.add_output("stuck", stuck)
    rig.run()
    stuck.may_write.clear()
    stuck.writing.clear()
    assert stuck.writing.wait(LONG)
    rig.pipeline.remove_output("stuck")
    assert rig.pipeline.stop(10.0) == ()
    assert stuck.interrupted.is_set()


def test_an_output_from_the_settings_that_failed_comes_back_by_retry(make_rig: MakeRig) -> None:
    rig = make_rig(outputs=("flaky",))
    flaky = rig.another_output("flaky")
    flaky.refuses = OutputError("It is not there.")
    rig.run()
    assert rig.heard.failure("output flaky").sentence == "It is not there."
    assert rig.pipeline.outputs == ("cam",)
    flaky.refuses = None
    rig.pipeline.retry()
    rig.see_composite(output=flaky)


# ---- the stages --------------------------------------------------------------------------------


def test_when_matting_dies_the_room_is_hidden_and_another_engine_mends_it(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    rung = threading.Semaphore(0)
    preview = rig.pipeline.add_preview(rung.release)
    rig.run()
    stamp_engines.made[0].fails = EngineError("The network failed.")
    assert rig.heard.failure("matting").sentence == "The network failed."
    assert rig.heard.state(State.FAILED)
    rig.output.clear()
    rig.see_card()
    rig.output.clear()
    assert rig.output.wait_for(lambda _: len(rig.output.written) > 5, LONG)
    assert rig.showed_only_cards()
    assert stamp_engines.made[0].closed.wait(LONG)
    # The preview goes on with the truth.
    picture: object = None
    while not isinstance(picture, Frame):
        assert rung.acquire(timeout=LONG)
        picture = preview.take()
    rig.pipeline.apply(rig.pipeline.settings.but(size="64x64"))
    rig.see_composite()
    assert rig.pipeline.state is State.RUNNING


def test_weights_that_are_missing_are_told_and_retried_when_they_are_there(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    stamp_engines.refuses = WeightsMissing("Run: python main.py weights fetch")
    rig.source.interval = 0.005
    rig.start()
    failure = rig.heard.failure("engine")
    assert isinstance(failure.error, WeightsMissing)
    assert rig.heard.state(State.FAILED)
    rig.see_card()
    assert rig.showed_only_cards()
    stamp_engines.refuses = None
    rig.pipeline.retry()
    rig.see_composite()


def test_when_compose_dies_the_room_is_hidden_and_retry_mends_it(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig()
    rig.run()
    with monkeypatch.context() as patch:

        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError("a mistake")

        patch.setattr("app.compositing.blend", fail)
        assert "a mistake" in rig.heard.failure("compose").sentence
    assert rig.heard.state(State.FAILED)
    rig.output.clear()
    rig.see_card()
    rig.pipeline.retry()
    rig.see_composite()


@pytest.mark.parametrize("victim", ["source", "matting", "compose", "output", "background"])
def test_whoever_is_killed_all_threads_end_in_time(
    make_rig: MakeRig, stamp_engines: Any, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    rig = make_rig(temporal="ofd")
    rig.run()
    killed = RuntimeError("killed")

    def kill(*_: object, **__: object) -> None:
        raise killed

    if victim == "source":
        rig.source.refuses = killed
        rig.source.feed(killed)
    elif victim == "matting":
        stamp_engines.made[0].fails = killed
    elif victim == "compose":
        monkeypatch.setattr("app.compositing.blend", kill)
    elif victim == "output":
        rig.output.dies = killed
    else:
        monkeypatch.setattr("app.stages.compose.create_background", kill)
        rig.pipeline.apply(rig.pipeline.settings.but(background="color:#0000ff"))
    where = f"{victim} cam" if victim == "output" else victim
    assert rig.heard.failure(where).error is killed
    assert rig.pipeline.stop(LONG) == ()


def test_an_engine_that_never_finishes_does_not_hold_up_the_end(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    rig.run()
    stamp_engines.gate.clear()
    rig.pipeline.stop(2.0)
    assert rig.pipeline.state is State.STOPPED
    stamp_engines.gate.set()


def test_an_engine_that_loads_for_long_is_left_behind_and_ends_by_itself(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    stamp_engines.may_open.clear()
    stamp_engines.deaf = True
    rig.start()
    assert stamp_engines.opening.wait(LONG)
    assert leaves_behind(rig, "matting")
    stamp_engines.may_open.set()
