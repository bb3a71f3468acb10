"""The person on a background.

The blend runs at the frame's size for every frame, so it stays in uint8; see docs/decisions.md for
what it was measured against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType

import cv2
import numpy as np
from typing_extensions import Self

from app.backgrounds.base import Background
from app.edge_colours import EdgeColours
from app.frames import RGB, Alpha8, Composite, Cutout
from app.light.base import LightTouch
from app.pool import PicturePool
from app.runs import Runs


def blend(
    foreground: RGB | EdgeColours, background: RGB, alpha: Alpha8, *, into: RGB | None = None
) -> RGB:
    """a * foreground + (1 - a) * background with a = alpha / 255, in uint8.

    foreground: (H, W, 3), or such a picture with other colours along its edge. background: (H, W,
    3). alpha: (H, W). Gives `into`, or a new (H, W, 3).
    Less than 1 off the real number everywhere, so never outside of the two colours; exactly the
    foreground at 255, exactly the background at 0.
    """
    if isinstance(foreground, EdgeColours) and foreground.alpha is not alpha:
        foreground = foreground.whole  # alpha changed since: its edge is wider, or elsewhere
    if isinstance(foreground, EdgeColours):
        picture, runs, pixels = foreground.picture, foreground.runs, foreground.pixels
    else:
        picture, runs = foreground, Runs.between(alpha)
        pixels = runs.take(picture)
    blended = np.empty(background.shape, np.uint8) if into is None else into
    np.copyto(blended, background)
    cv2.copyTo(picture, alpha, blended)
    if not runs.is_empty:
        weight = cv2.cvtColor(runs.take(alpha), cv2.COLOR_GRAY2RGB)
        part = cv2.multiply(pixels, weight, scale=1 / 255)
        cv2.bitwise_not(weight, dst=weight)
        cv2.multiply(runs.take(background), weight, dst=weight, scale=1 / 255)
        runs.put(blended, np.asarray(cv2.add(part, weight, dst=part), np.uint8))
    return blended


class Compositing:
    """The step from Cutout to Composite. Owns its background: opens it, closes it.

    Used from one thread at a time.

    Args:
        background: open already, or not.
        light: applied in this order.
        spare: gives an open background in place of one that cannot be opened or fails while it
            renders, from the error. Without it, the error is raised.
    """

    name = "composite"

    def __init__(
        self,
        background: Background,
        *,
        light: Sequence[LightTouch] = (),
        spare: Callable[[Exception], Background] | None = None,
    ) -> None:
        self._background = background
        self._light = tuple(light)
        self._spare = spare
        self._pool = PicturePool()
        self._is_open = False

    def open(self) -> None:
        """Raises InputError where the background cannot be opened and there is no spare one."""
        try:
            self._background.open()
        except Exception as error:
            if self._spare is None:
                raise
            self._replace(self._spare(error))
        self._is_open = True

    def close(self) -> None:
        """May be called twice."""
        self._is_open = False
        self._background.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def swap(self, background: Background, *, is_open: bool = False) -> None:
        """Takes another background for the frames to come, between two pushes.

        is_open: it is open already, so that swapping takes no time. Raises InputError where it
        cannot be opened; the former one then stays.
        """
        if self._is_open and not is_open:
            try:
                background.open()
            except BaseException:
                background.close()
                raise
        self._replace(background)

    @property
    def shows_room(self) -> bool:
        """See Background."""
        return self._background.shows_room

    def _replace(self, background: Background) -> None:
        former, self._background = self._background, background
        if former is not background:
            former.close()

    def _behind(self, item: Cutout) -> RGB | None:
        try:
            return self._background.render(item)
        except Exception as error:
            if self._spare is None:
                raise
            # A background is a plug-in, and its file may go away while it is shown.
            self._replace(self._spare(error))
            return self._background.render(item)

    def swap_light(self, light: Sequence[LightTouch]) -> None:
        """Other touches of light for the frames to come, between two pushes."""
        self._light = tuple(light)

    def push(self, item: Cutout) -> Iterable[Composite]:
        behind = self._behind(item)
        if behind is None:
            return [Composite(item, None)]
        person = item.colours
        if self._light:
            lit = item.foreground
            for touch in self._light:
                lit = touch.touch(lit, behind, item)
            person = lit
        blended = blend(person, behind, item.alpha, into=self._pool.rgb(item.frame.size))
        return [Composite(item, blended)]

    def flush(self) -> Iterable[Composite]:
        return ()

    def reset(self) -> None:
        self._background.reset()
        for touch in self._light:
            touch.reset()
