"""The naive loop with ONNX Runtime in torch's place: what peers with a ready-made network do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from app.bench.job import StageTimer
from app.errors import MattecamError
from app.frames import RGB
from app.modnet.preprocess import NetworkSize, grid_for


class OnnxLoop:
    """One frame at a time; ONNX Runtime's own number of threads.

    It runs the .onnx file as it was released, not this project's form of it. Raises MattecamError
    where ONNX Runtime is missing.
    """

    def __init__(self, weights_file: Path, size: NetworkSize, background: RGB) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MattecamError(
                "ONNX Runtime is not installed, and Mattecam does not need it; to measure it too: "
                "python -m pip install onnxruntime"
            ) from error
        self._session = onnxruntime.InferenceSession(
            str(weights_file), providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._size = size
        self._background = background

    def describe(self, frame_size: tuple[int, int]) -> dict[str, Any]:
        return {
            "engine": "onnxruntime",
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
            fed = np.ascontiguousarray(picture.transpose(2, 0, 1))[None]
        with timer("matting"):
            matte = self._session.run(None, {self._input: fed})[0]
        with timer("composite"):
            full = cv2.resize(matte[0, 0], (width, height), interpolation=cv2.INTER_LINEAR)
            alpha = full[:, :, None]
            blended = alpha * rgb + (1 - alpha) * self._background
            return np.asarray(blended.astype(np.uint8))
