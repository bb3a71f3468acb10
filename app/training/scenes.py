"""What a scene asks of its room: hard cases, something before a cut edge, a picture's own room."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from app.training import rooms
from app.training.camera_effects import Camera
from app.training.placement import Size

Floats = npt.NDArray[np.float32]
_ONE = np.float32(1)


def themed(picture: Floats, rng: np.random.Generator, theme: str) -> Floats:
    """The room of a hard case, float32 in [0, 1]."""
    height, width = picture.shape[:2]
    if theme in ("white_on_white", "dark_on_dark"):
        bright = theme == "white_on_white"
        if rng.random() < 0.5:
            tone = (0.75, 0.94) if bright else (0.04, 0.2)
            drawn = rooms.wall(rng, (width, height), tone)
            return drawn.astype(np.float32) * np.float32(1 / 255)
        gray = picture.mean(axis=2, keepdims=True)
        pale = gray + (picture - gray) * np.float32(rng.uniform(0.1, 0.6))
        span = np.float32(rng.uniform(0.15, 0.4))
        level = np.float32(rng.uniform(0.5, 0.7) if bright else rng.uniform(0.01, 0.06))
        return np.asarray(np.clip(level + pale * span, 0, 1), np.float32)
    if theme == "against_light":
        glow = np.zeros((height, width), np.float32)
        center = int(width * rng.uniform(0.2, 0.8)), int(height * rng.uniform(0.1, 0.6))
        half = int(width * rng.uniform(0.12, 0.4)), int(height * rng.uniform(0.2, 0.6))
        if rng.random() < 0.5:
            upper = center[0] - half[0], center[1] - half[1]
            lower = center[0] + half[0], center[1] + half[1]
            cv2.rectangle(glow, upper, lower, 1.0, -1)
        else:
            cv2.ellipse(glow, center, half, 0, 0, 360, 1.0, -1)
        spread = float(rng.uniform(1, 30)) * height / 288
        glow = np.asarray(cv2.GaussianBlur(glow, (0, 0), spread), np.float32)[..., None]
        strength = np.float32(rng.uniform(0.5, 1.0))
        return np.asarray(_ONE - (_ONE - picture) * (_ONE - glow * strength), np.float32)
    return picture


def tamed(camera: Camera, theme: str) -> Camera:
    """A camera that does not wipe out in one white or one black what a hard case leaves to see."""
    if theme == "white_on_white":
        return replace(
            camera, exposure=min(camera.exposure, 0.98), contrast=min(camera.contrast, 1)
        )
    if theme in ("dark_on_dark", "against_light"):
        return replace(
            camera, exposure=max(camera.exposure, 0.95), contrast=min(camera.contrast, 1)
        )
    return camera


def behind_desk(
    picture: Floats, alpha: Floats, line: float, front: Floats
) -> tuple[Floats, Floats]:
    """Something before everybody so far, from that row of the frame on.

    front: float32 (H, W, 3), a board or the room itself, whose upper third is stretched: the back
    of a sofa, the edge of a screen.
    """
    height, width = alpha.shape[:2]
    rows = np.arange(height, dtype=np.float32)[:, None, None]
    cover = np.clip(rows - np.float32(line) + 1, 0, 1)
    strip = np.ascontiguousarray(front[: max(2, height // 3)])
    drawn = np.asarray(cv2.resize(strip, (width, height)), np.float32) * np.float32(0.8)
    return (
        np.asarray(picture * (_ONE - cover) + drawn * cover, np.float32),
        np.asarray(alpha * (_ONE - cover), np.float32),
    )


def cut_maps(rng: np.random.Generator, shape: tuple[int, ...], size: Size) -> tuple[Floats, Floats]:
    """A large part of a picture in the frame's shape, turned a little and often mirrored."""
    rows, columns = shape[:2]
    largest = min(columns / size[0], rows / size[1])
    scale = largest * rng.uniform(0.7, 1.0)
    free = columns - size[0] * scale, rows - size[1] * scale
    left, top = free[0] * rng.random(), free[1] * rng.random()
    xs = left + np.arange(size[0], dtype=np.float32)[None] * np.float32(scale)
    ys = top + np.arange(size[1], dtype=np.float32)[:, None] * np.float32(scale)
    turn = np.deg2rad(float(rng.normal(0, 2.0)))
    center_x, center_y = left + size[0] * scale / 2, top + size[1] * scale / 2
    dx, dy = xs - np.float32(center_x), ys - np.float32(center_y)
    x = np.float32(center_x) + np.float32(np.cos(turn)) * dx - np.float32(np.sin(turn)) * dy
    y = np.float32(center_y) + np.float32(np.sin(turn)) * dx + np.float32(np.cos(turn)) * dy
    if rng.random() < 0.5:
        x = np.float32(columns - 1) - x
    return np.asarray(x, np.float32), np.asarray(y, np.float32)
