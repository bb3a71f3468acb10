"""The picture as a mirror shows it."""

from __future__ import annotations

from collections.abc import Iterable

import cv2

from app.frames import Frame


class Mirror:
    """Frame -> Frame, flipped left to right."""

    name = "mirror"

    def push(self, item: Frame) -> Iterable[Frame]:
        rgb = cv2.flip(item.rgb, 1)
        return (Frame(rgb, item.index, item.captured_at),)  # type: ignore[arg-type]

    def flush(self) -> Iterable[Frame]:
        return ()

    def reset(self) -> None: ...
