"""The room, out of focus, without the person in it.

A plain blur of the frame smears the person's own colours into the room: a halo. So the person is
taken out first: the place is filled from the room around it by normalised convolution (Knutsson
and Westin, CVPR 1993: blur(room * weight) / blur(weight)), on a grid so small that it costs
nothing. Then everything is blurred on a grid that the blur itself makes sufficient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from app.backgrounds.base import Background, backgrounds
from app.compositing import blend
from app.frames import RGB, Alpha8, Cutout
from app.halving import half_of, halved
from app.registry import option

_Picture = TypeVar("_Picture", npt.NDArray[np.uint8], npt.NDArray[np.float32])
# (h, w, 4): red, green, blue and white, each times the weight, in 0 to 255.
_Planes = npt.NDArray[np.float32]

# The frame's short side that `radius` is counted in.
_REFERENCE = 720
# Standard deviation of the blur, as a share of the radius.
_SIGMA = 0.7
# The blur's grid: at least this many cells to a standard deviation.
_CELLS_PER_SIGMA = 1.6
# The fill's grid: at most this many cells on the short side; and its blur there, in cells.
_FILL_SIDE = 128
_FILL_SIGMA = 2.0
# What the next coarser level counts for: it decides where the finer one sees no room at all.
_COARSER = 0.02
# Every pixel's least weight as room: where the frame shows nothing else, it is better than black.
_TRACE = 1e-4
# From matte to "not room", by the matte's value: mattes are soft and a little small, so a fifth of
# a person counts as a whole one; what is next to nothing, as none.
_STEEP = np.clip((np.arange(256) - 6) * 6, 0, 255).astype(np.uint8)


@backgrounds.register("blur", title="Blur")
class Blur(Background):
    """The room out of focus, as a lens would show it, without a halo of the person's colours."""

    @dataclass(frozen=True)
    class Options:
        radius: int = option(
            21, "Radius", "How soft: pixels of a 720p frame", minimum=1, maximum=99, unit="px"
        )

    def __init__(self, options: Options) -> None:
        self._radius = options.radius

    def render(self, cutout: Cutout) -> RGB:
        width, height = cutout.frame.size
        pixel = min(width, height) / _REFERENCE
        sigma = _SIGMA * self._radius * pixel
        room, alpha, factor = _shrink(cutout, sigma)
        cover = _cover(alpha, margin=min(4 * pixel, sigma / 2) / factor)
        if cover.any():
            room = blend(_filled(room, cover), room, cover)
        # Averaging cells of f pixels and enlarging linearly is itself a blur of variance f^2 / 4.
        rest = max(0.0, sigma**2 - (factor**2 / 4 if factor > 1 else 0.0)) ** 0.5 / factor
        return _enlarged_blur(room, rest, (width, height))


def _shrink(cutout: Cutout, sigma: float) -> tuple[RGB, Alpha8, int]:
    """Frame and matte on the grid that a blur of `sigma` pixels needs; and its cells' side."""
    alpha, times = cutout.alpha, 0
    # One halving is invisible in whatever is blurred at all; the others wait for their sigma.
    while 2 ** (times + 1) <= max(sigma / _CELLS_PER_SIGMA, 2 if sigma > 0.5 else 1):
        alpha, times = halved(alpha), times + 1
    return half_of(cutout.frame, times), alpha, 2**times


def _cover(alpha: Alpha8, *, margin: float) -> Alpha8:
    """Where the frame is not to be taken for room: the matte, hardened and `margin` wider."""
    side = 2 * max(1, round(margin)) + 1
    wider = cv2.dilate(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return np.asarray(cv2.LUT(wider, _STEEP), np.uint8)


def _filled(room: RGB, cover: Alpha8) -> RGB:
    """`room` at its own size, with what is covered guessed from what surrounds it."""
    weight = np.asarray(cv2.bitwise_not(cover), np.uint8)
    # Weighted before it is averaged: a cell at the person's edge has the room's colour only.
    clean = np.asarray(
        cv2.multiply(room, cv2.cvtColor(weight, cv2.COLOR_GRAY2RGB), scale=1 / 255), np.uint8
    )
    plain = room
    while min(weight.shape) > _FILL_SIDE:
        clean, weight, plain = halved(clean), halved(weight), halved(plain)
    # In the fourth channel white takes part, which is the weight itself.
    weighted = cv2.cvtColor(clean, cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(weight, weighted, 3)
    planes = cv2.cvtColor(plain, cv2.COLOR_RGB2RGBA).astype(np.float32)
    planes *= np.float32(_TRACE)
    planes += weighted
    colours = _normalised(planes)
    size = cover.shape[1], cover.shape[0]
    filled = cv2.cvtColor(cv2.convertScaleAbs(colours), cv2.COLOR_RGBA2RGB)
    return np.asarray(cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _normalised(planes: _Planes) -> _Planes:
    """Normalised convolution: colour per weight; coarser where there is no weight."""
    rows, columns = planes.shape[:2]
    if min(rows, columns) <= 2:
        mean = planes.reshape(-1, 4).mean(axis=0)
        return np.broadcast_to(mean * (255 / mean[3]), (rows, columns, 4)).astype(np.float32)
    soft = cv2.GaussianBlur(planes, (0, 0), _FILL_SIGMA, borderType=cv2.BORDER_REPLICATE)
    size = (columns + 2) // 3, (rows + 2) // 3
    coarse = _normalised(np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_AREA)))
    behind = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_LINEAR)
    filled = np.asarray(cv2.scaleAdd(behind, _COARSER, soft), np.float32)
    weight = np.float32(255) / cv2.extractChannel(filled, 3)
    filled *= cv2.merge([weight] * 4)
    return filled


def _enlarged_blur(room: RGB, sigma: float, size: tuple[int, int]) -> RGB:
    """`room` blurred by `sigma` of its own cells, at `size` (width, height)."""
    if 2 * min(room.shape[:2]) >= min(size):
        # A large grid has little blur on it: 8 bits will do, and are faster here.
        soft = room if sigma < 0.1 else _gauss(room, sigma)
        if (soft.shape[1], soft.shape[0]) != size:
            soft = np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        return soft
    # 16 bits keep the smooth slopes of a strong blur free of steps.
    deep = (_gauss(room.astype(np.float32), sigma) * np.float32(256)).astype(np.uint16)
    # Doubled on a curve first: straight lines between the coarse cells would show their corners.
    finer = min(2 * deep.shape[1], size[0]), min(2 * deep.shape[0], size[1])
    wide = cv2.resize(deep, finer, interpolation=cv2.INTER_CUBIC)
    wide = cv2.resize(wide, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.convertScaleAbs(wide, alpha=1 / 256), np.uint8)


def _gauss(picture: _Picture, sigma: float) -> _Picture:
    soft = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(soft, picture.dtype)
