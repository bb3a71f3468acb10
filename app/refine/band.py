"""Some pixels of a picture, gathered: what is only wanted in the band is only computed there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]

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

    def sample(self, small: Float) -> Float:
        """float32 (n, c): a small picture of the same, float32 (h, w, c), at these pixels."""
        if self.at.size == 0:
            return np.zeros((0, small.shape[2]), np.float32)
        return np.asarray(self._remapped(small, self._maps_onto(small)), np.float32)

    def sample_planes(self, *smalls: npt.NDArray[np.uint8]) -> list[list[Float]]:
        """For each picture, uint8 (h, w, c), all of one size: float32 (n,) for each channel."""
        if self.at.size == 0:
            return [[np.zeros(0, np.float32)] * small.shape[2] for small in smalls]
        # In fixed point, to 1/32 of a pixel: the maps cost more than the sampling.
        maps = cv2.convertMaps(*self._maps_onto(smalls[0]), cv2.CV_16SC2)
        sampled = (self._remapped(small, maps) for small in smalls)
        return [
            [np.asarray(plane.reshape(-1), np.float32) for plane in cv2.split(pixels[:, None])]
            for pixels in sampled
        ]

    def _remapped(
        self, small: npt.NDArray[Any], maps: tuple[npt.NDArray[Any], npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        sampled = cv2.remap(small, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return sampled.reshape(-1, small.shape[2])[: self.at.size]

    def _maps_onto(self, small: npt.NDArray[Any]) -> tuple[Float, Float]:
        maps = []
        small_size = small.shape[1], small.shape[0]
        for places, small_side, side in zip(self.maps, small_size, self.size, strict=True):
            # From centre to centre: a pixel here is `scale` pixels there.
            scale = small_side / side
            maps.append(np.asarray(places * np.float32(scale) + np.float32(scale / 2 - 0.5)))
        return maps[0], maps[1]
