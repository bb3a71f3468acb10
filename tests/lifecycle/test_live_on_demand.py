"""While nobody reads the virtual camera, the real one is released; a wish of the user stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.live import State

LONG = 120.0
DEVICE = Path("/dev/video9")

MakeRig = Callable[..., Any]


def on_demand(make_rig: MakeRig) -> Any:
    rig = make_rig(on_demand=True)
    rig.output.loopback = DEVICE
    rig.run()
    assert rig.watched.wait(LONG)
    return rig


def test_the_source_is_released_while_nobody_reads_and_comes_back(make_rig: MakeRig) -> None:
    rig = on_demand(make_rig)
    rig.readers.tell(False)
    assert rig.source.wait_for(lambda source: source.closed == 1)
    assert rig.heard.state(State.RESTING)
    rig.output.clear()
    rig.see_card()
    rig.readers.tell(True)
    rig.see_next_composite()
    assert rig.heard.state(State.RUNNING, times=2)


def test_a_reader_does_not_end_a_pause_of_the_user(make_rig: MakeRig) -> None:
    rig = on_demand(make_rig)
    rig.pipeline.pause()
    assert rig.heard.state(State.PAUSED)
    rig.readers.tell(False)
    rig.readers.tell(True)
    rig.output.clear()
    assert rig.output.wait_for(lambda _: len(rig.output.written) > 5, LONG)
    assert rig.showed_only_cards()
    assert rig.pipeline.state is State.PAUSED
    rig.pipeline.resume()
    rig.see_composite()


def test_resuming_while_nobody_reads_waits_for_a_reader(make_rig: MakeRig) -> None:
    rig = on_demand(make_rig)
    rig.pipeline.pause()
    rig.readers.tell(False)
    rig.pipeline.resume()
    assert rig.heard.state(State.RESTING)
    assert rig.source.opened == 1
    rig.readers.tell(True)
    rig.see_next_composite()


def test_a_freeze_outlasts_the_rest(make_rig: MakeRig) -> None:
    rig = on_demand(make_rig)
    rig.pipeline.freeze()
    assert rig.heard.state(State.FROZEN)
    rig.readers.tell(False)
    assert rig.heard.state(State.RESTING)
    rig.readers.tell(True)
    assert rig.heard.state(State.FROZEN, times=2)
    rig.output.clear()
    assert rig.output.wait_for(lambda _: len(rig.output.written) > 5, LONG)
    assert len({picture.tobytes() for picture in rig.composites()}) == 1


def test_a_preview_that_can_be_seen_keeps_it_working(make_rig: MakeRig) -> None:
    rig = make_rig(on_demand=True)
    rig.output.loopback = DEVICE
    preview = rig.pipeline.add_preview(lambda: None)
    rig.run()
    assert rig.watched.wait(LONG)
    rig.readers.tell(False)
    rig.see_next_composite()
    preview.seen = False
    assert rig.heard.state(State.RESTING)
    preview.seen = True
    rig.see_next_composite()


def test_switched_off_it_works_for_nobody(make_rig: MakeRig) -> None:
    rig = on_demand(make_rig)
    rig.readers.tell(False)
    assert rig.heard.state(State.RESTING)
    rig.pipeline.apply(rig.pipeline.settings.but(on_demand=False))
    rig.see_next_composite()


def test_stopping_while_it_rests_leaves_it_ready_to_start(make_rig: MakeRig) -> None:
    rig = on_demand(make_rig)
    rig.readers.tell(False)
    assert rig.heard.state(State.RESTING)
    assert rig.pipeline.stop() == ()
    rig.output.clear()
    rig.start()
    rig.see_composite()
