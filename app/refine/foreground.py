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

Float = npt.NDArray[np.float32]

# The small grid's shorter side, in pixels: 24 to 240 give the same error within 7%.
_SMALL_SIDE = 96
# Windows as shares of the picture's shorter side: across a lock of hair, then across its edge.
_WIDE, _NARROW = 1 / 16, 1 / 90
_TINY = 1e-4


def estimate_foreground(rgb: RGB, alpha: Alpha8) -> RGB:
    """The foreground, uint8 (H, W, 3), straight: `rgb` itself but for the band 0 < alpha < 255.

    `rgb` is uint8 (H, W, 3), `alpha` uint8 (H, W). Gives `rgb` itself where there is no band.
    """
    # alpha - 1 wraps 0 to 255, so one comparison finds what lies strictly between 0 and 255.
    band = np.flatnonzero((alpha.ravel() - np.uint8(1)) < 254)
    if band.size == 0:
        return rgb
    height, width = alpha.shape
    shrink = max(1.0, min(width, height) / _SMALL_SIDE)
    small = max(1, round(width / shrink)), max(1, round(height / shrink))
    foreground, background = _means(
        cv2.resize(rgb, small, interpolation=cv2.INTER_AREA).astype(np.float32),
        cv2.resize(alpha, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0,
    )
    rows, columns = np.divmod(band.astype(np.int32), np.int32(width))
    there = (
        (columns.astype(np.float32) + 0.5) * (small[0] / width) - 0.5,
        (rows.astype(np.float32) + 0.5) * (small[1] / height) - 0.5,
    )
    f, b = _sample(foreground, *there), _sample(background, *there)
    picture = rgb.reshape(-1, 3)[band].astype(np.float32)
    a = (alpha.ravel()[band].astype(np.float32) / 255.0)[:, None]
    f += a * (picture - a * f - (1.0 - a) * b)
    estimated = rgb.copy()
    # Half is added before the cut, which rounds.
    estimated.reshape(-1, 3)[band] = np.clip(f + 0.5, 0.0, 255.0).astype(np.uint8)
    return estimated


def _means(picture: Float, alpha: Float) -> tuple[Float, Float]:
    """F and B after the wide and the narrow pass, float32 (h, w, 3) in [0, 255]."""
    shorter = min(alpha.shape)
    foreground = background = picture
    for share in (_WIDE, _NARROW):
        side = 2 * round(share * shorter) + 1
        window = (side, side)
        a = alpha[..., None]
        weight = cv2.boxFilter(alpha, -1, window)[..., None] if side > 1 else a
        sums = cv2.boxFilter(foreground * a, -1, window)
        rest = cv2.boxFilter(background * (1.0 - a), -1, window)
        # Where nothing of a kind is near, its colour does not matter: the picture's own stays.
        f = np.where(weight > _TINY, sums / np.maximum(weight, _TINY), picture)
        b = np.where(weight < 1 - _TINY, rest / np.maximum(1.0 - weight, _TINY), picture)
        change = picture - a * f - (1.0 - a) * b
        foreground = np.clip(f + a * change, 0.0, 255.0)
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
