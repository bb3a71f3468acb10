"""Fitting a picture of any shape into a frame: shared by the image and the video background."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from app.frames import RGB

Fit = Literal["cover", "contain", "stretch"]
Fill = Literal["blur", "black"]

FIT_TOOLTIP = "cover fills the frame and crops, contain shows everything, stretch distorts"
FILL_TOOLTIP = "What contain shows beside the picture: a blurred copy of it, or black"

# The blurred surround is made at this short side and darkened, so that the eye stays in the middle.
_SURROUND_SIDE = 48
_SURROUND_SIGMA = 3.0
_SURROUND_BRIGHTNESS = 0.6


def resize(picture: RGB, size: tuple[int, int]) -> RGB:
    """`picture` at `size` (width, height): averaged where it shrinks, cubic where it grows."""
    width, height = size
    # Shrink first, each axis by itself: averaging is wrong for an axis that grows.
    smaller = min(width, picture.shape[1]), min(height, picture.shape[0])
    if smaller != (picture.shape[1], picture.shape[0]):
        picture = np.asarray(cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA), np.uint8)
    if smaller != size:
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    return np.ascontiguousarray(picture)


def fit_picture(picture: RGB, size: tuple[int, int], *, fit: Fit, fill: Fill) -> RGB:
    """`picture`, uint8 (h, w, 3), in a frame of `size` (width, height): uint8 (H, W, 3).

    Centred. May be `picture` itself where nothing has to be done.
    """
    if fit == "cover":
        return _cover(picture, size)
    if fit == "contain":
        return _contain(picture, size, fill)
    return resize(picture, size)


def _cover(picture: RGB, size: tuple[int, int]) -> RGB:
    rows, columns = picture.shape[:2]
    scale = max(size[0] / columns, size[1] / rows)
    width = min(columns, max(1, round(size[0] / scale)))
    height = min(rows, max(1, round(size[1] / scale)))
    left, top = (columns - width) // 2, (rows - height) // 2
    return resize(picture[top : top + height, left : left + width], size)


def _contain(picture: RGB, size: tuple[int, int], fill: Fill) -> RGB:
    rows, columns = picture.shape[:2]
    scale = min(size[0] / columns, size[1] / rows)
    width = min(size[0], max(1, round(columns * scale)))
    height = min(size[1], max(1, round(rows * scale)))
    inner = resize(picture, (width, height))
    if (width, height) == size:
        return inner
    frame = (
        _surround(picture, size) if fill == "blur" else np.zeros((size[1], size[0], 3), np.uint8)
    )
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    frame[top : top + height, left : left + width] = inner
    return frame


def _surround(picture: RGB, size: tuple[int, int]) -> RGB:
    shrink = max(1.0, min(size) / _SURROUND_SIDE)
    small = _cover(picture, (max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink))))
    soft = cv2.GaussianBlur(small, (0, 0), _SURROUND_SIGMA, borderType=cv2.BORDER_REPLICATE)
    soft = cv2.convertScaleAbs(soft, alpha=_SURROUND_BRIGHTNESS)
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR), np.uint8)
