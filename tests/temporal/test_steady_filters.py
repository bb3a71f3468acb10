"""The filters that look at the picture: what they calm, what they leave, and what they promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.frames import Frame, Matte
from app.temporal.base import TemporalFilter, temporal_filters
from app.temporal.motion import MotionFinder, change_since, difference, small_picture

NAMES = temporal_filters.names()
LOOKING = ["steady", "steady:0.3,follow=on", "gated"]
RNG = np.random.default_rng(5)
ROOM = RNG.integers(60, 120, (72, 96, 3), np.uint8)


def matte(
    value: float | np.ndarray,
    index: int,
    *,
    picture: np.ndarray = ROOM,
    at: float | None = None,
    shape: tuple[int, int] = (36, 48),
) -> Matte:
    alpha = np.broadcast_to(np.asarray(value, np.float32), shape).copy()
    return Matte(Frame(picture, index, index / 30 if at is None else at), alpha)


def through(spec: str, mattes: list[Matte]) -> list[Matte]:
    step: TemporalFilter = temporal_filters.create_from_spec(spec)
    return [*(m for item in mattes for m in step.push(item)), *step.flush()]


def filtered(spec: str, values: list[float]) -> list[float]:
    out = through(spec, [matte(value, index) for index, value in enumerate(values)])
    return [round(float(m.alpha[0, 0]), 4) for m in out]


@pytest.mark.parametrize("spec", LOOKING)
def test_one_frame_of_flicker_in_a_still_picture_does_not_show(spec: str) -> None:
    calm = filtered(spec, [1.0, 1.0, 0.2, 1.0, 0.3, 1.0, 1.0])
    assert min(calm) > 0.9


@pytest.mark.parametrize("spec", LOOKING)
def test_a_change_that_stays_gets_through(spec: str) -> None:
    settled = filtered(spec, [0.0, 0.0, *[1.0] * 12])
    assert settled[0] == 0
    assert settled[-2] > 0.95


def test_what_stays_is_not_late_without_a_blend() -> None:
    assert filtered("steady:0", [0.0, 0.0, 1.0, 1.0, 1.0]) == [0.0, 0.0, 1.0, 1.0, 1.0]


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=10))
def test_no_pixel_of_a_still_picture_leaves_and_is_back_one_frame_later(
    values: list[float],
) -> None:
    out = filtered("steady:0", values)[:-1]  # the last one has no neighbour to judge it by
    for before, now, after in zip(out, out[1:], out[2:], strict=False):
        assert not (abs(now - before) > 0.1 and abs(after - before) <= 0.1 - 1e-3)


def test_flicker_of_a_still_edge_is_removed_while_the_room_moves_behind_it() -> None:
    room = RNG.integers(0, 255, (72, 200, 3), np.uint8)
    mattes = []
    for index, value in enumerate([1.0, 1.0, 0.2, 1.0, 0.3, 1.0, 1.0]):
        alpha = np.zeros((36, 48), np.float32)
        alpha[:, 24:] = 1.0
        alpha[20, 24] = value
        behind = np.ascontiguousarray(room[:, 12 * index : 12 * index + 96])
        mattes.append(matte(alpha, index, picture=behind))
    out = through("steady", mattes)
    assert min(float(m.alpha[20, 24]) for m in out) > 0.9


@pytest.mark.parametrize("spec", LOOKING)
def test_a_hand_that_is_there_for_one_frame_is_kept(spec: str) -> None:
    hand = ROOM.copy()
    hand[20:50, 30:70] = 230
    there = np.zeros((36, 48), np.float32)
    there[10:25, 15:35] = 1
    out = through(
        spec, [matte(0, 0), matte(0, 1), matte(there, 2, picture=hand), matte(0, 3), matte(0, 4)]
    )
    assert out[2].alpha[14:21, 20:30].min() > 0.95
    assert out[2].alpha[:4].max() < 0.05


# Lit from one side; and in a checked shirt, which looks alike wherever it is.
LIT = np.tile(np.linspace(60, 250, 144).astype(np.uint8)[:, None], (180, 1, 3))
CHECKED = np.kron(RNG.integers(120, 170, (30, 24, 1), np.uint8), np.ones((6, 6, 3), np.uint8))


def walking(
    place: int, index: int, lost: tuple[slice, slice] | None = None, person: np.ndarray = LIT
) -> Matte:
    """A person at `place`, in a room of 384x288; part of the matte may be lost."""
    picture = np.full((288, 384, 3), 30, np.uint8)
    picture[60:240, place : place + 144] = person
    alpha = np.zeros((144, 192), np.float32)
    alpha[30:120, place // 2 : (place + 144) // 2] = 1.0
    if lost is not None:
        alpha[lost] = 0.0
    return matte(alpha, index, picture=picture, shape=(144, 192))


@pytest.mark.parametrize("person", [LIT, CHECKED])
def test_a_chest_that_is_lost_for_one_frame_is_mended_while_the_person_moves(
    person: np.ndarray,
) -> None:
    chest = np.s_[60:90, 75:105]
    shots = [walking(60 + 20 * n, n, chest if n == 3 else None, person) for n in range(7)]
    out = through("steady:0", shots)
    assert out[3].alpha[chest].mean() > 0.9
    # What moves is left where it is.
    assert np.abs(out[3].alpha - walking(120, 3).alpha).mean() < 0.005


def test_a_thin_flicker_of_what_goes_on_its_way_is_mended_too() -> None:
    strap = np.s_[40:110, 95:99]
    shots = [walking(60 + 20 * n, n, strap if n == 3 else None) for n in range(7)]
    assert through("steady:0", shots)[3].alpha[strap].min() > 0.9


def test_who_goes_to_and_fro_is_followed() -> None:
    places = [100, 124, 148, 126, 104, 120, 146]
    shots = [walking(place, n) for n, place in enumerate(places)]
    for shot, out in zip(shots, through("steady:0", shots), strict=True):
        assert np.abs(out.alpha - shot.alpha).mean() < 0.01


def test_following_finds_what_moved() -> None:
    """A textured person moves by some pixels, and the matte drops out for one frame."""
    texture = np.kron(RNG.integers(0, 255, (24, 16, 3), np.uint8), np.ones((6, 6, 1), np.uint8))

    def shot(place: int, value: float) -> Matte:
        picture, alpha = np.full((288, 384, 3), 90, np.uint8), np.zeros((144, 192), np.float32)
        picture[72:216, 100 + place : 196 + place] = texture
        alpha[36:108, 50 + place // 2 : 98 + place // 2] = value
        return matte(alpha, place // 8, picture=picture, shape=(144, 192))

    shots = [shot(place, 0.3 if place == 16 else 1.0) for place in (0, 8, 16, 24, 32)]
    inside = np.s_[50:95, 65:95]
    followed = through("steady:0,follow=on", shots)[2].alpha[inside].mean()
    unfollowed = through("steady:0", shots)[2].alpha[inside].mean()
    assert followed > 0.9
    assert followed > unfollowed + 0.1


def test_motion_says_what_it_cannot_explain() -> None:
    finder = MotionFinder(unmoved=8)
    still = finder.find(ROOM, ROOM, change=difference(ROOM, ROOM))
    assert still.found_at is None
    assert still.change.max() == 0
    other = RNG.integers(0, 255, ROOM.shape, np.uint8)
    change = difference(ROOM, other)
    assert finder.find(ROOM, other, change=change).unexplained.mean() > 20


def test_how_much_two_frames_differ_is_found_once_for_all_who_ask() -> None:
    other = RNG.integers(0, 255, ROOM.shape, np.uint8)
    earlier, later = Frame(ROOM, 4, 0.0), Frame(other, 5, 0.1)
    change = change_since(earlier, later)
    assert np.array_equal(change, difference(ROOM, other))
    assert change_since(earlier, later) is change
    assert change_since(earlier, replace(later, mirrored=True)) is change


def test_a_small_picture_is_small() -> None:
    assert min(small_picture(Frame(np.zeros((720, 1280, 3), np.uint8), 0, 0.0)).shape[:2]) == 144
    assert small_picture(Frame(ROOM, 0, 0.0)) is ROOM
    frame = Frame(np.zeros((720, 1280, 3), np.uint8), 0, 0.0)
    assert small_picture(frame) is small_picture(frame)
    assert difference(ROOM, ROOM).max() == 0


@pytest.mark.parametrize("name", NAMES)
def test_as_many_come_out_as_went_in_each_with_its_own_frame(name: str) -> None:
    mattes = [matte(float(RNG.random()), index) for index in range(7)]
    out = through(name, mattes)
    assert [m.frame for m in out] == [m.frame for m in mattes]
    assert all(m.alpha.dtype == np.float32 and m.alpha.shape == (36, 48) for m in out)


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_back_as_many_as_it_says(name: str) -> None:
    step = temporal_filters.create_from_spec(name)
    for index in range(5):
        ready = list(step.push(matte(0.5, index)))
    assert ready[-1].frame.index == 4 - step.delay_frames


@pytest.mark.parametrize("name", NAMES)
def test_alpha_stays_within_its_range(name: str) -> None:
    mattes = [
        matte(RNG.random((36, 48)).round(), i, picture=RNG.integers(0, 255, ROOM.shape, np.uint8))
        for i in range(6)
    ]
    for out in through(name, mattes):
        assert out.alpha.min() >= 0
        assert out.alpha.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_what_came_before_a_gap_in_time_leaves_no_trace(name: str) -> None:
    out = through(name, [matte(1, 0), matte(1, 1), matte(0, 2, at=2.0), matte(0, 3, at=2.03)])
    assert [float(m.alpha.max()) for m in out] == [1, 1, 0, 0]


@pytest.mark.parametrize("name", NAMES)
def test_another_network_size_under_way_neither_flickers_nor_fails(name: str) -> None:
    sizes = [(36, 48)] * 3 + [(24, 32)] * 3
    mattes = [matte(1, index, shape=shape) for index, shape in enumerate(sizes)]
    out = through(name, mattes)
    assert [m.alpha.shape for m in out] == sizes
    assert all(m.alpha.min() > 0.999 for m in out)


@pytest.mark.parametrize("name", NAMES)
def test_another_frame_size_under_way_starts_anew(name: str) -> None:
    larger = np.zeros((90, 120, 3), np.uint8)
    out = through(name, [matte(1, 0), matte(1, 1), matte(0, 2, picture=larger)])
    assert [float(m.alpha.max()) for m in out] == [1, 1, 0]


@pytest.mark.parametrize("name", NAMES)
def test_mattes_that_went_in_are_left_as_they_were(name: str) -> None:
    mattes = [matte(RNG.random((36, 48)), index) for index in range(5)]
    before = [m.alpha.copy() for m in mattes]
    through(name, mattes)
    assert all(np.array_equal(m.alpha, was) for m, was in zip(mattes, before, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_after_a_reset_nothing_is_remembered(name: str) -> None:
    step = temporal_filters.create_from_spec(name)
    for index in range(3):
        list(step.push(matte(1, index)))
    step.reset()
    out = [m for i in (3, 4) for m in step.push(matte(0, i))] + list(step.flush())
    assert [float(m.alpha.max()) for m in out] == [0, 0]


@pytest.mark.parametrize("name", NAMES)
def test_the_tiniest_pictures_go_through(name: str) -> None:
    tiny = np.zeros((1, 2, 3), np.uint8)
    out = through(name, [matte(0.5, i, picture=tiny, shape=(1, 1)) for i in range(4)])
    assert len(out) == 4
