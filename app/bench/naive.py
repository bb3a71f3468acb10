"""The loop of every tutorial, to compare with: torch float32 and a blend in float numpy.

Nothing in it is made slow on purpose; this is MODNet's own demonstration with a background.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from app.bench.job import StageTimer
from app.frames import RGB
from app.modnet import weights
from app.modnet.preprocess import NetworkSize, grid_for


class NaiveLoop:
    """One frame at a time through everything, in Python; torch's own number of threads."""

    def __init__(self, weights_file: Path, size: NetworkSize, background: RGB) -> None:
        self._network = weights.load(weights_file).network
        self._size = size
        self._background = background

    def describe(self, frame_size: tuple[int, int]) -> dict[str, Any]:
        return {
            "engine": "torch",
            "device": "cpu",
            "precision": "float32",
            "norms": "exact",
            "network_size": str(grid_for(frame_size, self._size)),
            "steps": ["resize", "matting", "composite"],
        }

    def process(self, rgb: RGB, timer: StageTimer) -> RGB:
        height, width = rgb.shape[:2]
        network_size = grid_for((width, height), self._size).padded
        with timer("resize"):
            small = cv2.resize(rgb, network_size, interpolation=cv2.INTER_AREA)
            picture = (small.astype(np.float32) / 255.0 - 0.5) / 0.5
            tensor = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
        with timer("matting"), torch.no_grad():
            matte = self._network(tensor)
        with timer("composite"):
            full = F.interpolate(matte, size=(height, width), mode="area")
            alpha = full[0, 0, :, :, None].repeat(1, 1, 3).numpy()
            blended = alpha * rgb + (1 - alpha) * self._background
            return blended.astype(np.uint8)
