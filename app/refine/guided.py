"""Alpha from the network's grid to the frame's size, led by the frame's own colours.

He, Sun and Tang, "Guided image filtering", PAMI 2013, eq. 19 and 20, with a colour guide; He and
Sun, "Fast guided filter", 2015: around each pixel alpha is taken as linear in the picture's
colours, a . I + b. The coefficients are fitted on a grid of 72 rows, where they are smooth, from
products on one of 144, and used at the frame's size, where the picture has what the network never
saw. Only the band is changed, and only as far as colours tell the person from the room there; see
app/refine/around.py.

The picture's noise, and a room that moves behind a still edge, would make the led edge flicker
where the matte does not. So the step from the enlarged alpha e to the led one changes slowly, as
long as e stays as it was:

    d[t] = led[t] - e[t];   d[t] += keep s (d[t-1] - d[t]),   s = 1 - |e[t] - e[t-1]| / 0.1, from 0
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from app.edge_colours import EdgeColours
from app.frames import RGB, Alpha, Alpha8
from app.pool import PicturePool
from app.refine.around import Around
from app.refine.band import Fringe, Piece
from app.refine.foreground import explained, first_guess
from app.refine.small import Moments, View
from app.runs import Bytes, Float
from app.temporal.neighbours import LONGEST_STEP

# What the line is fitted in: the means of nine times four pixels. Four numbers from only nine would
# fit anything.
_WINDOW = (3, 3)
# Added to the colours' variance: a contrast of one hundredth leads nothing, for noise has as much.
_FLOOR = np.float32((255 / 100) ** 2)
# How much of the led alpha is taken, the rest being the enlarged one. More has a little less error
# in each picture, and more flicker.
_SHARE = 0.55
# That much of it for each alpha (1 - alpha), until the share is full.
_TRUST = 6.0
# How much of the last step stays where the edge does. Flicker falls to a quarter of what it is
# without; more keeps hair behind that moves.
_KEPT = 0.7
# The edge moved where the enlarged alpha differs by so many levels from the last one.
_MOVED = 25.5

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
        self._alphas, self._pictures = PicturePool(), PicturePool()

    def reset(self) -> None:
        """The next picture has nothing to do with the last one."""
        self._past = None

    def lead(
        self, alpha: Alpha, enlarged: Alpha8, rgb: RGB, *, small: RGB, at: float
    ) -> tuple[Alpha8, RGB | EdgeColours]:
        """`enlarged` with its band led by the picture, and the person's colours for that.

        Nothing is written to, now or later.

        alpha: float32 (h, w) in [0, 1], the network's. enlarged: the same at the frame's size,
        uint8 (H, W). rgb: the frame, uint8 (H, W, 3). small: the same at any smaller size. at: when
        it was taken, in seconds. Gives `enlarged` and `rgb` themselves where nothing is unsure.
        """
        past = self._past
        if past is not None and not (
            past.led.shape == enlarged.shape and 0 <= at - past.at <= LONGEST_STEP
        ):
            past = None
        fringe = Fringe.of(rgb, enlarged)
        led = enlarged
        colours: RGB | EdgeColours = rgb
        if not fringe.band.is_empty:
            led = self._alphas.copy(enlarged)
            pixels = _lead(led, alpha, fringe, small=small, past=past)
            colours = EdgeColours(
                rgb, alpha=led, runs=fringe.soft, pixels=pixels, pool=self._pictures
            )
        self._past = _Past(enlarged, led, at)
        return led, colours


def _lead(led: Alpha8, alpha: Alpha, fringe: Fringe, *, small: RGB, past: _Past | None) -> Bytes:
    """Leads the band in `led`, which is the enlarged alpha.

    Gives the colours for that, where alpha is soft: uint8 (1, n, 3).
    """
    view = View.of(small, alpha, band=fringe.band)
    moments = Moments.of(view.picture, view.alpha)
    line = _fitted(moments)
    around = Around.of(moments)
    f, b = first_guess(around)
    f = np.asarray(cv2.merge([f, around.told]), np.float32)
    b = np.asarray(cv2.cvtColor(b, cv2.COLOR_RGB2RGBA), np.float32)
    edge = fringe.soft.take(fringe.rgb)
    band = []
    for piece in fringe.pieces():
        sampled, sampled_f, sampled_b = piece.runs.sample(
            line, f, b, of=view.half, at=view.half_first
        )
        moved = _nearer(piece, sampled, np.ascontiguousarray(sampled_f[..., 3]), past)
        piece.runs.put(led, moved)
        # Where nothing is to be estimated, alpha counts as 1: there F = I.
        share = np.asarray(cv2.bitwise_or(moved, cv2.bitwise_not(piece.unsure)), np.uint8)
        band.append(explained(piece.colours, share, f=sampled_f, b=sampled_b))
    fringe.band_in_soft.put(edge, np.concatenate(band, axis=1) if len(band) > 1 else band[0])
    return edge


def _nearer(piece: Piece, line: Float, told: Float, past: _Past | None) -> Bytes:
    """What becomes of the piece's alpha, uint8 (1, n).

    line: the coefficients there, float32 (1, n, 4), which is written to. told: how far the led
    alpha is to be believed, float32 (1, n) in [0, 1].
    """
    # A fourth colour of 255 goes with the offset.
    line *= piece.colours
    # Two numbers at a time, as if they were one complex one, which is the cheapest way to add four.
    pairs = line.view(np.complex64)
    both = pairs[..., 0] + pairs[..., 1]
    step = both.real + both.imag
    base = piece.alpha.astype(np.float32)
    np.minimum(np.maximum(step, 0, out=step), 255, out=step)
    step -= base
    step *= cv2.LUT(piece.alpha, _TRUST_AT)
    step *= told
    if past is not None:
        then = piece.runs.take(past.enlarged)
        last = np.asarray(
            cv2.subtract(piece.runs.take(past.led), then, dtype=cv2.CV_32F), np.float32
        )
        last -= step
        last *= cv2.LUT(cv2.absdiff(then, piece.alpha), _KEPT_AT)
        step += last
    moved = cv2.add(step, base, dtype=cv2.CV_8U)  # rounds, and stays within 0 to 255
    return np.asarray(cv2.copyTo(moved, piece.unsure, piece.alpha.copy()), np.uint8)


def _fitted(moments: Moments) -> Float:
    """The line alpha = a . I + b, all in levels: a (three channels) and b / 255, (h, w, 4)."""
    mean_r, mean_g, mean_b = (_mean(plane) for plane in moments.colours)
    mean = _mean(moments.alpha)
    # The covariances.
    rr, gg, bb = (_mean(square) for square in moments.squares)
    rg, gb, rb = (_mean(product) for product in moments.mixed)
    rr -= mean_r * mean_r - _FLOOR
    gg -= mean_g * mean_g - _FLOOR
    bb -= mean_b * mean_b - _FLOOR
    rg -= mean_r * mean_g
    rb -= mean_r * mean_b
    gb -= mean_g * mean_b
    a_r, a_g, a_b = (_mean(product) for product in moments.with_alpha)
    a_r -= mean_r * mean
    a_g -= mean_g * mean
    a_b -= mean_b * mean
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
    return np.asarray(cv2.merge([a_r, a_g, a_b, offset]), np.float32)


def _mean(plane: Float) -> Float:
    """Over the window."""
    return np.asarray(cv2.blur(plane, _WINDOW), np.float32)
