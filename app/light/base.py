"""What a touch of light promises."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB, Alpha8, Cutout
from app.halving import halved
from app.pool import PicturePool
from app.registry import Registry

_SMALL_SIDE = 90  # the short side of a small picture is at least this where the frame's is


class LightTouch:
    """Changes the person's colours by what stands behind. Used from one thread at a time.

    place: those with a lower one go first. A subclass with options has an inner frozen dataclass
    `Options` and takes one in its constructor.
    """

    place = 0

    def __init__(self) -> None:
        self.pool = PicturePool()

    def touch(self, foreground: RGB, behind: RGB, cutout: Cutout) -> RGB:
        """The person's colours, uint8 (H, W, 3): another array, or `foreground` itself.

        foreground: the cut-out's, or what another touch made of it, which may hold anything where
        alpha is 0. behind: the background at the frame's size. Neither is written to.
        """
        raise NotImplementedError

    def reset(self) -> None:
        """Another source, a gap in time."""


light_touches: Registry[LightTouch] = Registry("light", "app.light")


def create_light(specs: Sequence[str]) -> tuple[LightTouch, ...]:
    """The touches that `specs` (`NAME[:VALUE][,KEY=VALUE...]`) name, by their place.

    Raises OptionError.
    """
    touches = [light_touches.create_from_spec(spec) for spec in specs]
    return tuple(sorted(touches, key=lambda touch: touch.place))


def small_picture(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """`picture`, uint8 (H, W) or (H, W, 3), on the small grid that light is worked out on."""
    while min(picture.shape[:2]) >= 2 * _SMALL_SIDE:
        picture = halved(picture)
    return picture


def person_box(alpha: Alpha8) -> tuple[slice, slice] | None:
    """The rows and columns that hold the person; None where there is nobody."""
    left, top, width, height = cv2.boundingRect(alpha)
    return (slice(top, top + height), slice(left, left + width)) if width else None
