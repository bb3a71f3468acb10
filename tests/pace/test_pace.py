"""What the machine allows and what the subject wants, together."""

from __future__ import annotations

import pytest

from app.modnet.preprocess import grid_for
from app.pace.ladder import cost
from app.pace.pace import Pace
from app.pace.quality import Quality
from app.settings import LiveSettings
from app.stats import Stats

FRAME = (1280, 720)
NEAR = 8 / 9


class Machine:
    """Runs the network for as long as its size takes, and asks the pace twice a second.

    per_pixel: seconds of the network for each pixel of its input.
    """

    def __init__(self, quality: Quality, per_pixel: float) -> None:
        self.pace = Pace(LiveSettings(quality=quality))
        self.per_pixel = per_pixel
        self.now = 100.0
        self.clock = lambda: self.now
        self.stats = Stats(clock=self.clock)
        self.sizes = [str(grid_for(FRAME, self.pace.size))]
        self.in_use = self.pace.size
        self.pace.opened(self.now)

    def runs(self, seconds: float, factor: float) -> None:
        for _ in range(round(2 * seconds)):
            took = self.per_pixel * cost(self.in_use, FRAME)
            for _ in range(15):
                self.now += 1 / 30
                self.stats.took("matting", took)
            self.pace.look(self.stats, 1, 30.0, self.now)
            self.pace.follow_subject(factor, FRAME)
            if self.pace.size != self.in_use:
                self.in_use = self.pace.size
                self.sizes.append(str(grid_for(FRAME, self.in_use)))
                self.pace.opened(self.now)


def per_pixel(ms_at_finest: float) -> float:
    return ms_at_finest / 1e3 / (512 * 288)


def test_with_time_to_spare_the_subject_decides() -> None:
    machine = Machine(Quality.SMOOTH_30, per_pixel(10))
    machine.runs(10, 1.0)
    machine.runs(30, NEAR)
    assert machine.pace.is_for_subject
    machine.runs(30, 1.0)
    assert machine.sizes == ["512x288", "448x256", "512x288"]
    assert not machine.pace.is_for_subject


def test_the_subject_never_makes_it_larger_than_the_machine_allows() -> None:
    machine = Machine(Quality.SMOOTH_30, per_pixel(100))  # only 256x160 is fast enough
    machine.runs(30, 1.0)
    allowed = machine.sizes[-1]
    before = list(machine.sizes)
    machine.runs(60, NEAR)
    machine.runs(60, 1.0)
    assert allowed == "256x160"
    assert machine.sizes == before


def test_a_size_that_only_the_subject_makes_fast_enough_is_not_climbed_from() -> None:
    # 512x288 is too slow, 448x256 is not: whoever is near, the machine does not go to and fro.
    machine = Machine(Quality.SMOOTH_30, per_pixel(35))
    machine.runs(60, NEAR)
    assert machine.sizes == ["512x288", "448x256"]
    machine.runs(120, 1.0)
    assert machine.sizes == ["512x288", "448x256"]


def test_who_sways_at_the_rung_changes_nothing_beside_a_busy_machine() -> None:
    machine = Machine(Quality.SMOOTH_30, per_pixel(35))
    machine.runs(20, 1.0)
    before = list(machine.sizes)
    for _ in range(30):
        machine.runs(1, NEAR)
        machine.runs(1, 1.0)
    assert machine.sizes == before


def test_who_wants_the_best_matte_gets_the_subjects_size_too() -> None:
    machine = Machine(Quality.BEST, per_pixel(200))
    machine.runs(10, NEAR)
    assert machine.sizes == ["512x288", "448x256"]


def test_a_size_that_cannot_be_opened_is_not_asked_for_again() -> None:
    pace = Pace(LiveSettings(quality=Quality.BEST))
    in_use = pace.size
    pace.follow_subject(NEAR, FRAME)
    assert pace.size != in_use
    pace.failed(in_use)
    pace.follow_subject(NEAR, FRAME)
    assert pace.size == in_use


@pytest.mark.parametrize("frame", [(1280, 720), (640, 480), (356, 284), (720, 1280)])
def test_the_subjects_size_costs_less_whatever_the_pictures_shape(frame: tuple[int, int]) -> None:
    pace = Pace(LiveSettings(quality=Quality.BEST))
    finest = cost(pace.size, frame)
    pace.follow_subject(NEAR, frame)
    assert cost(pace.size, frame) < finest
