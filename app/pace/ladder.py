"""The network sizes that a wish for speed may be served with."""

from __future__ import annotations

from collections.abc import Sequence

from app.modnet.preprocess import NetworkSize, grid_for

# Boxes that the network's input fits in, from the finest down. Below the last one hands and hair
# are lost (docs/quality.md), so a machine that cannot keep up there drops frames and says so.
BOXES = ("512x288", "448x256", "384x224", "320x192", "256x160")

USUAL_FRAME = (1280, 720)  # of a webcam


def ladder(finest: NetworkSize) -> Sequence[NetworkSize]:
    """The sizes that may be used, the finest first; `finest` is the user's own wish, or AUTO."""
    smaller = [NetworkSize.parse(box) for box in BOXES]
    # Compared by what becomes of a usual webcam's picture: boxes have no order of their own.
    return [finest, *(size for size in smaller if cost(size) < cost(finest))]


def cost(size: NetworkSize, frame_size: tuple[int, int] = USUAL_FRAME) -> int:
    """Pixels of the network's input, which its time grows with."""
    width, height = grid_for(frame_size, size).padded
    return width * height
