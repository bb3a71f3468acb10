"""What people are put before: rooms that were read, and plain walls and rooms that are drawn.

Other people's cut-outs may stand behind, small and out of focus: they are part of the room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from app.errors import InputError
from app.evaluation.datasets import check_folder, pictures_in
from app.frames import RGB
from app.sources.pictures import looks_like_picture, read_picture
from app.training import data
from app.training.picture_cache import PictureCache
from app.training.placement import Size

Floats = npt.NDArray[np.float32]
# Of a clip of a room: every so many frames, and at most so many.
_STRIDE, _FRAMES = 25, 12
_DRAWN, _WALL = 0.1, 0.1
# A room larger than the frame, for a camera that pans over it.
_SLACK = 1.2


@dataclass(frozen=True)
class Backdrop:
    """A room for a sequence.

    Attributes:
        picture: float32 (h, w, 3) in [0, 1], at least as large as the frame.
        size: the frame's (width, height).
        start, end: the upper left corner of what the first and the last frame show.
    """

    picture: Floats
    size: Size
    start: tuple[float, float]
    end: tuple[float, float]

    def at(self, share: float) -> Floats:
        """share: 0 is the first frame, 1 the last. A copy, float32 (H, W, 3)."""
        corner = [a + (b - a) * share for a, b in zip(self.start, self.end, strict=True)]
        width, height = self.size
        if self.start == self.end and all(value == int(value) for value in corner):
            x, y = int(corner[0]), int(corner[1])
            return self.picture[y : y + height, x : x + width].copy()
        matrix = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], np.float64)
        return np.asarray(
            cv2.warpAffine(
                self.picture,
                matrix,
                self.size,
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.float32,
        )


class Rooms:
    """Rooms without people."""

    def __init__(self, places: Sequence[Path], longest: int, cache: PictureCache) -> None:
        """Raises InputError where a place cannot be read or none has a picture."""
        self._cache = cache
        self._longest = longest
        self._stills: list[Path] = []
        self._clips: list[list[RGB]] = []
        for place in places:
            self._add(place)
        if not len(self):
            named = ", ".join(map(str, places)) or "nothing"
            raise InputError(f"There is no room in {named}; add pictures without people to rooms.")

    def _add(self, place: Path) -> None:
        if place.is_file() and not looks_like_picture(place):
            frames = list(data.read_clip(place, _STRIDE, _FRAMES))
            self._clips += [frames] if frames else []
        elif place.is_file():
            self._stills.append(place)
        else:
            check_folder(place)
            self._stills += pictures_in(place)

    def __len__(self) -> int:
        return len(self._stills) + len(self._clips)

    def draw(self, rng: np.random.Generator, size: Size, *, pans: bool = False) -> Backdrop:
        """A room, mostly a part of one, with things from others in it, sharp or out of focus."""
        slack = _SLACK if pans else 1.0
        whole = round(size[0] * slack), round(size[1] * slack)
        picture = self._picture(rng, whole)
        if rng.random() < 0.35:
            picture = _with_things(picture, self._picture(rng, whole), rng)
        if rng.random() < 0.4:
            sigma = float(np.exp(rng.uniform(np.log(0.7), np.log(7.0)))) * size[1] / 288
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)
        room = picture.astype(np.float32) * np.float32(1 / 255)
        gains = rng.uniform(0.7, 1.25) * rng.uniform(0.93, 1.07, 3)
        room = np.clip(cv2.pow(room, float(rng.uniform(0.8, 1.3))) * gains.astype(np.float32), 0, 1)
        if not pans:
            return Backdrop(room, size, (0.0, 0.0), (0.0, 0.0))
        free = np.array([whole[0] - size[0], whole[1] - size[1]], np.float64)
        start = free * rng.uniform(0, 1, 2)
        end = np.clip(start + free * rng.normal(0, 0.25, 2), 0, free)
        return Backdrop(
            room, size, (float(start[0]), float(start[1])), (float(end[0]), float(end[1]))
        )

    def _picture(self, rng: np.random.Generator, size: Size) -> RGB:
        chance = rng.random()
        if chance < _WALL:
            return wall(rng, size)
        if chance < _WALL + _DRAWN:
            return drawn_room(rng, size)
        index = int(rng.integers(len(self)))
        if index >= len(self._stills):
            clip = self._clips[index - len(self._stills)]
            return _part(clip[int(rng.integers(len(clip)))], rng, size)
        path = self._stills[index]
        whole = self._cache.get((path, "room"), lambda: _read(path, self._longest))
        return _part(whole, rng, size)


def _read(path: Path, longest: int) -> RGB:
    rgb = read_picture(path)
    # Twice as large as what shows people: mostly only a part of a room is seen.
    scale = 2 * longest / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    return np.asarray(
        cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


def _part(room: RGB, rng: np.random.Generator, size: Size) -> RGB:
    rows, columns = room.shape[:2]
    largest = min(columns / size[0], rows / size[1])
    # Not so small a part that it would be enlarged much.
    least = min(largest, max(0.35 * largest, 0.6))
    scale = rng.uniform(least, largest)
    width, height = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    x, y = int(rng.integers(columns - width + 1)), int(rng.integers(rows - height + 1))
    cut = room[y : y + height, x : x + width]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    kind = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(cut), size, interpolation=kind), np.uint8)


def _with_things(room: RGB, other: RGB, rng: np.random.Generator) -> RGB:
    """Up to three shapes filled with another room."""
    height, width = room.shape[:2]
    shape = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        center = int(rng.integers(width)), int(rng.integers(height))
        half = int(rng.uniform(0.03, 0.25) * width), int(rng.uniform(0.05, 0.5) * height)
        if rng.random() < 0.5:
            upper = center[0] - half[0], center[1] - half[1]
            lower = center[0] + half[0], center[1] + half[1]
            cv2.rectangle(shape, upper, lower, 255, -1)
        else:
            cv2.ellipse(shape, center, half, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    soft = cv2.GaussianBlur(shape, (0, 0), float(rng.uniform(0.6, 2.5)))
    share = soft.astype(np.float32)[..., None] * np.float32(1 / 255)
    return np.asarray(room * (1 - share) + other * share, np.uint8)


def wall(rng: np.random.Generator, size: Size, tone: tuple[float, float] = (0.05, 0.98)) -> RGB:
    """A plain wall in uneven light, uint8 (H, W, 3). tone: how bright, from and to."""
    width, height = size
    value = rng.uniform(*tone)
    color = value * rng.uniform(0.88, 1.0, 3)
    coarse = rng.normal(0, 1, (4, 5)).astype(np.float32)
    light = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    light = 1 + light * np.float32(rng.uniform(0.01, 0.12))
    picture = np.asarray(light, np.float32)[..., None] * color.astype(np.float32)
    if rng.random() < 0.5:
        edge = int(rng.integers(width))
        picture[:, edge:] *= np.float32(rng.uniform(0.8, 1.15))
    grain = rng.normal(0, rng.uniform(0, 0.012), (height, width, 1)).astype(np.float32)
    return np.asarray(np.clip((picture + grain) * 255, 0, 255), np.uint8)


def drawn_room(rng: np.random.Generator, size: Size) -> RGB:
    """A wall with windows, shelves, curtains, lamps and plants, uint8 (H, W, 3)."""
    width, height = size
    picture = wall(rng, size, (0.25, 0.95))

    def color(low: int = 10, high: int = 245) -> tuple[int, int, int]:
        red, green, blue = (int(one) for one in rng.integers(low, high, 3))
        return red, green, blue

    for _ in range(int(rng.integers(2, 7))):
        x, y = int(rng.integers(-width // 8, width)), int(rng.integers(-height // 8, height))
        w, h = int(width * rng.uniform(0.08, 0.4)), int(height * rng.uniform(0.1, 0.6))
        kind = rng.integers(5)
        if kind == 0:  # a window
            cv2.rectangle(picture, (x, y), (x + w, y + h), color(215, 255), -1)
            frame = color(40, 255)
            cv2.rectangle(picture, (x, y), (x + w, y + h), frame, max(1, w // 20))
            cv2.line(picture, (x + w // 2, y), (x + w // 2, y + h), frame, max(1, w // 25))
        elif kind == 1:  # books on a shelf
            shelf = y + h
            at = x
            while at < x + w:
                thick, tall = int(rng.integers(3, 14)), int(h * rng.uniform(0.5, 1))
                cv2.rectangle(picture, (at, shelf - tall), (at + thick, shelf), color(), -1)
                at += thick + int(rng.integers(0, 3))
            cv2.rectangle(picture, (x, shelf), (x + w, shelf + max(2, h // 12)), color(), -1)
        elif kind == 2:  # a curtain
            folds = np.sin(np.arange(max(1, w)) * 2 * np.pi / rng.uniform(6, 24)) * 0.18 + 0.8
            left, right = max(0, x), min(width, x + w)
            if right > left:
                base = np.array(color(60, 240), np.float32)
                stripe = folds[left - x : right - x, None] * base
                picture[:, left:right] = np.clip(stripe, 0, 255).astype(np.uint8)
        elif kind == 3:  # a lamp
            center, radius = (x, y), max(3, h // 6)
            glow = np.zeros((height, width), np.float32)
            cv2.circle(glow, center, radius, 1.0, -1)
            glow = np.asarray(cv2.GaussianBlur(glow, (0, 0), radius * 0.8), np.float32)
            lit = picture + glow[..., None] * np.array([255, 235, 190], np.float32) * 0.8
            picture = np.clip(lit, 0, 255).astype(np.uint8)
        else:  # a plant, a cushion, a lampshade
            tint = color()
            for _ in range(int(rng.integers(1, 9))):
                center = x + int(rng.integers(-w // 3, w // 3 + 1)), y + int(rng.integers(0, h + 1))
                half = max(2, w // 6), max(2, h // 5)
                cv2.ellipse(
                    picture, center, half, float(rng.uniform(0, 180)), 0, 360, tint, -1, cv2.LINE_AA
                )
    soft = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.5, 2.0)))
    return np.asarray(soft, np.uint8)
