"""The picture as a mirror shows it."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from app.frames import Frame


class Mirror:
    """Frame -> Frame, flipped left to right."""

    name = "mirror"

    def push(self, item: Frame) -> Iterable[Frame]:
        rgb = np.asarray(cv2.flip(item.rgb, 1), np.uint8)
        rgba = None if item.rgba is None else np.asarray(cv2.flip(item.rgba, 1), np.uint8)
        return (Frame(rgb, item.index, item.captured_at, rgba=rgba),)

    def flush(self) -> Iterable[Frame]:
        return ()

    def reset(self) -> None: ...
