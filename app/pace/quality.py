"""What the user asks for where not everything can be had."""

from __future__ import annotations

from enum import Enum


class Quality(str, Enum):
    """What is kept where not everything can be: the rate, or the matte."""

    SMOOTH_60 = "60fps"
    SMOOTH_30 = "30fps"
    BEST = "best"

    @property
    def rate(self) -> float | None:
        """Frames a second that are kept; None where only the matte counts."""
        return {Quality.SMOOTH_60: 60.0, Quality.SMOOTH_30: 30.0}.get(self)
