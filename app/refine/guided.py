"""Alpha from the network's grid to the frame's size, led by the frame's own colours.

He, Sun and Tang, "Guided image filtering", PAMI 2013, eq. 19 and 20, with a colour guide; He and
Sun, "Fast guided filter", 2015: around each pixel alpha is taken as linear in the picture's
colours, a . I + b. The coefficients are fitted on a small grid, where they are smooth, and used at
the frame's size, where the picture has what the network never saw. Only the band is changed.

The picture's noise, and a room that moves behind a still edge, would make the led edge flicker
where the matte does not. So the step from the enlarged alpha e to the led one changes slowly, as
long as e stays as it was:

    d[t] = led[t] - e[t];   d[t] += keep s (d[t-1] - d[t]),   s = 1 - |e[t] - e[t-1]| / 0.1, from 0
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from app.frames import RGB, Alpha, Alpha8
from app.refine.band import SHORT_SIDE, Float, Fringe
from app.temporal.neighbours import LONGEST_STEP

_WINDOW = (3, 3)
# What two windows and a bilinear sample reach to beyond the band.
_MARGIN = 3
# Added to the colours' variance, of [0, 1]: a contrast of one hundredth leads nothing, for noise
# has as much.
_EPSILON = np.float32(1e-4)
# How much of the led alpha is taken, the rest being the enlarged one. More has a little less error
# in each picture, and more flicker.
_SHARE = np.float32(0.55)
# That much of it for each alpha (1 - alpha), until the share is full.
_TRUST = np.float32(6.0)
# How much of the last step stays where the edge does. Flicker falls to a quarter of what it is
# without; more keeps hair behind that moves.
_KEPT = np.float32(0.7)
# The edge moved where the enlarged alpha differs by so many levels from the last one.
_MOVED = np.float32(25.5)


@dataclass(frozen=True, eq=False)
class _Past:
    """enlarged, led: uint8 (H, W). at: seconds."""

    enlarged: Alpha8
    led: Alpha8
    at: float


class Guide:
    """Leads the edge of one stream of pictures. Used from one thread."""

    def __init__(self) -> None:
        self._past: _Past | None = None

    def reset(self) -> None:
        """The next picture has nothing to do with the last one."""
        self._past = None

    def lead(self, alpha: Alpha, enlarged: Alpha8, fringe: Fringe, *, at: float) -> Alpha8:
        """`enlarged` with its band led by the picture. Neither is written to, now or later.

        alpha: float32 (h, w) in [0, 1], the network's. enlarged: the same at the frame's size,
        uint8 (H, W). fringe: that of `enlarged` in the frame. at: when it was taken, in seconds.
        Gives `enlarged` itself where there is no band.
        """
        past = self._past
        if past is not None and not (
            past.led.shape == enlarged.shape and 0 <= at - past.at <= LONGEST_STEP
        ):
            past = None
        led = _led(alpha, enlarged, fringe, past)
        self._past = _Past(enlarged, led, at)
        return led


def _led(alpha: Alpha, enlarged: Alpha8, fringe: Fringe, past: _Past | None) -> Alpha8:
    band = fringe.band
    if band.is_empty:
        return enlarged
    scale = min(1.0, SHORT_SIDE / min(alpha.shape))
    size = max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale))
    picture = np.asarray(cv2.resize(fringe.small, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    coarse = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    left, top, right, bottom = band.box_on(size, _MARGIN)
    part = np.s_[top:bottom, left:right]
    *slopes, led = band.sample(_fitted(picture[part], coarse[part]), of=size, at=(left, top))
    # In levels: the guide was taken in [0, 1], and 255 (a . I / 255 + b) = a . I + 255 b.
    led *= np.float32(255)
    for slope, colour in zip(slopes, fringe.colours, strict=True):
        slope *= colour
        led += slope
    out = enlarged.copy()
    flat = out.reshape(-1)
    base = flat.take(band.at).astype(np.float32)
    np.clip(led, 0, 255, out=led)
    led -= base
    # Full trust in the middle of the edge, none where it is nearly sure: there the room's own
    # texture would draw faint lines.
    trust = base * (255 - base)
    trust *= _TRUST / np.float32(255 * 255)
    led *= np.minimum(trust, _SHARE, out=trust)
    if past is not None:
        then = past.enlarged.reshape(-1).take(band.at).astype(np.float32)
        step = past.led.reshape(-1).take(band.at) - then
        then -= base
        kept = np.abs(then, out=then)
        kept *= -_KEPT / _MOVED
        kept += _KEPT
        step -= led
        step *= np.maximum(kept, 0, out=kept)
        led += step
    led += base
    np.clip(led, 0, 255, out=led)
    led += np.float32(0.5)  # the cut to whole numbers then rounds
    flat[band.at] = led.astype(np.uint8)
    return out


def _fitted(picture: RGB, alpha: Alpha) -> Float:
    """a (three channels) and b, float32 (h, w, 4), of alpha = a . I + b with I in [0, 1]."""
    guide = picture.astype(np.float32) * np.float32(1 / 255)
    r, g, b = (np.ascontiguousarray(guide[..., channel]) for channel in range(3))
    mean_r, mean_g, mean_b, mean = _mean(r), _mean(g), _mean(b), _mean(alpha)
    cov_r = _mean(r * alpha) - mean_r * mean
    cov_g = _mean(g * alpha) - mean_g * mean
    cov_b = _mean(b * alpha) - mean_b * mean
    rr = _mean(r * r) - mean_r * mean_r + _EPSILON
    gg = _mean(g * g) - mean_g * mean_g + _EPSILON
    bb = _mean(b * b) - mean_b * mean_b + _EPSILON
    rg = _mean(r * g) - mean_r * mean_g
    rb = _mean(r * b) - mean_r * mean_b
    gb = _mean(g * b) - mean_g * mean_b
    # The inverse of the symmetric 3x3 covariance, by cofactors.
    inv_rr, inv_gg, inv_bb = gg * bb - gb * gb, rr * bb - rb * rb, rr * gg - rg * rg
    inv_rg, inv_rb, inv_gb = rb * gb - rg * bb, rg * gb - rb * gg, rg * rb - rr * gb
    scale = 1 / (rr * inv_rr + rg * inv_rg + rb * inv_rb)
    a_r = (inv_rr * cov_r + inv_rg * cov_g + inv_rb * cov_b) * scale
    a_g = (inv_rg * cov_r + inv_gg * cov_g + inv_gb * cov_b) * scale
    a_b = (inv_rb * cov_r + inv_gb * cov_g + inv_bb * cov_b) * scale
    offset = mean - a_r * mean_r - a_g * mean_g - a_b * mean_b
    return _mean(np.asarray(cv2.merge([a_r, a_g, a_b, offset]), np.float32))


def _mean(values: Float) -> Float:
    return np.asarray(cv2.blur(values, _WINDOW), np.float32)
