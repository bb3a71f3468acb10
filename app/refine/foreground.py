"""The person's own colours at the edge, so that the old room does not shine through on the new.

A pixel of the unknown band is a mixture, I = alpha F + (1 - alpha) B; what is wanted is F. Blur
fusion (Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021) takes first guesses of
F and B from weighted means around the pixel and then makes them explain I:

    F  = F^ + alpha (I - alpha F^ - (1 - alpha) B^)

twice: with a wide window, then with a narrow one that starts from the first result. The means are
smooth, so they are taken on a small grid; the last line runs on the band's own pixels.
"""

from __future__ import annotations

import cv2
import numpy as np

from app.frames import RGB
from app.refine.around import NARROW, Around, weighted_mean
from app.runs import Bytes, Float


def first_guess(around: Around) -> tuple[Float, Float]:
    """F^ and B^ after both windows, float32 (h, w, 3) in 0 to 255."""
    weight = around.weight
    f = _explained(around.picture, weight, f=around.person, b=around.room)
    b = weighted_mean(around.room, np.float32(1) - weight, NARROW)
    f = _explained(around.picture, weight, f=weighted_mean(f, weight, NARROW), b=b)
    return f, b


def explained(colours: Float, alpha: Bytes, *, f: Float, b: Float) -> RGB:
    """F, uint8 (1, n, 3), of pixels.

    colours: I, float32 (1, n, 4). alpha: uint8 (1, n). f, b: F^ and B^, float32 (1, n, 4). The
    fourth channel is of no use, but four are as fast as three.
    """
    a = np.asarray(cv2.cvtColor(alpha * np.float32(1 / 255), cv2.COLOR_GRAY2RGBA), np.float32)
    # This rounds, and stays within 0 to 255.
    whole = cv2.add(f, _left(colours, a, f=f, b=b), dtype=cv2.CV_8U)
    return np.asarray(cv2.cvtColor(whole, cv2.COLOR_RGBA2RGB), np.uint8)


def _explained(picture: Float, a: Float, *, f: Float, b: Float) -> Float:
    """F, float32 (h, w, 3), of the same four."""
    better = _left(picture, a, f=f, b=b)
    better += f
    return np.clip(better, 0, 255, out=better)


def _left(picture: Float, a: Float, *, f: Float, b: Float) -> Float:
    """alpha (I - B^ - alpha (F^ - B^)): what F^ is to be changed by. All of one shape."""
    left = f - b
    left *= a
    left += b
    np.subtract(picture, left, out=left)
    left *= a
    return left
