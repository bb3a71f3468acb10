"""A part of the picture, magnified: cut out before anything else, so that all steps see it."""

from __future__ import annotations

import numpy as np

from app.frames import Frame


def zoomed(frame: Frame, zoom: float, center: tuple[float, float] = (0.5, 0.5)) -> Frame:
    """The part of `frame` that remains when it is magnified `zoom` times (1 or more).

    center: of the part, as a share of the width and height; moved where the part would stick out.
    The part keeps its own resolution and the frame's shape; what shows it scales it. It has at
    least 2 pixels a side where the frame has, and even sides.
    """
    if zoom <= 1.0:
        return frame
    sides, starts = [], []
    for length, middle in zip(frame.size, center, strict=True):
        side = min(length, max(2, round(length / zoom / 2) * 2))
        sides.append(side)
        starts.append(min(max(0, round(middle * length - side / 2)), length - side))
    (width, height), (left, top) = sides, starts
    rows, columns = slice(top, top + height), slice(left, left + width)
    part = np.ascontiguousarray(frame.rgb[rows, columns])
    rgba = None if frame.rgba is None else np.ascontiguousarray(frame.rgba[rows, columns])
    return Frame(part, frame.index, frame.captured_at, rgba=rgba)
