"""The matting thread: the network, then the filter over time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from app.alternation import Alternation
from app.chain import ChainSettings, open_chain_engine, resolve_weights
from app.engines.base import Engine, EngineInfo
from app.frames import Alpha, Frame, Matte
from app.pace.unchanged import UnchangedPicture
from app.runtime.opening import Opening
from app.runtime.stage import Work
from app.stats import Stats
from app.subject.size_change import SizeChange
from app.temporal.base import TemporalFilter, temporal_filters

# The size that most cameras are opened at; until the source's own is known.
_USUAL_SIZE = (1280, 720)
_TRIALS = 3  # the first of which is slow: memory is taken
# What the network takes once it is fitted to the scene, as a share of what a trial shows.
_FITTED = 0.75


@dataclass(frozen=True)
class Shot:
    """A frame and the stretch it belongs to: between two stretches lies a gap in time."""

    frame: Frame
    stretch: int


@dataclass(frozen=True)
class Past:
    """What a matting stage passes on to the one that follows it: filters and what they hold."""

    alternation: Alternation
    change: SizeChange
    temporal: TemporalFilter
    spec: str
    stretch: int | None


class MattingWork(Work[Shot]):
    """Shot -> Matte, by callbacks.

    A picture that has not changed takes over the matte of the one before, where
    `skip_unchanged`.

    wake: wakes the inbox; may be called from any thread.
    frame_size: the size that frames are expected to have, where it is known.
    on_open: called when the network is ready.
    emit: called with each matte.
    former: gives the last matte of the stage that this one is to follow, where there is one.
    trial: whether to find out what a frame costs before the first one comes: `trial_seconds`.
    opening: whether it is still wanted while `open` runs, which raises Cancelled where it is not.
    """

    def __init__(
        self,
        settings: ChainSettings,
        *,
        wake: Callable[[], None],
        frame_size: Callable[[], tuple[int, int] | None],
        former: Callable[[], Alpha | None],
        on_open: Callable[[MattingWork], None],
        emit: Callable[[Matte], None],
        stats: Stats,
        skip_unchanged: bool = False,
        trial: bool = False,
        opening: Opening | None = None,
    ) -> None:
        self.settings = settings
        self._opening = opening or Opening()
        self.trial_seconds: float | None = None
        self._trial = trial
        self.weights = ""
        self.info: EngineInfo | None = None
        self._wake = wake
        self._frame_size = frame_size
        self._former = former
        self._on_open = on_open
        self._emit = emit
        self._stats = stats
        self._stack = ExitStack()
        self._engine: Engine | None = None
        self._spec = settings.temporal
        self._temporal: TemporalFilter = temporal_filters.create_from_spec(settings.temporal)
        self._unchanged = UnchangedPicture() if skip_unchanged else None
        self.last_alpha: Alpha | None = None  # the network's last word, read by other threads, too
        self._change = SizeChange()
        self._passed_on = False
        self._submitted: deque[float] = deque()  # when each frame in flight went in
        self._alternation = Alternation()
        self._stretch: int | None = None

    @property
    def delay_frames(self) -> int:
        return self._temporal.delay_frames

    def swap_temporal(self, spec: str) -> None:
        """In this thread, between two frames: what the former filter held comes out first."""
        former, self._temporal = self._temporal, temporal_filters.create_from_spec(spec)
        self._spec = spec
        self._send(former.flush())

    def pass_on(self) -> Past:
        """In this thread: what is in the network comes out, and nothing more is taken in."""
        self._take(self._open_engine.drain())
        self._passed_on = True
        return Past(self._alternation, self._change, self._temporal, self._spec, self._stretch)

    def follow(self, past: Past) -> None:
        """Before the first frame: goes on where another stage ended, so that no edge jumps."""
        if past.spec == self._spec:
            self._alternation, self._change = past.alternation, past.change
            self._temporal = past.temporal
            self._stretch = past.stretch

    def open(self) -> None:
        weights = resolve_weights(self.settings)
        self.weights = weights.name if weights else "none"
        self._opening.check()
        engine, self.info = self._stack.enter_context(
            open_chain_engine(self.settings, weights, self._opening)
        )
        engine.keeps_time = True
        expected = self._frame_size()
        last = self._former()
        if self._trial:
            self.trial_seconds = _try_out(engine, expected or _USUAL_SIZE)
        elif expected is not None:
            engine.prepare(expected)
        if last is not None and expected is not None:
            # A network works already: this one is worth nothing where another follows.
            self._opening.check()
            engine.go_on(last, expected, at=time.monotonic())
        engine.on_ready = self._wake
        self._engine = engine
        self._on_open(self)

    def accepts(self) -> bool:
        # What the engine cannot begin at once waits in the inbox, where newer ones replace it.
        return len(self._submitted) < self.settings.in_flight

    def handle(self, item: Shot) -> None:
        if self._passed_on:
            return
        engine = self._open_engine
        if item.stretch != self._stretch:
            engine.drain()
            engine.forget()
            self._submitted.clear()
            self._alternation.reset()
            self._change.reset()
            self._temporal.reset()
            self._stretch = item.stretch
            self.last_alpha = None
            if self._unchanged is not None:
                self._unchanged.reset()
        if self._may_reuse(item.frame) and self.last_alpha is not None:
            self._stats.matted(reused=True)
            self._filter(Matte(item.frame, self.last_alpha))
            return
        self._submitted.append(time.monotonic())
        alternate = self._temporal.takes_mirrored
        engine.submit(self._alternation.into(item.frame, alternate=alternate))

    def _may_reuse(self, frame: Frame) -> bool:
        unchanged = self._unchanged is not None and self._unchanged.is_unchanged(frame)
        # While a frame is in the network its matte is not known yet, and must come out first.
        return unchanged and not self._submitted

    def tick(self) -> None:
        engine = self._open_engine
        if self._submitted:
            self._take(engine.take_ready() if engine.wakes else engine.drain())

    def finish(self) -> None:
        if self._passed_on:
            return
        self._take(self._open_engine.drain())
        self._send(self._temporal.flush())

    def close(self) -> None:
        self._engine = None
        self._stack.close()

    @property
    def _open_engine(self) -> Engine:
        assert self._engine is not None
        return self._engine

    def _take(self, mattes: Iterable[Matte]) -> None:
        for matte in self._alternation.out_of(mattes):
            self._stats.took("matting", time.monotonic() - self._submitted.popleft())
            self._stats.matted()
            self.last_alpha = matte.alpha
            self._filter(matte)

    def _filter(self, matte: Matte) -> None:
        began = time.monotonic()
        ready = list(self._temporal.push(self._change.through(matte)))
        self._stats.took("temporal", time.monotonic() - began)
        self._send(ready)

    def _send(self, mattes: Iterable[Matte]) -> None:
        for matte in mattes:
            self._emit(matte)


def _try_out(engine: Engine, size: tuple[int, int]) -> float:
    """Seconds from a frame's going in to its matte, at best: a start has much else to do.

    size: the frame's (width, height).
    """
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    engine.prepare(size)
    times = []
    for index in range(_TRIALS):
        began = time.monotonic()
        engine.submit(Frame(noise, index, began))
        engine.drain()
        times.append(time.monotonic() - began)
    engine.forget()
    return min(times) * (_FITTED if engine.info.norms == "scene" else 1.0)
