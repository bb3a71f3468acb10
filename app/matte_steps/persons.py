"""Keeps the person or persons that matter; who passes behind them stays in the room.

The matte falls into connected pieces. Each piece is given to a track: the one whose place, one
matte earlier, it covers. Where two tracks flow together into one piece, each of its pixels goes to
the track that was nearer, so that nobody joins a person by walking behind them. A person who is
kept stays kept for as long as they are there: another one's being larger or more in the middle for
a moment changes nothing, which is what makes a plain filter of contours jump.

It works on a quarter of the grid's pixels; what is soft around a person (hair) goes with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import Alpha, Matte
from app.matte_steps.base import MatteStep, matte_steps
from app.registry import option

Labels = npt.NDArray[np.int32]  # (h, w)
Mask = npt.NDArray[np.uint8]  # (h, w), 255 or 1 inside

# A pixel of a person, and what one of a piece's pixels must reach for it to be one.
_INSIDE, _SURE = 0.5, 0.8
# Shares of the grid: below it a piece is a crumb, a hand or noise.
_CRUMB = 0.004
# A piece within so much of the short side from a track's last place is still its own: a hand that
# the matte has cut off.
_NEAR = 0.12
# A piece this large, measured on the largest one of its track, for this long in seconds, is
# somebody else who had been taken for the same person.
_OTHER_SHARE, _OTHER_AFTER = 0.35, 0.7
# Less is enough, and at once, where somebody had vanished into that track.
_BACK_SHARE = 0.15
# Seconds: to fade; to wait for a person who is lost; that another one must be far above one who
# is kept; over which importance is averaged.
_FADE, _LOST, _BEATEN, _CALM = 0.25, 1.5, 3.0, 1.0
_HIDDEN = 5.0  # seconds that somebody who is not kept may be behind another
_FAR_ABOVE = 4.0


@dataclass
class Track:
    """Somebody. score: importance, averaged over time. level: how much is shown, 0 to 1.

    lost: seconds since they were last seen. beaten: seconds that another one was far above.
    apart: seconds that they have been in two large pieces.
    """

    number: int
    score: float = 0.0
    level: float = 0.0
    kept: bool = False
    lost: float = 0.0
    beaten: float = 0.0
    apart: float = 0.0
    place: Mask = field(default_factory=lambda: np.zeros((0, 0), np.uint8))


@matte_steps.register("persons", title="Only who matters")
class Persons(MatteStep):
    """Keeps the one who matters most, or the few; people passing behind stay in the room."""

    place = 50

    @dataclass(frozen=True)
    class Options:
        count: int = option(1, "Persons", "How many are kept at most", minimum=1, maximum=9)

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._count = options.count
        self.reset()

    def reset(self) -> None:
        self._tracks: list[Track] = []
        self._next = 1
        self._at: float | None = None
        self._fresh = True

    @property
    def tracks(self) -> Sequence[Track]:
        return tuple(self._tracks)

    def change(self, matte: Matte) -> Alpha:
        alpha = matte.alpha
        size = max(8, alpha.shape[1] // 2), max(8, alpha.shape[0] // 2)
        small = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
        now = matte.frame.captured_at
        step = 0.0 if self._at is None else now - self._at
        self._at = now
        if self._tracks and self._tracks[0].place.shape != small.shape:
            for track in self._tracks:
                resized = cv2.resize(track.place, size, interpolation=cv2.INTER_NEAREST)
                track.place = np.asarray(resized, np.uint8)
        self._follow(small, step)
        self._choose(step)
        for track in self._tracks:
            if self._fresh:
                track.level = float(track.kept)
            else:
                change = step / _FADE
                track.level = min(1.0, max(0.0, track.level + (change if track.kept else -change)))
        seen = any(track.place.any() for track in self._tracks)
        self._fresh = self._fresh and not seen
        if not seen or all(track.level == 1.0 for track in self._tracks if track.place.any()):
            return alpha
        return _weighted(alpha, self._tracks)

    # ---- who is where ----------------------------------------------------------------------------

    def _follow(self, small: Alpha, step: float) -> None:
        """Gives each piece to a track."""
        inside = _mask(small > _INSIDE)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
        owners = np.zeros(small.shape, np.int32)  # a track's number; 0 for none
        crumbs = []
        for label in range(1, count):
            left, top, width, height, area = (int(n) for n in stats[label])
            box = np.s_[top : top + height, left : left + width]
            piece = labels[box] == label
            if float(small[box][piece].max()) < _SURE:
                crumbs.append((box, piece))
                continue
            holders = self._holders(box, piece, area)
            if len(holders) > 1:
                owners[box][piece] = _nearest(holders, box)[piece]
            elif holders:
                owners[box][piece] = holders[0].number
            elif area < _CRUMB * small.size:
                crumbs.append((box, piece))
            else:
                owner = self._beside(box, piece, area)
                if owner is None:
                    owner = self._new()
                owners[box][piece] = owner.number
        for box, piece in crumbs:
            near = self._beside(box, piece, 0)
            if near is not None:
                owners[box][piece] = near.number
        self._settle(owners, step)

    def _holders(
        self, box: tuple[slice, ...], piece: npt.NDArray[np.bool_], area: int
    ) -> list[Track]:
        """The tracks that had a good part of this piece, or lay for a good part within it."""
        found = []
        for track in self._tracks:
            if not track.place.size:
                continue
            common = int(np.count_nonzero(track.place[box][piece]))
            own = int(np.count_nonzero(track.place))
            if common and (common > 0.1 * area or common > 0.3 * own):
                found.append(track)
        return found

    def _beside(
        self, box: tuple[slice, ...], piece: npt.NDArray[np.bool_], area: int
    ) -> Track | None:
        """The track that a piece near to it belongs to: a hand, not another person."""
        reach = _NEAR * min(self._shape)
        best, least = None, reach
        for track in self._tracks:
            own = int(np.count_nonzero(track.place)) if track.place.size else 0
            if not own or area > _OTHER_SHARE * own:
                continue
            away = cv2.distanceTransform(255 - track.place, cv2.DIST_L2, 3)
            distance = float(away[box][piece].min())
            if distance < least:
                best, least = track, distance
        return best

    @property
    def _shape(self) -> tuple[int, ...]:
        return next((t.place.shape for t in self._tracks if t.place.size), (1, 1))

    def _new(self) -> Track:
        track = Track(self._next)
        self._next += 1
        self._tracks.append(track)
        return track

    def _settle(self, owners: Labels, step: float) -> None:
        """What each track has now: its place, its importance, how long it has been away."""
        for track in tuple(self._tracks):
            place = _mask(owners == track.number)
            if not place.any():
                track.lost += step
                if track.lost > (_LOST if track.kept else _HIDDEN):
                    self._tracks.remove(track)
                elif not track.place.size:
                    track.place = place
                continue
            track.lost = 0.0
            hidden = self._hidden_in(track)
            other = _second_person(place, _BACK_SHARE if hidden else _OTHER_SHARE)
            track.apart = track.apart + step if other is not None else 0.0
            if other is not None and (hidden or track.apart > _OTHER_AFTER):
                somebody = hidden or self._new()
                somebody.level = hidden.level if hidden else track.level
                somebody.lost = 0.0
                owners[other > 0] = somebody.number
                somebody.place = other
                somebody.score = _importance(other)
                place = np.asarray(cv2.subtract(place, other), np.uint8)
                track.apart = 0.0
            track.place = place
            share = 1.0 if track.score == 0 else min(1.0, step / _CALM)
            track.score += share * (_importance(place) - track.score)

    def _hidden_in(self, track: Track) -> Track | None:
        """Who is not kept and was last seen beside `track`, and vanished there."""
        for other in self._tracks:
            if other is track or other.kept or other.lost == 0 or not other.place.size:
                continue
            away = cv2.distanceTransform(255 - other.place, cv2.DIST_L2, 3)
            if float(away[track.place > 0].min(initial=np.inf)) < _NEAR * min(other.place.shape):
                return other
        return None

    # ---- who is kept -----------------------------------------------------------------------------

    def _choose(self, step: float) -> None:
        here = sorted((track for track in self._tracks if track.lost == 0), key=lambda t: -t.score)
        kept = [track for track in self._tracks if track.kept]
        for track in here:
            if len(kept) < self._count and track not in kept:
                track.kept = True
                kept.append(track)
        rivals = [track for track in here if not track.kept]
        weakest = min(kept, key=lambda t: t.score, default=None)
        for track in kept:
            beaten = (
                bool(rivals) and track is weakest and rivals[0].score > _FAR_ABOVE * track.score
            )
            track.beaten = track.beaten + step if beaten else 0.0
            if track.beaten > _BEATEN:
                track.kept, rivals[0].kept = False, True
                track.beaten = 0.0
                break


def _mask(where: npt.NDArray[np.bool_]) -> Mask:
    return where.astype(np.uint8) * np.uint8(255)


def _importance(place: Mask) -> float:
    """Area, as a share of the grid, that counts twice in the middle and half at the sides."""
    height, width = place.shape
    columns = cv2.reduce(place, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F).ravel() * (1 / 255)
    x = (np.arange(width, dtype=np.float32) + 0.5) / width - 0.5
    weight = 0.5 + 1.5 * np.exp(-0.5 * (x / 0.2) ** 2)
    return float(np.dot(columns, weight) / (height * width))


def _second_person(place: Mask, least: float) -> Mask | None:
    """The second largest piece of a place, where it is at least `least` of the largest."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(place, connectivity=8)
    if count < 3:
        return None
    areas = stats[1:, cv2.CC_STAT_AREA]
    second, first = (int(at) for at in np.argsort(areas)[-2:])
    if areas[second] < max(least * areas[first], _CRUMB * place.size):
        return None
    return _mask(labels == second + 1)


def _nearest(tracks: Sequence[Track], box: tuple[slice, ...]) -> Labels:
    """The number of the track whose last place is nearest, for each pixel of a box."""
    away = np.stack(
        [cv2.distanceTransform(255 - track.place, cv2.DIST_L2, 3)[box] for track in tracks]
    )
    numbers = np.array([track.number for track in tracks], np.int32)
    return np.asarray(numbers[np.argmin(away, axis=0)], np.int32)


def _weighted(alpha: Alpha, tracks: Sequence[Track]) -> Alpha:
    """Alpha times the level of the track that each pixel is nearest to; what is soft goes along."""
    here = [track for track in tracks if track.lost == 0 and track.place.any()]
    if not here:
        return alpha
    level = np.full(here[0].place.shape, np.float32(here[0].level))
    if len(here) > 1:
        least = cv2.distanceTransform(255 - here[0].place, cv2.DIST_L2, 3)
        for track in here[1:]:
            away = cv2.distanceTransform(255 - track.place, cv2.DIST_L2, 3)
            nearer = away < least
            level[nearer] = np.float32(track.level)
            np.minimum(least, away, out=least)
    size = alpha.shape[1], alpha.shape[0]
    level = np.asarray(cv2.resize(level, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(cv2.multiply(alpha, level), np.float32)
