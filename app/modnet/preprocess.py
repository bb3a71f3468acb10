"""The geometry of the network's input: how a picture of any shape becomes a grid of 32s.

Imports no torch. Normalisation to [-1, 1] is the engines' affair; this gives uint8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import cv2
import numpy as np

from app.errors import UsageError
from app.frames import RGB, Alpha, Frame
from app.halving import half_of

MULTIPLE = 32  # the backbone halves the picture five times
# What ranges of columns are made of (see app/modnet/scene.py): S's features, at 1/8, are the
# coarsest that are cut; two of them make a block, as wide as one place of S's prediction.
BLOCK = 16
AUTO_SHORT_SIDE = 288
# `auto` gives the short side 288 pixels as long as the long one stays below this.
AUTO_LONG_SIDE = 4 * AUTO_SHORT_SIDE
# A box beyond this is refused: the activations of one picture would take gigabytes.
LARGEST_SIDE = 4096


@dataclass(frozen=True)
class NetworkSize:
    """What `--size` says. box: (width, height) the input must fit in; None is `auto`.

    stretch: ignore the picture's aspect and fill the box. Only evaluation protocols do that.
    """

    box: tuple[int, int] | None = None
    stretch: bool = False

    @classmethod
    def parse(cls, text: str) -> NetworkSize:
        """`auto` or `WxH`. Raises UsageError with what is allowed."""
        if text.strip().lower() == "auto":
            return cls()
        match = re.fullmatch(r"\s*(\d{1,6})\s*[xX×]\s*(\d{1,6})\s*", text)
        if match is None:
            raise UsageError(f"--size is {text!r}; it must be auto or WIDTHxHEIGHT, as in 512x288.")
        width, height = int(match[1]), int(match[2])
        if min(width, height) < MULTIPLE or max(width, height) > LARGEST_SIDE:
            raise UsageError(
                f"--size is {text}; each side must be from {MULTIPLE} to {LARGEST_SIDE} pixels."
            )
        return cls((width, height))

    def __str__(self) -> str:
        return "auto" if self.box is None else f"{self.box[0]}x{self.box[1]}"


AUTO = NetworkSize()


@dataclass(frozen=True)
class Grid:
    """Where a picture lies in the network's input.

    content: (width, height) of the scaled picture, at the top left.
    padded: (width, height) of the input, multiples of 32; what is beyond the content repeats its
        last row and column.
    """

    content: tuple[int, int]
    padded: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.padded[0]}x{self.padded[1]}"


def grid_for(frame_size: tuple[int, int], size: NetworkSize) -> Grid:
    """The grid for a picture of `frame_size` (width, height), each side at least 1."""
    width, height = frame_size
    if size.box is None:
        scale = min(AUTO_SHORT_SIDE / min(width, height), AUTO_LONG_SIDE / max(width, height))
    else:
        box = tuple(_multiple(side) for side in size.box)
        if size.stretch:
            return Grid((box[0], box[1]), (box[0], box[1]))
        scale = min(box[0] / width, box[1] / height)
    content = max(1, round(width * scale)), max(1, round(height * scale))
    return Grid(content, (_round_up(content[0]), _round_up(content[1])))


def smaller(size: NetworkSize, frame_size: tuple[int, int], factor: float) -> NetworkSize:
    """The box for sides `factor` times as long. `size` itself where that is 1.

    frame_size: the (width, height) of the pictures.
    """
    if factor == 1.0:
        return size
    content = grid_for(frame_size, size).content
    width, height = (_multiple(side * factor) for side in content)
    return NetworkSize((width, height))


def _multiple(side: float) -> int:
    """The nearest that the network takes."""
    return max(MULTIPLE, round(side / MULTIPLE) * MULTIPLE)


def _round_up(side: int) -> int:
    return -(-side // MULTIPLE) * MULTIPLE


def fit(rgb: RGB, grid: Grid, out: RGB) -> None:
    """`fit_frame` for a picture, uint8 (H, W, 3), that is no frame."""
    fit_frame(Frame(rgb, 0, 0.0), grid, out)


def fit_frame(frame: Frame, grid: Grid, out: RGB) -> None:
    """Scales the picture into `out`, uint8 (padded height, padded width, 3), and repeats its edges.

    It is halved as often as it can be, which others want, too (see app/halving.py); what is left,
    less than a half, is sampled bicubically. That is as sharp as the network likes its pictures:
    area averaging all the way costs ten times as much and 4 to 15% more error (docs/decisions.md).
    It is for what cannot be halved, where it keeps thin hair from aliasing.
    """
    content_width, content_height = grid.content
    times = min(
        _halvings(side, content) for side, content in zip(frame.size, grid.content, strict=True)
    )
    rgb = half_of(frame, times)
    height, width = rgb.shape[:2]
    shrinks = width >= content_width and height >= content_height
    interpolation = cv2.INTER_LINEAR
    if shrinks:
        interpolation = cv2.INTER_CUBIC if times else cv2.INTER_AREA
    whole = grid.content == grid.padded
    content = out if whole else np.empty((content_height, content_width, 3), np.uint8)
    cv2.resize(rgb, grid.content, dst=content, interpolation=interpolation)
    if frame.mirrored:
        cv2.flip(content, 1, dst=content)
    if whole:
        return
    cv2.copyMakeBorder(
        content,
        0,
        grid.padded[1] - content_height,
        0,
        grid.padded[0] - content_width,
        cv2.BORDER_REPLICATE,
        dst=out,
    )


def _halvings(side: int, least: int) -> int:
    """How often `side` can be halved and stay at least `least`."""
    return max(0, (side // least).bit_length() - 1)


def crop(alpha: Alpha, grid: Grid) -> Alpha:
    """The content's part of the network's output, float32 (h, w), clipped to [0, 1]; a copy.

    Low-precision arithmetic may leave [0, 1] by a hair. Where it gives no number, alpha is 0: the
    background is shown, not the room.
    """
    width, height = grid.content
    content = np.array(alpha[:height, :width], np.float32, order="C")
    cv2.patchNaNs(content, 0.0)
    return np.clip(content, 0.0, 1.0, out=content)
