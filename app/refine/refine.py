"""The refinement step."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from app.edge_colours import EdgeColours
from app.frames import RGB, RGBA, Alpha, Alpha8, Cutout, Matte
from app.pool import PicturePool
from app.refine.edge import EdgeTool
from app.refine.guided import Guide
from app.temporal.motion import small_picture


class Refine:
    """Matte -> Cutout at the frame's size.

    With `colours` the frame's own colours lead the edge, and the person's colours are estimated
    there; without, alpha is enlarged bilinearly and the frame's own pixels are taken, which is how
    MODNet's demonstrations do it. `edge` changes what came of it, as the user wishes.
    """

    name = "refine"

    def __init__(self, *, colours: bool, edge: EdgeTool | None = None) -> None:
        self._colours = colours
        self._edge = edge
        self._guide = Guide()
        self._alphas = PicturePool()

    def push(self, item: Matte) -> Iterable[Cutout]:
        frame = item.frame
        alpha = enlarge(item.alpha, frame.size, into=self._alphas.alpha(frame.size))
        colours: RGB | EdgeColours = frame.rgb
        if self._colours:
            small = small_picture(frame)
            at = frame.captured_at
            alpha, colours = self._guide.lead(item.alpha, alpha, frame.rgb, small=small, at=at)
        if self._edge is not None:
            # Last: the colours follow from the alpha that is true of the picture.
            alpha = self._edge.apply(alpha)
        if frame.rgba is not None:
            alpha, colours = keep_transparent(frame.rgba, alpha, colours)
        return (Cutout(frame, alpha, colours),)

    def flush(self) -> Iterable[Cutout]:
        return ()

    def reset(self) -> None:
        self._guide.reset()


def keep_transparent(rgba: RGBA, alpha: Alpha8, colours: RGB | EdgeColours) -> tuple[Alpha8, RGB]:
    """The cut-out of a picture that was transparent in parts: these stay so, with their own colors.

    rgba: the picture's own, straight. alpha: uint8 (H, W) of the person.
    """
    own = np.ascontiguousarray(rgba[..., 3])
    whole = colours.whole if isinstance(colours, EdgeColours) else colours
    straight = np.where(own[..., None] < 255, rgba[..., :3], whole)
    kept = cv2.multiply(alpha, own, scale=1 / 255)
    return np.asarray(kept, np.uint8), np.ascontiguousarray(straight)


def enlarge(alpha: Alpha, size: tuple[int, int], *, into: Alpha8 | None = None) -> Alpha8:
    """`alpha`, float32 (h, w) in [0, 1], as uint8 at `size` (width, height), bilinearly.

    Gives `into`, where there is one, or a new picture.
    """
    # A step before may have left [0, 1], and `convertScaleAbs` would make -0.2 of it 0.2.
    inside = cv2.min(cv2.max(alpha, 0.0), 1.0)  # type: ignore[call-overload]
    # Rounding to 8 bits first costs at most half a step of 1/255 and makes the resize cheap.
    small = cv2.convertScaleAbs(inside, alpha=255.0)
    return np.asarray(cv2.resize(small, size, dst=into, interpolation=cv2.INTER_LINEAR), np.uint8)
