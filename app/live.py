"""The live pipeline: owns every thread. Read this third, after app.frames and app.flow.

    capture -> [1] -> matting, temporal -> [1] -> refine, background, blend -> [n] -> each output

Each arrow is a mailbox that drops the oldest and counts it. The end travels downstream: `stop()`
ends capture, and each stage drains, flushes and closes what it opened, in its own thread.

Everything is called back from one more thread, in order, so that nobody who listens can hold up
the picture.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from typing_extensions import Self

from app.backgrounds.base import Background, create_background, shows_room
from app.engines.base import engines
from app.errors import InputError, MattecamError, OptionError
from app.frames import Composite, Frame, Matte
from app.light.base import create_light
from app.live_events import Callbacks, Failure, Info, State, Teller, failure_of
from app.live_matting import LiveMatting, MattingHost
from app.live_names import check_parts
from app.live_outputs import Host, LiveOutputs
from app.matte_steps.base import open_matte_steps
from app.modnet.preprocess import grid_for
from app.on_demand import MakeWatch, OnDemand
from app.outputs.live_base import LiveOutput, create_live_output
from app.outputs.loopback_readers import ReaderWatch
from app.refine.edge import edge_tools
from app.refine.refine import Refine
from app.runtime.mailbox import Mailbox
from app.runtime.memory import give_back, keep_freed, let_freed_go
from app.runtime.opencv import work_in_the_callers_thread
from app.runtime.stage import Stage, Worker
from app.settings import LiveSettings
from app.sources.live_base import LiveSource, create_live_source, silence_of
from app.stages.capture import BACKOFF, Capture
from app.stages.compose import BackgroundWork, ComposeWork
from app.stages.matting import Shot
from app.stages.output import STALL, Curtain
from app.stats import Stats
from app.zoom import zoomed

__all__ = ["Callbacks", "Failure", "Info", "LivePipeline", "Preview", "State"]

log = logging.getLogger(__name__)

# So long a new capture thread waits for the old one to release the device.
_HANDOVER = 2.0
# So long a source that is opened may take for its first picture, in seconds: a camera's own limit.
_FIRST_PICTURE = 10.0
# Where a background cannot be opened: it hides the room, and needs no file.
_SAFE_BACKGROUND = "blur"


class Preview:
    """What the user sees of themselves: a mailbox of depth one, emptied by whoever shows it.

    doorbell: rings, from a thread of the pipeline, when something came into the empty box. It must
        not wait; a signal that is delivered later is what it is made for.
    """

    def __init__(self, name: str, doorbell: Callable[[], None], pipeline: LivePipeline) -> None:
        self.name = name
        self.seen = True  # False while nobody can see it: a window that is minimised
        self._pipeline = pipeline
        self._mailbox: Mailbox[Frame | Composite] = Mailbox(
            doorbell=doorbell, on_drop=lambda: pipeline.stats.dropped(name)
        )

    def take(self) -> Frame | Composite | None:
        """The newest picture, or None. A bare Frame where there is no matte for it."""
        return self._mailbox.take_now()

    def shown(self, picture: Frame | Composite) -> None:
        """To be called when a picture that was taken is on the screen: for the statistics."""
        if isinstance(picture, Composite):
            self._pipeline.stats.wrote(self.name, picture.cutout.frame.captured_at)

    def put(self, picture: Frame | Composite) -> None:
        self._mailbox.put(picture)


class LivePipeline:
    """From a source to outputs, live. All methods may be called from any thread.

    `start()` returns at once: what takes long (the weights, the camera) happens in the threads and
    is told by the callbacks. As a context manager it starts and stops itself.
    """

    def __init__(
        self,
        settings: LiveSettings,
        callbacks: Callbacks | None = None,
        *,
        create_source: Callable[[str], LiveSource] = create_live_source,
        create_output: Callable[[str], LiveOutput] = create_live_output,
        backoff: Sequence[float] = BACKOFF,
        watch_readers: MakeWatch = ReaderWatch,
    ) -> None:
        self.stats = Stats()
        self._settings = settings
        self._callbacks = callbacks or Callbacks()
        self._create_source = create_source
        self._backoff = backoff
        self._lock = threading.RLock()
        self._stop_lock = threading.Lock()
        self._outputs = LiveOutputs(
            Host(
                lock=self._lock,
                stats=lambda: self.stats,
                settings=lambda: self._settings,
                running=lambda: self._running,
                card=lambda: self._showing is State.CARD,
                start=self._run_stage,
                report=self._report,
                describe=lambda opened: self._know(outputs=opened),
            ),
            create_output,
            backoff=backoff,
        )
        self._matting = LiveMatting(
            MattingHost(
                lock=self._lock,
                stats=lambda: self.stats,
                settings=lambda: self._settings,
                running=lambda: self._running,
                source_rate=lambda: self._info.source_rate,
                frame_size=lambda: self._frame_size,
                emit=self._matted,
                start=self._run_stage,
                know=self._know,
                opened=self._network_opened,
                failed=self._network_failed,
            )
        )
        self._previews: list[Preview] = []
        self._taps: tuple[Callable[[Composite], None], ...] = ()
        self._left_behind: tuple[str, ...] = ()
        self._started = False
        self._demand = OnDemand(self._rest, watch=watch_readers)
        self._forget()

    def _forget(self) -> None:
        """What belongs to one run."""
        self._state = State.STOPPED
        self._stopping = False
        self._showing = State.RUNNING  # or PAUSED, FROZEN, CARD: what the user asked for
        self._resting = False  # nobody looks
        self._info = Info()
        self._stages: list[Stage[Any] | Worker] = []  # each that was started and may still run
        self._capture: Capture | None = None
        self._capture_worker: Worker | None = None
        self._compose: Stage[Matte] | None = None
        self._compose_work: ComposeWork | None = None
        self._preparing: Stage[str] | None = None
        self._events: Stage[Callable[[], None]] | None = None
        self._stretch = 0
        self._frame_size: tuple[int, int] | None = None
        self._dead: set[str] = set()  # "source", "engine", "matting", "compose"
        self._source_told = ""  # the failure of the source that was told last
        self._source_lost = False
        self._stall_told = False
        self._last_frame = 0.0
        self._has_begun = False  # a frame has come since the source was opened or resumed
        self._last_composite: float | None = None

    # ---- what may be asked -------------------------------------------------------------------

    @property
    def settings(self) -> LiveSettings:
        with self._lock:
            return self._settings

    @property
    def state(self) -> State:
        with self._lock:
            return self._state

    @property
    def info(self) -> Info:
        with self._lock:
            return self._info

    @property
    def outputs(self) -> Sequence[str]:
        """The names of the outputs, in the order in which they were added."""
        with self._lock:
            return self._outputs.names

    # ---- start and stop ----------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts all threads. Nothing happens where it runs already.

        Raises MattecamError where a setting names what does not exist; nothing runs then.
        """
        with self._lock:
            if self._started:
                return
            settings = self._settings
            self._check(settings)
            self._check_source(settings.source)
            made = self._outputs.make(settings.outputs)
            self._forget()
            self._matting.begin()
            work_in_the_callers_thread()
            keep_freed()
            self.stats = Stats()
            self._started = True
            self._state = State.STARTING
            self._last_frame = time.monotonic()
            self._events = self._run_stage(
                Stage("events", Teller(self._watch), on_end=self._log_end("events"), depth=256)
            )
            self._tell(lambda: self._callbacks.on_state_changed(State.STARTING))
            self._preparing = self._run_stage(
                Stage(
                    "background",
                    BackgroundWork(
                        ready=self._background_ready,
                        failed=self._background_failed,
                    ),
                    on_end=self._log_end("background"),
                )
            )
            self._start_compose()
            self._outputs.begin()
            self._outputs.follow(settings.outputs, made)
            self._open_network()
            self._start_capture()

    def stop(self, timeout: float = 3.0) -> tuple[str, ...]:
        """Ends everything within `timeout` seconds; gives the names of threads left behind.

        A thread is left behind where a driver's call does not return; it ends when that does. May
        be called twice, and from a callback.
        """
        with self._lock:
            called_back = any(stage.is_current for stage in self._stages)
        if not self._stop_lock.acquire(blocking=not called_back):
            return ()  # whoever stops it waits for this very thread
        try:
            return self._stop(timeout)
        finally:
            self._stop_lock.release()

    def _stop(self, timeout: float) -> tuple[str, ...]:
        with self._lock:
            if not self._started:
                return self._left_behind
            self._stopping = True
        let_freed_go()
        # Not with the lock held: a watch may be telling, and waits for it.
        self._demand.stop()
        with self._lock:
            preparing = self._preparing
            capture, worker = self._capture, self._capture_worker
            self._matting.cancel_opening()
            matting, compose = self._matting.stage, self._compose
            outputs, stages = self._outputs.threads, list(self._stages)
            events = self._events
        assert events is not None
        until = time.monotonic() + timeout
        if preparing is not None:
            preparing.abandon()
        if capture is not None:
            capture.stop()
        if worker is not None:
            worker.join(_share(until, steps=5))
        for steps, stage in ((4, matting), (3, compose)):
            if stage is not None:
                stage.close()
                if not stage.join(_share(until, steps=steps)):
                    stage.abandon()
        for _, output_stage in outputs:
            output_stage.close()
        share = _share(until, steps=2)
        for output, output_stage in outputs:
            if not output_stage.join(share):
                output.interrupt()
                output_stage.abandon()
        left = [stage.name for stage in stages if stage is not events and not stage.join(until)]
        return self._end(events, left, until)

    def _end(self, events: Stage[Any], left: list[str], until: float) -> tuple[str, ...]:
        with self._lock:
            if left:
                log.warning("these threads did not end in time: %s", ", ".join(left))
                for name in left:
                    self._report(Failure(name, f"The {name} thread does not answer.", _STUCK))
            self._left_behind = tuple(left)
            self._state = State.STOPPED
            self._tell(lambda: self._callbacks.on_state_changed(State.STOPPED))
            self._started = False
            self._outputs.end()
        events.close()
        events.join(max(until, time.monotonic() + 0.5))
        with self._lock:
            self._stages = [stage for stage in self._stages if stage.is_alive]
            self._capture = self._capture_worker = None
            self._compose = self._preparing = None
            self._matting.begin()
        give_back()
        return self._left_behind

    # ---- what the user does --------------------------------------------------------------------

    def pause(self) -> None:
        """Releases the source; private outputs show the neutral picture until `resume()`."""
        self._show(State.PAUSED, Curtain.NEUTRAL)

    def freeze(self) -> None:
        """Private outputs hold the picture that they show now; the preview goes on."""
        self._show(State.FROZEN, Curtain.HOLD)

    def show_card(self) -> None:
        """Private outputs show "be right back"; the preview goes on."""
        self._show(State.CARD, Curtain.CARD)

    def resume(self) -> None:
        """Back to the live picture, from all of these."""
        self._show(State.RUNNING, Curtain.LIFT)

    def _show(self, showing: State, curtain: Curtain) -> None:
        with self._lock:
            if not self._running or showing is self._showing:
                return
            was_released = self._released
            self._showing = showing
            self._outputs.draw(curtain)
            self._hold_source(was_released)
            self._update_state()

    def _rest(self, resting: bool) -> None:
        """Nobody looks any more, or somebody does again; what the user asked for stays."""
        with self._lock:
            if not self._running:
                return
            was_released = self._released
            self._resting = resting
            if self._showing is State.RUNNING:
                self._outputs.draw(Curtain.NEUTRAL if resting else Curtain.LIFT)
            self._hold_source(was_released)
            self._update_state()

    @property
    def _released(self) -> bool:
        """Whether the source is released."""
        return self._showing is State.PAUSED or self._resting

    def _hold_source(self, was_released: bool) -> None:
        if self._capture is None or self._released == was_released:
            return
        if self._released:
            self._capture.pause()
        else:
            # What is in flight is from before the gap.
            self._stretch += 1
            self._last_frame = time.monotonic()
            self._has_begun = False
            self._capture.resume()

    def apply(self, settings: LiveSettings) -> None:
        """Changes what differs, between two frames, while the rest goes on.

        A change of the source opens it anew; of the engine, the weights, the device or the
        network's size loads another network beside the running one, which works until the new one
        is ready, and stays where that fails. Raises MattecamError where a setting names what does
        not exist; nothing is changed then.
        """
        with self._lock:
            self._check(settings)
            old = self._settings
            if settings.source != old.source:
                self._check_source(settings.source)
            made = self._outputs.make([s for s in settings.outputs if s not in old.outputs])
            self._settings = settings
            if not self._running:
                return
            if settings.source != old.source:
                self._start_capture()
            self._matting.apply(old)
            if self._matting.is_opening:
                self._dead.discard("engine")
            self._apply_compose(settings, old)
            self._outputs.follow(settings.outputs, made)
            if _look_of(settings) != _look_of(old):
                self._outputs.change_looks()
            self._update_state()

    def retry(self) -> None:
        """Starts again what has failed for good, and tries the source at once."""
        with self._lock:
            if not self._running:
                return
            if "source" in self._dead:
                self._start_capture()
            elif self._capture is not None:
                self._capture.retry_now()
            if not self._matting.is_open and not self._matting.is_opening:
                self._open_network()
            if self._compose is None:
                self._start_compose()
            outputs = self._settings.outputs
            self._outputs.follow(outputs, self._outputs.make(outputs))
            self._update_state()

    def restart_source(self) -> None:
        """Closes the source and opens it again, even where its thread does not answer."""
        with self._lock:
            if self._running:
                self._start_capture()
                self._update_state()

    def add_output(self, name: str, output: LiveOutput) -> None:
        """Adds an output under a name that is not used yet; it stays over a restart.

        Raises OptionError where the name is used.
        """
        with self._lock:
            if name in self._outputs.names:
                raise OptionError(f"There is an output called {name} already; remove it first.")
            self._outputs.add(name, output, from_settings=False)

    def remove_output(self, name: str) -> None:
        """Its thread finishes and closes it. Nothing happens where there is none."""
        with self._lock:
            self._outputs.remove(name)

    def add_preview(self, doorbell: Callable[[], None], name: str = "preview") -> Preview:
        """A mailbox for whoever shows the picture; it stays over a restart. See Preview."""
        preview = Preview(name, doorbell, self)
        with self._lock:
            self._previews.append(preview)
        return preview

    def remove_preview(self, preview: Preview) -> None:
        with self._lock:
            self._previews.remove(preview)

    def add_tap(self, tap: Callable[[Composite], None]) -> None:
        """`tap` gets every composite, whatever the others are shown; it stays over a restart.

        Called in the compose thread: it hands over and must not wait.
        """
        with self._lock:
            self._taps = (*self._taps, tap)

    def remove_tap(self, tap: Callable[[Composite], None]) -> None:
        """Nothing happens where it is not there."""
        with self._lock:
            self._taps = tuple(other for other in self._taps if other != tap)

    # ---- starting the parts; all with the lock held ----------------------------------------------

    @property
    def _running(self) -> bool:
        return self._started and not self._stopping

    def _check(self, settings: LiveSettings) -> None:
        """Raises MattecamError where a name or an option or a step's file is wrong."""
        if settings.engine != "auto":
            engines.entry(settings.engine)
        check_parts(settings)

    def _check_source(self, spec: str) -> None:
        """Raises OptionError. What is not there is told later, when it is to be opened."""
        with contextlib.suppress(InputError):
            self._create_source(spec)

    def _run_stage(self, stage: Stage[Any]) -> Any:
        self._stages = [old for old in self._stages if old.is_alive]
        self._stages.append(stage)
        stage.start()
        return stage

    def _start_capture(self) -> None:
        former, former_worker = self._capture, self._capture_worker
        spec = self._settings.source
        busy = former_worker is not None and former_worker.is_alive
        if former is not None:
            former.stop()
        self._stretch += 1
        self._dead.discard("source")
        self._source_lost, self._source_told = False, ""
        self._last_frame = time.monotonic()
        self._has_begun = False
        events = _CaptureEvents(self)
        capture = Capture(
            lambda: self._create_source(spec),
            events,
            backoff=self._backoff,
            paused=self._released,
            held_back=_HANDOVER if busy else 0.0,
        )
        events.capture = capture
        worker = Worker("capture", capture.run, lambda error: self._capture_ended(capture, error))
        self._capture, self._capture_worker = capture, worker
        self._stages.append(worker)
        worker.start()

    def _open_network(self) -> None:
        self._dead.discard("engine")
        self._matting.open()

    def _start_compose(self) -> None:
        settings = self._settings
        work = ComposeWork(
            background=create_background(settings.background),
            fallback=lambda: create_background(_SAFE_BACKGROUND),
            refine=_refine(settings),
            steps=open_matte_steps(settings.steps),
            light=create_light(settings.light),
            emit=lambda composite: self._composed(stage, composite),
            on_background_failed=lambda error: self._background_gone(error, hidden=True),
            on_notice=self._step_noticed,
            stats=self.stats,
        )
        stage: Stage[Matte] = Stage(
            "compose",
            work,
            on_end=lambda error: self._compose_ended(stage, error),
            on_drop=lambda: self.stats.dropped("compose"),
        )
        self._dead.discard("compose")
        self._compose_work = work
        self._compose = self._run_stage(stage)

    def _apply_compose(self, settings: LiveSettings, old: LiveSettings) -> None:
        if self._compose is None:
            self._start_compose()
            return
        work = self._compose_work
        if settings.background != old.background and self._preparing is not None:
            if work is not None and not shows_room(settings.background):
                # The room is hidden before the file that is to hide it was read.
                self._compose.post(work.hide_room)
            self._preparing.inbox.put(settings.background)
        if (settings.refine, settings.edge) != (old.refine, old.edge) and work is not None:
            refine = _refine(settings)
            self._compose.post(lambda: work.swap_refine(refine))
        if settings.steps != old.steps and work is not None:
            steps = open_matte_steps(settings.steps)
            self._compose.post(lambda: work.swap_steps(steps))
        if settings.light != old.light and work is not None:
            light = create_light(settings.light)
            self._compose.post(lambda: work.swap_light(light))

    # ---- what the threads tell ---------------------------------------------------------------

    def _source_opened(self, capture: Capture, source: LiveSource) -> None:
        with self._lock:
            if capture is self._capture:
                self._stretch += 1
                self._know(source=source.description, source_rate=source.rate)

    def _captured(self, capture: Capture, frame: Frame) -> None:
        settings = self._settings
        frame = zoomed(frame, settings.zoom, (settings.center_x, settings.center_y))
        previews: Sequence[Preview] = ()
        with self._lock:
            if capture is not self._capture or not self._running:
                return
            now = time.monotonic()
            self.stats.captured()
            self._last_frame = now
            self._has_begun = True
            if frame.size != self._frame_size:
                self._frame_size = frame.size
                self._know(
                    frame_size=frame.size,
                    network_size=str(grid_for(frame.size, self._matting.size_in_use)),
                )
            if self._source_lost or self._source_told:
                self._source_lost, self._source_told = False, ""
                self._update_state()
            self._matting.put(Shot(frame, self._stretch))
            if self._last_composite is None or now - self._last_composite > STALL:
                previews = tuple(self._previews)
        for preview in previews:
            preview.put(frame)

    def _source_went_away(self, capture: Capture, error: Exception) -> None:
        with self._lock:
            if capture is not self._capture or not self._running:
                return
            failure = failure_of("source", error, retried=True)
            self._source_lost = True
            # A dead camera fails at each try; it is told once.
            if failure.sentence != self._source_told:
                self._source_told = failure.sentence
                self._report(failure)
            self._update_state()

    def _capture_ended(self, capture: Capture, error: Exception | None) -> None:
        with self._lock:
            if self._capture is not capture:
                if self._capture is not None:
                    self._capture.go()
            elif error is not None and self._running:
                self._dead.add("source")
                self._report(failure_of("source", error))
                self._update_state()

    def _network_opened(self) -> None:
        self._dead -= {"matting", "engine"}
        self._update_state()

    def _network_failed(self, where: str, error: Exception, none_is_left: bool) -> None:
        if none_is_left:
            self._dead.add(where)
            self._hide()
        self._report(failure_of(where, error))
        self._update_state()

    def _matted(self, matte: Matte) -> None:
        with self._lock:
            compose = self._compose
        if compose is not None:
            compose.inbox.put(matte)

    def _background_ready(self, background: Background, spec: str) -> None:
        with self._lock:
            compose, work = self._compose, self._compose_work
            is_wanted = spec == self._settings.background
        if compose is None or work is None or not is_wanted:
            background.close()
        else:
            compose.post(lambda: work.swap_background(background))

    def _background_failed(self, error: Exception) -> None:
        """The one before stays. If it shows the room, that was hidden when the new one was set."""
        with self._lock:
            compose, work = self._compose, self._compose_work
        if compose is None or work is None:
            self._background_gone(error, hidden=False)
        else:
            compose.post(lambda: self._background_gone(error, hidden=work.hide_room()))

    def _background_gone(self, error: Exception, *, hidden: bool) -> None:
        failure = failure_of("background", error)
        if hidden:
            failure = replace(failure, remedy="Your room is blurred until you choose another one.")
        with self._lock:
            self._report(failure)

    def _composed(self, stage: Stage[Matte], composite: Composite) -> None:
        with self._lock:
            if stage is not self._compose:
                return
            self._last_composite = time.monotonic()
            live = self._showing is State.RUNNING and not self._resting
            self._outputs.put(composite, live=live)
            previews, taps = tuple(self._previews), self._taps
            if self._state is not State.RUNNING:
                self._update_state()
        for preview in previews:
            preview.put(composite)
        for tap in taps:
            tap(composite)

    def _compose_ended(self, stage: Stage[Matte], error: Exception | None) -> None:
        with self._lock:
            if stage is not self._compose:
                return
            self._compose = None
            if error is not None and self._running:
                self._dead.add("compose")
                self._hide()
                self._report(failure_of("compose", error))
                self._update_state()

    def _step_noticed(self, sentence: str) -> None:
        with self._lock:
            self._report(Failure("matte steps", sentence))

    def _log_end(self, name: str) -> Callable[[Exception | None], None]:
        def ended(error: Exception | None) -> None:
            if error is not None:
                log.error("the %s thread died", name, exc_info=error)

        return ended

    # ---- state and events ----------------------------------------------------------------------

    def _hide(self) -> None:
        """No more mattes: private outputs must not stand on an old picture."""
        if self._showing is State.RUNNING:
            self._outputs.draw(Curtain.NEUTRAL)

    def _know(self, **facts: Any) -> None:
        self._info = replace(self._info, **facts)

    def _update_state(self) -> None:
        if not self._running:
            return
        state = self._state_now()
        if state is not self._state:
            self._state = state
            self._tell(lambda: self._callbacks.on_state_changed(state))

    def _state_now(self) -> State:
        now = time.monotonic()
        if self._dead:
            return State.FAILED
        if self._resting and self._showing is not State.PAUSED:
            return State.RESTING
        if self._showing is not State.RUNNING:
            return self._showing
        if self._source_lost:
            return State.WAITING
        if self._last_composite is None:
            return State.STARTING
        return State.STALLED if now - self._last_composite > STALL else State.RUNNING

    def _report(self, failure: Failure) -> None:
        # The sentence may name a file of the user's; the log file is sent along with reports.
        kind = "told" if failure.error is None else type(failure.error).__name__
        log.info("%s: %s", failure.where.partition(" ")[0], kind)
        log.debug("%s: %s", failure.where, failure)
        if failure.error is not None and not isinstance(failure.error, MattecamError):
            log.error("unexpected, in %s", failure.where, exc_info=failure.error)
        self._tell(lambda: self._callbacks.on_failure(failure))

    def _tell(self, call: Callable[[], None]) -> None:
        if self._events is not None:
            self._events.inbox.put(call)

    def _watch(self, *, with_stats: bool) -> None:
        """Called again and again in the events thread."""
        with self._lock:
            if not self._running:
                return
            self._update_state()
            self._watch_source()
            if self._state in (State.RUNNING, State.STALLED):
                self._matting.watch(time.monotonic(), recording=bool(self._taps))
            self._outputs.watch()
            on_demand = self._settings.on_demand
            devices = self._outputs.devices
            seen = any(preview.seen for preview in self._previews)
        if on_demand:
            self._demand.look(devices, seen=seen)
        else:
            self._demand.stop()
        if with_stats:
            self._callbacks.on_stats(self.stats.recent())

    def _watch_source(self) -> None:
        patience = 2 * STALL if self._has_begun else _FIRST_PICTURE
        silent = (
            not self._released
            and not self._source_lost
            and "source" not in self._dead
            and time.monotonic() - self._last_frame > patience
        )
        if silent and not self._stall_told:
            silence = silence_of(self._settings.source)
            self._report(Failure("source", silence.sentence, silence.remedy, retried=True))
        self._stall_told = silent


_STUCK = "Its driver holds it; unplug the device, or end the program."


def _share(until: float, *, steps: int) -> float:
    """A fair part of the time that is left, for the first of `steps` steps."""
    now = time.monotonic()
    return now + max(0.0, until - now) / steps


def _look_of(settings: LiveSettings) -> tuple[object, ...]:
    return settings.output_size, settings.output_rate, settings.mirror_output, settings.card


@dataclass
class _CaptureEvents:
    pipeline: LivePipeline
    capture: Capture | None = None

    def opened(self, source: LiveSource) -> None:
        self.pipeline._source_opened(self._own, source)

    def frame(self, frame: Frame) -> None:
        self.pipeline._captured(self._own, frame)

    def stale(self) -> None:
        self.pipeline.stats.dropped("stale")

    def lost(self, error: Exception) -> None:
        self.pipeline._source_went_away(self._own, error)

    @property
    def _own(self) -> Capture:
        assert self.capture is not None
        return self.capture


def _refine(settings: LiveSettings) -> Refine:
    return Refine(colours=settings.refine, edge=edge_tools.create_from_spec(settings.edge))
