"""One network is opened at a time, one waits, and nothing is left running."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from app.errors import OptionError
from app.live import State
from app.runtime.job import Cancelled
from app.runtime.opening import Opening

LONG = 120.0

MakeRig = Callable[..., Any]


def matting_threads() -> int:
    return sum(thread.name == "mattecam-matting" for thread in threading.enumerate())


def change_size(rig: Any, count: int) -> str:
    """Applies so many other sizes, one directly after the other, and gives the last one."""
    sizes = [f"{64 + 32 * index}x64" for index in range(count)]
    for size in sizes:
        rig.pipeline.apply(rig.pipeline.settings.but(size=size))
    return sizes[-1]


def test_of_many_changes_only_the_first_and_the_last_are_opened(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    rig.run()
    stamp_engines.may_open.clear()
    stamp_engines.opening.clear()
    rig.pipeline.apply(rig.pipeline.settings.but(size="512x64"))
    assert stamp_engines.opening.wait(LONG)
    last = change_size(rig, 40)
    assert matting_threads() == 2  # the one that runs, and the one that is being opened
    rig.see_next_composite()
    stamp_engines.may_open.set()
    assert rig.heard.wait_for(lambda _: rig.pipeline.info.network_size == network_size(last))
    opened = [str(engine.settings.size) for engine in stamp_engines.made]
    assert opened == ["auto", "512x64", last]
    assert rig.heard.failures == []
    rig.see_next_composite()


def network_size(size: str) -> str:
    from app.modnet.preprocess import NetworkSize, grid_for

    return str(grid_for((320, 180), NetworkSize.parse(size)))


def test_what_was_replaced_while_it_was_opened_never_takes_over(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    rig.run()
    stamp_engines.may_open.clear()
    stamp_engines.opening.clear()
    rig.pipeline.apply(rig.pipeline.settings.but(size="512x64"))
    assert stamp_engines.opening.wait(LONG)
    change_size(rig, 2)
    stamp_engines.may_open.set()
    assert rig.heard.wait_for(lambda _: len(stamp_engines.made) == 3)
    assert stamp_engines.made[1].closed.wait(LONG)
    assert stamp_engines.made[1].submitted_count == 0


def test_before_the_first_picture_a_network_that_was_replaced_is_better_than_none(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    stamp_engines.may_open.clear()
    rig.source.interval = 0.005
    rig.start()
    assert stamp_engines.opening.wait(LONG)
    change_size(rig, 1)
    stamp_engines.most = 1  # the second one is not opened yet
    stamp_engines.may_open.set()
    rig.see_composite()
    assert len(stamp_engines.made) == 1
    stamp_engines.most = None
    assert rig.heard.wait_for(lambda _: len(stamp_engines.made) == 2)
    assert stamp_engines.made[0].closed.wait(LONG)


def test_a_change_of_size_lets_the_conversion_go_on_and_other_weights_end_it(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    stamp_engines.may_open.clear()
    rig.start()
    assert stamp_engines.opening.wait(LONG)
    (opening,) = stamp_engines.openings
    change_size(rig, 1)
    assert (opening.superseded, opening.cancelled) == (True, False)
    rig.pipeline.apply(rig.pipeline.settings.but(weights="others"))
    assert opening.cancelled
    stamp_engines.may_open.set()


def test_what_fails_after_it_was_replaced_fails_for_nobody(
    make_rig: MakeRig, stamp_engines: Any, patient: None
) -> None:
    rig = make_rig()
    rig.run()
    stamp_engines.may_open.clear()
    stamp_engines.opening.clear()
    rig.pipeline.apply(rig.pipeline.settings.but(device="cuda"))
    assert stamp_engines.opening.wait(LONG)
    stamp_engines.refuses_once = OptionError("This device is not here.")
    rig.pipeline.apply(rig.pipeline.settings.but(device="auto", size="64x64"))
    stamp_engines.may_open.set()
    assert rig.heard.wait_for(lambda _: len(stamp_engines.made) == 2)
    assert rig.heard.wait_for(lambda _: rig.pipeline.info.network_size == network_size("64x64"))
    assert rig.heard.failures == []
    assert rig.pipeline.state is State.RUNNING


def test_stopping_ends_what_is_being_opened_and_opens_nothing_more(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    stamp_engines.may_open.clear()
    rig.start()
    assert stamp_engines.opening.wait(LONG)
    change_size(rig, 3)
    assert rig.pipeline.stop(LONG) == ()
    assert matting_threads() == 0
    assert len(stamp_engines.openings) == 1


def test_a_network_that_its_driver_holds_leaves_room_for_one_more_and_no_others(
    make_rig: MakeRig, stamp_engines: Any
) -> None:
    rig = make_rig()
    rig.run()
    gates = []
    for size in ("64x64", "96x64", "128x64"):
        gates.append(stamp_engines.hold_closing())
        made = len(stamp_engines.made)
        rig.pipeline.apply(rig.pipeline.settings.but(size=size))
        if size != "128x64":
            assert rig.heard.wait_for(lambda _, made=made: len(stamp_engines.made) == made + 1)
            assert rig.heard.wait_for(
                lambda _, size=size: rig.pipeline.info.network_size == network_size(size)
            )
    assert matting_threads() == 3  # two that are held, and the one that runs
    rig.see_next_composite()
    gates[0].set()
    assert rig.heard.wait_for(lambda _: rig.pipeline.info.network_size == network_size("128x64"))
    for gate in gates:
        gate.set()


@pytest.mark.parametrize("how", ["supersede", "cancel"])
def test_no_step_begins_once_a_network_is_not_wanted(how: str) -> None:
    opening = Opening()
    opening.check()
    opening.check_conversion()
    getattr(opening, how)()
    with pytest.raises(Cancelled):
        opening.check()
    if how == "cancel":
        with pytest.raises(Cancelled):
            opening.check_conversion()
    else:
        opening.check_conversion()
