"""What of a composite is shown: pure functions from Composite to a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from app.frames import RGB, RGBA, Alpha8, Composite, Cutout
from app.outputs.base import Channels, Picture

# The person's colours are kept this far, in pixels, beyond the matte: where chroma is coded at half
# size, black right at the edge would bleed into it.
_RIM = 3
_CHECKER_LIGHT, _CHECKER_DARK = 204, 153


class View(str, Enum):
    """What `--show` takes."""

    COMPOSITE = "composite"
    MATTE = "matte"
    FOREGROUND = "foreground"
    SIDE_BY_SIDE = "side-by-side"
    ORIGINAL = "original"


def show(view: View, composite: Composite) -> Picture:
    """The picture of `view`, C-contiguous; it may share the composite's arrays: read only."""
    return _VIEWS[view].render(composite)


def channels(view: View, *, transparent: bool) -> Channels:
    """What `show` gives, so that a file format can be chosen before the first frame.

    transparent: whether the background is, that is, whether `Composite.rgb` is None.
    """
    kind = _VIEWS[view]
    return kind.transparent if transparent else kind.opaque


def output_size(view: View, size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of what `show` gives for a frame of `size`."""
    return size[0] * _VIEWS[view].columns, size[1]


def checkerboard(size: tuple[int, int]) -> RGB:
    """The grey squares that stand for "nothing", about 36 to a frame's height."""
    width, height = size
    side = max(1, height // 36)
    odd = (np.arange(height)[:, None] // side + np.arange(width)[None, :] // side) % 2
    grey = np.where(odd == 1, np.uint8(_CHECKER_DARK), np.uint8(_CHECKER_LIGHT))
    return np.repeat(grey[:, :, None], 3, axis=2)


def _composite(composite: Composite) -> RGB | RGBA:
    return _foreground(composite) if composite.rgb is None else composite.rgb


def _matte(composite: Composite) -> Alpha8:
    return composite.cutout.alpha


def _foreground(composite: Composite) -> RGBA:
    """The room is blanked where the matte is 0: a cut-out must not carry it along unseen."""
    import cv2

    cutout: Cutout = composite.cutout
    near = cv2.dilate(cutout.alpha, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8))
    blank = np.zeros((*cutout.alpha.shape, 4), np.uint8)
    rgba = cv2.cvtColor(cutout.foreground, cv2.COLOR_RGB2RGBA)
    rgba = cv2.copyTo(rgba, near, blank)
    cv2.insertChannel(cutout.alpha, rgba, 3)
    return np.asarray(rgba, np.uint8)


def _side_by_side(composite: Composite) -> RGB:
    from app.compositing import blend

    cutout, right = composite.cutout, composite.rgb
    if right is None:
        right = blend(cutout.colours, checkerboard(cutout.frame.size), cutout.alpha)
    return np.concatenate((cutout.frame.rgb, right), axis=1)


def _original(composite: Composite) -> RGB:
    return composite.cutout.frame.rgb


@dataclass(frozen=True)
class _Kind:
    render: Callable[[Composite], Picture]
    opaque: Channels
    transparent: Channels
    columns: int = 1


_VIEWS: Mapping[View, _Kind] = {
    View.COMPOSITE: _Kind(_composite, "rgb", "rgba"),
    View.MATTE: _Kind(_matte, "grey", "grey"),
    View.FOREGROUND: _Kind(_foreground, "rgba", "rgba"),
    View.SIDE_BY_SIDE: _Kind(_side_by_side, "rgb", "rgb", columns=2),
    View.ORIGINAL: _Kind(_original, "rgb", "rgb"),
}
