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

from collections.abc import Sequence

import cv2
import numpy as np

from app.frames import RGB, Alpha8
from app.halving import halved_to
from app.pool import PicturePool
from app.refine.band import Fringe, unsure
from app.runs import Bytes, Float

# The small grid's shorter side is at least this, in pixels, and less than twice it where the frame
# is larger. 24 to 240 give the same error within 7%.
_SMALL_SIDE = 64
# Windows as shares of the picture's shorter side: across a lock of hair, then across its edge.
_WIDE, _NARROW = 1 / 16, 1 / 90
# What the picture itself counts for in the means: it decides where nothing of a kind is near.
_TRACE = np.float32(1e-3)


def estimate_foreground(fringe: Fringe, alpha: Alpha8, *, pool: PicturePool | None = None) -> RGB:
    """The foreground, uint8 (H, W, 3), straight: the frame's own pixels but for the band.

    alpha: uint8 (H, W), which is sure, or nearly so, outside of the fringe's band. Gives the
    frame's `rgb` itself where there is no band, else memory of the pool, where there is one.
    """
    if fringe.band.is_empty:
        return fringe.rgb
    small_rgb, small_alpha = halved_to(fringe.small, _SMALL_SIDE), halved_to(alpha, _SMALL_SIDE)
    size = small_rgb.shape[1], small_rgb.shape[0]
    wide, narrow = (2 * round(share * min(size)) + 1 for share in (_WIDE, _NARROW))
    # What the band's pixels see of the means, and these of the picture.
    left, top, right, bottom = fringe.band.box_on(size, wide // 2 + narrow // 2)
    part = np.s_[top:bottom, left:right]
    means = _means(small_rgb[part], small_alpha[part], (wide, narrow))
    estimated = fringe.rgb.copy() if pool is None else pool.copy(fringe.rgb)
    for piece, pixels in fringe.pieces:
        # Where nothing is to be estimated, alpha counts as 1: there F = I.
        sure = cv2.bitwise_not(unsure(piece.take(fringe.alpha)))
        share = np.asarray(cv2.bitwise_or(piece.take(alpha), sure), np.uint8)
        f, b = piece.sample(*means, of=size, at=(left, top))
        piece.put(estimated, _explained(pixels, share, f, b))
    return estimated


def _explained(picture: RGB, share: Bytes, f: Float, b: Float) -> RGB:
    """F^ + alpha (I - B^ - alpha (F^ - B^)), uint8 (1, n, 3).

    picture: I. share: alpha, uint8 (1, n). f, b: F^ and B^, float32 (1, n, 4), written to.
    """
    a = cv2.cvtColor(share * np.float32(1 / 255), cv2.COLOR_GRAY2RGBA)
    left = cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA).astype(np.float32)
    left -= b
    between = np.subtract(f, b, out=b)
    between *= a
    left -= between
    left *= a
    # This rounds, and stays within 0 to 255.
    colours = cv2.add(f, left, dtype=cv2.CV_8U)
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGBA2RGB), np.uint8)


def _means(picture: RGB, alpha: Alpha8, windows: Sequence[int]) -> tuple[Float, Float]:
    """F and B after one pass with each window, float32 (h, w, 4) in 0 to 255.

    picture: uint8 (h, w, 3). alpha: uint8 (h, w). windows: their sides in pixels, odd.
    The fourth channel is that of a picture which is white all over: what is left of its 255 in a
    mean is what the mean's weights are.
    """
    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA).astype(np.float32)
    a = _fourfold(alpha * np.float32(1 / 255))
    rest = np.float32(1) - a
    trace = _TRACE * colours
    f = b = colours
    for side in windows:
        f, b = _weighted_mean(f, a, side, trace), _weighted_mean(b, rest, side, trace)
        # What the two do not explain is put down to F.
        left = colours - b
        left -= a * (f - b)
        left *= a
        foreground = left
        foreground += f
        f = np.clip(foreground, 0, 255, out=foreground)
    return f, b


def _weighted_mean(colours: Float, weight: Float, side: int, trace: Float) -> Float:
    """Around each pixel, over a window of so many pixels; all of the shape (h, w, 4)."""
    mean = np.asarray(cv2.blur(colours * weight, (side, side)), np.float32)
    mean += trace
    mean *= _fourfold(np.float32(255) / cv2.extractChannel(mean, 3))
    return mean


def _fourfold(plane: Float) -> Float:
    """float32 (h, w) -> (h, w, 4)."""
    return np.asarray(cv2.merge([plane] * 4), np.float32)
