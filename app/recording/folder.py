"""A folder of PNGs with their times beside them, as a list that FFmpeg and editors can open."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from typing_extensions import Self

from app.errors import OutputError, OutputExists
from app.outputs.base import Picture
from app.outputs.disk import output_error

LIST = "pictures.ffconcat"
_QUICK = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # anything more does not keep up with a camera


class TimedFolder:
    """Writes 000000.png, 000001.png, ...; never into a folder that holds anything."""

    accepts_alpha = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = 0  # written
        self._fresh: deque[Path] = deque()  # what the system may not have put on the disk yet
        self._list: TextIOWrapper | None = None
        self._last: float | None = None
        self._interval = 1 / 30

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if any(self.path.iterdir()):
                raise OutputExists(f"The folder {self.path} is not empty; name another one.")
            self._list = open(self.path / LIST, "x", encoding="utf-8")
            self._list.write("ffconcat version 1.0\n")
            self._list.flush()
        except OSError as error:
            raise OutputError(
                f"The folder {self.path} cannot be used: {error.strerror or error}."
            ) from None
        return self

    def write(self, picture: Picture, *, index: int, captured_at: float) -> None:
        assert self._list is not None
        bgr = cv2.cvtColor(picture, _TO_BGR[picture.shape[2]]) if picture.ndim == 3 else picture
        _, coded = cv2.imencode(".png", np.asarray(bgr), _QUICK)
        name = f"{index:06d}.png"
        part = self.path / f".{name}.part"
        try:
            part.write_bytes(coded.tobytes())
            os.replace(part, self.path / name)
            if self._last is not None:
                self._interval = captured_at - self._last
                self._list.write(f"duration {self._interval:.6f}\n")
            self._list.write(f"file {name}\n")
            self._list.flush()
            self._fresh.append(self.path / name)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise output_error(
                self.path, error, written="The pictures before it are whole."
            ) from error
        self._last = captured_at
        self.bytes += coded.size

    def sync(self) -> None:
        """Has the system put on the disk what was written. Called from another thread."""
        paths = [self.path / LIST]
        while self._fresh:
            paths.append(self._fresh.popleft())
        for path in paths:
            with contextlib.suppress(OSError), open(path, "r+b") as file:
                os.fsync(file.fileno())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._list is None:
            return
        try:
            if self._last is not None:
                self._list.write(f"duration {self._interval:.6f}\n")
            self._list.close()
        except OSError as failure:
            raise output_error(self.path, failure) from failure
        finally:
            self._list = None


_TO_BGR = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
