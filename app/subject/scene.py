"""What the network is fitted to while a scene lasts, and when it is fitted anew.

For app/modnet/scene.py, whose networks it chooses among; pure, and without a clock of its own. Two
things keep it honest: S looks at each whole picture, so a person beyond the range of columns is
noticed in the very frame (`is_missed`), which is then done again; and now and then a survey tells
whether the norms' statistics are still those that the network was fitted to.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from app.frames import RGB, Alpha
from app.modnet.preprocess import BLOCK

# On each side of the person, in pixels of the network's input.
_MARGIN = 16
# A range stays as it is as long as it holds the person and is wider than it must be by no more than
# this: each width is a network of its own. Beyond this share of the picture it is all of it.
_SLACK, _WIDEST = 32, 0.9
# Alpha from which on a column holds the person, and S's prediction for the same.
_PERSON, _SEMANTIC = 0.04, 0.4
# Alpha in the range's outermost columns that says that the person goes on beyond it.
_AT_THE_EDGE, _EDGE = 0.1, 4
# The range holds where the person was for so long, in seconds, and begins after so much of it.
_REMEMBERED, _FIRST = 2.0, 0.5
# Seconds from one survey to the next: at first, and, twice as long each time that little has moved,
# at most.
_SURVEY_AGE, _LONGEST_AGE = 2.0, 8.0
# How far statistics move before the network is fitted anew, and before it is not used any more; see
# `drift`. Alpha differs by 0.0002 in the mean at 0.06, by 0.002 at 0.1 (docs/decisions.md). Seconds
# from one fitting to the next: each takes a third of a second of one core.
_DRIFTED, _LOST, _FITTED_FOR = 0.06, 0.3, 4.0
# Another scene: means over BLOCK pixels each way differ by this in the mean, of 255, beyond the
# range. One that changes again so soon after a survey, in seconds, moves.
_ROOM, _MOVING = 40.0, 0.5
# After the person was beyond the range, the whole picture for so long; twice as long each time that
# it happens again within `_SOON`, in seconds, for at most so many.
_HOLD, _SOON, _LONGEST_HOLD = 0.5, 10.0, 8.0
_EPSILON = 1e-5  # of torch's instance norm

# float (2, C): see `app.modnet.scene.Surveying`.
Moments: TypeAlias = NDArray[np.floating]


@dataclass(frozen=True)
class Columns:
    """A range of columns of the network's input, in pixels; multiples of BLOCK."""

    start: int
    width: int

    @property
    def stop(self) -> int:
        return self.start + self.width

    @property
    def blocks(self) -> NDArray[np.int64]:
        return np.arange(self.start // BLOCK, self.stop // BLOCK, dtype=np.int64)

    def __contains__(self, other: Columns) -> bool:
        return self.start <= other.start and other.stop <= self.stop

    def mirrored(self, width: int) -> Columns:
        """In the mirrored picture of that width."""
        return Columns(width - self.stop, self.width)


@dataclass(frozen=True, eq=False)
class Fit:
    """The statistics that a network is fitted to. Each is one of its own, whatever it holds."""

    moments: Moments

    @property
    def affine(self) -> NDArray[np.float32]:
        """See `app.modnet.scene.InScene`."""
        mean, deviation = _statistics(self.moments)
        return np.stack((1 / deviation, -mean / deviation)).astype(np.float32)


@dataclass(frozen=True)
class Fitted:
    """A network for that fit, and the columns in which D and F work."""

    columns: Columns
    fit: Fit


class Whole(Enum):
    """The exact network over the whole picture, and why."""

    PLAIN = "plain"
    SURVEY = "survey"


Choice: TypeAlias = Fitted | Whole


def drift(one: Moments, other: Moments) -> float:
    """How far statistics lie apart: of means in deviations, and of the logarithms of deviations."""
    (mean, deviation), (other_mean, other_deviation) = _statistics(one), _statistics(other)
    moved = np.abs(mean - other_mean) / deviation
    return float(moved.mean() + np.abs(np.log(deviation / other_deviation)).mean())


def _statistics(moments: Moments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, square = moments.astype(np.float64)
    return mean, np.sqrt(np.maximum(square - mean * mean, 0.0) + _EPSILON)


def columns_of(alpha: Alpha, semantic: Alpha, *, start: int = 0) -> Columns | None:
    """The blocks of columns that hold something of the person, None where nobody is.

    alpha: float32 (H, w), of columns from `start` on. semantic: S's prediction for the whole
    picture, float32 (H / 16, W / 16).
    """
    held = semantic.max(axis=0) > _SEMANTIC
    columns = cv2.reduce(alpha, 0, cv2.REDUCE_MAX)[0] > _PERSON
    blocks = columns.reshape(-1, BLOCK).any(axis=1)
    held[start // BLOCK : start // BLOCK + len(blocks)] |= blocks
    (where,) = np.nonzero(held)
    if len(where) == 0:
        return None
    return Columns(int(where[0]) * BLOCK, int(where[-1] - where[0] + 1) * BLOCK)


def is_missed(alpha: Alpha, semantic: Alpha, columns: Columns) -> bool:
    """Whether something of the person lies beyond the range.

    alpha: float32 (H, w), of the range. semantic: of the whole picture.
    """
    seen = semantic.max(axis=0) > _SEMANTIC
    first, last = columns.start // BLOCK, columns.stop // BLOCK
    if seen[:first].any() or seen[last:].any():
        return True
    left = columns.start > 0 and alpha[:, :_EDGE].max() > _AT_THE_EDGE
    return bool(left or (last < len(seen) and alpha[:, -_EDGE:].max() > _AT_THE_EDGE))


@dataclass
class _Surveyed:
    """The last survey of pictures that are all mirrored, or all not.

    at: when its picture was seen. room: that picture, made small. awaited: surveys that were chosen
    and have not come back.
    """

    at: float
    room: NDArray[np.int16]
    moments: Moments | None = None
    awaited: int = 0


class Scene:
    """Follows what is seen in pictures of one size. Used from one thread at a time.

    mirrored, of a picture: then its range is, too; the fit is one for both.
    """

    def __init__(self, width: int) -> None:
        """width: of the network's input."""
        self._width = width
        # Where the person was, in pictures that are not mirrored.
        self._seen: deque[tuple[float, Columns]] = deque()
        self._first_seen: float | None = None
        self._columns: Columns | None = None
        self._whole_until = self._missed_at = -math.inf
        self._hold = _HOLD
        self._orientations: set[bool] = set()
        self._surveys: dict[bool, _Surveyed] = {}
        self._fit: Fit | None = None
        self._next: Fit | None = None  # being made
        self._fitted_at = -math.inf
        self._age = _SURVEY_AGE

    def choose(
        self,
        picture: RGB,
        at: float,
        is_there: Callable[[Fitted], bool],
        *,
        mirrored: bool = False,
    ) -> Choice:
        """What to do with a picture, uint8 (H, W, 3) as the network takes it, seen at `at` (s).

        is_there: whether there is such a network by now; asked about one, it is made.
        """
        self._orientations.add(mirrored)
        columns = self._wanted(at)
        if columns is None or at < self._whole_until:
            return Whole.PLAIN
        own = columns.mirrored(self._width) if mirrored else columns
        room, survey = _small(picture), self._surveys.get(mirrored)
        changed = survey is not None and _differ(room, survey.room, own)
        if survey is not None and changed and at - survey.at < _MOVING:
            self._whole_until = at + _MOVING
            return Whole.PLAIN
        if survey is None or changed or at - survey.at >= self._age:
            self._begin_survey(room, at, mirrored, anew=changed)
            return Whole.SURVEY
        self._fit_to(columns, at, is_there)
        # It may be there for another width only.
        if self._fit is None or not is_there(Fitted(columns, self._fit)):
            return Whole.PLAIN
        return Fitted(own, self._fit)

    def _begin_survey(
        self, room: NDArray[np.int16], at: float, mirrored: bool, *, anew: bool
    ) -> None:
        before = self._surveys.get(mirrored)
        survey = _Surveyed(at, room, awaited=1 + (before.awaited if before else 0))
        if anew:
            self._fit = self._next = None
        elif before is not None:
            survey.moments = before.moments
        self._surveys[mirrored] = survey

    def _fit_to(self, columns: Columns, at: float, is_there: Callable[[Fitted], bool]) -> None:
        """Sees to it that there is a network for the statistics of the last surveys."""
        known = [self._surveys.get(orientation) for orientation in self._orientations]
        moments = [survey.moments for survey in known if survey and survey.moments is not None]
        if len(moments) < len(known):
            return
        mean: Moments = np.mean(moments, axis=0)
        away = math.inf if self._fit is None else drift(mean, self._fit.moments)
        if away > _LOST:
            self._fit = None
        since = at - self._fitted_at
        if self._next is None and away > _DRIFTED and since >= (_FITTED_FOR if self._fit else 1.0):
            self._next = Fit(mean)
        if self._next is not None and is_there(Fitted(columns, self._next)):
            self._fit, self._next, self._fitted_at = self._next, None, at

    def _wanted(self, at: float) -> Columns | None:
        """The range that holds where the person was of late; None where that is not known."""
        while self._seen and self._seen[0][0] < at - _REMEMBERED:
            self._seen.popleft()
        if not self._seen or self._first_seen is None or at - self._first_seen < _FIRST:
            return None
        start = max(0, min(seen.start for _, seen in self._seen) - _MARGIN)
        stop = min(self._width, max(seen.stop for _, seen in self._seen) + _MARGIN)
        wanted = Columns(start, stop - start)
        if wanted.width > _WIDEST * self._width:
            wanted = Columns(0, self._width)
        kept = self._columns
        if kept is None or wanted not in kept or kept.width - wanted.width > _SLACK:
            self._columns = kept = wanted
        return kept

    def saw(self, extent: Columns, at: float, *, mirrored: bool = False) -> None:
        """Where the person is in the picture seen at `at`."""
        if self._first_seen is None:
            self._first_seen = at
        self._seen.append((at, extent.mirrored(self._width) if mirrored else extent))

    def surveyed(self, moments: Moments, *, mirrored: bool = False) -> None:
        """What a survey that was chosen gave."""
        survey = self._surveys[mirrored]
        survey.awaited -= 1
        if not survey.awaited:  # an older one may be of another room
            survey.moments = moments
            little = self._fit is not None and drift(moments, self._fit.moments) < _DRIFTED
            self._age = min(2 * self._age, _LONGEST_AGE) if little else _SURVEY_AGE

    def missed(self, at: float) -> None:
        """The person was beyond the range in the picture seen at `at`."""
        if at < self._whole_until:
            return  # in the network since before that was known
        again = at - self._missed_at < _SOON
        self._hold = min(2 * self._hold, _LONGEST_HOLD) if again else _HOLD
        self._missed_at, self._whole_until = at, at + self._hold


def _small(picture: RGB) -> NDArray[np.int16]:
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // BLOCK, height // BLOCK), interpolation=cv2.INTER_AREA)
    return small.astype(np.int16)


def _differ(room: NDArray[np.int16], before: NDArray[np.int16], columns: Columns) -> bool:
    """Whether what lies beyond the range looks different; anything, where nothing does."""
    change = np.abs(room - before).mean(axis=(0, 2))
    beyond = np.r_[change[: columns.start // BLOCK], change[columns.stop // BLOCK :]]
    return bool((beyond if len(beyond) else change).mean() > _ROOM)
