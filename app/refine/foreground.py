"""The person's own colours at the edge, so that the old room does not shine through on the new.

A pixel of the unknown band is a mixture, I = alpha F + (1 - alpha) B; what is wanted is F. Blur
fusion (Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021) takes first guesses of
F and B from weighted means around the pixel and then makes them explain I:

    F^ = blur(alpha I) / blur(alpha),    B^ = blur((1 - alpha) I) / blur(1 - alpha)
    F  = F^ + alpha (I - alpha F^ - (1 - alpha) B^)

twice: with a wide window, then with a narrow one that starts from the first result. The means are
smooth, so they are taken on a small grid; the last line runs on the band's own pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGB, Alpha8
from app.halving import halved

Float = npt.NDArray[np.float32]

# The small grid's shorter side is at least this, in pixels, and less than twice it where the frame
# is larger. 24 to 240 give the same error within 7%.
_SMALL_SIDE = 64
# Windows as shares of the picture's shorter side: across a lock of hair, then across its edge.
_WIDE, _NARROW = 1 / 16, 1 / 90
# Alpha this close to 0 or 255 is sure. A third of the band lies there, where a wrong colour shows
# in less than three levels.
_SURE = 3
# What the picture itself counts for in the means: it decides where nothing of a kind is near.
_TRACE = np.float32(1e-3)


def estimate_foreground(rgb: RGB, alpha: Alpha8) -> RGB:
    """The foreground, uint8 (H, W, 3), straight: `rgb` itself but for the band 3 <= alpha <= 252.

    `rgb` is uint8 (H, W, 3), `alpha` uint8 (H, W). Gives `rgb` itself where there is no band.
    """
    # The subtraction wraps below zero, so one comparison finds what lies between both bounds.
    band = np.flatnonzero((alpha.ravel() - np.uint8(_SURE)) < 256 - 2 * _SURE)
    if band.size == 0:
        return rgb
    height, width = alpha.shape
    small_rgb, small_alpha = _halved_until_small(rgb), _halved_until_small(alpha)
    foreground, background = _means(
        small_rgb.astype(np.float32), small_alpha.astype(np.float32) * np.float32(1 / 255)
    )
    small_height, small_width = small_alpha.shape
    rows, columns = np.divmod(band.astype(np.int32), np.int32(width))
    half = np.float32(0.5)
    x = (columns.astype(np.float32) + half) * np.float32(small_width / width) - half
    y = (rows.astype(np.float32) + half) * np.float32(small_height / height) - half
    f, b = _sample(foreground, x, y), _sample(background, x, y)
    a = alpha.reshape(-1).take(band).astype(np.float32)[:, None] * np.float32(1 / 255)
    picture = rgb.reshape(-1, 3).take(band, axis=0)
    # alpha F^ + (1 - alpha) B^, then F^ + alpha (I - that), in place.
    explained = f - b
    explained *= a
    explained += b
    np.subtract(picture, explained, out=explained)
    explained *= a
    f += explained
    f += half  # the cut to whole numbers then rounds
    estimated = rgb.copy()
    estimated.reshape(-1, 3)[band] = np.clip(f, 0.0, 255.0, out=f).astype(np.uint8)
    return estimated


def _halved_until_small(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    while min(picture.shape[:2]) >= 2 * _SMALL_SIDE:
        picture = halved(picture)
    return picture


def _means(picture: Float, alpha: Float) -> tuple[Float, Float]:
    """F and B after the wide and the narrow pass, float32 (h, w, 3) in [0, 255]."""
    shorter = min(alpha.shape)
    a = np.repeat(alpha[..., None], 3, axis=2)
    rest = np.float32(1.0) - a
    foreground = background = picture
    trace = _TRACE * picture
    for share in (_WIDE, _NARROW):
        side = 2 * round(share * shorter) + 1
        window = (side, side)
        weight = cv2.boxFilter(a, -1, window)
        f = (cv2.boxFilter(foreground * a, -1, window) + trace) / (weight + _TRACE)
        b = (cv2.boxFilter(background * rest, -1, window) + trace) / (1 - weight + _TRACE)
        explained = a * f + rest * b
        foreground = np.clip(f + a * (picture - explained), 0.0, 255.0)
        background = b
    return foreground, background


def _sample(picture: Float, x: Float, y: Float) -> Float:
    """Bilinear samples, float32 (n, 3), at n places of a float32 (h, w, 3)."""
    # remap's maps may not be longer than 32767 in either direction: fold them into rows.
    count, row = x.size, 16384
    padded = -(-count // row) * row
    maps = [np.resize(axis, padded).reshape(-1, row) for axis in (x, y)]
    sampled = cv2.remap(
        picture, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(sampled.reshape(-1, 3)[:count], np.float32)
