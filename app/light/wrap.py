"""Light wrap: a bright background shines around the edge of the person.

    w  = blur(1 - alpha),  L = strength 2 w blur(background)
    F' = F + L (1 - F / 255)            (the "screen" of picture editors)

Light is soft, so all of it is worked out on a small grid; only its sum is made at the frame's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB, Cutout
from app.light.base import LightTouch, light_touches, person_box, small_picture
from app.registry import option

# How far light bleeds in, at a width of 1, as a share of the picture's short side.
_WIDEST = 0.08


@light_touches.register("wrap", title="Light wrap")
class LightWrap(LightTouch):
    """Lets the background's light bleed over the person's edge."""

    place = 20

    @dataclass(frozen=True)
    class Options:
        strength: float = option(
            0.4, "Strength", "How much light comes around the edge", minimum=0.0, maximum=1.0
        )
        width: float = option(0.4, "Width", "How far it reaches in", minimum=0.05, maximum=1.0)

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._strength = options.strength
        self._width = options.width

    def touch(self, foreground: RGB, behind: RGB, cutout: Cutout) -> RGB:
        box = person_box(cutout.alpha)
        if box is None or self._strength == 0:
            return foreground
        alpha = small_picture(cutout.alpha)
        sigma = max(0.8, self._width * _WIDEST * min(alpha.shape))
        # Beyond the frame the person goes on: no light comes in from its border.
        room = _soft(np.bitwise_not(alpha), sigma)
        # So soft in the end that it need not be averaged on the way down.
        far = cv2.resize(behind, (alpha.shape[1], alpha.shape[0]))
        light: npt.NDArray[Any] = _soft(np.asarray(far, np.uint8), 2 * sigma)
        weight = cv2.cvtColor(room, cv2.COLOR_GRAY2RGB)
        light = np.asarray(cv2.multiply(light, weight, scale=2 * self._strength / 255))
        dark = cv2.bitwise_not(small_picture(cutout.foreground))
        light = np.asarray(cv2.multiply(light, dark, scale=1 / 255))
        height, width = cutout.alpha.shape
        whole = self.pool.rgb((width, height))
        cv2.resize(light, (width, height), dst=whole, interpolation=cv2.INTER_LINEAR)
        part = whole[box]
        cv2.add(foreground[box], part, dst=part)
        return np.asarray(whole, np.uint8)


def _soft(picture: npt.NDArray[np.uint8], sigma: float) -> npt.NDArray[np.uint8]:
    """Two means in a row: nearly a Gaussian, and at any width in the same time."""
    # The variance of a mean over n pixels is (n^2 - 1) / 12.
    window = (2 * max(1, round(((6 * sigma**2 + 1) ** 0.5 - 1) / 2)) + 1,) * 2
    border = cv2.BORDER_REPLICATE
    once = cv2.blur(picture, window, borderType=border)
    return np.asarray(cv2.blur(once, window, borderType=border), np.uint8)
