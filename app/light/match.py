"""Colour match: the person's brightness and cast, moved towards the background's.

For each channel, with p and b the means of the person and of the background in 0 to 1:

    wanted = p (b / p)^strength, at most `_MOST` away;    gamma = log(wanted) / log(p)

Brightness (what the channels have in common) and colour (what they have not) have a strength each.
A power keeps black black and white white, so nothing is clipped. The powers follow the picture
slowly: nobody's face flickers because a car drives through the background.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB, Cutout
from app.light.base import LightTouch, light_touches, person_box, small_picture
from app.registry import option

_MOST = math.log(1.8)  # of the mean, up or down
_CALM = 1.2  # seconds over which it follows
_GAP = 1.0  # seconds; after a longer pause it starts anew
_FEWEST = 40  # pixels of the small grid that a person must have

Channels = npt.NDArray[np.float64]  # (3,)


@light_touches.register("match", title="Colour match")
class ColourMatch(LightTouch):
    """Brings the person's brightness and colour cast near the background's."""

    place = 10

    @dataclass(frozen=True)
    class Options:
        brightness: float = option(
            0.25, "Brightness", "How far the brightness follows", minimum=0.0, maximum=1.0
        )
        colour: float = option(
            0.25, "Colour", "How far the colour cast follows", minimum=0.0, maximum=1.0
        )

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._options = options
        self._powers: Channels | None = None  # their logarithms
        self._at = 0.0

    def reset(self) -> None:
        self._powers = None

    def touch(self, foreground: RGB, behind: RGB, cutout: Cutout) -> RGB:
        box = person_box(cutout.alpha)
        if box is None:
            return foreground
        powers = self._followed(behind, cutout)
        if powers is None:
            return foreground
        levels = np.arange(256) / 255
        table = np.rint(255 * levels[:, None] ** np.exp(powers)[None, :]).astype(np.uint8)
        whole = self.pool.rgb(cutout.frame.size)
        part = whole[box]
        cv2.LUT(foreground[box], table[None], dst=part)
        return whole

    def _followed(self, behind: RGB, cutout: Cutout) -> Channels | None:
        """The logarithms of the powers, averaged over time; None before the first person."""
        now = cutout.frame.captured_at
        step, self._at = now - self._at, now
        wanted = self._wanted(behind, cutout)
        if self._powers is None or not 0 <= step <= _GAP:
            self._powers = wanted
        elif wanted is not None:
            self._powers = self._powers + min(1.0, step / _CALM) * (wanted - self._powers)
        return self._powers

    def _wanted(self, behind: RGB, cutout: Cutout) -> Channels | None:
        sure = np.where(small_picture(cutout.alpha) > 200, np.uint8(255), np.uint8(0))
        if np.count_nonzero(sure) < _FEWEST:
            return None
        # The mean behind the whole frame: what the person hides does not change it as they move.
        person = _mean(small_picture(cutout.foreground), sure)
        room = _mean(small_picture(behind), None)
        apart = np.log(room / person)
        bright = float(np.clip(apart.mean(), -2 * _MOST, 2 * _MOST))
        cast = apart - apart.mean()
        move = self._options.brightness * bright + self._options.colour * cast
        move = np.clip(move, -_MOST, _MOST)
        wanted = np.clip(person * np.exp(move), 0.02, 0.98)
        return np.asarray(np.log(np.log(wanted) / np.log(person)), np.float64)


def _mean(picture: RGB, mask: npt.NDArray[np.uint8] | None) -> Channels:
    """The channels' means in 0 to 1, kept off both ends."""
    mean = np.array(cv2.mean(picture, mask)[:3]) / 255
    return np.asarray(np.clip(mean, 0.02, 0.98), np.float64)
