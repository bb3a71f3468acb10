"""Draws the sample backgrounds in assets/backgrounds: nobody's pictures but the project's own.

    python scripts/make_sample_backgrounds.py [FOLDER]

Same numbers in, same pictures out: every random choice has a fixed seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

SIZE = (1920, 1080)
Picture = npt.NDArray[np.float32]  # (H, W, 3), RGB, 0 to 1


def rgb(text: str) -> npt.NDArray[np.float32]:
    """`#rrggbb` as three shares."""
    return np.array([int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)], np.float32)


def grid() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """x and y of every pixel, each from 0 to 1."""
    width, height = SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x / (width - 1), y / (height - 1)


def slope(top: str, bottom: str) -> Picture:
    _, y = grid()
    share = (y * y * (3 - 2 * y))[..., None]
    return (np.float32(1) - share) * rgb(top) + share * rgb(bottom)


def glow(picture: Picture, at: tuple[float, float], radius: float, color: str, much: float) -> None:
    """A soft light at a place, both as shares of the picture."""
    x, y = grid()
    aspect = SIZE[0] / SIZE[1]
    distance = ((x - at[0]) * aspect) ** 2 + (y - at[1]) ** 2
    share = (much * np.exp(-distance / (2 * radius**2)))[..., None].astype(np.float32)
    picture *= 1 - share
    picture += share * rgb(color)


def shape(picture: Picture, color: str, points: list[tuple[float, float]], much: float = 1) -> None:
    """A polygon; its corners are shares of the picture."""
    corners = np.array([[x * SIZE[0] * 16, y * SIZE[1] * 16] for x, y in points], np.int32)
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, 4)
    share = (mask.astype(np.float32) / 255 * much)[..., None]
    picture *= 1 - share
    picture += share * rgb(color)


def box(
    picture: Picture,
    color: str,
    left: float,
    top: float,
    right: float,
    bottom: float,
    much: float = 1,
) -> None:
    shape(picture, color, [(left, top), (right, top), (right, bottom), (left, bottom)], much)


def disc(picture: Picture, color: str, at: tuple[float, float], radius: float, much: float) -> None:
    mask = np.zeros(picture.shape[:2], np.uint8)
    centre = round(at[0] * SIZE[0] * 16), round(at[1] * SIZE[1] * 16)
    cv2.circle(mask, centre, round(radius * SIZE[1] * 16), 255, -1, cv2.LINE_AA, 4)
    share = (mask.astype(np.float32) / 255 * much)[..., None]
    picture *= 1 - share
    picture += share * rgb(color)


def soften(picture: Picture, sigma: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def dawn() -> Picture:
    picture = slope("#27325e", "#f2b8a0")
    glow(picture, (0.72, 0.78), 0.42, "#ffd9b0", 0.85)
    glow(picture, (0.15, 0.2), 0.5, "#4a4f96", 0.5)
    return picture


def mist() -> Picture:
    """Hills, each paler than the one before it."""
    picture = slope("#e9eef2", "#cfdbe0")
    glow(picture, (0.3, 0.25), 0.3, "#fff6e6", 0.8)
    x = np.linspace(0, 1, 241)
    rng = np.random.default_rng(4)
    for layer, color in enumerate(("#b9cad1", "#98b0b9", "#74929d", "#51717d", "#35525d")):
        phase = rng.uniform(0, 6.28, 3)
        high = 0.46 + 0.1 * layer
        y = high + sum(
            amount * np.sin(2 * np.pi * rate * x + phase[at])
            for at, (rate, amount) in enumerate(((1.1, 0.045), (2.7, 0.022), (6.3, 0.007)))
        )
        points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
        shape(picture, color, [*points, (1, 1.01), (0, 1.01)])
        picture = soften(picture, 3.0 - 0.4 * layer)
    return picture


def bokeh() -> Picture:
    """A city at night, far out of focus."""
    picture = slope("#0d1024", "#241a33")
    glow(picture, (0.6, 0.85), 0.4, "#59305a", 0.7)
    rng = np.random.default_rng(11)
    for _ in range(95):
        at = rng.uniform(-0.05, 1.05), float(np.clip(rng.normal(0.62, 0.2), 0.02, 1.02))
        color = ("#ffb35c", "#ff7a59", "#ffd9a0", "#6aa8ff", "#b48cff")[rng.integers(5)]
        disc(picture, color, at, rng.uniform(0.012, 0.055), rng.uniform(0.10, 0.42))
    return soften(picture, 3.5)


def room() -> Picture:
    """A wall, a window with light, a shelf, a plant."""
    picture = slope("#e8e1d8", "#d6ccc0")
    glow(picture, (0.2, 0.35), 0.45, "#fff4de", 0.8)
    box(picture, "#b59a7d", -0.01, 0.86, 1.01, 1.01)  # the floor
    box(picture, "#f3eee8", -0.01, 0.84, 1.01, 0.862)
    box(picture, "#fbf8f3", 0.07, 0.1, 0.33, 0.66)  # the window
    box(picture, "#cfe3ee", 0.083, 0.123, 0.317, 0.637)
    glow(picture, (0.2, 0.42), 0.12, "#fdf3dc", 0.75)
    box(picture, "#fbf8f3", 0.196, 0.11, 0.204, 0.65)
    box(picture, "#fbf8f3", 0.08, 0.36, 0.32, 0.372)
    box(picture, "#e2d7c9", 0.055, 0.66, 0.345, 0.685)
    for shelf in (0.3, 0.52):  # shelves with books
        box(picture, "#a98764", 0.66, shelf, 0.95, shelf + 0.018)
        box(picture, "#8b6d4e", 0.66, shelf + 0.018, 0.95, shelf + 0.026, 0.6)
    rng = np.random.default_rng(3)
    colors = ("#5d7183", "#a8644e", "#d9c6a5", "#4e6b5c", "#c49a59", "#8a8f98", "#e7e0d4")
    for shelf, start, end in ((0.3, 0.675, 0.83), (0.52, 0.74, 0.935)):
        left = start
        while left < end:
            width, high = rng.uniform(0.008, 0.018), rng.uniform(0.09, 0.15)
            box(picture, colors[rng.integers(7)], left, shelf - high, left + width, shelf)
            left += width + 0.0015
    disc(picture, "#c77f5a", (0.89, 0.262), 0.038, 1)  # a vase
    box(picture, "#b36d4a", 0.883, 0.2, 0.897, 0.24)
    shape(picture, "#cdb79b", [(0.38, 0.74), (0.46, 0.74), (0.45, 0.88), (0.39, 0.88)])  # a plant
    for lean, high, color in (
        (-0.09, 0.42, "#5b7d5e"),
        (-0.04, 0.3, "#4d6f53"),
        (0.01, 0.26, "#66896a"),
        (0.05, 0.33, "#557959"),
        (0.1, 0.45, "#486a4e"),
        (-0.12, 0.55, "#6b8f6e"),
        (0.12, 0.58, "#5f8463"),
    ):
        foot, tip = 0.42, 0.42 + lean
        mid = (foot + tip) / 2 + lean * 0.25
        half = 0.016
        shape(
            picture,
            color,
            [
                (foot, 0.75),
                (mid - half, (0.75 + high) / 2),
                (tip, high),
                (mid + half, (0.75 + high) / 2 + 0.03),
            ],
        )
    return soften(picture, 6.0)


def studio() -> Picture:
    """A dark wall with two lights."""
    picture = slope("#23272f", "#15171c")
    glow(picture, (0.12, 0.3), 0.35, "#3b6cf0", 0.55)
    glow(picture, (0.9, 0.55), 0.38, "#e2557e", 0.45)
    glow(picture, (0.5, 1.05), 0.3, "#0e0f13", 0.7)
    x, _ = grid()
    ribs = (0.5 + 0.5 * np.cos(2 * np.pi * 34 * x))[..., None].astype(np.float32)
    picture *= 0.86 + 0.14 * ribs
    return picture


def sage() -> Picture:
    picture = slope("#c5d3c4", "#8ea590")
    for at, radius, color in (
        ((0.1, 0.1), 0.5, "#dfe8da"),
        ((0.85, 0.2), 0.42, "#a9bfae"),
        ((0.75, 0.95), 0.5, "#6f8c78"),
    ):
        glow(picture, at, radius, color, 0.7)
    return picture


PICTURES: dict[str, Callable[[], Picture]] = {
    "1-room": room,
    "2-mist": mist,
    "3-dawn": dawn,
    "4-bokeh": bokeh,
    "5-studio": studio,
    "6-sage": sage,
}


def finished(picture: Picture) -> npt.NDArray[np.uint8]:
    """8 bits, with a trace of noise, or soft slopes would show steps."""
    noise = np.random.default_rng(1).normal(0, 0.6 / 255, picture.shape[:2]).astype(np.float32)
    return np.asarray(np.clip((picture + noise[..., None]) * 255 + 0.5, 0, 255), np.uint8)


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument(
        "folder", metavar="FOLDER", type=Path, nargs="?", default=root / "assets" / "backgrounds"
    )
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        bgr = cv2.cvtColor(finished(draw()), cv2.COLOR_RGB2BGR)
        options = [cv2.IMWRITE_JPEG_QUALITY, 86, cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
        if not cv2.imwrite(str(folder / f"{name}.jpg"), bgr, options):
            raise SystemExit(f"{folder} cannot be written.")


if __name__ == "__main__":
    main()
