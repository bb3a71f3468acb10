"""What the contract suites share: frames, mattes and cut-outs made from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from app.frames import Alpha, Alpha8, Cutout, Frame, Matte

# Seconds between two frames.
STEP = 1 / 25


def frame(index: int, size: tuple[int, int] = (64, 48), *, at: float | None = None) -> Frame:
    """Noise of `size` (width, height) that moves a little from frame to frame."""
    width, height = size
    rgb = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    moved = np.ascontiguousarray(np.roll(rgb, index, 1))
    return Frame(moved, index, index * STEP if at is None else at)


def alpha(index: int, shape: tuple[int, int] = (24, 32)) -> Alpha:
    """float32 of `shape` (height, width) in [0, 1] with 0 and 1 in it."""
    random = np.random.default_rng(100 + index).random(shape, np.float32)
    random[0, 0], random[-1, -1] = 0.0, 1.0
    return random


def mattes(
    count: int, *, shape: tuple[int, int] = (24, 32), first: int = 0, at: float = 0.0
) -> Sequence[Matte]:
    """Neighbors in time, the first of them at `at` seconds."""
    return [
        Matte(frame(first + number, at=at + number * STEP), alpha(first + number, shape))
        for number in range(count)
    ]


ALPHAS: dict[str, Alpha8] = {
    "nobody": np.zeros((48, 64), np.uint8),
    "all person": np.full((48, 64), 255, np.uint8),
    "soft": np.ascontiguousarray(
        np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8), (48, 64))
    ),
}


def cutout(kind: str = "soft", index: int = 0) -> Cutout:
    shot = frame(index)
    return Cutout(shot, ALPHAS[kind].copy(), shot.rgb.copy())


def picture(width: int = 64, height: int = 48) -> Image.Image:
    levels = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)
