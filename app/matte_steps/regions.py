"""Regions that the user painted: always kept (a chair), always dropped (a second monitor).

The painting is a picture of any size that stands for the whole frame: white where it counts. Where
it is transparent it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.frames import Alpha, Alpha8, Matte
from app.matte_steps.base import MatteStep, matte_steps
from app.registry import REQUIRED, option
from app.sources.alpha import BLACK
from app.sources.pictures import read_picture

# The edge of a region is soft over so much of the grid's short side, at a feather of 1.
_SOFT = 0.1


@dataclass(frozen=True)
class RegionOptions:
    """What both kinds of regions have."""

    path: Path = option(REQUIRED, "Painting", "A picture that is white where the region lies")
    feather: float = option(
        0.1, "Feather", "How soft the edge of the region is", minimum=0.0, maximum=1.0
    )


class Region(MatteStep):
    """A painted region on the grid of whatever matte comes."""

    # After what finds things out: what the user says stands.
    place = 90

    def __init__(self, options: RegionOptions) -> None:
        super().__init__()
        self._options = options
        self._painting: Alpha8 | None = None
        self._region: Alpha | None = None

    def open(self) -> None:
        self._painting = np.ascontiguousarray(
            read_picture(self._options.path, behind=BLACK)[..., 0]
        )
        self._region = None

    def region(self, alpha: Alpha) -> Alpha:
        """The region on the grid of `alpha`, float32 (h, w): 1 inside, 0 outside."""
        if self._region is None or self._region.shape != alpha.shape:
            assert self._painting is not None, "open() comes first"
            self._region = on_grid(self._painting, alpha.shape, feather=self._options.feather)
        return self._region


def on_grid(painting: Alpha8, shape: tuple[int, ...], *, feather: float) -> Alpha:
    """The painting, uint8 (H, W), on a grid of (h, w), float32 in [0, 1], with a soft edge."""
    height, width = shape[:2]
    painted = np.where(painting >= 128, np.uint8(255), np.uint8(0))
    region = cv2.resize(painted, (width, height), interpolation=cv2.INTER_AREA)
    region = region.astype(np.float32) * np.float32(1 / 255)
    sigma = feather * _SOFT * min(height, width)
    if sigma > 0.3:
        # Beyond the frame the region goes on: its edge is where it was painted, not at the border.
        region = cv2.GaussianBlur(region, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.clip(region, 0.0, 1.0).astype(np.float32)


@matte_steps.register("keep-region", title="Always keep")
class KeepRegion(Region):
    """What was painted belongs to the person: a chair, a microphone."""

    Options = RegionOptions

    def change(self, matte: Matte) -> Alpha:
        return np.asarray(cv2.max(matte.alpha, self.region(matte.alpha)), np.float32)


@matte_steps.register("drop-region", title="Never keep")
class DropRegion(Region):
    """What was painted belongs to the room: a second monitor, a poster of a face."""

    # Where both were painted, keeping wins: what is missing is worse than what is too much.
    place = 80
    Options = RegionOptions

    def change(self, matte: Matte) -> Alpha:
        outside = np.float32(1.0) - self.region(matte.alpha)
        return np.asarray(np.minimum(matte.alpha, outside), np.float32)
