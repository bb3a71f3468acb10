"""The pictures that stand for the person: neutral, and "be right back". Never the bare room."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from app.frames import RGB

_TOP = (38, 42, 50)
_BOTTOM = (20, 22, 27)
_SHAPE = (70, 76, 88)
_TEXT = (226, 230, 238)


def neutral(size: tuple[int, int]) -> RGB:
    """A dark surface with the outline of a person: uint8 (H, W, 3). size: (width, height)."""
    return _card(size, "")


def be_right_back(size: tuple[int, int], picture: Path | None = None) -> RGB:
    """`picture` fitted to `size`, or the built-in card: uint8 (H, W, 3).

    Raises InputError where the picture cannot be read.
    """
    if picture is None:
        return _card(size, "Be right back")
    from app.backgrounds.fit import fit_picture
    from app.sources.pictures import read_picture

    return fit_picture(read_picture(picture), size, fit="contain", fill="blur")


def _card(size: tuple[int, int], text: str) -> RGB:
    width, height = size
    share = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None, None]
    top, bottom = np.asarray(_TOP, np.float32), np.asarray(_BOTTOM, np.float32)
    rows = top * (1 - share) + bottom * share
    card = np.ascontiguousarray(np.broadcast_to(rows, (height, width, 3)).round().astype(np.uint8))
    unit = min(width, height)
    middle = height * (0.36 if text else 0.42)
    shift = 4  # cv2 takes the coordinates in sixteenths of a pixel
    scale = 1 << shift

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * scale), round(y * scale)

    head, shoulders = unit * 0.09, (unit * 0.19, unit * 0.15)
    cv2.circle(card, at(width / 2, middle), round(head * scale), _SHAPE, -1, cv2.LINE_AA, shift)
    cv2.ellipse(
        card,
        at(width / 2, middle + head * 1.35 + shoulders[1]),
        at(*shoulders),
        0,
        180,
        360,
        _SHAPE,
        -1,
        cv2.LINE_AA,
        shift,
    )
    if text:
        _write(card, text, size=unit * 0.075, at_y=height * 0.76)
    return card


def _write(card: RGB, text: str, *, size: float, at_y: float) -> None:
    """Draws `text` in the middle, `size` pixels high, in Pillow's own font."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(card)
    font = ImageFont.load_default(max(6.0, size))
    ImageDraw.Draw(image).text((card.shape[1] / 2, at_y), text, _TEXT, font=font, anchor="mm")
    card[:] = np.asarray(image)
