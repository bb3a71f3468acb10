"""The pixels whose alpha is unsure: all that the refinement looks at in the frame's size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from app.frames import RGB, Alpha8
from app.halving import halved_to
from app.runs import Bytes, Runs

# Alpha this close to 0 or 255 is sure. A third of the band lies there, where a wrong colour shows
# in less than three levels.
SURE = 3
# The short side of the small picture that goes with it, in pixels: less than twice this.
SHORT_SIDE = 144


@dataclass(frozen=True, eq=False)
class Fringe:
    """The pixels of a picture whose alpha is unsure, as all of the refinement wants them.

    rgb: uint8 (H, W, 3). small: the same, halved. alpha: uint8 (H, W), what says where it is
    unsure. band: the runs that have such a pixel, and some that are sure. pieces: the same in
    parts, each with its colours, uint8 (1, n, 3).
    """

    rgb: RGB
    small: RGB
    alpha: Alpha8
    band: Runs
    pieces: tuple[tuple[Runs, RGB], ...]

    @classmethod
    def of(cls, rgb: RGB, alpha: Alpha8, *, small: RGB | None = None) -> Fringe:
        """alpha: uint8 (H, W). small: `rgb` halved to SHORT_SIDE, where the caller has that."""
        # The subtraction wraps below zero, so one comparison finds what lies between both bounds.
        band = Runs.of((alpha - np.uint8(SURE)) < 256 - 2 * SURE)
        if small is None:
            small = rgb if band.is_empty else halved_to(rgb, SHORT_SIDE)
        pieces = tuple((piece, piece.take(rgb)) for piece in band.pieces())
        return cls(rgb, small, alpha, band, pieces)


def unsure(alpha: Bytes) -> Bytes:
    """uint8, 255 where alpha is unsure, else 0, of any shape."""
    return np.asarray(cv2.inRange(alpha, SURE, 255 - SURE), np.uint8)
