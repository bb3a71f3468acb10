"""What the network takes from a scene while it lasts, and when it looks again.

For app/modnet/scene.py, whose networks it chooses between; pure, and without a clock of its own.
Two things keep it honest: S looks at each whole picture, so a person beyond the range of columns
is noticed in the very frame (`is_missed`), which is then done again; and now and then a survey
tells what the norms see now.
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
# Widths are multiples of this: each is compiled. A range stays as it is as long as it holds the
# person and is wider than it must be by less than `_SLACK`.
_STEP, _SLACK = 32, 64
# Shares of the picture: narrower is not worth another width, and beyond this it is all of it.
_NARROWEST, _WIDEST = 0.375, 0.9
# Alpha from which on a column holds the person, and S's prediction for the same.
_PERSON, _SEMANTIC = 0.04, 0.4
# Alpha in the range's outermost columns that says that the person goes on beyond it.
_AT_THE_EDGE, _EDGE = 0.1, 4
# The range holds where the person was for so long, in seconds.
_REMEMBERED = 2.0
# Seconds from one survey to the next: at first, and, twice as long each time that little has moved
# (see `drift`), at most.
_SURVEY_AGE, _LONGEST_AGE = 2.0, 8.0
_LITTLE = 0.06
# Another scene, or another light: means over BLOCK pixels each way differ by this in the mean, of
# 255, beyond the range, or all are so much brighter or darker. One that changes again so soon after
# a survey, in seconds, moves.
_ROOM, _LIGHT, _MOVING = 40.0, 20.0, 0.5
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


class Whole(Enum):
    """The exact network over the whole picture, and why."""

    PLAIN = "plain"
    SURVEY = "survey"


# The fitted network with these columns for D and F, or the exact one.
Choice: TypeAlias = Columns | Whole


def affine(moments: Moments) -> NDArray[np.float32]:
    """(2, C): what channels with these moments are multiplied by, and what is added then.

    See `app.modnet.scene.InScene`.
    """
    mean, deviation = _statistics(moments)
    return np.stack((1 / deviation, -mean / deviation)).astype(np.float32)


def drift(one: Moments, other: Moments) -> float:
    """How far statistics lie apart: of means in deviations, and of the logarithms of deviations.

    Alpha differs by 0.0002 in the mean at 0.06, by 0.002 at 0.1 (docs/decisions.md).
    """
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
    age: float = _SURVEY_AGE
    moments: Moments | None = None
    awaited: int = 0


class Scene:
    """Follows what is seen in pictures of one size. Used from one thread at a time.

    mirrored, of a picture: then its range is, too; it is surveyed for itself.
    """

    def __init__(self, width: int, *, calm: float = 0.5) -> None:
        """width: of the picture in the network's input. calm: seconds before anything is fitted."""
        self._content = width
        self.width = -(-width // BLOCK) * BLOCK
        self._calm = calm
        # Where the person was, in pictures that are not mirrored.
        self._seen: deque[tuple[float, Columns]] = deque()
        self._first_seen: float | None = None
        self._columns: Columns | None = None
        self._whole_until = self._missed_at = -math.inf
        self._hold = _HOLD
        self._was_missed = False  # since the last picture
        self._surveys: dict[bool, _Surveyed] = {}

    def choose(
        self,
        picture: RGB,
        at: float,
        is_there: Callable[[Columns], bool],
        *,
        mirrored: bool = False,
    ) -> Choice:
        """What to do with a picture, uint8 (H, W, 3) as the network takes it, seen at `at` (s).

        is_there: whether the fitted network is there for that width; asked about it, it is made.
        """
        if self._was_missed:
            self._was_missed, self._missed_at, self._whole_until = False, at, at + self._hold
        columns = self._range(at, is_there)
        if columns is None or at < self._whole_until:
            return Whole.PLAIN
        columns = columns.mirrored(self.width) if mirrored else columns
        room, survey = _small(picture), self._surveys.get(mirrored)
        changed = survey is not None and _differ(room, survey.room, columns)
        if survey is not None and changed and at - survey.at < _MOVING:
            self._whole_until = at + _MOVING
            return Whole.PLAIN
        if survey is None or changed or at - survey.at >= survey.age:
            self._begin_survey(room, at, mirrored, anew=changed)
            return Whole.SURVEY
        return Whole.PLAIN if survey.moments is None else columns

    def _begin_survey(
        self, room: NDArray[np.int16], at: float, mirrored: bool, *, anew: bool
    ) -> None:
        before = self._surveys.get(mirrored)
        survey = _Surveyed(at, room)
        if before is not None:
            survey.awaited = before.awaited
            if not anew:
                survey.age, survey.moments = before.age, before.moments
        survey.awaited += 1
        self._surveys[mirrored] = survey

    def affine(self, *, mirrored: bool = False) -> NDArray[np.float32]:
        """For a picture for which columns were chosen; see `affine`."""
        moments = self._surveys[mirrored].moments
        assert moments is not None
        return affine(moments)

    def _range(self, at: float, is_there: Callable[[Columns], bool]) -> Columns | None:
        """The range that holds where the person was of late.

        None where that is not known, or there is no network for it. One that could be narrower is
        left when the other is there.
        """
        while self._seen and self._seen[0][0] < at - _REMEMBERED:
            self._seen.popleft()
        if not self._seen:
            self._first_seen = None
        if self._first_seen is None or at - self._first_seen < self._calm:
            return None
        wanted, kept = self._wanted(), self._columns
        holds = kept is not None and wanted in kept
        if kept is None or not holds or kept.width - wanted.width >= _SLACK:
            if is_there(wanted):
                self._columns = kept = wanted
            elif not holds:
                return None
        return kept if kept is not None and is_there(kept) else None

    def _wanted(self) -> Columns:
        start = max(0, min(seen.start for _, seen in self._seen) - _MARGIN)
        stop = min(self.width, max(seen.stop for _, seen in self._seen) + _MARGIN)
        least = max(stop - start, _NARROWEST * self.width)
        width = min(self.width, math.ceil(least / _STEP) * _STEP)
        # What all of it is left for must be narrower than what it was taken for.
        all_of_it = self._columns is not None and self._columns.width == self.width
        if width > _WIDEST * self.width - (_SLACK if all_of_it else 0):
            return Columns(0, self.width)
        spare = (width - (stop - start)) // 2 // BLOCK * BLOCK
        return Columns(max(0, min(start - spare, self.width - width)), width)

    def saw(self, extent: Columns, at: float, *, mirrored: bool = False) -> None:
        """Where the person is in the picture seen at `at`."""
        if self._first_seen is None:
            self._first_seen = at
        self._seen.append((at, extent.mirrored(self.width) if mirrored else extent))

    def go_on(self, alpha: Alpha, at: float) -> Columns | None:
        """The scene has lasted already, and the matte seen at `at` was `alpha`, float32 (h, w).

        Gives the range that pictures will have, None where nobody is there.
        """
        (where,) = np.nonzero(cv2.reduce(alpha, 0, cv2.REDUCE_MAX)[0] > _PERSON)
        if len(where) == 0:
            return None
        blocks = self._content / BLOCK / alpha.shape[1]
        first, last = math.floor(where[0] * blocks), math.ceil((where[-1] + 1) * blocks)
        self._first_seen = at - self._calm
        self._seen.append((at, Columns(first * BLOCK, (last - first) * BLOCK)))
        return self._wanted()

    def surveyed(self, moments: Moments, *, mirrored: bool = False) -> None:
        """What a survey that was chosen gave."""
        survey = self._surveys[mirrored]
        survey.awaited -= 1
        if survey.awaited:
            return  # a newer one comes, maybe of another room
        little = survey.moments is not None and drift(moments, survey.moments) < _LITTLE
        survey.age = min(2 * survey.age, _LONGEST_AGE) if little else _SURVEY_AGE
        survey.moments = moments

    def missed(self, at: float) -> None:
        """The person was beyond the range in the picture seen at `at`."""
        if self._was_missed or at < self._whole_until:
            return  # in the network since before that was known
        again = at - self._missed_at < _SOON
        self._hold = min(2 * self._hold, _LONGEST_HOLD) if again else _HOLD
        self._was_missed = True


def _small(picture: RGB) -> NDArray[np.int16]:
    """About the means over BLOCK pixels each way: of a sixteenth of the pixels, which is quick."""
    height, width = picture.shape[:2]
    sparse = cv2.resize(picture, (width // 4, height // 4), interpolation=cv2.INTER_NEAREST)
    size = width // BLOCK, height // BLOCK
    return cv2.resize(sparse, size, interpolation=cv2.INTER_AREA).astype(np.int16)


def _differ(room: NDArray[np.int16], before: NDArray[np.int16], columns: Columns) -> bool:
    """Whether what lies beyond the range looks different; anything, where nothing does."""
    change = (room - before).astype(np.float32)
    outside = np.concatenate(
        (change[:, : columns.start // BLOCK], change[:, columns.stop // BLOCK :]), axis=1
    )
    beyond = outside if outside.size else change
    return bool(np.abs(beyond).mean() > _ROOM or abs(beyond.mean()) > _LIGHT)
