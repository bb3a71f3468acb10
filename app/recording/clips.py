"""A look into clips that were recorded: a small picture of each."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from app.errors import InputError
from app.frames import RGB


def thumbnail(path: Path, height: int = 72) -> RGB:
    """The clip's first picture, `height` pixels high. Raises InputError."""
    try:
        if path.is_dir():
            first = next(iter(sorted(path.glob("*.png"))), None)
            bgr = None if first is None else cv2.imread(str(first), cv2.IMREAD_COLOR)
            if bgr is None:
                raise InputError(f"{path} holds no picture.")
            rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
        else:
            with av.open(f"file:{path}") as container:
                first_frame = next(container.decode(video=0))
                rgb = np.asarray(first_frame.to_ndarray(format="rgb24"), np.uint8)
    except InputError:
        raise
    # FFmpeg's and OpenCV's contract: a picture, or the clip has none. StopIteration: no frame.
    except Exception as error:
        raise InputError(f"{path} cannot be played: {error or 'it has no picture'}.") from error
    width = max(1, round(rgb.shape[1] * height / rgb.shape[0]))
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
