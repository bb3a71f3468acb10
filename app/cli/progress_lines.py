"""Progress as lines of JSON, for the program that started this one."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

from app.outputs.base import Picture

_EVERY = 0.25  # seconds
_PICTURE_EVERY = 1.0
_HEIGHT = 108


class ProgressLines:
    """Called after each frame; writes a line a few times a second."""

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._began: float | None = None
        self._next = self._picture_next = 0.0

    def __call__(self, done: int, total: int | None, picture: Picture | None) -> None:
        """total: None where it is not known. picture: uint8 (H, W), (H, W, 3) or (H, W, 4)."""
        now = self._clock()
        if self._began is None:
            self._began = now
        if now < self._next and done != total:
            return
        self._next = now + _EVERY
        left = None
        if total is not None and done:
            left = round((now - self._began) / done * max(0, total - done), 1)
        line: dict[str, object] = {"frames": done, "total": total, "seconds_left": left}
        if picture is not None and now >= self._picture_next:
            self._picture_next = now + _PICTURE_EVERY
            line["picture"] = base64.b64encode(_small_jpeg(picture)).decode("ascii")
        self._write(json.dumps(line))


def _small_jpeg(picture: Picture) -> bytes:
    import cv2

    width = max(1, round(picture.shape[1] * _HEIGHT / picture.shape[0]))
    small = cv2.resize(picture, (width, _HEIGHT), interpolation=cv2.INTER_AREA)
    if small.ndim == 3:
        small = cv2.cvtColor(small[:, :, :3], cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return bytes(coded.tobytes())
