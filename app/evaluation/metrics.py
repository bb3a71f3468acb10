"""How far a matte is from the true alpha. Pure functions, each with its source and its scale.

Alphas are float32 (H, W) in [0, 1], both of one shape. `region`, bool (H, W), narrows what is
counted; where it holds no pixel the answer is None, for nothing is known then.

The scales are those of RobustVideoMatting's tables (Lin et al., WACV 2022), so that numbers can be
laid beside them. Two things differ from its code: Grad does not stretch each alpha to [0, 1] first
(a trace of 1/255 in an empty picture would count as a person), and dtSSD is averaged over pairs of
frames, not with a 0 for the first frame.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import Alpha, Alpha8

Region = npt.NDArray[np.bool_]
Scores = dict[str, float | None]
Triple = tuple[Alpha, Alpha, Alpha]  # the frames before, at and after the time in question

STILL_METRICS = ("mad", "mse", "sad", "grad", "conn")
MOTION_METRICS = ("dtssd", "flicker", "excess_flicker")
BAND = "_band"  # "mad_band" is MAD in the unknown band

GRAD_SIGMA = 1.4
CONN_STEPS = 10  # of 0.1
CONN_IGNORED = 0.15
FLICKER_THRESHOLD = 0.1
# What chroma keying and video coding leave of a true 0 or 1.
_KNOWN_TOLERANCE = 0.02
# The unknown band reaches this share of the short side to both sides of the edge.
_BAND_SHARE = 0.02


def from_uint8(alpha: Alpha8) -> Alpha:
    """uint8 0..255 as float32 in [0, 1]."""
    return np.asarray(alpha, np.float32) / np.float32(255)


def unknown_band(true: Alpha, *, radius: float | None = None) -> Region:
    """Where a trimap made from the true alpha says "unknown": dilated minus eroded.

    Everything that is neither surely person nor surely room, and what lies within `radius` pixels
    of it. radius: 2% of the picture's short side, at least 1, where it is None. The frame's own
    border is no edge.
    """
    if radius is None:
        radius = max(1.0, round(_BAND_SHARE * min(true.shape)))
    dilated = _distance_to(true > _KNOWN_TOLERANCE) <= radius
    eroded = _distance_to(true < 1 - _KNOWN_TOLERANCE) > radius
    return dilated & ~eroded


def _distance_to(mask: Region) -> npt.NDArray[np.float32]:
    """Pixels to the nearest one of the mask; huge where the mask is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    outside = np.asarray(~mask, np.uint8)
    return np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def mad(pred: Alpha, true: Alpha, region: Region | None = None) -> float | None:
    """Mean absolute difference, x 1e3."""
    return _mean(np.abs(pred - true), region, 1e3)


def mse(pred: Alpha, true: Alpha, region: Region | None = None) -> float | None:
    """Mean squared error, x 1e3."""
    return _mean(np.square(pred - true), region, 1e3)


def sad(pred: Alpha, true: Alpha, region: Region | None = None) -> float | None:
    """Sum of absolute differences, / 1e3: grows with the number of pixels."""
    return _sum(np.abs(pred - true), region, 1e-3)


def grad(pred: Alpha, true: Alpha, region: Region | None = None) -> float | None:
    """Sum over pixels of the squared difference of the gradients' magnitudes, / 1e3.

    Rhemann et al., "A perceptually motivated online benchmark for image matting", CVPR 2009:
    first-order Gaussian derivatives, sigma 1.4, kernels of unit norm as in RobustVideoMatting's
    code. Grows with the length of the edge in pixels.
    """
    return _sum(gradient_error(pred, true), region, 1e-3)


def conn(pred: Alpha, true: Alpha, region: Region | None = None) -> float | None:
    """Connectivity error, / 1e3: what hangs apart from the person, or is cut off it.

    Rhemann et al., CVPR 2009, with step 0.1, 4-connectivity and theta 0.15, as in
    RobustVideoMatting's code. Grows with the number of pixels.
    """
    return _sum(connectivity_error(pred, true), region, 1e-3)


def dtssd(
    before: Alpha,
    pred: Alpha,
    true_before: Alpha,
    true: Alpha,
    region: Region | None = None,
) -> float | None:
    """Root mean square of how the change over time differs from the true change, x 1e2.

    Erofeev et al., "Perceptually motivated benchmark for video matting", BMVC 2015: dtSSD of one
    pair of frames; a clip's is the mean over its pairs.
    """
    mean = _mean(np.square((pred - before) - (true - true_before)), region, 1.0)
    return None if mean is None else math.sqrt(mean) * 1e2


def flicker(pred: Triple, region: Region | None = None) -> float | None:
    """Share of pixels that leave by more than 0.1 and are back one frame later, x 1e3.

    Real motion does that too, so this says little without `excess_flicker`.
    """
    return _mean(flickers(*pred), region, 1e3)


def excess_flicker(pred: Triple, true: Triple, region: Region | None = None) -> float | None:
    """Share of pixels that flicker where the truth does not, x 1e3."""
    return _mean(flickers(*pred) & ~flickers(*true), region, 1e3)


def flickers(before: Alpha, alpha: Alpha, after: Alpha) -> Region:
    """Where |a[t] - a[t-1]| > 0.1 and |a[t+1] - a[t-1]| <= 0.1."""
    away = np.abs(alpha - before) > FLICKER_THRESHOLD
    back = np.abs(after - before) <= FLICKER_THRESHOLD
    return np.asarray(away & back)


def gradient_error(pred: Alpha, true: Alpha) -> Alpha:
    """Squared difference of the gradients' magnitudes, pixel by pixel; see `grad`."""
    difference = gradient_magnitude(pred) - gradient_magnitude(true)
    return np.asarray(np.square(difference), np.float32)


def gradient_magnitude(alpha: Alpha) -> Alpha:
    """|grad alpha| by Gaussian derivatives whose two-dimensional kernel has norm 1."""
    smooth, derivative = _gaussian_kernels(GRAD_SIGMA)
    along_x = _filtered(alpha, derivative, smooth)
    along_y = _filtered(alpha, smooth, derivative)
    return np.asarray(cv2.magnitude(along_x, along_y), np.float32)


def _filtered(alpha: Alpha, row: npt.NDArray[np.float64], column: npt.NDArray[np.float64]) -> Alpha:
    return np.asarray(
        cv2.sepFilter2D(alpha, cv2.CV_32F, row, column, borderType=cv2.BORDER_REPLICATE)
    )


@functools.lru_cache
def _gaussian_kernels(
    sigma: float, epsilon: float = 1e-2
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A Gaussian and its derivative, each of norm 1, cut off where the Gaussian is epsilon."""
    reach = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * epsilon)))
    x = np.arange(-reach, reach + 1, dtype=np.float64)
    smooth = np.exp(-(x**2) / (2 * sigma**2))
    derivative = -x * smooth
    # The outer product of two vectors of norm 1 has norm 1.
    return smooth / np.linalg.norm(smooth), derivative / np.linalg.norm(derivative)


def connectivity_error(pred: Alpha, true: Alpha) -> Alpha:
    """|phi(pred) - phi(true)|, pixel by pixel; see `conn`.

    phi(a) = 1 - d * [d >= 0.15], d = a - l, with l the highest threshold up to which the pixel
    belongs to the largest component that both alphas share at every threshold.
    """
    level = connected_level(pred, true)
    return np.asarray(np.abs(_phi(pred, level) - _phi(true, level)), np.float32)


def _phi(alpha: Alpha, level: Alpha) -> Alpha:
    distance = alpha - level
    return np.asarray(1 - distance * (distance >= np.float32(CONN_IGNORED)), np.float32)


def connected_level(pred: Alpha, true: Alpha) -> Alpha:
    """The highest of 0, 0.1, ..., 1 up to which a pixel hangs together with the person."""
    level = np.zeros(true.shape, np.float32)
    both = np.minimum(pred, true)
    left, top, width, height = cv2.boundingRect(np.asarray(both >= np.float32(0.1), np.uint8))
    if width == 0:
        return level
    # What lies outside of this box has level 0 already.
    box = np.s_[top : top + height, left : left + width]
    both = np.ascontiguousarray(both[box])
    steps = np.zeros(both.shape, np.uint8)
    alive = np.ones(both.shape, np.bool_)
    for step in range(1, CONN_STEPS + 1):
        shared = np.asarray(both >= np.float32(step / CONN_STEPS), np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(shared, connectivity=4)
        if count == 1:
            break
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        alive &= labels == largest
        steps += alive
    level[box] = steps / np.float32(CONN_STEPS)
    return level


def still_scores(pred: Alpha, true: Alpha, band: Region) -> Scores:
    """Every metric of one picture, over the whole of it and (`..._band`) inside the band."""
    difference = np.abs(pred - true)
    squared = np.square(difference)
    gradient = gradient_error(pred, true)
    connectivity = connectivity_error(pred, true)
    scores: Scores = {}
    for suffix, region in (("", None), (BAND, band)):
        scores |= {
            f"mad{suffix}": _mean(difference, region, 1e3),
            f"mse{suffix}": _mean(squared, region, 1e3),
            f"sad{suffix}": _sum(difference, region, 1e-3),
            f"grad{suffix}": _sum(gradient, region, 1e-3),
            f"conn{suffix}": _sum(connectivity, region, 1e-3),
        }
    return scores


def _mean(values: npt.NDArray[np.generic], region: Region | None, scale: float) -> float | None:
    if region is not None:
        values = values[region]
    # float64: a sum over millions of float32 loses digits.
    return float(values.mean(dtype=np.float64)) * scale if values.size else None


def _sum(values: npt.NDArray[np.generic], region: Region | None, scale: float) -> float | None:
    if region is not None:
        values = values[region]
    return float(values.sum(dtype=np.float64)) * scale if values.size else None


def mean_scores(scores: list[Scores] | list[Mapping[str, float | None]]) -> Scores:
    """The plain mean of each metric over those that know it; None where none does."""
    names = dict.fromkeys(name for one in scores for name in one)
    means: Scores = {}
    for name in names:
        known = [value for one in scores if (value := one.get(name)) is not None]
        means[name] = math.fsum(known) / len(known) if known else None
    return means
