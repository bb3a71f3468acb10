"""What users ask of the edge: further in or out, softer, harder. At the frame's size, on uint8."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import Alpha8
from app.registry import Registry, option

# What all of "Contrast" does: the slope at one half is this, or one over it.
_STEEPEST = 8.0


class EdgeTool:
    """Changes the finished matte. Used from one thread."""

    def apply(self, alpha: Alpha8) -> Alpha8:
        """Another alpha, uint8 (H, W), or `alpha` itself, which is never written to."""
        raise NotImplementedError


edge_tools: Registry[EdgeTool] = Registry("edge", "app.refine")


@edge_tools.register("edge", title="Edge")
class Edge(EdgeTool):
    """Contrast, then shift, then feather; each does nothing at 0."""

    @dataclass(frozen=True)
    class Options:
        shift: float = option(
            0.0,
            "Shift edge",
            "Outwards, or inwards below 0",
            minimum=-20.0,
            maximum=20.0,
            unit="px",
        )
        feather: float = option(
            0.0,
            "Feather",
            "How wide the edge is blurred",
            minimum=0.0,
            maximum=40.0,
            unit="px",
        )
        contrast: int = option(
            0,
            "Contrast",
            "A harder edge, or a softer one below 0",
            minimum=-100,
            maximum=100,
            unit="%",
        )

    def __init__(self, options: Options) -> None:
        self._options = options

    def apply(self, alpha: Alpha8) -> Alpha8:
        options = self._options
        if options.contrast:
            alpha = np.asarray(cv2.LUT(alpha, _curve(options.contrast)), np.uint8)
        if options.shift:
            alpha = shifted(alpha, options.shift)
        if options.feather:
            alpha = feathered(alpha, options.feather)
        return alpha


@functools.lru_cache(maxsize=4)
def _curve(percent: int) -> npt.NDArray[np.uint8]:
    """a^k / (a^k + (1 - a)^k): its slope at one half is k, and 0, one half and 1 stay."""
    power = _STEEPEST ** (percent / 100)
    levels = np.arange(256) / 255
    high, low = levels**power, (1 - levels) ** power
    return np.asarray(np.rint(255 * high / (high + low)), np.uint8)


def shifted(alpha: Alpha8, pixels: float) -> Alpha8:
    """The edge moved outwards by so many pixels, inwards below 0. The frame's border is no edge.

    Grey morphology, by squares and crosses in turn, which makes a disc an octagon.
    """
    move = cv2.dilate if pixels > 0 else cv2.erode
    whole = math.floor(abs(pixels))
    out = alpha
    for turn in range(whole):
        out = np.asarray(move(out, _reach(turn)), np.uint8)
    rest = abs(pixels) - whole
    if rest > 0:
        further = move(out, _reach(whole))
        out = np.asarray(cv2.addWeighted(out, 1 - rest, further, rest, 0), np.uint8)
    return out


def _reach(turn: int) -> npt.NDArray[np.uint8]:
    shape = cv2.MORPH_CROSS if turn % 2 == 0 else cv2.MORPH_RECT
    return np.asarray(cv2.getStructuringElement(shape, (3, 3)), np.uint8)


def feathered(alpha: Alpha8, pixels: float) -> Alpha8:
    """The edge blurred over so many pixels to either side; the frame's border is no edge."""
    low = math.floor(pixels)
    soft = _blurred(alpha, low)
    rest = pixels - low
    if rest > 0:
        softer = _blurred(alpha, low + 1)
        soft = np.asarray(cv2.addWeighted(soft, 1 - rest, softer, rest, 0), np.uint8)
    return soft


def _blurred(alpha: Alpha8, reach: int) -> Alpha8:
    """Two boxes, which make a tent that ends after `reach` pixels."""
    for radius in (reach // 2, reach - reach // 2):
        if radius:
            window = (2 * radius + 1, 2 * radius + 1)
            alpha = np.asarray(cv2.blur(alpha, window, borderType=cv2.BORDER_REPLICATE), np.uint8)
    return alpha
