"""Other clothes: a white shirt in another color or with a pattern.

Most people with true alpha wear a white shirt. Its folds are its shading, so whatever is
multiplied in keeps them.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from app.frames import RGBA
from app.training.figure import Figure

Floats = npt.NDArray[np.float32]
# From where on a pixel is as white as a shirt: value, and the most saturation.
_VALUE, _SATURATION = 95.0, 62.0
# Of the person below the neck: with less there is no shirt to change.
_LEAST = 0.12


def reclothed(rgba: RGBA, figure: Figure, rng: np.random.Generator, tone: str = "any") -> RGBA:
    """The picture with other clothes, or itself where no light, colorless shirt is seen.

    tone: "any", "white" or "dark".
    """
    where = shirt(rgba, figure)
    if where is None:
        return rgba
    rows, columns = rgba.shape[:2]
    color = _color(rng, tone)
    dye = np.broadcast_to(color, (rows, columns, 3)).astype(np.float32)
    if tone == "any" and rng.random() < 0.4:
        dye = dye * (1 - _pattern(rng, rows, columns, figure.head))
    colors = rgba[..., :3].astype(np.float32)
    gray = colors.mean(axis=2, keepdims=True)
    # Whiter than white is no cloth: the brightest fold takes the dye's own color.
    bright = float(np.percentile(gray[where[..., 0] > 0.5], 90))
    shade = np.clip(gray / max(bright, 1.0), 0, 1.15)
    if tone == "dark":
        shade = 0.6 + 0.4 * shade
    worn = np.clip(shade * dye * 255, 0, 255)
    mixed = colors * (1 - where) + worn * where
    return np.dstack([np.rint(mixed).astype(np.uint8), rgba[..., 3:]])


def shirt(rgba: RGBA, figure: Figure) -> Floats | None:
    """How much of each pixel is a light, colorless shirt: float32 (H, W, 1); None without one."""
    rows = np.arange(rgba.shape[0], dtype=np.float32)[:, None]
    below = np.clip((rows - figure.neck[1]) / max(1.0, 0.12 * figure.head), 0, 1)
    hsv = cv2.cvtColor(np.ascontiguousarray(rgba[..., :3]), cv2.COLOR_RGB2HSV).astype(np.float32)
    light = np.clip((hsv[..., 2] - _VALUE) / 30, 0, 1)
    pale = np.clip((_SATURATION - hsv[..., 1]) / 18, 0, 1)
    found = below * light * pale
    opaque = rgba[..., 3] > 127
    torso = opaque & (below > 0.5)
    if not torso.any() or float(found[torso].mean()) < _LEAST:
        return None
    soft = cv2.GaussianBlur(found.astype(np.float32), (0, 0), max(0.6, 0.006 * figure.head))
    return np.asarray(soft, np.float32)[..., None]


def _color(rng: np.random.Generator, tone: str) -> Floats:
    if tone == "white":
        return np.asarray(rng.uniform(0.9, 1.0) * rng.uniform(0.97, 1.0, 3), np.float32)
    if tone == "dark":
        return np.asarray(rng.uniform(0.03, 0.14) * rng.uniform(0.75, 1.1, 3), np.float32)
    value = rng.uniform(0.08, 1.0)
    hue, saturation = rng.uniform(0, 180), rng.uniform(0, 0.85) ** 1.3
    hsv = np.array([[[hue, saturation * 255, value * 255]]]).astype(np.uint8)
    rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]
    return np.asarray(rgb, np.float32) / np.float32(255)


def _pattern(rng: np.random.Generator, rows: int, columns: int, head: float) -> Floats:
    """Stripes, checks or blotches: float32 (H, W, 1 or 3) in [0, 1], how much is taken away."""
    depth = np.float32(rng.uniform(0.15, 0.75))
    period = head * rng.uniform(0.03, 0.22)
    x = np.arange(columns, dtype=np.float32)[None] / period
    y = np.arange(rows, dtype=np.float32)[:, None] / period
    kind = rng.integers(4)
    wave = np.float32(2 * np.pi)
    if kind == 0:
        angle = rng.uniform(0, np.pi)
        found = np.sin(wave * (x * np.cos(angle) + y * np.sin(angle))) > rng.uniform(-0.6, 0.6)
    elif kind == 1:
        found = (np.sin(wave * x) > 0.3).astype(np.float32) * 0.5 + 0.5 * (np.sin(wave * y) > 0.3)
    elif kind == 2:
        found = (np.sin(wave * x) * np.sin(wave * y)) > 0.4
    else:
        coarse = rng.random((max(2, int(rows / period)), max(2, int(columns / period))))
        blotches = cv2.resize(
            coarse.astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC
        )
        found = np.clip((blotches - 0.5) * 4, 0, 1)
    soft = cv2.GaussianBlur(np.asarray(found, np.float32) * depth, (0, 0), 0.8)
    tint = np.asarray(rng.uniform(0.4, 1.0, 3), np.float32)
    return np.asarray(soft[..., None] * tint, np.float32)
