"""One-Frame Delay (MODNet, sec. 4.3): a flicker is what both neighbours in time disagree with.

Per pixel, a[t] is a flicker where a[t-1] and a[t+1] are close to each other and both far from it:

    |a[t-1] - a[t+1]| <= xi,  |a[t] - a[t-1]| > xi,  |a[t] - a[t+1]| > xi.

It needs the next frame, hence the delay. Neighbours are taken before filtering: a value that was
put in for one frame is never the reason to change the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from app.frames import Alpha, Matte
from app.registry import option
from app.temporal.base import temporal_filters
from app.temporal.neighbours import OneFrameLater, on_grid_of


@temporal_filters.register("ofd", title="One-frame delay")
class OneFrameDelay(OneFrameLater):
    """Removes flicker that lasts one frame; the picture comes one frame later."""

    @dataclass(frozen=True)
    class Options:
        xi: float = option(
            0.1,
            "Threshold",
            "How far alpha must jump to and fro to count as a flicker",
            minimum=0.0,
            maximum=1.0,
        )
        replace_by: Literal["mean", "previous"] = option(
            "mean",
            "Replace by",
            "The mean of both neighbours, or the previous one",
        )

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._options = options

    def filtered(self, before: Matte, held: Matte, after: Matte) -> Matte:
        alpha = replace_flicker(
            on_grid_of(before.alpha, held.alpha),
            held.alpha,
            on_grid_of(after.alpha, held.alpha),
            xi=self._options.xi,
            replace_by=self._options.replace_by,
        )
        return held if alpha is held.alpha else Matte(held.frame, alpha)


def replace_flicker(
    before: Alpha,
    alpha: Alpha,
    after: Alpha,
    *,
    xi: float,
    replace_by: Literal["mean", "previous"] = "mean",
) -> Alpha:
    """`alpha` with its flickering pixels replaced; `alpha` itself where there are none.

    All float32 (h, w) in [0, 1]. MODNet, sec. 4.3; the paper's mean, or the previous value, which
    a published note on the paper has.
    """
    away = cv2.absdiff(alpha, before) > xi
    # Most of a matte stands still, so the first comparison mostly decides.
    if not away.any():
        return alpha
    flicker = away & (cv2.absdiff(alpha, after) > xi) & (cv2.absdiff(before, after) <= xi)
    if not flicker.any():
        return alpha
    put = before if replace_by == "previous" else cv2.addWeighted(before, 0.5, after, 0.5, 0.0)
    return np.where(flicker, put, alpha)
