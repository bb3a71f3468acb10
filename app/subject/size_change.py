"""From the matte of one network size to that of another without a jump.

The same picture has another matte at another size. What the two differ by where the picture stands
still, d, is added to what the network says from then on, and fades out:

    out[t] = a[t] + d[t] (1 - (t - t0) / 0.5 s),   d[t] = s[t] (out[t - 2] - a[t]) for t0, t0 + 1,
    d[t] = s[t] d[t - 2] after that,

with s from 1 (still) to 0 (moving) by how the picture changed: what is different because somebody
moved is no jump, and must not trail behind them. Compared are frames two apart, because the network
may be shown every other one mirrored.
"""

from __future__ import annotations

from collections import deque
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
    """gap: d, on the finer of the two grids. picture: of the frame that it was seen at, small."""

    gap: Alpha
    picture: RGB


@dataclass(frozen=True, eq=False)
class _Shown:
    """given: as the network gave it. alpha: what went out."""

    given: Matte
    alpha: Alpha


class SizeChange:
    """Stands behind the network, before the filter over time. Used from one thread at a time."""

    def __init__(self) -> None:
        self._recent: deque[_Shown] = deque(maxlen=2)
        self._former: deque[_Shown] = deque()  # of the size before, not compared with yet
        self._gaps: deque[_Gap] = deque()  # two, in turn; the next one's first
        self._since: float | None = None  # t0

    def reset(self) -> None:
        """The next matte has nothing to do with the last one."""
        self._recent.clear()
        self._end()

    def through(self, matte: Matte) -> Matte:
        """`matte` itself, unless the network's grid has changed less than half a second ago.

        While a change fades out, the matte comes on the finer of both grids, so that no edge is
        lost at once.
        """
        last = self._recent[-1].given if self._recent else None
        if last is not None and not are_neighbours(last, matte):
            self.reset()
        elif last is not None and last.alpha.shape != matte.alpha.shape:
            self._end()
            self._since = matte.frame.captured_at
            self._former = deque((self._recent[0], self._recent[-1]))
        faded = self._faded(matte)
        self._recent.append(_Shown(matte, faded.alpha))
        return faded

    def _end(self) -> None:
        self._since = None
        self._former.clear()
        self._gaps.clear()

    def _faded(self, matte: Matte) -> Matte:
        if self._since is None:
            return matte
        left = 1.0 - (matte.frame.captured_at - self._since) / _FADE
        if left <= 0.0:
            self._end()
            return matte
        before = self._gap_to(matte) if self._former else self._gaps.popleft()
        picture = small_picture(matte.frame)
        still = enlarged(stillness(difference(picture, before.picture), _STILL), before.gap)
        gap = np.asarray(cv2.multiply(before.gap, still), np.float32)
        self._gaps.append(_Gap(gap, picture))
        alpha = cv2.scaleAdd(gap, left, _at(matte.alpha, gap.shape))
        return Matte(matte.frame, np.asarray(np.clip(alpha, 0.0, 1.0), np.float32))

    def _gap_to(self, matte: Matte) -> _Gap:
        former = self._former.popleft()
        shape = max(former.alpha.shape, matte.alpha.shape)
        gap = cv2.subtract(_at(former.alpha, shape), _at(matte.alpha, shape))
        return _Gap(np.asarray(gap, np.float32), small_picture(former.given.frame))


def _at(alpha: Alpha, shape: tuple[int, ...]) -> Alpha:
    """`alpha`, float32, on a grid of that shape."""
    if alpha.shape == shape:
        return alpha
    size = shape[1], shape[0]
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR), np.float32)
