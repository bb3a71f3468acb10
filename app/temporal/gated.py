"""Steadies over time without any delay, where the picture stands still.

Per pixel, with o the filter's own last result, s from 1 (still) to 0 (moving) by how the picture
changed, and u = 4 a (1 - a) the uncertainty of alpha:

    m    = a[t] + s (median(o[t-1], a[t-1], a[t]) - a[t])
    o[t] = m + blend s (share + (1 - share) u) (o[t-1] - m)

A pixel of a picture that did not change has to say the same thing twice before it is believed; in
what is left, doubtful pixels move slowest. Where the picture moves, the network's word stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from app.frames import RGB, Alpha, Matte
from app.registry import option
from app.temporal.base import TemporalFilter, temporal_filters
from app.temporal.motion import difference, enlarged, small_picture, stillness
from app.temporal.neighbours import are_neighbours, on_grid_of
from app.temporal.steady import blended, median

# Mean levels of 0..255 by which a still picture changes at most; twice that is motion.
_STILL = 3.0
# How much sure pixels are slowed, as a share of what doubtful ones are.
_SURE_SHARE = np.float32(0.3)


@dataclass(frozen=True, eq=False)
class _Past:
    """given: as the network gave it. alpha: what went out. picture: small."""

    given: Matte
    alpha: Alpha
    picture: RGB


@temporal_filters.register("gated", title="Without delay")
class Gated(TemporalFilter):
    """Steadies what stands still, at once; what moves may still flicker."""

    @dataclass(frozen=True)
    class Options:
        blend: float = option(
            0.5,
            "Calm",
            "How much of the last result stays where the picture stands still",
            minimum=0.0,
            maximum=0.9,
        )

    def __init__(self, options: Options) -> None:
        self._blend = np.float32(options.blend)
        self._past: _Past | None = None

    def push(self, item: Matte) -> Iterable[Matte]:
        picture = small_picture(item.frame)
        past = self._past
        alpha = item.alpha
        if past is not None and are_neighbours(past.given, item):
            alpha = self._filtered(past, alpha, difference(picture, past.picture))
        self._past = _Past(item, alpha, picture)
        return (Matte(item.frame, alpha),)

    def reset(self) -> None:
        self._past = None

    def _filtered(self, past: _Past, a: Alpha, change: Alpha) -> Alpha:
        still = enlarged(stillness(change, _STILL), a)
        last = on_grid_of(past.alpha, a)
        middle = blended(a, median(last, on_grid_of(past.given.alpha, a), a), still)
        doubt = cv2.multiply(middle, 1 - middle)
        slow = still * (_SURE_SHARE + (1 - _SURE_SHARE) * 4 * doubt) * self._blend
        return blended(middle, last, slow)
