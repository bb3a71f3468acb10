"""Alpha from the network's grid to the frame's size, led by the frame's own colours.

He, Sun and Tang, "Guided image filtering", PAMI 2013, eq. 19 and 20, with a colour guide; He and
Sun, "Fast guided filter", 2015: around each pixel alpha is taken as linear in the picture's
colours, a . I + b. The coefficients are fitted on a small grid, where they are smooth, and used at
the frame's size, where the picture has what the network never saw. Only the band is changed, and
only as far as colours tell the person from the room there; see `_told_apart`.

The picture's noise, and a room that moves behind a still edge, would make the led edge flicker
where the matte does not. So the step from the enlarged alpha e to the led one changes slowly, as
long as e stays as it was:

    d[t] = led[t] - e[t];   d[t] += keep s (d[t-1] - d[t]),   s = 1 - |e[t] - e[t-1]| / 0.1, from 0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB, Alpha, Alpha8
from app.pool import PicturePool
from app.refine.band import SHORT_SIDE, Fringe, unsure
from app.runs import Bytes, Float, Runs
from app.temporal.neighbours import LONGEST_STEP

# What the line is fitted in: four numbers from the nine pixels of a smaller window would fit
# anything. And what its coefficients are averaged over.
_WINDOW, _AVERAGED = (5, 5), (3, 3)
# Where the colours of person and room are looked at, on a grid half as fine.
_AROUND = (9, 9)
# How far beyond the band the small picture is looked at.
_MARGIN = 5
# Added to the colours' variance: a contrast of one hundredth leads nothing, for noise has as much.
_FLOOR = np.float32((255 / 100) ** 2)
# How much of the led alpha is taken, the rest being the enlarged one. More has a little less error
# in each picture, and more flicker.
_SHARE = 0.55
# That much of it for each alpha (1 - alpha), until the share is full.
_TRUST = 6.0
# From once to twice this share of the squared contrast between person and room, the variance of
# the room's own colours makes colour tell nothing.
_CLUTTER = np.float32(0.5)
# How much of the last step stays where the edge does. Flicker falls to a quarter of what it is
# without; more keeps hair behind that moves.
_KEPT = 0.7
# The edge moved where the enlarged alpha differs by so many levels from the last one.
_MOVED = 25.5

_TRACE = np.float32(1e-3)  # of one of the two, where there is none of it
_LEVEL = np.float32(1.0)  # so that nothing is not taken for contrast
_SUM = np.ones((1, 3), np.float32)

Words = npt.NDArray[np.uint16]

_LEVELS = np.arange(256) / 255
# By the enlarged alpha's level: full trust in the middle of the edge, none where it is nearly sure,
# for there the room's own texture would draw faint lines.
_TRUST_AT = np.minimum(_TRUST * _LEVELS * (1 - _LEVELS), _SHARE).astype(np.float32)
# By the difference of two levels.
_KEPT_AT = np.maximum(0, _KEPT * (1 - np.arange(256) / _MOVED)).astype(np.float32)


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
        self._pool = PicturePool()

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
        led = enlarged
        if not fringe.band.is_empty:
            led = self._pool.copy(enlarged)
            _lead(led, alpha, fringe, past)
        self._past = _Past(enlarged, led, at)
        return led


def _lead(out: Alpha8, alpha: Alpha, fringe: Fringe, past: _Past | None) -> None:
    """Leads the fringe's band in `out`, which is the enlarged alpha."""
    scale = min(1.0, SHORT_SIDE / min(alpha.shape))
    size = max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale))
    picture = np.asarray(cv2.resize(fringe.small, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    coarse = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    left, top, right, bottom = fringe.band.box_on(size, _MARGIN)
    part = np.s_[top:bottom, left:right]
    line, told = _fitted(picture[part], coarse[part])
    for piece, pixels in fringe.pieces:
        sampled, believed = piece.sample(line, told, of=size, at=(left, top))
        # A fourth channel of 255 goes with the offset.
        sampled *= cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)
        red, green, blue, offset = cv2.split(sampled)
        led = np.asarray(cv2.add(cv2.add(red, green), cv2.add(blue, offset)), np.float32)
        base = piece.take(out)
        piece.put(out, _nearer(led, base, believed, piece, past))


def _nearer(led: Float, base: Bytes, believed: Float, piece: Runs, past: _Past | None) -> Bytes:
    """What becomes of the piece's pixels, uint8 (1, n).

    led: float32 (1, n) in levels, which is written to. base: the enlarged alpha there, uint8.
    believed: how far the led one is to be, float32 (1, n) in [0, 1].
    """
    np.clip(led, 0, 255, out=led)
    led -= base
    led *= cv2.LUT(base, _TRUST_AT)
    led *= believed
    if past is not None:
        then = piece.take(past.enlarged)
        step = np.asarray(cv2.subtract(piece.take(past.led), then, dtype=cv2.CV_32F), np.float32)
        step -= led
        step *= cv2.LUT(cv2.absdiff(then, base), _KEPT_AT)
        led += step
    moved = cv2.add(led, base, dtype=cv2.CV_8U)  # rounds, and stays within 0 to 255
    return np.asarray(cv2.copyTo(moved, unsure(base), base), np.uint8)


def _fitted(picture: RGB, alpha: Alpha) -> tuple[Float, Float]:
    """The line alpha = a . I + b, all in levels, and how far it is to be believed.

    a (three channels) and b / 255, float32 (h, w, 4); float32 (h, w) in [0, 1].
    """
    levels = alpha * np.float32(255)
    r, g, b = (np.asarray(plane, np.uint8) for plane in cv2.split(picture))
    mean_r, mean_g, mean_b, mean = (_mean(plane) for plane in (r, g, b, levels))
    # The covariances; products of colours are whole numbers of 16 bits.
    squares = _product(r, r), _product(g, g), _product(b, b)
    mixed = _product(r, g), _product(g, b), _product(b, r)
    rr, gg, bb = (_mean(square) for square in squares)
    rg, gb, rb = (_mean(product) for product in mixed)
    rr -= mean_r * mean_r - _FLOOR
    gg -= mean_g * mean_g - _FLOOR
    bb -= mean_b * mean_b - _FLOOR
    rg -= mean_r * mean_g
    rb -= mean_r * mean_b
    gb -= mean_g * mean_b
    a_r = _mean(levels * r) - mean_r * mean
    a_g = _mean(levels * g) - mean_g * mean
    a_b = _mean(levels * b) - mean_b * mean
    # The symmetric system by elimination: what were covariances with alpha become the slopes.
    by_g, by_b = rg / rr, rb / rr
    gg -= by_g * rg
    gb -= by_g * rb
    bb -= by_b * rb
    a_g -= by_g * a_r
    a_b -= by_b * a_r
    further = gb / gg
    bb -= further * gb
    a_b -= further * a_g
    a_b /= bb
    a_g /= gg
    a_g -= further * a_b
    a_r /= rr
    a_r -= by_g * a_g
    a_r -= by_b * a_b
    offset = mean - a_r * mean_r
    offset -= a_g * mean_g
    offset -= a_b * mean_b
    offset *= np.float32(1 / 255)
    line = np.asarray(_mean(cv2.merge([a_r, a_g, a_b, offset]), _AVERAGED), np.float32)
    return line, _told_apart(picture, alpha, squares, mixed)


def _told_apart(
    picture: RGB, alpha: Alpha, squares: Sequence[Words], mixed: Sequence[Words]
) -> Float:
    """How well colour tells the person from the room around a pixel, float32 (h, w) in [0, 1].

    With F and B the mean colours of person and room, weighted by alpha and 1 - alpha, and V the
    variance of the room's colours along F - B: all as long as V is less than half of |F - B|^2,
    nothing from that itself on. A dark jacket before books of which every other one is as dark has
    just that; there the books' edges would draw spikes into the jacket's.

    squares, mixed: the products of red, green and blue with themselves, and of each with the next.
    """
    height, width = alpha.shape
    half = max(1, width // 2), max(1, height // 2)

    def shrunk(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(cv2.resize(values, half, interpolation=cv2.INTER_AREA))

    weight, colours = shrunk(alpha), shrunk(picture).astype(np.float32)
    person = np.maximum(_mean(weight, _AROUND), _TRACE)
    room = np.maximum(1 - person, _TRACE)
    persons, rooms = cv2.merge([person] * 3), cv2.merge([room] * 3)
    of_person = _mean(cv2.multiply(colours, cv2.merge([weight] * 3)), _AROUND)
    mean = cv2.divide(cv2.subtract(_mean(colours, _AROUND), of_person), rooms)
    apart = cv2.subtract(cv2.divide(of_person, persons), mean)
    distance = cv2.transform(cv2.multiply(apart, apart), _SUM) + _LEVEL
    # (F - B)^T E (F - B) - ((F - B) . B)^2 with E the mean of the products over the room. They are
    # made smaller only now: fine stripes are contrast, too.
    elsewhere = cv2.merge([1 - weight] * 3)
    red, green, blue = cv2.split(apart)
    along = cv2.multiply(apart, cv2.merge([green, blue, red]), scale=2)
    variance = np.zeros_like(weight)
    for products, by in ((squares, cv2.multiply(apart, apart)), (mixed, along)):
        small = shrunk(cv2.merge(products)).astype(np.float32)
        there = cv2.divide(_mean(cv2.multiply(small, elsewhere), _AROUND), rooms)
        variance += cv2.transform(cv2.multiply(there, by), _SUM)
    across = cv2.transform(cv2.multiply(apart, mean), _SUM)
    variance -= across * across
    told = 2 - variance / (_CLUTTER * distance * distance)
    return np.asarray(
        cv2.resize(np.clip(told, 0, 1), (width, height), interpolation=cv2.INTER_LINEAR), np.float32
    )


def _product(one: Bytes, other: Bytes) -> Words:
    return np.asarray(np.multiply(one, other, dtype=np.uint16))


def _mean(values: npt.NDArray[Any], window: tuple[int, int] = _WINDOW) -> Float:
    """Over the window, float32, whatever the values are."""
    return np.asarray(cv2.boxFilter(values, cv2.CV_32F, window), np.float32)
