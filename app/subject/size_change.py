"""From the matte of one network size to that of another without a jump.

The same picture has another matte at another size. What the two differ by where the picture stands
still, d, is added to what the network says from then on, and fades out:

    out[t] = a[t] + d[t] (1 - (t - t0) / 0.5 s),   d[t0] = s[t0] (out[t0 - 1] - a[t0]),
    d[t] = s[t] d[t - 1],

with s from 1 (still) to 0 (moving) by how the picture changed: what is different because somebody
moved is no jump, and must not trail behind them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from app.frames import RGB, Alpha, Matte
from app.temporal.motion import difference, enlarged, small_picture, stillness
from app.temporal.neighbours import are_neighbours

# Seconds until nothing of the former size is left.
_FADE = 0.5
# In levels of 0..255: the sensor's noise stays below it.
_STILL = 8.0


@dataclass(frozen=True, eq=False)
class _Gap:
    """gap: d, on the finer of the two grids. since: t0. picture: of the last frame, small."""

    gap: Alpha
    since: float
    picture: RGB


class SizeChange:
    """Stands behind the network, before the filter over time. Used from one thread at a time."""

    def __init__(self) -> None:
        self._last: Matte | None = None  # as the network gave it
        self._shown: Alpha | None = None  # what went out for it
        self._gap: _Gap | None = None

    def reset(self) -> None:
        """The next matte has nothing to do with the last one."""
        self._last = self._shown = self._gap = None

    def through(self, matte: Matte) -> Matte:
        """`matte` itself, unless the network's grid has changed less than half a second ago.

        While a change fades out, the matte comes on the finer of both grids, so that no edge is
        lost at once.
        """
        last, shown = self._last, self._shown
        self._last = matte
        if last is None or shown is None or not are_neighbours(last, matte):
            self._gap = None
        elif last.alpha.shape != matte.alpha.shape:
            self._begin(last, shown, matte)
        faded = self._faded(matte)
        self._shown = faded.alpha
        return faded

    def _begin(self, last: Matte, shown: Alpha, matte: Matte) -> None:
        shape = max(shown.shape, matte.alpha.shape)
        gap = cv2.subtract(_at(shown, shape), _at(matte.alpha, shape))
        since = matte.frame.captured_at
        self._gap = _Gap(np.asarray(gap, np.float32), since, small_picture(last.frame))

    def _faded(self, matte: Matte) -> Matte:
        before = self._gap
        if before is None:
            return matte
        left = 1.0 - (matte.frame.captured_at - before.since) / _FADE
        if left <= 0.0:
            self._gap = None
            return matte
        picture = small_picture(matte.frame)
        still = enlarged(stillness(difference(picture, before.picture), _STILL), before.gap)
        gap = np.asarray(cv2.multiply(before.gap, still), np.float32)
        self._gap = _Gap(gap, before.since, picture)
        alpha = cv2.scaleAdd(gap, left, _at(matte.alpha, gap.shape))
        return Matte(matte.frame, np.asarray(np.clip(alpha, 0.0, 1.0), np.float32))


def _at(alpha: Alpha, shape: tuple[int, ...]) -> Alpha:
    """`alpha`, float32, on a grid of that shape."""
    if alpha.shape == shape:
        return alpha
    size = shape[1], shape[0]
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR), np.float32)
