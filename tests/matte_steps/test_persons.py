"""Who is kept, and that it never jumps."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.frames import Alpha, Frame, Matte
from app.matte_steps.base import MatteSteps
from app.matte_steps.persons import Persons

WIDTH, HEIGHT = 160, 96
RATE = 25.0


def body(x: float, *, size: float = 1.0) -> Alpha:
    """A head and shoulders at `x`, soft at the edge."""
    drawn = np.zeros((HEIGHT, WIDTH), np.float32)
    head, chest = round(11 * size), round(20 * size)
    cv2.ellipse(drawn, (round(x), HEIGHT), (chest, round(45 * size)), 0, 0, 360, 1.0, -1)
    cv2.circle(drawn, (round(x), HEIGHT - round(52 * size)), head, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 1.5), np.float32)


def together(*bodies: Alpha) -> Alpha:
    return np.asarray(np.max(bodies, axis=0), np.float32)


def run(alphas: Sequence[Alpha], *, count: int = 1, rate: float = RATE) -> list[Alpha]:
    steps = MatteSteps({"persons": Persons(Persons.Options(count))})
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    mattes = [Matte(Frame(rgb, at, at / rate), alpha) for at, alpha in enumerate(alphas)]
    return [out.alpha for matte in mattes for out in steps.push(matte)]


def share(alpha: Alpha, of: Alpha) -> float:
    """How much of a body is left."""
    return float((alpha * of).sum() / (of * of).sum())


def test_one_person_is_left_exactly_as_they_are() -> None:
    alone = body(80)
    assert all(np.array_equal(out, alone) for out in run([alone] * 5))


def test_nobody_stays_nobody() -> None:
    empty = np.zeros((HEIGHT, WIDTH), np.float32)
    assert not any(out.any() for out in run([empty] * 5))


def test_of_two_the_one_in_the_middle_is_kept_at_once() -> None:
    main, other = body(75), body(140, size=0.8)
    out = run([together(main, other)])[0]
    assert share(out, main) > 0.98
    assert share(out, other) < 0.02


def test_up_to_two_keeps_two_of_three() -> None:
    main, second, third = body(70, size=0.9), body(120, size=0.8), body(20, size=0.5)
    out = run([together(main, second, third)], count=2)[-1]
    assert share(out, main) > 0.98
    assert share(out, second) > 0.98
    assert share(out, third) < 0.02


def test_what_is_soft_around_a_kept_person_stays() -> None:
    main, other = body(60), body(145, size=0.6)
    out = run([together(main, other)])[-1]
    near = np.s_[:, :95]
    assert np.abs(out - main)[near].max() < 1e-6


def test_somebody_who_walks_by_behind_stays_away_and_the_main_person_never_fades() -> None:
    main = body(80)
    passers = [body(x, size=0.8) for x in np.linspace(-30, 190, 90)]
    shown = []
    for out, passer in zip(
        run([together(main, passer) for passer in passers]), passers, strict=True
    ):
        assert share(out, main) > 0.97
        away = passer * (cv2.dilate(main, np.ones((21, 21))) < 0.02)
        shown.append(float((out * away).sum()) > 0.03 * float(main.sum()))
    # Only as they come out from behind, until they are apart, are they taken for one.
    assert sum(shown) <= 8
    assert not any(shown[62:])


def test_a_larger_one_who_comes_in_does_not_take_over() -> None:
    main = body(55, size=0.8)
    comers = [body(x, size=1.1) for x in np.linspace(215, 120, 40)] + [body(120, size=1.1)] * 60
    for out in run([together(main, comer) for comer in comers]):
        assert share(out, main) > 0.97
        assert float(out[:, 125:].sum()) < 0.03 * float(main.sum())


def test_when_the_main_person_leaves_the_next_one_fades_in() -> None:
    main, other = body(50), body(130, size=0.8)
    outs = run([together(main, other)] * 10 + [other] * 70)
    shares = [share(out, other) for out in outs]
    assert shares[9] < 0.02
    assert shares[12] < 0.02  # not at once: the main person may only be hidden
    assert shares[-1] > 0.98
    assert max(np.diff(shares)) < 0.3


def test_a_hand_that_is_cut_off_stays_the_persons() -> None:
    main = body(80)
    joined, apart = main.copy(), main.copy()
    cv2.line(joined, (100, 70), (118, 40), 1.0, 8)
    cv2.circle(joined, (120, 36), 6, 1.0, -1)
    cv2.circle(apart, (120, 36), 6, 1.0, -1)
    for out in run([joined] * 4 + [apart] * 60):
        assert out[36, 120] > 0.99


def test_two_taken_for_one_are_told_apart_when_they_part() -> None:
    main, other = body(70), [body(x, size=0.9) for x in [100] * 5 + list(range(100, 148, 2))]
    alphas = [together(main, one) for one in other] + [together(main, other[-1])] * 60
    out = run(alphas)[-1]
    assert share(out, main) > 0.97
    assert share(out, other[-1]) < 0.05


def test_another_grid_changes_nobody() -> None:
    main, other = body(75), body(140, size=0.7)
    large = together(main, other)
    small = np.asarray(cv2.resize(large, (96, 64), interpolation=cv2.INTER_AREA), np.float32)
    outs = run([large] * 3 + [small] * 3 + [large] * 3)
    assert [out.shape for out in outs] == [large.shape] * 3 + [small.shape] * 3 + [large.shape] * 3
    assert share(outs[-1], main) > 0.98
    assert share(outs[-1], other) < 0.02


@pytest.mark.parametrize("rate", [5.0, 15.0, 60.0])
def test_it_works_at_any_rate(rate: float) -> None:
    main, other = body(75), body(140, size=0.8)
    outs = run([main] * 3 + [together(main, other)] * 40, rate=rate)
    assert min(share(out, main) for out in outs) > 0.98
    assert max(share(out, other) for out in outs) < 0.02


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, WIDTH), st.floats(0.3, 1.2), st.floats(0.0, 1.0)),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 3),
)
def test_alpha_never_rises_and_stays_in_bounds(
    bodies: list[tuple[float, float, float]], count: int
) -> None:
    alphas = [
        np.asarray(np.float32(strength) * together(body(x, size=size), body(WIDTH - x)), np.float32)
        for x, size, strength in bodies
    ]
    for given_, out in zip(alphas, run(alphas, count=count), strict=True):
        assert out.dtype == np.float32
        assert (out <= given_ + 1e-6).all()
        assert (out >= 0).all()
