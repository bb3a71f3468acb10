"""Some pixels of a picture, gathered: what is only wanted in the band is only computed there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB, Alpha8
from app.halving import halved_to

Float = npt.NDArray[np.float32]

# Alpha this close to 0 or 255 is sure. A third of the band lies there, where a wrong colour shows
# in less than three levels.
SURE = 3
# The short side of the small picture that goes with it, in pixels: less than twice this.
SHORT_SIDE = 144
# remap's maps may not be longer than 32767 in either direction: they are folded into such rows.
_ROW = 16384


@dataclass(frozen=True, eq=False)
class Band:
    """at: the flat places of n pixels. maps: their columns and rows, float32, folded."""

    at: npt.NDArray[np.intp]
    size: tuple[int, int]
    maps: tuple[Float, Float]

    @classmethod
    def of(cls, mask: npt.NDArray[np.bool_]) -> Band:
        """Where the mask, bool (H, W), is set."""
        at = np.flatnonzero(mask)
        height, width = mask.shape
        rows, columns = np.divmod(at.astype(np.int32), np.int32(max(1, width)))
        padded = -(-at.size // _ROW) * _ROW
        maps = []
        for places in (columns, rows):
            folded = np.zeros(padded, np.float32)
            folded[: at.size] = places
            maps.append(folded.reshape(-1, _ROW))
        return cls(at, (width, height), (maps[0], maps[1]))

    @property
    def is_empty(self) -> bool:
        return self.at.size == 0

    def box_on(self, size: tuple[int, int], margin: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom (not included): where the band lies in a picture of the same.

        size: its (width, height). margin: so many pixels more to each side, where there are any.
        """
        ends = []
        for places, small_side, side in zip(self.maps, size, self.size, strict=True):
            found = places.reshape(-1)[: self.at.size]
            scale = small_side / side
            first, last = int(found.min() * scale) - margin, int(found.max() * scale) + margin
            ends.append((max(0, first), min(small_side, last + 1)))
        (left, right), (top, bottom) = ends
        return left, top, right, bottom

    def sample(
        self,
        small: npt.NDArray[Any],
        *,
        of: tuple[int, int] | None = None,
        at: tuple[int, int] = (0, 0),
    ) -> list[Float]:
        """float32 (n,) for each channel: a small picture of the same, (h, w, c), at these pixels.

        Where that is uint8 it is sampled in fixed point, to 1/32 of a pixel. Where it is only a
        part, `of` is the whole's (width, height) and `at` is its left and top in there.
        """
        if self.is_empty:
            return [np.zeros(0, np.float32)] * small.shape[2]
        size = (small.shape[1], small.shape[0]) if of is None else of
        maps: tuple[npt.NDArray[Any], npt.NDArray[Any]] = self._maps_onto(size, at)
        if small.dtype == np.uint8:
            maps = cv2.convertMaps(*maps, cv2.CV_16SC2)
        sampled = cv2.remap(small, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        planes = cv2.split(sampled)
        return [np.asarray(plane.reshape(-1)[: self.at.size], np.float32) for plane in planes]

    def _maps_onto(self, size: tuple[int, int], at: tuple[int, int]) -> tuple[Float, Float]:
        maps = []
        for places, small_side, side, first in zip(self.maps, size, self.size, at, strict=True):
            # From centre to centre: a pixel here is `scale` pixels there.
            scale = small_side / side
            maps.append(
                np.asarray(places * np.float32(scale) + np.float32(scale / 2 - 0.5 - first))
            )
        return maps[0], maps[1]


@dataclass(frozen=True, eq=False)
class Fringe:
    """The pixels of a picture whose alpha is unsure, as all of the refinement wants them.

    rgb: uint8 (H, W, 3). small: the same, halved. colours: red, green and blue in the band, float32
    (n,) in 0..255; apart, because an operation on all pixels of one is several times as fast.
    """

    rgb: RGB
    small: RGB
    band: Band
    colours: tuple[Float, Float, Float]

    @classmethod
    def of(cls, rgb: RGB, alpha: Alpha8, *, small: RGB | None = None) -> Fringe:
        """alpha: uint8 (H, W). small: `rgb` halved to SHORT_SIDE, where the caller has that."""
        # The subtraction wraps below zero, so one comparison finds what lies between both bounds.
        band = Band.of((alpha - np.uint8(SURE)) < 256 - 2 * SURE)
        if band.is_empty:
            nothing = np.zeros(0, np.float32)
            return cls(rgb, rgb, band, (nothing, nothing, nothing))
        pixels = cv2.split(rgb.reshape(-1, 1, 3).take(band.at, axis=0))
        r, g, b = (plane.reshape(-1).astype(np.float32) for plane in pixels)
        return cls(rgb, halved_to(rgb, SHORT_SIDE) if small is None else small, band, (r, g, b))
