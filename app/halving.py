"""Pictures at half their size: the cheap way down to a small grid."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB, Frame

_Number = TypeVar("_Number", np.uint8, np.float32)


def halved_frame(frame: Frame, short_side: int) -> RGB:
    """`frame.rgb`, halved as long as its shorter side stays at least that; made once for all.

    The network, the filters over time and the refinement all begin with halves of one picture.
    """
    side, times = min(frame.size), 0
    while side >= 2 * short_side:
        side, times = (side + 1) // 2, times + 1
    return half_of(frame, times)


def half_of(frame: Frame, times: int) -> RGB:
    """`frame.rgb` halved so many times, made once for all who ask. May be called in any thread."""
    if times == 0:
        return frame.rgb
    # Two threads that ask at once both make it, and either is as good.
    known = frame.halves.get(times)
    if known is None:
        known = frame.halves[times] = halved(half_of(frame, times - 1))
    return known


def halved(picture: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """(H, W) or (H, W, C) at half its size, rounded up: the mean of each 2x2 pixels.

    OpenCV averages 2x2 several times faster than NxN.
    """
    size = (picture.shape[1] + 1) // 2, (picture.shape[0] + 1) // 2
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), picture.dtype)
