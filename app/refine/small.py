"""What the refinement sees of picture and alpha on small grids, around the band only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from app.frames import RGB, Alpha
from app.halving import halved
from app.runs import Bytes, Float, Runs
from app.temporal.motion import SHORT_SIDE

# How far beyond the band: as far as the windows in app/refine/around.py reach, one after the other,
# from the pixel of the coarser grid.
_MARGIN = 12


@dataclass(frozen=True, eq=False)
class View:
    """The part of the small picture that the band's pixels see; what they see of its half.

    The picture's short side is that of the filters over time, or less where alpha has less.

    picture: uint8 (h, w, 3). alpha: float32 (h, w) in [0, 1]. size: the whole's (width, height).
    first: the part's left and top in it. All are even, so that the part's half is a part of the
    whole's half.
    """

    picture: Bytes
    alpha: Float
    size: tuple[int, int]
    first: tuple[int, int]

    @classmethod
    def of(cls, small: RGB, alpha: Alpha, *, band: Runs) -> View:
        """small: the picture at a smaller size. alpha: the network's. band: of the frame."""
        scale = min(1.0, SHORT_SIDE / min(alpha.shape))
        size = _even(alpha.shape[1] * scale), _even(alpha.shape[0] * scale)
        if (small.shape[1], small.shape[0]) != size:
            small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        coarse = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
        left, top, right, bottom = band.box_on(size, _MARGIN)
        left, top = left // 2 * 2, top // 2 * 2
        part = np.s_[top : bottom + bottom % 2, left : right + right % 2]
        picture, coarse = np.ascontiguousarray(small[part]), np.ascontiguousarray(coarse[part])
        return cls(picture, coarse, size, (left, top))

    @property
    def half(self) -> tuple[int, int]:
        return self.size[0] // 2, self.size[1] // 2

    @property
    def half_first(self) -> tuple[int, int]:
        return self.first[0] // 2, self.first[1] // 2


def _even(side: float) -> int:
    return 2 * max(1, round(side / 2))


@dataclass(frozen=True, eq=False)
class Moments:
    """Means over 2x2 pixels of colours, alpha and their products, float32 (h, w), in levels.

    colours: red, green, blue. squares, mixed: each colour's product with itself, and with the next.
    with_alpha: each colour's with alpha.
    """

    colours: tuple[Float, Float, Float]
    alpha: Float
    squares: tuple[Float, Float, Float]
    mixed: tuple[Float, Float, Float]
    with_alpha: tuple[Float, Float, Float]

    @classmethod
    def of(cls, picture: Bytes, alpha: Float) -> Moments:
        """picture: uint8 (2h, 2w, 3), C-contiguous, which splits five times as fast.

        alpha: float32 (2h, 2w) in [0, 1].
        """
        r, g, b = (plane.astype(np.float32) for plane in cv2.split(picture))
        a = alpha * np.float32(255)
        return cls(
            (halved(r), halved(g), halved(b)),
            halved(a),
            (halved(r * r), halved(g * g), halved(b * b)),
            (halved(r * g), halved(g * b), halved(b * r)),
            (halved(r * a), halved(g * a), halved(b * a)),
        )
