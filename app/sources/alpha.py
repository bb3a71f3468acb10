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
        alpha = rgba[rows, :, 3:].astype(np.uint16)
        # A weighted sum of bytes, by 255 in all, is less than 16 bits, also with its rounding.
        mixed = rgba[rows, :, :3] * alpha
        mixed += np.asarray(behind, np.uint16) * (255 - alpha)
        mixed += 128
        mixed += mixed >> 8
        rgb[rows] = mixed >> 8
    return rgb


def without_hidden(rgba: RGBA) -> RGBA:
    """Gives the pixels at alpha 0 the colors of the visible ones nearby, else `BEHIND`.

    Programs leave any color under alpha 0 (magenta, an older layer), and whatever mixes pixels
    would bring it back.
    """
    alpha = rgba[..., 3]
    hidden = alpha == 0
    if not hidden.any():
        return rgba
    clean = rgba.copy()
    clean[hidden, :3] = BEHIND
    # Only the hidden pixels beside visible ones need more.
    side = (2 * _NEAR + 1, 2 * _NEAR + 1)
    near = hidden & (cv2.dilate(alpha, np.ones(side, np.uint8)) > 0)
    if near.any():
        seen = cv2.multiply(
            rgba, cv2.merge([alpha, alpha, alpha, np.full_like(alpha, 255)]), scale=1 / 255
        )
        sums = cv2.boxFilter(seen, cv2.CV_32F, side, normalize=False)[near]
        colors = sums[:, :3] * (255 / np.maximum(sums[:, 3:], 1))
        clean[near, :3] = np.clip(np.rint(colors), 0, 255)
    return clean


def is_opaque(rgba: RGBA) -> bool:
    return bool((rgba[..., 3] == 255).all())


def _bands(rgba: RGBA) -> list[slice]:
    rows, columns = rgba.shape[:2]
    step = max(1, _BAND // max(1, columns))
    return [slice(top, top + step) for top in range(0, rows, step)]
