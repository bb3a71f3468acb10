"""The median over three frames where the picture allows it, and a blend where it stands still.

Per pixel, with o the filter's own last result; with `follow`, o[t-1] and a[t+1] are carried along
with the picture's motion:

    m    = median(o[t-1], a[t], a[t+1])
    m    = a[t] where the picture is not that of both neighbours, and the edge around moves,
           but for where it goes on its way, and for blots
    o[t] = m + blend (o[t-1] - m) where the picture stood still

One-Frame Delay (MODNet, sec. 4.3) finds a flicker by three thresholds; the median needs none, and
because it goes on from its own result, no pixel can leave and be back one frame later. Where the
picture changes too fast to be followed (a hand that was somewhere else in both neighbours), the
network's word stands. A room that moves behind a person who does not, as of a camera in a hand,
changes the picture, but not alpha around the pixel.

Where both neighbours' pictures differ more from each other than either does from this one, the
picture goes on its way: nothing in it was there and back, so what is in alpha is the network's
mistake, however fast it moves. And a real there and back is a strip along an edge, as wide as that
moved, while a network that loses a chest for one frame leaves a blot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB, Alpha, Matte
from app.registry import option
from app.temporal.base import temporal_filters
from app.temporal.motion import (
    Levels,
    MotionFinder,
    change_since,
    difference,
    enlarged,
    small_picture,
    stillness,
)
from app.temporal.neighbours import OneFrameLater, on_grid_of

# In levels of 0..255, averaged over a few pixels. Below `_UNMOVED` a neighbour is compared in
# place. Between once and twice `_STRANGE` of unexplained change the network's own word takes
# over; between once and twice `_STILL` the blend over time fades out.
_UNMOVED = 8.0
_STRANGE = 15.0
_STILL = 3.0
# An edge moves where alpha changes by so much to either neighbour, on average over a window of
# this share of the short side: by two to four pixels of 288. Up to once that it does not.
_MOVES = np.float32(0.08)
_AROUND = 1 / 12
# In levels: between once and twice as much the picture is believed to go on its way; it must do so
# in a window of so many small pixels, because a noisy edge does it here and there.
_ONWARD = 2.0
_ONWARD_WINDOW = np.ones((7, 7), np.uint8)
# A blot is where the median and alpha are so far apart, over more than a square of this share of
# the short side. From once to twice so many levels the picture was there and back as well: a hand.
_APART = 0.1
_BLOT = 1 / 14
_ALONE = 8.0
_SOFT = (5, 5)


@temporal_filters.register("steady", title="Steady")
class Steady(OneFrameLater):
    """The median of three frames, careful with what moves; the picture comes one frame later."""

    @dataclass(frozen=True)
    class Options:
        blend: float = option(
            0.3,
            "Calm",
            "How much of the last result stays where the picture stands still",
            minimum=0.0,
            maximum=0.9,
        )
        follow: bool = option(
            False,
            "Follow motion",
            "Also removes flicker from what moves, for a few milliseconds of the processor",
        )
        mirrored: bool = option(
            True,
            "Both ways round",
            "The network sees every other picture mirrored, which evens out what it gets wrong",
        )

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.takes_mirrored = options.mirrored
        self._blend = options.blend
        self._finder = MotionFinder(unmoved=_UNMOVED if options.follow else math.inf)
        self._next: tuple[Matte, RGB] | None = None  # the held one's small picture
        self._last: tuple[Matte, Alpha, RGB] | None = None  # what went out last

    def reset(self) -> None:
        super().reset()
        self._next = self._last = None

    def filtered(self, before: Matte, held: Matte, after: Matte) -> Matte:
        a = held.alpha
        if self._last is None or self._last[0] is not before:
            self._last = before, before.alpha, small_picture(before.frame)
        if self._next is None or self._next[0] is not held:
            self._next = held, small_picture(held.frame)
        _, last, last_picture = self._last
        picture = self._next[1]
        self._next = after, small_picture(after.frame)
        since_last = change_since(before.frame, held.frame)
        until_next = change_since(held.frame, after.frame)
        back = self._finder.find(picture, last_picture, change=since_last)
        ahead = self._finder.find(picture, self._next[1], change=until_next)
        was = back.carried(on_grid_of(last, a))
        will_be = ahead.carried(on_grid_of(after.alpha, a))
        steady = median(was, a, will_be)
        if max(_most(back.unexplained), _most(ahead.unexplained)) > _STRANGE:
            strange = np.maximum(back.unexplained, ahead.unexplained)
            inner = np.minimum(back.change, ahead.change)
            alone = inner - difference(last_picture, self._next[1])
            known = np.maximum(stillness(strange, _STRANGE), _onward(alone))
            blots = _blots(a, steady, alone)
            known = known if blots is None else np.maximum(known, blots)
            neighbours = on_grid_of(before.alpha, a), on_grid_of(after.alpha, a)
            unmoved = _unmoved(a, neighbours, known.shape)
            steady = blended(a, steady, enlarged(np.maximum(known, unmoved), a))
        if self._blend > 0:
            calm = stillness(back.change, _STILL)
            calm *= np.float32(self._blend)
            steady = blended(steady, was, enlarged(calm, a))
        self._last = held, steady, picture
        return Matte(held.frame, steady)


def _most(change: Levels) -> float:
    return cv2.norm(change, cv2.NORM_INF)


def _unmoved(alpha: Alpha, neighbours: Sequence[Alpha], shape: tuple[int, ...]) -> Alpha:
    """1 where the edge is in the same place in all three, 0 where it moves.

    On the small grid, float32 of the `shape` (h, w): the window is so wide that nothing is lost.
    """
    side = 2 * round(_AROUND * min(shape) / 2) + 1
    changes = (
        cv2.blur(
            cv2.resize(cv2.absdiff(alpha, other), shape[::-1], interpolation=cv2.INTER_AREA),
            (side, side),
        )
        for other in neighbours
    )
    return np.asarray(np.clip(2 - cv2.max(*changes) / _MOVES, 0, 1), np.float32)


def _onward(alone: Levels) -> Alpha:
    """1 where the picture goes on its way, 0 where it may be there and back; small grid.

    alone: by how much more it differs from its neighbours than these do from each other.
    """
    sure = np.asarray(np.clip(-1 - alone / np.float32(_ONWARD), 0, 1), np.float32)
    return np.asarray(cv2.erode(sure, _ONWARD_WINDOW), np.float32)


def _blots(alpha: Alpha, steady: Alpha, alone: Levels) -> Alpha | None:
    """1 in blots, 0 elsewhere and where the picture was there and back, too; on `alone`'s grid.

    None where there are no blots.
    """
    apart = (cv2.absdiff(alpha, steady) > _APART).view(np.uint8)
    height, width = alone.shape
    mostly = cv2.resize(apart, (width, height), interpolation=cv2.INTER_AREA)
    reach = round(_BLOT * min(height, width) / 2)
    core = cv2.erode(mostly, _square(reach))
    if cv2.countNonZero(core) == 0:
        return None
    blots = cv2.dilate(core, _square(reach + 2)).astype(np.float32)
    return np.asarray(cv2.min(cv2.blur(blots, _SOFT), stillness(alone, _ALONE)), np.float32)


def _square(reach: int) -> npt.NDArray[np.uint8]:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def median(first: Alpha, second: Alpha, third: Alpha) -> Alpha:
    """Pixel by pixel the middle one of three, float32 (h, w)."""
    low, high = cv2.min(first, second), cv2.max(first, second)
    cv2.min(high, third, dst=high)
    return np.asarray(cv2.max(low, high, dst=low), np.float32)


def blended(alpha: Alpha, other: Alpha, weight: Alpha) -> Alpha:
    """alpha + weight (other - alpha), all float32 (h, w) in [0, 1]; never leaves [0, 1]."""
    step = np.asarray(cv2.subtract(other, alpha), np.float32)
    step *= weight
    step += alpha
    return np.clip(step, 0, 1, out=step)
