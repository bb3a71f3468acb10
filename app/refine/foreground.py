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

from app.frames import RGB, Alpha8
from app.halving import halved_to
from app.refine.band import Band, Float

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


def estimate_foreground(rgb: RGB, alpha: Alpha8, *, small: RGB | None = None) -> RGB:
    """The foreground, uint8 (H, W, 3), straight: `rgb` itself but for the band 3 <= alpha <= 252.

    `rgb` is uint8 (H, W, 3), `alpha` uint8 (H, W), `small` is `rgb` halved some times, where the
    caller has that already. Gives `rgb` itself where there is no band.
    """
    # The subtraction wraps below zero, so one comparison finds what lies between both bounds.
    band = Band.of((alpha - np.uint8(_SURE)) < 256 - 2 * _SURE)
    if band.at.size == 0:
        return rgb
    small_rgb = halved_to(rgb if small is None else small, _SMALL_SIDE)
    small_alpha = halved_to(alpha, _SMALL_SIDE)
    foreground, background = _means(
        small_rgb.astype(np.float32), small_alpha.astype(np.float32) * np.float32(1 / 255)
    )
    a = alpha.reshape(-1).take(band.at).astype(np.float32) * np.float32(1 / 255)
    rest = np.float32(1) - a
    # F^ + alpha (I - alpha F^ - (1 - alpha) B^), sorted by what it multiplies. Channel by channel,
    # because an operation on all pixels of one is several times as fast.
    of_foreground, of_background = np.float32(1) - a * a, a * rest
    pixels = rgb.reshape(-1, 1, 3).take(band.at, axis=0)
    channels = []
    planes = band.sample_planes(
        np.asarray(cv2.convertScaleAbs(foreground), np.uint8),
        np.asarray(cv2.convertScaleAbs(background), np.uint8),
    )
    for f, b, i in zip(*planes, cv2.split(pixels), strict=True):
        f *= of_foreground
        b *= of_background
        f -= b
        f += a * i.reshape(-1)
        # This rounds, and stops at 255.
        channels.append(cv2.convertScaleAbs(np.maximum(f, 0, out=f)))
    estimated = rgb.copy()
    # As pixels of three bytes: put in their places twice as fast as rows of three numbers.
    pixel = np.dtype((np.void, 3))
    estimated.view(pixel).reshape(-1)[band.at] = cv2.merge(channels).view(pixel).reshape(-1)
    return estimated


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
