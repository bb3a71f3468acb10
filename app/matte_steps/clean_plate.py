"""A picture of the empty room helps where the network is not sure.

With the plate, the background B of every pixel is known, and the person's own colour F may be taken
from the sure pixels around. What the pixel shows, I = a F + (1 - a) B, then says a by itself:

    a = (I - B) (F - B) / |F - B|^2

as far as F and B differ by more than the noise, and as far as the mixture explains the pixel. The
network's alpha moves towards it between `_LEAST` and `_MOST` only: what it is sure of stands, so
that a shirt in the colour of the wall gets no hole.

Light and camera drift: the plate's channels are brought to the frame's brightness by what is surely
room. Where the room no longer looks like the plate for a while, the step switches itself off and
says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB, Alpha, Matte
from app.halving import halved
from app.matte_steps.base import MatteStep, matte_steps
from app.registry import REQUIRED, option
from app.sources.pictures import read_picture

Levels = npt.NDArray[np.float32]  # (h, w, 3), 0..255

# What the network is sure of: never touched.
_LEAST, _MOST = 0.05, 0.95
# F is the mean of the sure pixels within so much of the short side.
_AROUND = 0.07
_FEWEST = 0.75  # pixels of the halved grid
# Levels of noise below which no difference means anything; a camera's own is measured on the room.
_NOISE = 2.0
# How many times the noise F and B must be apart for half a say, and the mixture may miss by.
_APART, _MISSED = 8.0, 5.0
# The room agrees with the plate while their fine structure correlates by more than this, where it
# has so much structure (levels) that it could; or while it has none, by colour.
_AGREES, _STRUCTURE = 0.45, 1.5
_COLOUR = 28.0
# At least such a share of the grid must be surely room to judge.
_ROOM = 0.08
# Seconds between two looks, and of disagreement until it gives up.
_LOOK, _PATIENCE = 0.19, 1.0
# A shift of the camera, in pixels of the grid of `_CHECK` height, and how clear it must be.
_SHIFT, _CLEAR = 0.7, 0.12
_CHECK = 144

MOVED = (
    "The room does not look like the clean plate any more (the camera was moved, or the light has "
    "changed), so the clean plate is off. Take it again."
)


@matte_steps.register("clean-plate", title="Clean plate")
class CleanPlate(MatteStep):
    """Compares with a picture of the empty room where the network is not sure."""

    place = 10

    @dataclass(frozen=True)
    class Options:
        path: Path = option(REQUIRED, "Picture", "The empty room, from the camera as it stands now")
        strength: float = option(
            1.0, "Strength", "How much the comparison counts", minimum=0.0, maximum=1.0
        )

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._options = options
        self._whole: RGB | None = None
        self._plate: Levels | None = None
        self._last_check: float | None = None
        self._doubt = 0.0
        self._told = False

    @property
    def is_off(self) -> bool:
        """Whether it has switched itself off."""
        return self._told

    def open(self) -> None:
        self._whole = read_picture(self._options.path)

    def reset(self) -> None:
        self._last_check, self._doubt = None, 0.0

    def change(self, matte: Matte) -> Alpha:
        if self._told:
            return matte.alpha
        assert self._whole is not None, "open() comes first"
        alpha = matte.alpha
        if self._plate is None or self._plate.shape[:2] != alpha.shape:
            self._plate = shrunk(self._whole, alpha.shape).astype(np.float32)
        picture = shrunk(matte.frame.rgb, alpha.shape).astype(np.float32)
        room = _surely_room(alpha)
        if np.count_nonzero(room) < _ROOM * room.size:
            return alpha  # nothing to compare by: somebody covers the picture
        plate, noise = _in_this_light(picture, self._plate, room)
        self._watch(picture, plate, room, matte.frame.captured_at)
        if self._told or self._doubt > 0:
            return alpha
        return self._solved(alpha, picture, plate, noise)

    def _solved(self, alpha: Alpha, picture: Levels, plate: Levels, noise: float) -> Alpha:
        """Alpha, moved to what the mixture says, in the pixels that are not sure."""
        unsure = (alpha > _LEAST) & (alpha < _MOST)
        if not unsure.any():
            return alpha
        sure = np.where(alpha >= _MOST, np.float32(1), np.float32(0))
        if not sure.any():
            return alpha  # no colour of a person to compare with
        # Means over a window are smooth: half the grid is enough for them.
        height, width = alpha.shape
        half = max(1, width // 2), max(1, height // 2)
        small = cv2.resize(sure, half, interpolation=cv2.INTER_AREA)
        colours = cv2.resize(picture * sure[..., None], half, interpolation=cv2.INTER_AREA)
        side = 2 * max(1, round(_AROUND * min(alpha.shape) / 2)) + 1
        weight = cv2.boxFilter(small, -1, (side, side), normalize=False)
        near = cv2.boxFilter(colours, -1, (side, side), normalize=False)
        weight = cv2.resize(weight, (width, height))[unsure]
        near = cv2.resize(near, (width, height))[unsure]
        person = near / np.maximum(weight, 0.1)[:, None]
        # Far from the person (a ghost of a chair), their mean colour has to do.
        person[weight < _FEWEST] = picture[sure > 0].mean(axis=0)
        room, shown = plate[unsure], picture[unsure]
        apart = person - room
        length = np.maximum((apart * apart).sum(axis=1), 1.0)
        mixed = np.clip(((shown - room) * apart).sum(axis=1) / length, 0.0, 1.0)
        left = shown - room - mixed[:, None] * apart
        missed = np.sqrt((left * left).sum(axis=1))
        say = length / (length + (_APART * noise) ** 2)
        # What is not a mixture of the two (a cable, another colour of the person) stays.
        fits = np.clip(2 - missed / (_MISSED * noise), 0.0, 1.0)
        say *= fits
        old = alpha[unsure]
        # The nearer the network is to sure, the less is changed: no step at the bounds.
        open_ = np.minimum(1.0, np.minimum(old - _LEAST, _MOST - old) / 0.1)
        solved = alpha.copy()
        solved[unsure] = old + self._options.strength * say * open_ * (mixed - old)
        return solved

    # ---- whether the camera still stands where it stood ------------------------------------------

    def _watch(
        self, picture: Levels, plate: Levels, room: npt.NDArray[np.bool_], now: float
    ) -> None:
        step = 0.0 if self._last_check is None else now - self._last_check
        if self._last_check is not None and step < _LOOK:
            return
        self._last_check = now
        if agrees(picture, plate, room):
            self._doubt = 0.0
            return
        self._doubt += max(step, 1e-6)
        if self._doubt > _PATIENCE:
            self._told = True
            self.on_notice(MOVED)


def shrunk(rgb: RGB, shape: tuple[int, ...]) -> RGB:
    """The picture on a grid of (h, w), uint8 (h, w, 3), averaged."""
    height, width = shape[:2]
    while rgb.shape[0] >= 2 * height and rgb.shape[1] >= 2 * width:
        rgb = halved(rgb)
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _surely_room(alpha: Alpha) -> npt.NDArray[np.bool_]:
    """Where the network sees nobody, and not near to somebody."""
    reach = 2 * max(1, round(0.02 * min(alpha.shape))) + 1
    near = cv2.dilate(alpha, np.ones((reach, reach), np.uint8))
    return np.asarray(near < _LEAST)


def _in_this_light(
    picture: Levels, plate: Levels, room: npt.NDArray[np.bool_]
) -> tuple[Levels, float]:
    """The plate in the frame's light, and the noise between the two, in levels.

    A gain for each channel, the median over the room: a hand's shadow or a lamp does not move it.
    """
    few = np.s_[::4, ::4] if room[::4, ::4].any() else np.s_[:, :]
    shown, known = picture[few][room[few]], plate[few][room[few]]
    gains = np.median((shown + 4) / (known + 4), axis=0)
    lit = np.asarray((plate + 4) * gains.astype(np.float32) - 4, np.float32)
    left = np.abs(shown - ((known + 4) * gains - 4))
    return lit, max(_NOISE, 1.48 * float(np.median(left)) * 1.7)


def agrees(picture: Levels, plate: Levels, room: npt.NDArray[np.bool_]) -> bool:
    """Whether the room in the picture is that of the plate, seen from the same place."""
    shown, known = _fine(picture), _fine(plate)
    inside = room.astype(np.float32)
    shown, known = shown * inside, known * inside
    pixels = float(inside.sum())
    power = float((known * known).sum()), float((shown * shown).sum())
    if power[0] < _STRUCTURE**2 * pixels:
        # Nothing to see there, or there was nothing: only its colour can tell.
        apart = np.abs(picture - plate).max(axis=2)[room]
        return float(np.median(apart)) < _COLOUR and power[1] < 16 * _STRUCTURE**2 * pixels
    common = float((shown * known).sum()) / max(1e-6, (power[0] * power[1]) ** 0.5)
    if common < _AGREES:
        return False
    # A small shift leaves much in common, but is found as one.
    (x, y), clear = cv2.phaseCorrelate(known, shown)
    scale = _CHECK / picture.shape[0]
    return not (clear > _CLEAR and max(abs(x), abs(y)) * scale > _SHIFT)


def _fine(picture: Levels) -> Alpha:
    """Edges and texture: grey without what is smooth, float32 (h, w)."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    grey = cv2.blur(grey, (3, 3))
    fine = grey - cv2.blur(grey, (15, 15))
    return np.asarray(np.clip(fine, -40, 40), np.float32)
