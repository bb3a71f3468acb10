"""Down at once, up slowly, and never to and fro."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.modnet.preprocess import AUTO, NetworkSize
from app.pace.controller import Controller, Load
from app.pace.ladder import BOXES, cost, ladder
from app.pace.pace import Pace
from app.pace.quality import Quality
from app.settings import LiveSettings
from app.stats import Stats

COSTS = tuple(float(cost(NetworkSize.parse(box))) for box in BOXES)
EACH = 0.5  # seconds between two looks


class Machine:
    """A simulated machine: a matte takes `speed` seconds for each pixel of the network's input."""

    def __init__(self, milliseconds_at_finest: float, *, rate: float = 30.0) -> None:
        self.controller = Controller(COSTS)
        self.time = 0.0
        self.rate = rate
        self.at_finest = milliseconds_at_finest / 1e3
        self.places: list[int] = []

    def run(self, seconds: float, slower: Callable[[float], float] = lambda _: 1.0) -> list[int]:
        began = len(self.places)
        for _ in range(round(seconds / EACH)):
            self.time += EACH
            took = self.at_finest * COSTS[self.controller.place] / COSTS[0] * slower(self.time)
            load = Load([took] * 15, [0.005] * 15, in_flight=1, rate=self.rate)
            before = self.controller.place
            self.places.append(self.controller.look(load, self.time))
            if self.controller.place != before:
                self.controller.settled()
        return self.places[began:]


def changes(places: list[int]) -> int:
    return sum(a != b for a, b in pairwise(places))


def test_a_machine_that_keeps_up_stays_at_the_finest_size() -> None:
    assert set(Machine(25).run(60)) == {0}


def test_a_machine_that_is_too_slow_comes_down_within_two_seconds() -> None:
    machine = Machine(60)
    assert machine.run(2.5)[-1] > 0
    assert machine.run(60)[-1] > 0


def test_it_comes_down_in_one_step_to_where_it_is_expected_to_fit() -> None:
    places = Machine(110).run(10)
    assert changes([0, *places]) == 1
    assert places[-1] == len(COSTS) - 1


def test_with_less_to_do_it_climbs_again() -> None:
    machine = Machine(22)
    assert machine.run(20, slower=lambda _: 4.0)[-1] > 0
    assert machine.run(60)[-1] == 0


def test_climbs_that_fail_become_rarer() -> None:
    # Other work comes whenever the finer size is tried.
    machine = Machine(40)
    places = machine.run(1200, slower=lambda _: 1.4 if machine.controller.place == 1 else 0.8)
    assert changes(places[: len(places) // 2]) > changes(places[len(places) // 2 :])


@settings(deadline=None, max_examples=60)
@given(
    milliseconds=st.floats(5, 300),
    rate=st.sampled_from([24.0, 30.0, 60.0]),
)
def test_under_a_load_that_does_not_change_it_comes_to_rest(
    milliseconds: float, rate: float
) -> None:
    machine = Machine(milliseconds, rate=rate)
    machine.run(60)
    assert len(set(machine.run(120))) == 1


@settings(deadline=None, max_examples=60)
@given(
    slower=st.lists(st.floats(0.3, 8), min_size=4, max_size=12),
    milliseconds=st.floats(5, 100),
)
def test_it_never_leaves_the_ladder_and_is_never_left_too_slow_with_room_below(
    slower: list[float], milliseconds: float
) -> None:
    machine = Machine(milliseconds)
    for factor in slower:
        places = machine.run(30, slower=lambda _, factor=factor: factor)
        assert all(0 <= place < len(COSTS) for place in places)
        took = machine.at_finest * COSTS[places[-1]] / COSTS[0] * factor
        assert took * machine.rate <= 1.0 or places[-1] == len(COSTS) - 1


def test_two_in_flight_have_twice_the_time() -> None:
    slow = [0.05] * 20
    assert Load(slow, [], in_flight=1, rate=30).share() > 1.0  # type: ignore[operator]
    assert Load(slow, [], in_flight=2, rate=30).share() < 1.0  # type: ignore[operator]


def test_a_composing_thread_that_is_too_slow_counts_too() -> None:
    assert Load([0.01] * 9, [0.05] * 9, in_flight=1, rate=30).share() > 1.0  # type: ignore[operator]


def test_a_recording_is_made_room_for_before_it_costs_a_frame() -> None:
    controller = Controller(COSTS)
    tight = Load([0.030] * 15, [], in_flight=1, rate=30.0)
    assert controller.look(tight, 0.0) == 0
    assert controller.look(replace(tight, set_aside=0.1), 0.5) > 0


def test_a_recording_costs_no_size_where_there_is_room_for_it() -> None:
    controller = Controller(COSTS)
    roomy = Load([0.026] * 15, [], in_flight=1, rate=30.0, set_aside=0.1)
    assert [controller.look(roomy, now) for now in (0.0, 2.0, 4.0)] == [0, 0, 0]


def test_what_is_set_aside_for_a_recording_is_not_climbed_into() -> None:
    controller = Controller(COSTS, start=1)
    ratio = COSTS[0] / COSTS[1]
    fits_alone = Load([0.78 * 0.92 / 30 / ratio] * 15, [], in_flight=1, rate=30.0)
    for now in range(10):
        assert controller.look(replace(fits_alone, set_aside=0.1), float(now)) == 1
    assert controller.look(fits_alone, 10.0) == 1  # room must last
    assert controller.look(fits_alone, 15.0) == 0


def test_too_few_times_say_nothing() -> None:
    few = Load([0.2] * 4, [], in_flight=1, rate=30)
    assert few.share() is None
    assert Controller(COSTS).look(few, 0.0) == 0


def test_two_that_took_seconds_say_enough() -> None:
    assert Load([1.6, 1.7], [], in_flight=1, rate=30).share() > 1.0  # type: ignore[operator]


def test_costs_must_fall() -> None:
    with pytest.raises(ValueError, match="fall"):
        Controller([1.0, 2.0])


def test_the_ladder_begins_with_the_users_own_size_and_has_only_smaller_ones_below() -> None:
    for finest in (AUTO, NetworkSize.parse("384x224"), NetworkSize.parse("1024x576")):
        sizes = ladder(finest)
        assert sizes[0] == finest
        assert [cost(size) for size in sizes] == sorted({cost(s) for s in sizes}, reverse=True)


def test_each_wish_has_its_rate() -> None:
    assert [quality.rate for quality in Quality] == [60.0, 30.0, None]


# ---- the trial before the first frame ----------------------------------------------------------


def test_what_a_trial_finds_too_slow_is_not_begun_with() -> None:
    pace = Pace(LiveSettings(quality=Quality.SMOOTH_30))
    assert pace.wants_trial
    assert pace.tried(0.060, 1, 30.0)
    assert not pace.wants_trial
    assert cost(pace.size) * 0.060 / cost(AUTO) < 0.9 * 0.92 / 30


def test_what_would_just_do_by_itself_is_not_begun_with() -> None:
    pace = Pace(LiveSettings(quality=Quality.SMOOTH_30))
    assert pace.tried(0.028, 1, 30.0)  # 84% of a frame's time, before anything else is done
    assert cost(pace.size) * 0.028 / cost(AUTO) < 0.8 * 0.92 / 30


def test_a_trial_waits_for_the_rate_of_the_source() -> None:
    pace = Pace(LiveSettings(quality=Quality.SMOOTH_60))
    assert not pace.tried(0.060, 1, None)
    pace.opened(10.0)
    nothing = Stats(clock=lambda: 0.0)
    pace.look(nothing, 1, None, 10.1)
    assert pace.size == AUTO
    pace.look(nothing, 1, 30.0, 10.2)
    chosen = pace.size
    assert chosen != AUTO
    pace.look(nothing, 1, 30.0, 10.3)
    assert pace.size == chosen


def test_what_a_trial_finds_fast_enough_stays() -> None:
    pace = Pace(LiveSettings(quality=Quality.SMOOTH_60))
    assert not pace.tried(0.020, 1, 25.0)  # 60 is wanted, 25 come
    assert pace.size == AUTO


def test_who_wants_the_best_matte_needs_no_trial() -> None:
    pace = Pace(LiveSettings(quality=Quality.BEST))
    assert not pace.wants_trial
    assert not pace.tried(1.0, 1, 30.0)
