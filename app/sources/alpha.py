"""Pictures that are not opaque: what is seen behind them, and what hides under their alpha."""

from __future__ import annotations

import cv2
import numpy as np

from app.frames import RGB, RGBA

# Behind the transparent parts of a picture that is shown as a whole: a background, a card, the
# input beside its result. White, as in browsers and when a picture editor flattens its layers.
BEHIND = (255, 255, 255)
BLACK = (0, 0, 0)

# Colors under alpha 0 are taken from so many pixels around: more than resizing and the coding of
# chroma mix.
_NEAR = 8
_BAND = 1 << 21  # pixels that are worked on at a time, to bound the memory


def compose(rgba: RGBA, behind: tuple[int, int, int] = BEHIND) -> RGB:
    """The picture over one color, uint8 (H, W, 3), rounded; exactly that color at alpha 0."""
    rgb = np.empty((*rgba.shape[:2], 3), np.uint8)
    for rows in _bands(rgba):
        alpha = rgba[rows, :, 3:].astype(np.uint32)
        mixed = rgba[rows, :, :3] * alpha + np.asarray(behind, np.uint32) * (255 - alpha)
        rgb[rows] = (mixed + 127) // 255
    return rgb


def without_hidden(rgba: RGBA) -> RGBA:
    """Gives the pixels at alpha 0 the colors of the visible ones nearby, else `BEHIND`.

    Programs leave any color under alpha 0 (magenta, an older layer), and whatever mixes pixels
    would bring it back.
    """
    hidden = rgba[..., 3] == 0
    if not hidden.any():
        return rgba
    weight = rgba[..., 3].astype(np.float32)
    side = (2 * _NEAR + 1, 2 * _NEAR + 1)
    total = np.maximum(cv2.boxFilter(weight, -1, side, normalize=False), 1e-3)
    clean = rgba.copy()
    near = total[hidden] > 0.5
    for channel in range(3):
        sums = cv2.boxFilter(rgba[..., channel] * weight, -1, side, normalize=False)
        colors = np.where(near, sums[hidden] / total[hidden], np.float32(BEHIND[channel]))
        clean[..., channel][hidden] = np.clip(colors, 0, 255).round().astype(np.uint8)
    return clean


def is_opaque(rgba: RGBA) -> bool:
    return bool((rgba[..., 3] == 255).all())


def _bands(rgba: RGBA) -> list[slice]:
    rows, columns = rgba.shape[:2]
    step = max(1, _BAND // max(1, columns))
    return [slice(top, top + step) for top in range(0, rows, step)]
