"""Whether a picture is the one that was seen last, but for the sensor's noise."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB, Frame

# The picture is compared on cells of about so many pixels a side: averaging takes the sensor's
# noise down to a tenth, and a contour that moves by a third of a pixel is still seen.
_CELLS = 90  # on the shorter side
# In levels of 0..255, the most that one cell may differ. Noise with a deviation of 3 levels stays
# below it in practically every picture; a finger that moves does not.
_LEVELS = 3.0
# No matte is older than this, in seconds: what creeps below the threshold is caught up with.
_LONGEST = 0.25


class UnchangedPicture:
    """Remembers the last picture that the network has seen.

    Compared is always with that one, never with the frame before: slow changes add up.
    """

    def __init__(self) -> None:
        self._seen: npt.NDArray[np.uint8] | None = None
        self._seen_at = 0.0

    def is_unchanged(self, frame: Frame) -> bool:
        """Whether the matte of the picture that was remembered serves for `frame`, too.

        Where it does not, `frame` is remembered in its place: the network is to see it.
        """
        small = _small(frame.rgb)
        seen = self._seen
        if (
            seen is not None
            and seen.shape == small.shape
            and 0 <= frame.captured_at - self._seen_at < _LONGEST
            and cv2.norm(seen, small, cv2.NORM_INF) <= _LEVELS
        ):
            return True
        self._seen, self._seen_at = small, frame.captured_at
        return False

    def reset(self) -> None:
        self._seen = None


def _small(rgb: RGB) -> npt.NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    # A whole number of pixels to a cell is much faster to average.
    side = max(1, min(height, width) // _CELLS)
    size = max(1, width // side), max(1, height // side)
    cut = rgb[: size[1] * side, : size[0] * side]
    return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), np.uint8)
