"""The metrics against values worked out by hand, slow references and rules that must hold."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.evaluation import metrics
from app.frames import Alpha

SIDE = 9


def alpha(*rows: list[float]) -> Alpha:
    return np.array(rows, np.float32)


def alphas(side: int = SIDE) -> st.SearchStrategy[Alpha]:
    """8-bit alphas with many 0s, 1s and values at the metrics' own thresholds."""
    levels = st.sampled_from([0, 0, 0, 25, 26, 51, 77, 128, 153, 200, 230, 255, 255, 255])
    return hnp.arrays(np.uint8, (side, side), elements=levels).map(metrics.from_uint8)


def regions() -> st.SearchStrategy[npt.NDArray[np.bool_]]:
    return hnp.arrays(np.bool_, (SIDE, SIDE))


# -- values worked out by hand ------------------------------------------------------------------


def test_mad_mse_and_sad_of_four_pixels() -> None:
    pred, true = alpha([0, 1], [0.5, 0.5]), alpha([0, 0], [1, 0.5])
    assert metrics.mad(pred, true) == pytest.approx(375)  # (1 + 0.5) / 4
    assert metrics.mse(pred, true) == pytest.approx(312.5)  # (1 + 0.25) / 4
    assert metrics.sad(pred, true) == pytest.approx(0.0015)
    left = np.array([[True, False], [True, False]])
    assert metrics.mad(pred, true, left) == pytest.approx(250)
    assert metrics.sad(pred, true, left) == pytest.approx(0.0005)


def test_dtssd_is_the_root_mean_square_of_the_wrong_change() -> None:
    still = alpha([0.5, 0.5], [0.5, 0.5])
    jumped = alpha([0.7, 0.5], [0.5, 0.5])
    assert metrics.dtssd(still, jumped, still, still) == pytest.approx(10)  # sqrt(0.04 / 4)
    assert metrics.dtssd(still, jumped, still, jumped) == pytest.approx(0)
    assert metrics.dtssd(still, still, still, jumped) == pytest.approx(10)
    # A constant error is no error over time.
    assert metrics.dtssd(still, jumped, still - 0.3, jumped - 0.3) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("values", "flickers"),
    [
        ((0.0, 1.0, 0.0), True),
        ((1.0, 0.0, 1.0), True),
        ((0.0, 1.0, 1.0), False),
        ((0.0, 0.0, 1.0), False),
        ((0.0, 0.08, 0.0), False),
        ((0.5, 0.62, 0.55), True),  # back within 0.1 of where it was
        ((0.0, 0.5, 0.2), False),
    ],
)
def test_a_flicker_leaves_and_is_back_one_frame_later(
    values: tuple[float, float, float], flickers: bool
) -> None:
    pred = tuple(alpha([value, 0, 0, 0]) for value in values)
    assert metrics.flicker(pred) == pytest.approx(250 if flickers else 0)


def test_a_flicker_that_the_truth_has_is_not_in_excess() -> None:
    quiet = alpha([0, 0, 0, 0]), alpha([0, 0, 0, 0]), alpha([0, 0, 0, 0])
    hand = alpha([0, 0, 0, 0]), alpha([1, 0, 0, 0]), alpha([0, 0, 0, 0])
    both = alpha([0, 0, 0, 0]), alpha([1, 1, 0, 0]), alpha([0, 0, 0, 0])
    assert metrics.excess_flicker(both, quiet) == pytest.approx(500)
    assert metrics.excess_flicker(both, hand) == pytest.approx(250)
    assert metrics.excess_flicker(both, both) == 0
    assert metrics.excess_flicker(quiet, both) == 0
    assert metrics.flicker(both) == pytest.approx(500)


@pytest.mark.parametrize(
    ("pred", "true", "errors"),
    [
        # Cut in two: the smaller part has level 0 in both, so only the gap itself differs.
        ([1, 1, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1], 1.0),
        # Joined up to 0.5: the gap has level 0.5, and so has what hangs behind it, in both.
        ([1, 1, 0.5, 1], [1, 1, 1, 1], 0.5),
        # Less than 0.15 apart is ignored.
        ([1, 1, 0.9], [1, 1, 1], 0.0),
        # An island of the prediction has level 0: its whole alpha is missing connection.
        ([1, 1, 0, 0, 0.8], [1, 1, 0, 0, 0], 0.8),
        ([0, 0, 0], [0, 0, 0], 0.0),
        ([0, 0, 0], [1, 1, 0], 2.0),
    ],
)
def test_conn_of_a_row_of_pixels(pred: list[float], true: list[float], errors: float) -> None:
    assert metrics.conn(alpha(pred), alpha(true)) == pytest.approx(errors / 1e3, abs=1e-7)


def test_grad_of_a_straight_edge_follows_from_the_kernels_alone() -> None:
    sigma, reach = 1.4, 4  # ceil(1.4 * sqrt(-2 ln(sqrt(2 pi) * 1.4 * 0.01))) = ceil(3.62)
    gauss = [math.exp(-(x**2) / (2 * sigma**2)) for x in range(-reach, reach + 1)]
    slope = [-x * g for x, g in zip(range(-reach, reach + 1), gauss, strict=True)]
    along = sum(gauss) / math.sqrt(sum(g * g for g in gauss))
    norm = math.sqrt(sum(s * s for s in slope))
    # On a step, the derivative's answer is a partial sum of it, one for each distance.
    across = [sum(slope[: k + 1]) / norm for k in range(len(slope))]
    expected = 30 * sum((along * a) ** 2 for a in across) / 1e3
    true = np.zeros((30, 40), np.float32)
    true[:, 20:] = 1
    assert metrics.grad(np.zeros_like(true), true) == pytest.approx(expected, rel=1e-5)
    assert metrics.grad(1 - true, true) == pytest.approx(0, abs=1e-6)  # magnitudes only


def test_the_unknown_band_lies_to_both_sides_of_the_edge() -> None:
    true = np.zeros((3, 20), np.float32)
    true[:, 10:] = 1
    band = metrics.unknown_band(true, radius=2)
    assert np.flatnonzero(band[1]).tolist() == [8, 9, 10, 11]
    # Soft alpha is unknown in itself; coding noise is not.
    true[:, 4] = 0.01
    true[:, 7:10] = 0.5
    assert np.flatnonzero(metrics.unknown_band(true, radius=1)[1]).tolist() == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_without_an_edge_there_is_no_band_and_its_metrics_are_unknown(value: float) -> None:
    true = np.full((20, 30), value, np.float32)
    band = metrics.unknown_band(true)
    assert not band.any()
    scores = metrics.still_scores(true, true, band)
    assert [scores[f"{name}_band"] for name in metrics.STILL_METRICS] == [None] * 5
    assert [scores[name] for name in metrics.STILL_METRICS] == [0] * 5
    assert metrics.dtssd(true, true, true, true, band) is None


def test_a_mean_leaves_out_what_is_unknown() -> None:
    means = metrics.mean_scores([{"a": 1.0, "b": None}, {"a": 3.0, "b": 5.0}, {"c": None}])
    assert means == {"a": 2.0, "b": 5.0, "c": None}


def test_a_large_picture_loses_no_digits() -> None:
    pred = np.full((2000, 2000), 0.1, np.float32)
    assert metrics.mad(pred, np.zeros_like(pred)) == pytest.approx(100, rel=1e-6)


# -- slow references ----------------------------------------------------------------------------


def slow_gradient(values: Alpha) -> npt.NDArray[np.float64]:
    """The two-dimensional kernel, pixel by pixel."""
    sigma, reach = 1.4, 4
    kernel = np.zeros((9, 9))
    for i in range(9):
        for j in range(9):
            y, x = i - reach, j - reach
            gauss = math.exp(-(y**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
            other = math.exp(-(x**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
            kernel[i, j] = gauss * -x * other / sigma**2
    kernel /= math.sqrt((kernel**2).sum())
    padded = np.pad(values.astype(np.float64), reach, mode="edge")
    found = np.zeros(values.shape)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            window = padded[row : row + 9, column : column + 9]
            found[row, column] = math.hypot((window * kernel).sum(), (window * kernel.T).sum())
    return found


def slow_components(mask: npt.NDArray[np.bool_]) -> list[set[tuple[int, int]]]:
    left = set(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))
    found = []
    while left:
        grown, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            grown.add((y, x))
            for near in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if near in left:
                    left.remove(near)
                    edge.append(near)
        found.append(grown)
    return sorted(found, key=len, reverse=True)


def slow_conn(pred: Alpha, true: Alpha) -> float | None:
    """As Rhemann et al. say it; None where two components are the largest."""
    level = {}
    for step in range(1, 11):
        threshold = np.float32(step / 10)
        parts = slow_components((pred >= threshold) & (true >= threshold))
        if len(parts) > 1 and len(parts[0]) == len(parts[1]):
            return None
        largest = parts[0] if parts else set()
        for pixel in np.ndindex(true.shape):
            if pixel not in level and pixel not in largest:
                level[pixel] = (step - 1) / 10
    total = 0.0
    for pixel in np.ndindex(true.shape):
        base = level.get(pixel, 1.0)
        phis = []
        for value in (float(pred[pixel]), float(true[pixel])):
            distance = value - base
            phis.append(1 - (distance if distance >= 0.15 else 0))
        total += abs(phis[0] - phis[1])
    return total / 1e3


@given(alphas(), alphas())
def test_grad_is_what_the_kernel_gives_pixel_by_pixel(pred: Alpha, true: Alpha) -> None:
    expected = ((slow_gradient(pred) - slow_gradient(true)) ** 2).sum() / 1e3
    assert metrics.grad(pred, true) == pytest.approx(expected, rel=1e-4, abs=1e-7)


@given(alphas(6), alphas(6))
def test_conn_is_what_flood_filling_gives(pred: Alpha, true: Alpha) -> None:
    expected = slow_conn(pred, true)
    assume(expected is not None)
    assert metrics.conn(pred, true) == pytest.approx(expected, rel=1e-4, abs=1e-6)


# -- rules that hold for all alphas ---------------------------------------------------------------


@given(alphas(), alphas())
def test_a_difference_is_zero_only_where_both_are_equal(pred: Alpha, true: Alpha) -> None:
    equal = np.array_equal(pred, true)
    for metric in (metrics.mad, metrics.mse, metrics.sad):
        assert (metric(pred, true) == 0) == equal
        assert metric(pred, true) == metric(true, pred)
    if equal:
        assert metrics.conn(pred, true) == 0
        # The filter's arithmetic depends on how the array lies in memory.
        assert metrics.grad(pred, true) == pytest.approx(0, abs=1e-12)


@given(alphas())
def test_a_perfect_matte_scores_zero_everywhere(true: Alpha) -> None:
    scores = metrics.still_scores(true, true.copy(), metrics.unknown_band(true))
    for value in scores.values():
        assert value is None or value == pytest.approx(0, abs=1e-12)


@given(alphas(), alphas(), regions())
def test_every_metric_keeps_its_bounds(
    pred: Alpha, true: Alpha, region: npt.NDArray[np.bool_]
) -> None:
    scores = metrics.still_scores(pred, true, region)
    whole = {name: scores[name] for name in metrics.STILL_METRICS}
    for value in whole.values():
        assert value is not None
        assert value >= 0
    assert (whole["mse"] or 0) <= (whole["mad"] or 0) + 1e-6
    assert (whole["mad"] or 0) <= 1000
    assert (whole["conn"] or 0) <= SIDE * SIDE / 1e3
    for name in ("sad", "grad", "conn"):
        part = scores[f"{name}_band"]
        assert part is None or part <= (whole[name] or 0) + 1e-9
    part = scores["mad_band"]
    assert (part is None) == (not region.any())
    assert part is None or part * region.sum() <= (whole["mad"] or 0) * region.size + 1e-3


@given(st.tuples(alphas(), alphas(), alphas()), st.tuples(alphas(), alphas(), alphas()))
def test_excess_flicker_is_part_of_the_flicker(
    pred: tuple[Alpha, Alpha, Alpha], true: tuple[Alpha, Alpha, Alpha]
) -> None:
    all_of_it, excess = metrics.flicker(pred), metrics.excess_flicker(pred, true)
    assert all_of_it is not None
    assert excess is not None
    assert 0 <= excess <= all_of_it <= 1000
    assert metrics.excess_flicker(pred, pred) == 0
    # What the truth has, or has not, splits the flicker without a rest.
    shared = (metrics.flickers(*pred) & metrics.flickers(*true)).mean() * 1e3
    assert excess + shared == pytest.approx(all_of_it)


@given(alphas(), alphas(), alphas(), alphas())
def test_dtssd_is_the_same_when_time_runs_backwards(a: Alpha, b: Alpha, c: Alpha, d: Alpha) -> None:
    forwards, backwards = metrics.dtssd(a, b, c, d), metrics.dtssd(b, a, d, c)
    assert forwards == pytest.approx(backwards)
    assert forwards is not None
    assert 0 <= forwards <= 200


@given(alphas(), st.integers(0, 4))
def test_a_larger_radius_only_adds_to_the_band(true: Alpha, radius: int) -> None:
    small = metrics.unknown_band(true, radius=radius)
    large = metrics.unknown_band(true, radius=radius + 1)
    assert not (small & ~large).any()
    soft = (true > 0.02) & (true < 0.98)
    assert not (soft & ~small).any()
