"""The pixels where alpha is soft, and unsure: all that the refinement does in the frame's size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from app.frames import RGB, Alpha8
from app.runs import Bytes, Float, Runs

# Alpha this close to 0 or 255 is sure. A third of the soft pixels lies there, where a wrong colour
# shows in less than three levels.
SURE = 3


@dataclass(frozen=True, eq=False)
class Piece:
    """Some runs of the band.

    runs: n pixels. alpha: uint8 (1, n), what says where it is unsure. unsure: 255 there, else 0.
    colours: float32 (1, n, 4), the picture's, and 255.
    """

    runs: Runs
    alpha: Bytes
    unsure: Bytes
    colours: Float


@dataclass(frozen=True, eq=False)
class Fringe:
    """What is soft in a picture's alpha.

    rgb: uint8 (H, W, 3). alpha: uint8 (H, W). soft: the runs that are neither 0 nor 255 all over.
    band: those of them that have a pixel which is unsure. band_in_soft: where these are in what
    `soft` takes of a picture.
    """

    rgb: RGB
    alpha: Alpha8
    soft: Runs
    band: Runs
    band_in_soft: Runs

    @classmethod
    def of(cls, rgb: RGB, alpha: Alpha8) -> Fringe:
        soft = Runs.between(alpha)
        # The subtraction wraps below zero, so one comparison finds what lies between both bounds.
        unsure = (soft.take(alpha) - np.uint8(SURE)) < 256 - 2 * SURE
        in_soft = Runs.of(unsure.reshape(-1, soft.length))
        return cls(rgb, alpha, soft, Runs(soft.at[in_soft.at], soft.length, soft.size), in_soft)

    def pieces(self) -> Iterator[Piece]:
        """The band, in parts."""
        for runs in self.band.pieces():
            alpha = runs.take(self.alpha)
            unsure = np.asarray(cv2.inRange(alpha, SURE, 255 - SURE), np.uint8)
            rgba = cv2.cvtColor(runs.take(self.rgb), cv2.COLOR_RGB2RGBA)
            yield Piece(runs, alpha, unsure, rgba.astype(np.float32))
