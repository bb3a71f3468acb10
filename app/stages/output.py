"""The thread of one output: shows, paces, hides the room, opens again what was lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from app import cards
from app.backgrounds.fit import resize
from app.compositing import blend
from app.errors import InputError, OutputLost
from app.frames import Composite
from app.outputs.base import Picture
from app.outputs.live_base import LiveFormat, LiveOutput
from app.runtime.stage import Work
from app.stats import Stats
from app.views import View, show

log = logging.getLogger(__name__)

# Seconds without a new composite until a private output shows the neutral picture instead.
STALL = 1.0
BACKOFF = (0.25, 0.5, 1.0, 2.0, 4.0)
# An output that took pictures for this long, in seconds, was really there.
_SETTLED = 2.0


class Curtain(Enum):
    """What a private output is told to show instead of the person."""

    NEUTRAL = "the neutral picture, until the next composite"
    CARD = "be right back, until the next composite"
    HOLD = "the picture that is there now, until the next composite"
    LIFT = "nothing special any more: a held picture becomes an old one"


Shown = Composite | Curtain


@dataclass(frozen=True)
class Look:
    """How composites and cards are shown. card: a picture file, or None for the built-in one."""

    form: LiveFormat
    mirror: bool
    card: Path | None


class OutputEvents(Protocol):
    """What an output tells. Called from its thread."""

    def opened(self, description: str) -> None: ...

    def works(self) -> None:
        """The first picture since it was opened has arrived."""

    def lost(self, error: OutputLost) -> None:
        """The output is closed and will be opened again."""

    def card_failed(self, error: InputError) -> None:
        """The picture for "be right back" cannot be read; the built-in one is shown."""


class OutputWork(Work[Shown]):
    """Owns one open LiveOutput."""

    def __init__(
        self,
        name: str,
        output: LiveOutput,
        *,
        look: Look,
        events: OutputEvents,
        stats: Stats,
        backoff: Sequence[float] = BACKOFF,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.busy_since: float | None = None  # when a write began that has not come back
        self._name = name
        self._output = output
        self._look = look
        self._events = events
        self._stats = stats
        self._backoff = tuple(backoff)
        self._clock = clock
        self._is_open = False
        self._works = False
        self._opened_at = 0.0
        self._failures = 0
        self._retry_at = 0.0
        self._last: tuple[Picture, float] | None = None  # what is to be seen, and its captured_at
        self._curtain = False  # a card is up
        self._held = False
        self._new_at = 0.0  # when the last composite was written
        self._resend_at = 0.0

    def open(self) -> None:
        self._open()

    def change_look(self, look: Look) -> None:
        """In this thread, between two pictures. Another size means opening it again."""
        reopen = look.form != self._look.form and self._output.fixed_size
        self._look = look
        if reopen and self._is_open:
            # A picture of the old size is of no use, so a held one gives way to the neutral one.
            self._close()
            self._last, self._held = None, False
            self._open()

    def due(self) -> float | None:
        if not self._is_open:
            return self._retry_at
        times = []
        if self._may_stall:
            times.append(self._new_at + STALL)
        if self._output.paced and self._last is not None:
            times.append(self._resend_at)
        return min(times, default=None)

    def handle(self, item: Shown) -> None:
        if isinstance(item, Curtain):
            self._draw(item)
        elif not self._is_open:
            self._stats.dropped(f"output {self._name}")
        else:
            frame = item.cutout.frame
            picture = self._rendered(item)
            self._curtain = self._held = False
            self._last = picture, frame.captured_at
            self._new_at = self._clock()
            if self._write(wait=1.5):
                self._stats.wrote(self._name, frame.captured_at)

    def tick(self) -> None:
        now = self._clock()
        if not self._is_open:
            if now >= self._retry_at:
                self._open()
        elif self._may_stall and now >= self._new_at + STALL:
            log.info("%s: no new picture for %.1f s, the neutral one is shown", self._name, STALL)
            self._put_up(cards.neutral(self._look.form.size))
        elif self._output.paced and self._last is not None and now >= self._resend_at:
            self._stats.resent(self._name)
            self._write(wait=1.0)

    def close(self) -> None:
        self._close()

    @property
    def _may_stall(self) -> bool:
        return self._output.private and not self._curtain and not self._held

    def _draw(self, curtain: Curtain) -> None:
        size = self._look.form.size
        if curtain is Curtain.HOLD:
            self._held = True
        elif curtain is Curtain.LIFT:
            self._held = False
            self._new_at = self._clock()
        elif curtain is Curtain.CARD:
            try:
                card = cards.be_right_back(size, self._look.card)
            except InputError as error:
                card = cards.be_right_back(size)
                self._events.card_failed(error)
            self._put_up(card)
        else:
            self._put_up(cards.neutral(size))

    def _put_up(self, card: Picture) -> None:
        self._last = card, self._clock()
        self._curtain, self._held = True, False
        if self._is_open:
            self._write(wait=1.0)

    def _rendered(self, composite: Composite) -> Picture:
        """What the output takes: mirrored, on black where it knows no alpha, in its own size."""
        picture: Picture
        if composite.rgb is not None or self._output.accepts_alpha:
            picture = show(View.COMPOSITE, composite)
        else:
            cutout = composite.cutout
            black = np.zeros_like(cutout.frame.rgb)
            picture = blend(cutout.colours, black, cutout.alpha)
        if self._look.mirror:
            picture = np.asarray(cv2.flip(picture, 1), np.uint8)
        if self._output.fixed_size:
            picture = letterbox(picture, self._look.form.size)
        return picture

    def _open(self) -> None:
        try:
            self._output.open(self._look.form)
        except OutputLost as error:
            self._lost(error)
            return
        self._is_open, self._works = True, False
        self._opened_at = self._clock()
        self._events.opened(self._output.description)
        if not self._output.private:
            self._last = None
        elif self._last is not None and (self._curtain or self._held):
            self._write(wait=1.0)
        else:
            self._put_up(cards.neutral(self._look.form.size))

    def _write(self, *, wait: float) -> bool:
        """Writes what is to be seen; whether it went well.

        wait: how many turns until it is sent again where nothing new comes; more than one after a
        new picture, since a source that is as fast as the output is never quite on time.
        """
        assert self._last is not None
        picture, captured_at = self._last
        began = self.busy_since = self._clock()
        try:
            self._output.write(picture, captured_at)
            reason = self._output.failure()
        except OutputLost as error:
            self._lost(error)
            return False
        finally:
            self.busy_since = None
        now = self._clock()
        self._stats.took(f"output {self._name}", now - began)
        self._resend_at = now + wait / self._look.form.rate
        if reason is not None:
            self._lost(OutputLost(reason))
            return False
        if not self._works:
            self._works = True
            self._events.works()
        if now - self._opened_at > _SETTLED:
            self._failures = 0
        return True

    def _lost(self, error: OutputLost) -> None:
        self._close()
        self._retry_at = self._clock() + self._backoff[min(self._failures, len(self._backoff) - 1)]
        self._failures += 1
        self._events.lost(error)

    def _close(self) -> None:
        self._is_open = False
        self._output.close()


def letterbox(picture: Picture, size: tuple[int, int]) -> Picture:
    """`picture`, (h, w, 3) or (h, w, 4), whole and centred in `size` (width, height).

    What is beside it is black, or transparent. `picture` itself where it has that size.
    """
    rows, columns = picture.shape[:2]
    if (columns, rows) == size:
        return picture
    scale = min(size[0] / columns, size[1] / rows)
    width = min(size[0], max(1, round(columns * scale)))
    height = min(size[1], max(1, round(rows * scale)))
    inner = resize(picture, (width, height))
    if (width, height) == size:
        return inner
    boxed = np.zeros((size[1], size[0], picture.shape[2]), np.uint8)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    boxed[top : top + height, left : left + width] = inner
    return boxed
