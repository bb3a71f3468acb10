"""Where a figure is in the frame, and that no cut of its own picture ever shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.training.figure import Figure, find_figure
from app.training.placement import HEADS, place
from app.training.posing import STILL, Motion, Pose, source_map
from tests.training.conftest import person

SIZE = (160, 96)


@pytest.fixture
def figure() -> Figure:
    found = find_figure(person(0, (240, 320))[..., 3])
    assert found is not None
    return found


def test_the_neck_is_between_head_and_shoulders(figure: Figure) -> None:
    """conftest.person has its head at 7 to 63% of the height and its shoulders from 55% on."""
    assert 0.45 * 320 < figure.neck[1] < 0.68 * 320
    assert figure.neck[0] == pytest.approx(120, abs=6)
    assert figure.cut_bottom
    assert not figure.cut_top
    assert not figure.cut_left


def test_nobody_has_no_figure() -> None:
    assert find_figure(np.zeros((100, 80), np.uint8)) is None


def test_a_cut_lower_edge_is_at_the_frames_edge_or_behind_a_desk(figure: Figure) -> None:
    desks = 0
    for seed in range(300):
        found = place(np.random.default_rng(seed), figure, SIZE)
        ends = [found.at(x, found.floor)[1] for x in (figure.box[0], figure.box[2])]
        if found.desk is None:
            assert min(ends) >= SIZE[1] - 1e-6
        else:
            desks += 1
            assert min(ends) >= found.desk
    assert 0 < desks < 200


def test_a_head_fills_the_picture_or_is_a_small_part_of_it(figure: Figure) -> None:
    shares = [
        place(np.random.default_rng(seed), figure, SIZE).scale * figure.head / SIZE[1]
        for seed in range(300)
    ]
    assert min(shares) < 0.13
    assert max(shares) > 0.8
    for name, (low, high) in HEADS.items():
        found = place(np.random.default_rng(1), figure, SIZE, name)
        assert low * 0.99 <= found.scale * figure.head / SIZE[1] <= high * 1.01


def test_a_side_that_cuts_the_shoulders_is_outside_of_the_frame(figure: Figure) -> None:
    cut = replace(figure, cut_left=True, whole_to=figure.neck[1] - 5)
    for seed in range(100):
        found = place(np.random.default_rng(seed), cut, SIZE, "head")
        side = found.at(0, found.floor)[0]
        assert (side >= SIZE[0] - 1e-6) if found.mirrored else (side <= 1e-6)


def test_a_head_that_its_picture_cuts_off_is_cut_off_by_the_frame(figure: Figure) -> None:
    cut = replace(figure, cut_top=True, box=(figure.box[0], 0.0, *figure.box[2:]))
    for seed in range(100):
        found = place(np.random.default_rng(seed), cut, SIZE)
        assert found.desk is None
        assert found.at(figure.neck[0], 0)[1] <= 1e-6
        assert found.at(figure.neck[0], found.floor)[1] >= SIZE[1] - 1e-6


def test_a_still_pose_looks_up_what_the_placement_says(figure: Figure) -> None:
    found = place(np.random.default_rng(0), figure, SIZE)
    x, y = source_map(found, figure, STILL, SIZE)
    back = found.inverse @ np.array([30, 40, 1.0])
    assert (x[40, 30], y[40, 30]) == pytest.approx(tuple(back), abs=1e-2)


def test_the_head_turns_about_the_neck_and_the_shoulders_stay(figure: Figure) -> None:
    found = place(np.random.default_rng(0), figure, SIZE, "head")
    still = source_map(found, figure, STILL, SIZE)
    moved = source_map(found, figure, Pose(lean=0.2, turn=0.1, nod=0.1), SIZE)
    way = np.hypot(moved[0] - still[0], moved[1] - still[1]) / figure.head
    low = still[1] > figure.neck[1] + 0.55 * figure.head
    head = (np.abs(still[0] - figure.neck[0]) < 0.3 * figure.head) & (
        np.abs(still[1] - figure.neck[1] + 0.7 * figure.head) < 0.2 * figure.head
    )
    assert low.any()
    assert way[low].max() < 1e-3
    assert way[head].min() > 0.03
    # Smooth: neighbors never jump apart.
    assert np.abs(np.diff(way, axis=0)).max() < 0.06


def test_a_motion_is_smooth_and_now_and_then_there_is_none() -> None:
    rates = []
    for seed in range(60):
        motion = Motion.draw(np.random.default_rng(seed), 6, morphs=True)
        steps = [abs(motion.at(t + 1).x - motion.at(t).x) for t in range(5)]
        rates.append(max(steps))
        assert 0 <= motion.at(0).smile <= 1
        assert motion.at(5).smile == pytest.approx(motion.morphs[1])
    assert min(rates) == 0
    assert max(rates) > 0.05
