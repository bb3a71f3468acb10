"""What moved between two frames, seen on a small picture of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB, Alpha, Frame
from app.halving import halved_frame

Levels = npt.NDArray[np.float32]  # (h, w), 0..255
Map = npt.NDArray[np.float32]  # (h, w), a place in pixels

# The short side of the small pictures, in pixels. Motion of a hand is many times that of a pixel
# here, and noise is averaged away.
SHORT_SIDE = 144
# A half that is to shrink by less than this is sampled bilinearly, at a fifth of the cost.
_NEAR = 2 / 3
# Differences are means over so many small pixels: the edge of a fold is no motion.
_WINDOW = (5, 5)
# Where following the picture gains less than so many levels, nothing is followed: flow wanders in
# smooth places.
_GAIN = 1.0
# Pictures with a shorter side than this are too small for dense inverse search.
_SMALLEST = 32


def small_picture(frame: Frame) -> RGB:
    """The frame's picture with a short side of 144 pixels where it is larger; made once."""
    rgb = halved_frame(frame, SHORT_SIDE)
    scale = SHORT_SIDE / min(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    known = frame.scaled.get(size)
    if known is not None:
        return known
    # Bilinear sampling sees nearly every pixel as long as there are not many more of them.
    near = scale > _NEAR and rgb is not frame.rgb
    how = cv2.INTER_LINEAR if near else cv2.INTER_AREA
    frame.scaled[size] = small = np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8)
    return small


def difference(first: RGB, second: RGB) -> Levels:
    """How much two small pictures differ, place by place: the most different channel's mean."""
    apart = cv2.split(cv2.absdiff(first, second))
    most = cv2.max(cv2.max(apart[0], apart[1]), apart[2])
    return np.asarray(cv2.blur(most, _WINDOW), np.float32)


def change_since(earlier: Frame, frame: Frame) -> Levels:
    """The difference of the small pictures of two frames, which are of one size; made once."""
    known = frame.changes.get(earlier.index)
    if known is None:
        known = difference(small_picture(earlier), small_picture(frame))
        frame.changes[earlier.index] = known
    return known


@dataclass(frozen=True, eq=False)
class Motion:
    """From one picture to a neighbour, on the small grid.

    change: how much the two differ as they lie. unexplained: how much is left of that when the
    picture is followed. found_at: for each pixel, the column and the row where it is found in the
    neighbour, in small pixels; None where nothing needs to be followed.
    """

    change: Levels
    unexplained: Levels
    found_at: tuple[Map, Map] | None

    def carried(self, alpha: Alpha) -> Alpha:
        """The neighbour's `alpha`, float32 (h, w) of any size, brought to where the picture is."""
        if self.found_at is None:
            return alpha
        height, width = alpha.shape
        small_height, small_width = self.change.shape
        maps: list[npt.NDArray[Any]] = []
        scales = width / small_width, height / small_height
        for places, scale in zip(self.found_at, scales, strict=True):
            # From centre to centre: a small pixel covers `scale` large ones.
            larger = cv2.resize(places, (width, height), interpolation=cv2.INTER_LINEAR)
            maps.append(cv2.addWeighted(larger, scale, larger, 0.0, scale / 2 - 0.5))
        return np.asarray(_sampled(alpha, maps[0], maps[1]), np.float32)


class MotionFinder:
    """Finds `Motion` between small pictures. Keeps the flow's work space: one for each thread."""

    def __init__(self, *, unmoved: float) -> None:
        """unmoved: a change below so many levels is none, and is not followed."""
        self._unmoved = unmoved
        # Dense inverse search (Kroeger et al., ECCV 2016).
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._here: tuple[Map, Map] | None = None

    def find(self, picture: RGB, neighbour: RGB, *, change: Levels) -> Motion:
        """Where each pixel of `picture` is found in `neighbour`, of the same shape.

        change: the `difference` of the two.
        """
        # Dense inverse search needs some pixels to work on.
        if (
            self._unmoved == math.inf
            or min(change.shape) < _SMALLEST
            or cv2.norm(change, cv2.NORM_INF) < self._unmoved
        ):
            return Motion(change, change, None)
        zeros = np.zeros((*change.shape, 2), np.float32)
        along_x, along_y = cv2.split(self._flow.calc(_grey(picture), _grey(neighbour), zeros))
        here_x, here_y = self._places(change.shape)
        x, y = cv2.add(here_x, along_x), cv2.add(here_y, along_y)
        followed = np.asarray(_sampled(neighbour, x, y), np.uint8)
        left = difference(picture, followed)
        # Where the change is real, and following the picture explains some of it.
        follow = ((change >= self._unmoved) & (change - left > _GAIN)).view(np.uint8)
        x, y = cv2.copyTo(x, follow, here_x.copy()), cv2.copyTo(y, follow, here_y.copy())
        found_at = np.asarray(x, np.float32), np.asarray(y, np.float32)
        unexplained = np.asarray(cv2.copyTo(left, follow, change.copy()), np.float32)
        return Motion(change, unexplained, found_at)

    def _places(self, shape: tuple[int, ...]) -> tuple[Map, Map]:
        """Each pixel's own column and row."""
        if self._here is None or self._here[0].shape != shape:
            rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
            self._here = columns, rows
        return self._here


def _sampled(
    picture: npt.NDArray[Any], x: npt.NDArray[Any], y: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _grey(picture: RGB) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def enlarged(weight: Alpha, other: Alpha) -> Alpha:
    """`weight`, float32 on the small grid, on the grid of the other."""
    size = other.shape[1], other.shape[0]
    return np.asarray(cv2.resize(weight, size, interpolation=cv2.INTER_LINEAR), np.float32)


def stillness(change: Levels, level: float) -> Alpha:
    """1 where the picture changes by less than `level`, 0 from twice that on; small grid."""
    still = change * np.float32(-1 / level)
    still += 2
    return np.asarray(np.minimum(np.maximum(still, 0, out=still), 1, out=still), np.float32)
