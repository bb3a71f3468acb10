"""Whether a picture is the one that was seen last, but for the sensor's noise."""

from __future__ import annotations

import cv2

from app.frames import RGB, Frame
from app.halving import half_of

# The picture is compared on cells of 8 pixels a side, which is so many halvings: averaging takes
# the sensor's noise down to an eighth, and a contour that moves by a third of a pixel is seen.
_HALVINGS = 3
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
        self._seen: RGB | None = None
        self._seen_at = 0.0

    def is_unchanged(self, frame: Frame) -> bool:
        """Whether the matte of the picture that was remembered serves for `frame`, too.

        Where it does not, `frame` is remembered in its place: the network is to see it.
        """
        small = half_of(frame, _HALVINGS)
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
