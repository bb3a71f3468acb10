"""What person and room look like around each pixel, on a small grid.

With alpha as the weight, F^ and B^ are means of the picture's colours:

    F^ = blur(alpha I) / blur(alpha),    B^ = blur((1 - alpha) I) / blur(1 - alpha)

From them follow the first guess of the person's colours (app/refine/foreground.py) and how well
colour tells the two apart (app/refine/guided.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from app.refine.small import Moments
from app.runs import Float

# In pixels of the small grid, whose shorter side has 72 at most: across a lock of hair, and across
# its edge.
WIDE, NARROW = 9, 3
# From once to twice this share of the squared contrast between person and room, the variance of
# the room's own colours makes colour tell nothing.
_CLUTTER = np.float32(0.5)
# What counts for person and for room everywhere: it decides where there is none of the two.
_TRACE = np.float32(1e-3)
_LEVEL = np.float32(1.0)  # so that nothing is not taken for contrast
_SUM = np.ones((1, 3), np.float32)


@dataclass(frozen=True, eq=False)
class Around:
    """On the grid of the moments.

    weight: float32 (h, w, 3), alpha three times. picture, person, room: float32 (h, w, 3), the
    colours, and what they are of person and room around, in levels. told: float32 (h, w) in
    [0, 1], how well colour tells the two apart.
    """

    weight: Float
    picture: Float
    person: Float
    room: Float
    told: Float

    @classmethod
    def of(cls, moments: Moments) -> Around:
        weight = moments.alpha * np.float32(1 / 255)
        colours = np.asarray(cv2.merge(moments.colours), np.float32)
        of_person = np.asarray(cv2.cvtColor(weight, cv2.COLOR_GRAY2RGB), np.float32)
        of_room = np.float32(1) - of_person
        person = weighted_mean(colours, of_person, WIDE)
        room = weighted_mean(colours, of_room, WIDE)
        told = _told_apart(moments, person - room, room, np.float32(1) - weight)
        return cls(of_person, colours, person, room, told)


def weighted_mean(colours: Float, weight: Float, side: int) -> Float:
    """Around each pixel, over a window of so many pixels; all float32 (h, w, 3)."""
    weight = weight + _TRACE
    window = (side, side)
    sums = cv2.blur(cv2.multiply(colours, weight), window)
    return np.asarray(cv2.divide(sums, cv2.blur(weight, window)), np.float32)


def _told_apart(moments: Moments, apart: Float, room: Float, weight: Float) -> Float:
    """How well colour tells the person from the room around a pixel, float32 (h, w) in [0, 1].

    With V the variance of the room's colours along F^ - B^: all as long as V is less than half of
    |F^ - B^|^2, nothing from that itself on. A dark jacket before books of which every other one is
    as dark has just that; there the books' edges would draw spikes into the jacket's.

    apart: F^ - B^. room: B^. weight: 1 - alpha, float32 (h, w).
    """
    weight = weight + _TRACE
    window = (WIDE, WIDE)
    # (F - B)^T E (F - B) - ((F - B) . B)^2 with E the mean of the products over the room, which are
    # those of the finer grid: fine stripes are contrast, too.
    by_itself = cv2.split(cv2.multiply(apart, apart))
    red, green, blue = cv2.split(apart)
    by_next = (
        cv2.multiply(one, other, scale=2)
        for one, other in ((red, green), (green, blue), (blue, red))
    )
    variance = np.zeros_like(weight)
    for products, by in zip(
        (*moments.squares, *moments.mixed), (*by_itself, *by_next), strict=True
    ):
        along = np.asarray(cv2.blur(products * weight, window), np.float32)
        along *= by
        variance += along
    variance /= np.asarray(cv2.blur(weight, window), np.float32)
    across = cv2.transform(cv2.multiply(apart, room), _SUM)
    variance -= across * across
    distance = by_itself[0] + by_itself[1] + by_itself[2] + _LEVEL
    told = 2 - variance / (_CLUTTER * distance * distance)
    return np.asarray(np.minimum(np.maximum(told, 0, out=told), 1, out=told), np.float32)
