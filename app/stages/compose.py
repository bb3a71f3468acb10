"""The compose thread: refinement, the background, the blend."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from app.backgrounds.base import Background, create_background
from app.compositing import Compositing
from app.frames import Composite, Matte
from app.light.base import LightTouch
from app.matte_steps.base import MatteStep, MatteSteps
from app.refine.refine import Refine
from app.runtime.stage import Work
from app.stats import Stats

log = logging.getLogger(__name__)


class ComposeWork(Work[Matte]):
    """Matte -> Composite, by a callback. Owns the background from the moment it gets it.

    Args:
        background: open already, or not.
        fallback: gives a background that hides the room and needs no file.
        on_background_failed: called after a background that cannot be opened, or that fails while
            it is shown, was replaced by the fallback.
        steps: open.
        on_notice: takes what a step has to say.
    """

    def __init__(
        self,
        *,
        background: Background,
        fallback: Callable[[], Background],
        refine: Refine,
        steps: Mapping[str, MatteStep],
        light: Sequence[LightTouch],
        emit: Callable[[Composite], None],
        on_background_failed: Callable[[Exception], None],
        on_notice: Callable[[str], None],
        stats: Stats,
    ) -> None:
        self._steps = MatteSteps(steps, on_notice=on_notice)
        self._compositing = Compositing(background, light=light, spare=self._spare)
        self._fallback = fallback
        self._is_fallback = False
        self._refine = refine
        self._emit = emit
        self._on_background_failed = on_background_failed
        self._stats = stats

    def open(self) -> None:
        self._compositing.open()

    def swap_background(self, background: Background) -> None:
        """In this thread, between two frames. `background` is open already."""
        self._compositing.swap(background, is_open=True)
        self._is_fallback = False

    def hide_room(self) -> bool:
        """In this thread, between two frames: the fallback in place of a view of the room.

        Returns whether the fallback is shown now.
        """
        if self._compositing.shows_room:
            self._compositing.swap(self._fallback())
            self._is_fallback = True
        return self._is_fallback

    def swap_refine(self, refine: Refine) -> None:
        """In this thread, between two frames."""
        self._refine = refine

    def swap_steps(self, steps: Mapping[str, MatteStep]) -> None:
        """In this thread, between two frames. Those that stay keep their past."""
        self._steps.take(steps)

    def swap_light(self, light: Sequence[LightTouch]) -> None:
        """In this thread, between two frames."""
        self._compositing.swap_light(light)

    def handle(self, item: Matte) -> None:
        began = time.monotonic()
        mattes = self._steps.push(item)
        cutouts = [cutout for matte in mattes for cutout in self._refine.push(matte)]
        refined = time.monotonic()
        composites = [done for cutout in cutouts for done in self._compositing.push(cutout)]
        self._stats.took("refine", refined - began)
        self._stats.took("composite", time.monotonic() - refined)
        for composite in composites:
            self._emit(composite)

    def close(self) -> None:
        self._compositing.close()

    def _spare(self, error: Exception) -> Background:
        log.debug("the background fails", exc_info=error)
        spare = self._fallback()
        spare.open()
        self._is_fallback = True
        self._on_background_failed(error)
        return spare


class BackgroundWork(Work[str]):
    """Opens backgrounds beside the compose thread, so that a swap takes no time there.

    ready: called with each one, open, and its spec. failed: called where one cannot be opened.
    """

    def __init__(
        self,
        *,
        ready: Callable[[Background, str], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._ready = ready
        self._failed = failed

    def handle(self, item: str) -> None:
        try:
            background = create_background(item)
            try:
                background.open()
            except BaseException:
                background.close()
                raise
        except Exception as error:
            # Also what is not ours: a background is a plug-in, and the one before it still stands.
            log.debug("the background %r cannot be opened", item, exc_info=True)
            self._failed(error)
        else:
            self._ready(background, item)
