"""What the network takes from a scene while it lasts, and when it looks again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.modnet.preprocess import BLOCK
from app.subject.scene import (
    Choice,
    Columns,
    Scene,
    Whole,
    affine,
    columns_of,
    drift,
    is_missed,
)

WIDTH, HEIGHT = 512, 288
PERSON = Columns(160, 192)
ROOM = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
RATE = 30


def moments(mean: float = 0.0, channels: int = 4) -> np.ndarray:
    """Of channels with deviation 1."""
    return np.stack((np.full(channels, mean), np.full(channels, 1 + mean * mean)))


class Run:
    """A scene that is shown frames, each survey coming back at once, each network being there."""

    def __init__(self) -> None:
        self.scene = Scene(WIDTH)
        self.frames = 0
        self.there = True
        self.only: Choice | None = None  # the network that is there, where it is not all

    @property
    def now(self) -> float:
        return self.frames / RATE

    def is_there(self, columns: Columns) -> bool:
        return self.there and self.only in (None, columns)

    def show(
        self,
        picture: np.ndarray = ROOM,
        *,
        person: Columns | None = PERSON,
        mean: float = 0.0,
        mirrored: bool = False,
    ) -> Choice:
        at = self.now
        choice = self.scene.choose(picture, at, self.is_there, mirrored=mirrored)
        if choice is Whole.SURVEY:
            self.scene.surveyed(moments(mean), mirrored=mirrored)
        if person is not None:
            self.scene.saw(person, at)
        self.frames += 1
        return choice

    def show_for(self, seconds: float, picture: np.ndarray = ROOM, **how) -> list[Choice]:
        return [self.show(picture, **how) for _ in range(round(seconds * RATE))]


def ranges(choices: list[Choice]) -> list[Columns]:
    return [choice for choice in choices if isinstance(choice, Columns)]


def test_it_begins_with_whole_pictures_then_surveys_once_and_is_fitted() -> None:
    choices = Run().show_for(1.5)
    first = next(at for at, choice in enumerate(choices) if choice is not Whole.PLAIN)
    assert 10 < first < 20
    assert choices[first] is Whole.SURVEY
    assert len(ranges(choices)) == len(choices) - first - 1


@pytest.mark.parametrize("grid", [(512, 288), (384, 216), (100, 60)])
def test_where_a_scene_goes_on_nothing_is_waited_for(grid: tuple[int, int]) -> None:
    run = Run()
    alpha = np.zeros(grid[::-1], np.float32)
    left, right = (round(side * grid[0] / WIDTH) for side in (PERSON.start, PERSON.stop))
    alpha[:, left:right] = 1
    wanted = run.scene.go_on(alpha, -0.1)
    assert wanted is not None
    assert PERSON in wanted
    assert wanted.width <= PERSON.width + 2 * 16 + 2 * BLOCK + 32
    assert run.show_for(0.2) == [Whole.SURVEY, *[wanted] * 5]


def test_nobody_goes_on() -> None:
    run = Run()
    assert run.scene.go_on(np.zeros((36, 64), np.float32), 0.0) is None
    assert run.show() is Whole.PLAIN


def test_what_went_on_too_long_ago_is_waited_for_as_ever() -> None:
    run = Run()
    run.scene.go_on(np.ones((36, 64), np.float32), -3.0)
    assert run.show() is Whole.PLAIN


def test_the_range_holds_the_person_and_a_margin() -> None:
    assert Run().show_for(1.5)[-1] == Columns(PERSON.start - 16, PERSON.width + 32)


def test_a_mirrored_picture_has_the_mirrored_range() -> None:
    run = Run()
    one, other = [run.show(mirrored=bool(index % 2)) for index in range(90)][-2:]
    assert isinstance(one, Columns)
    assert other == one.mirrored(WIDTH)


def test_each_orientation_is_surveyed_for_itself() -> None:
    run = Run()
    choices = [run.show(mirrored=bool(n % 2), mean=float(n % 2)) for n in range(60)]
    surveyed = [at % 2 for at, choice in enumerate(choices) if choice is Whole.SURVEY]
    assert sorted(surveyed) == [0, 1]
    assert np.array_equal(run.scene.affine(), affine(moments(0.0)))
    assert np.array_equal(run.scene.affine(mirrored=True), affine(moments(1.0)))


def test_somebody_who_fills_the_picture_has_all_of_it() -> None:
    assert Run().show_for(1.5, person=Columns(16, 480))[-1] == Columns(0, WIDTH)


def test_at_the_pictures_edge_the_range_stays_inside() -> None:
    choice = Run().show_for(1.5, person=Columns(WIDTH - 80, 80))[-1]
    assert isinstance(choice, Columns)
    assert choice.stop == WIDTH
    assert choice.width % 32 == 0


@given(st.integers(0, 31), st.integers(1, 32))
def test_wherever_the_person_is_the_range_holds_them(start: int, blocks: int) -> None:
    person = Columns(start * BLOCK, min(blocks, 32 - start) * BLOCK)
    choice = Run().show_for(1, person=person)[-1]
    assert isinstance(choice, Columns)
    assert person in choice
    assert choice in Columns(0, WIDTH)


def test_in_an_empty_room_every_picture_is_whole() -> None:
    assert set(Run().show_for(3, person=None)) == {Whole.PLAIN}


def test_while_the_network_is_made_pictures_are_whole() -> None:
    run = Run()
    run.there = False
    assert not ranges(run.show_for(2))
    run.there = True
    assert ranges(run.show_for(0.1))


def test_swaying_changes_nothing() -> None:
    run = Run()
    choices = [
        run.show(person=Columns(160 + BLOCK * (index // 10 % 2), 192)) for index in range(600)
    ]
    assert len(set(ranges(choices[90:]))) == 1
    assert choices.count(Whole.PLAIN) < 20


def test_as_long_as_little_moves_surveys_become_seldom() -> None:
    calm, moved = Run(), Run()
    assert calm.show_for(40).count(Whole.SURVEY) < 9
    choices = [choice for second in range(40) for choice in moved.show_for(1, mean=0.2 * second)]
    assert choices.count(Whole.SURVEY) > 15


def test_who_reaches_out_widens_the_range_for_a_while() -> None:
    run = Run()
    run.show_for(2)
    reaching = run.show_for(0.5, person=Columns(160, 320))[-1]
    back = run.show_for(4)[-1]
    assert isinstance(reaching, Columns)
    assert isinstance(back, Columns)
    assert Columns(160, 320) in reaching
    assert back.width < reaching.width


def test_what_the_norms_see_is_taken_from_the_last_survey() -> None:
    run = Run()
    run.show_for(2)
    run.show_for(9, mean=0.7)
    assert np.array_equal(run.scene.affine(), affine(moments(0.7)))


def test_swaying_where_all_of_the_picture_begins_changes_nothing() -> None:
    run = Run()
    choices = [
        run.show(person=Columns(16, 416 + BLOCK * (index // 120 % 2))) for index in range(900)
    ]
    used = ranges(choices[150:])
    assert sum(one != other for one, other in pairwise(used)) <= 1


def test_who_leaves_and_comes_back_is_looked_at_before_anything_is_fitted() -> None:
    run = Run()
    run.show_for(2)
    run.show_for(7, person=None)
    assert not ranges(run.show_for(0.4, person=Columns(0, 32)))


def test_until_the_narrower_one_is_there_the_wider_one_is_used() -> None:
    run = Run()
    run.show_for(2, person=Columns(64, 384))
    wide = run.show(person=Columns(64, 384))
    run.only = wide
    assert run.show_for(4)[-1] == wide
    run.only = None
    assert run.show_for(0.1)[-1] != wide


@pytest.mark.parametrize("level", [60, 30])
def test_another_light_is_surveyed_at_once(level: int) -> None:
    run = Run()
    run.show_for(3)
    assert run.show(np.full_like(ROOM, level)) is Whole.SURVEY


def test_another_room_is_surveyed_at_once() -> None:
    run = Run()
    run.show_for(3)
    assert run.show(ROOM + 100, mean=2.0) is Whole.SURVEY
    assert isinstance(run.show(ROOM + 100), Columns)
    assert np.array_equal(run.scene.affine(), affine(moments(2.0)))


def test_a_room_that_keeps_changing_is_never_fitted_to() -> None:
    run = Run()
    run.show_for(1)
    choices = [run.show(ROOM + 100 * (index // 4 % 2)) for index in range(120)]
    assert len(ranges(choices)) < 30


def test_a_survey_of_the_room_before_is_not_taken_for_this_ones() -> None:
    run = Run()
    run.show_for(1)
    at, scene = run.now + 3, run.scene
    scene.saw(PERSON, at)
    assert scene.choose(ROOM, at, run.is_there) is Whole.SURVEY
    scene.saw(PERSON, at + 1)
    assert scene.choose(ROOM + 100, at + 1, run.is_there) is Whole.SURVEY
    scene.surveyed(moments())  # of the first
    assert scene.choose(ROOM + 100, at + 1.03, run.is_there) is Whole.PLAIN
    scene.surveyed(moments(1.0))
    assert isinstance(scene.choose(ROOM + 100, at + 1.06, run.is_there), Columns)
    assert np.array_equal(scene.affine(), affine(moments(1.0)))


def test_after_a_miss_pictures_are_whole_for_a_while_and_longer_the_next_time() -> None:
    run = Run()
    run.show_for(2)
    lengths = []
    for _ in range(3):
        run.scene.missed(run.now)
        choices = run.show_for(4)
        lengths.append(next(at for at, one in enumerate(choices) if isinstance(one, Columns)))
    assert lengths[0] < lengths[1] < lengths[2]


class TestWhereThePersonIs:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    semantic = np.zeros((HEIGHT // BLOCK, WIDTH // BLOCK), np.float32)

    def test_nobody_is_nowhere(self) -> None:
        assert columns_of(self.alpha, self.semantic) is None

    def test_alpha_and_s_count_both(self) -> None:
        alpha, semantic = self.alpha.copy(), self.semantic.copy()
        alpha[100:200, 200:260] = 1.0
        semantic[3, 20] = 0.9
        assert columns_of(alpha, semantic) == Columns(192, 320 + BLOCK - 192)

    def test_alpha_may_be_of_a_range(self) -> None:
        alpha = np.zeros((HEIGHT, 64), np.float32)
        alpha[0, 40] = 0.5
        assert columns_of(alpha, self.semantic, start=128) == Columns(160, BLOCK)

    @given(st.integers(0, 31), st.integers(0, 31), st.integers(1, 32))
    def test_what_s_sees_beyond_the_range_is_missed(self, where: int, start: int, n: int) -> None:
        n = min(n, 32 - start)
        semantic = self.semantic.copy()
        semantic[5, where] = 0.9
        piece = np.zeros((HEIGHT, n * BLOCK), np.float32)
        columns = Columns(start * BLOCK, n * BLOCK)
        assert is_missed(piece, semantic, columns) == (not start <= where < start + n)

    @pytest.mark.parametrize(("column", "missed"), [(0, True), (30, False), (63, True)])
    def test_an_edge_that_is_touched_is_missed(self, column: int, missed: bool) -> None:
        alpha = np.zeros((HEIGHT, 64), np.float32)
        alpha[9, column] = 0.8
        assert is_missed(alpha, self.semantic, Columns(128, 64)) is missed

    def test_the_pictures_own_edges_may_be_touched(self) -> None:
        alpha = np.ones((HEIGHT, WIDTH), np.float32)
        assert not is_missed(alpha, self.semantic, Columns(0, WIDTH))


@given(st.floats(-3, 3), st.floats(0.1, 5))
def test_scaled_and_shifted_the_mean_is_0_and_the_deviation_1(
    mean: float, deviation: float
) -> None:
    seen = np.array([[mean], [mean * mean + deviation * deviation]])
    scale, shift = affine(seen)[:, 0]
    assert mean * scale + shift == pytest.approx(0, abs=1e-3)
    assert deviation * scale == pytest.approx(1, abs=1e-3)


@given(st.floats(-2, 2), st.floats(-2, 2))
def test_drift_is_none_between_equals_and_grows_with_the_distance(one: float, by: float) -> None:
    assert drift(moments(one), moments(one)) == 0
    assert drift(moments(one), moments(one + by)) == pytest.approx(abs(by), abs=1e-3)
