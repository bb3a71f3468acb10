"""The network of a live pipeline: opened beside the running one, handed over, and ended.

What runs inside a library cannot be interrupted, and what is left alone there crashes the program.
So at most one network is being opened at any time. Where another one is wanted meanwhile it waits,
as no more than a note: when its turn comes it is opened with the newest settings. A network that is
replaced while it is opened ends at its next step; until its thread has ended no other one begins.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from app.frames import Alpha, Matte
from app.modnet.preprocess import NetworkSize, grid_for
from app.pace.pace import Pace
from app.runtime.mailbox import Mailbox
from app.runtime.memory import keep_freed, let_freed_go
from app.runtime.opening import Opening
from app.runtime.stage import Stage
from app.settings import LiveSettings
from app.stages.matting import MattingWork, Past, Shot
from app.stats import Stats
from app.subject.size_policy import SizePolicy, extent_of
from app.temporal.base import temporal_filters

log = logging.getLogger(__name__)

# Seconds that a network that is replaced may take to give its last mattes.
_PASSING_ON = 1.0
# Networks that were replaced and have not ended yet. Beyond it no other one is opened. The second
# is for one that its driver holds.
_LEAVING = 2


@dataclass(frozen=True)
class MattingHost:
    """What the network needs of its pipeline.

    Attributes:
        lock: held whenever LiveMatting is called, and taken by the network's threads.
        stats: of the run.
        settings: the newest.
        running: whether threads may be started.
        source_rate: frames a second of the source, None while it is not known.
        frame_size: (width, height), None while it is not known.
        emit: takes each matte, without the lock.
        start: starts a stage that the pipeline ends.
        know: takes facts of `live_events.Info`.
        opened: called when a network has taken over.
        failed: called where one failed: "engine" while it was opened, "matting" later; and whether
            there is none now.
    """

    lock: AbstractContextManager[bool]
    stats: Callable[[], Stats]
    settings: Callable[[], LiveSettings]
    running: Callable[[], bool]
    source_rate: Callable[[], float | None]
    frame_size: Callable[[], tuple[int, int] | None]
    emit: Callable[[Matte], None]
    start: Callable[[Stage[Any]], object]
    know: Callable[..., None]
    opened: Callable[[], None]
    failed: Callable[[str, Exception, bool], None]


@dataclass(frozen=True, eq=False)
class _Network:
    """A stage, its work, and what it was opened for."""

    stage: Stage[Shot]
    work: MattingWork
    settings: LiveSettings
    opening: Opening


class LiveMatting:
    """Called with the host's lock held, but for what the threads tell."""

    def __init__(self, host: MattingHost) -> None:
        self._host = host
        self._opening: _Network | None = None
        self._leaving: list[_Network] = []
        self.begin()

    def begin(self) -> None:
        """A run begins, or has ended: nothing is open. What did not end yet still has its place."""
        self._pace = Pace(self._host.settings())
        self._subject = SizePolicy()
        self._current: _Network | None = None
        self._waiting = False  # another one is to be opened after it
        if self._opening is not None and not self._opening.stage.is_alive:
            self._opening = None
        self._leaving = [network for network in self._leaving if network.stage.is_alive]

    # ---- what the pipeline asks ------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether a network works on frames."""
        return self._current is not None

    @property
    def is_opening(self) -> bool:
        """Whether a network is being opened, or waits for that."""
        return self._opening is not None or self._waiting

    @property
    def stage(self) -> Stage[Shot] | None:
        """The one that works on frames."""
        return None if self._current is None else self._current.stage

    @property
    def size_in_use(self) -> NetworkSize:
        return self._pace.size if self._current is None else self._current.work.settings.size

    def open(self) -> None:
        """Opens a network as the newest settings say; the one that runs goes on until then."""
        self._waiting = True
        following = self._opening
        if following is not None:
            if _converted_from(following.settings) == _converted_from(self._host.settings()):
                following.opening.supersede()
            else:
                following.opening.cancel()
        self._advance()

    def apply(self, old: LiveSettings) -> None:
        """The settings have changed; `old` are the former ones."""
        settings = self._host.settings()
        if _network_of(settings) != _network_of(old):
            self._pace = Pace(settings)
            self.open()
        elif settings.temporal != old.temporal:
            self._swap_temporal(settings.temporal)

    def put(self, shot: Shot) -> None:
        if self._current is not None:
            self._current.stage.inbox.put(shot)

    def watch(self, now: float, *, recording: bool) -> None:
        """Now and then: opens a network of another size where the one in use is too slow, or could
        be finer.

        Args:
            now: of time.monotonic().
            recording: whether an encoder works beside it.
        """
        settings = self._host.settings()
        if self.is_opening:
            return
        self._pace.look(
            self._host.stats(),
            settings.in_flight,
            self._host.source_rate(),
            now,
            recording=recording,
        )
        self._follow_subject(settings, now)
        if self._pace.size != self.size_in_use:
            log.info("the network goes on at %s", self._pace.size)
            self.open()

    def cancel_opening(self) -> None:
        """The run ends: what is being opened ends at its next step, and nothing else begins."""
        self._waiting = False
        if self._opening is not None:
            self._opening.opening.cancel()
            self._opening.stage.abandon()

    # ---- one at a time ---------------------------------------------------------------------------

    def _advance(self) -> None:
        """Opens the one that waits, where it is its turn."""
        if not self._waiting or self._opening is not None or not self._host.running():
            return
        if len(self._leaving) >= _LEAVING:
            return
        self._waiting = False
        host, settings, opening = self._host, self._host.settings(), Opening()

        def frame_size() -> tuple[int, int] | None:
            with host.lock:
                return host.frame_size()

        def last_alpha() -> Alpha | None:
            with host.lock:
                return self._last_alpha

        # The stage needs its work, and the work wakes the stage.
        work = MattingWork(
            replace(settings.chain(), size=self._pace.size),
            wake=lambda: stage.inbox.wake(),
            frame_size=frame_size,
            former=last_alpha,
            on_open=lambda _: self._opened(network),
            emit=lambda matte: self._matted(network, matte),
            stats=host.stats(),
            skip_unchanged=settings.skip_unchanged,
            trial=self._pace.wants_trial,
            opening=opening,
        )
        stage: Stage[Shot] = Stage(
            "matting",
            work,
            on_end=lambda error: self._ended(network, error),
            on_drop=lambda: host.stats().dropped("matting"),
        )
        network = _Network(stage, work, settings, opening)
        self._opening = network
        host.start(stage)

    def _swap_temporal(self, spec: str) -> None:
        if self.is_opening or self._current is None:
            # It was to be opened with the former filter.
            self.open()
            return
        work = self._current.work
        self._current.stage.post(lambda: work.swap_temporal(spec))
        self._host.know(delay_frames=temporal_filters.create_from_spec(spec).delay_frames)

    @property
    def _last_alpha(self) -> Alpha | None:
        """The network's last word."""
        return None if self._current is None else self._current.work.last_alpha

    def _follow_subject(self, settings: LiveSettings, now: float) -> None:
        alpha, frame_size = self._last_alpha, self._host.frame_size()
        if alpha is None or frame_size is None:
            return
        factor = 1.0
        if settings.size_follows_subject:
            factor = self._subject.factor(extent_of(alpha), at=now)
        else:
            self._subject.reset()
        self._pace.follow_subject(factor, frame_size)

    # ---- what the threads tell -------------------------------------------------------------------

    def _opened(self, network: _Network) -> None:
        with self._host.lock:
            if not self._is_wanted(network):
                network.stage.abandon()
                return
            if not self._waiting and self._pace.tried(
                network.work.trial_seconds, network.settings.in_flight, self._host.source_rate()
            ):
                log.info("the network begins at %s", self._pace.size)
                self._waiting = True
                network.stage.abandon()
                return
            former = self._current
        # Not with the lock held: its last mattes come out first.
        past = _past_of(former)
        if past is not None:
            network.work.follow(past)
        with self._host.lock:
            if not self._is_wanted(network):
                network.stage.abandon()
                return
            self._take_over(network)

    def _is_wanted(self, network: _Network) -> bool:
        """One that was replaced meanwhile is better than none."""
        if network is not self._opening or not self._host.running() or network.opening.cancelled:
            return False
        return self._current is None or not self._waiting

    def _take_over(self, network: _Network) -> None:
        former, work = self._current, network.work
        self._current, self._opening = network, None
        self._pace.opened(time.monotonic())
        self._host.know(engine=work.info, weights=work.weights, delay_frames=work.delay_frames)
        frame_size = self._host.frame_size()
        if frame_size is not None:
            self._host.know(
                network_size=str(grid_for(frame_size, work.settings.size)),
                size_for_subject=self._pace.is_for_subject,
            )
        if former is not None:
            let_freed_go()  # until it has ended
            self._leaving.append(former)
            former.opening.cancel()  # of what it converts beside the frames
            former.stage.abandon()
        self._host.opened()
        self._advance()

    def _matted(self, network: _Network, matte: Matte) -> None:
        with self._host.lock:
            wanted = network is self._current
        if wanted:
            self._host.emit(matte)

    def _ended(self, network: _Network, error: Exception | None) -> None:
        with self._host.lock:
            running, where = self._host.running(), ""
            if network is self._opening:
                self._opening, where = None, "engine"
            elif network is self._current:
                self._current, where = None, "matting"
            elif network in self._leaving:
                self._leaving.remove(network)
                if running:
                    keep_freed()
            # What was replaced failed for nobody.
            told = error is not None and running and not (where == "engine" and self._waiting)
            if where and error is not None and told:
                if self._current is not None:
                    self._pace.failed(self._current.work.settings.size)
                self._host.failed(where, error, self._current is None)
            self._advance()


def _past_of(network: _Network | None) -> Past | None:
    """What the network passes on when it has nothing more to do; None where it does not answer."""
    if network is None or not network.stage.is_alive:
        return None
    box: Mailbox[Past] = Mailbox()
    work = network.work

    def pass_on() -> None:
        box.put(work.pass_on())

    network.stage.post(pass_on)
    past = box.take(until=time.monotonic() + _PASSING_ON)
    return past if isinstance(past, Past) else None


def _converted_from(settings: LiveSettings) -> tuple[object, ...]:
    """What decides about the conversion of the weights."""
    return (
        settings.weights,
        settings.engine,
        settings.device,
        settings.precision,
        settings.norms,
    )


def _network_of(settings: LiveSettings) -> tuple[object, ...]:
    """What needs another network when it changes."""
    return (
        *_converted_from(settings),
        settings.size,
        settings.in_flight,
        settings.compile,
        settings.quality,
        settings.skip_unchanged,
    )
