"""One recording: from start to stop, one file for each view, in time with each other.

    compose -> tap -> [about two seconds, drop oldest] -> one thread a file: render, code, write

Nothing here holds up the call: `put` only hands over, and what a file's thread cannot keep up with
is dropped, counted and shown.
"""

from __future__ import annotations

import functools
import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import DiskFull, MattecamError
from app.frames import Composite
from app.outputs.base import Output
from app.recording.file_work import FileWork, Shot, shot_of
from app.recording.formats import Request, crf_of, format_of
from app.recording.plan import Plan
from app.recording.timeline import Timeline
from app.runtime.stage import Stage, Work
from app.sources.base import SourceInfo
from app.sources.colour import BT709
from app.views import View

if TYPE_CHECKING:
    from app.sound.base import Sound

log = logging.getLogger(__name__)

# What is left to everybody else of the disk: so many bytes, or this share of a small one.
RESERVE = 300 * 2**20
_RESERVED_SHARE = 0.1
_QUEUE_SECONDS = 2.0
_QUEUE_BYTES = 192 * 2**20  # of all files' queues together
_WATCH_EVERY = 0.5
_SYNC_EVERY = 0.3  # with fragments of half a second, the power may take the last second only
_USUAL_RATE = 30.0
_DELAY_SHARE = 0.05  # of each picture in the mean that is told
_TIME_BASE = Fraction(1, 90_000)


class State(Enum):
    READY = "ready"
    COUNTDOWN = "counting down"
    RECORDING = "recording"
    PAUSED = "paused"
    FINISHING = "finishing"
    DONE = "done"


@dataclass(frozen=True)
class FileFigures:
    """frames: new pictures written. held: written again, because the camera gave none.

    dropped: because the encoder fell behind. problem: a sentence; None while all is well.
    """

    view: View
    path: Path
    frames: int = 0
    held: int = 0
    dropped: int = 0
    seconds: float = 0.0
    bytes: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class Figures:
    """seconds: the clip's length, without pauses. countdown: seconds until it begins.

    delay: seconds between a picture's capture and its coming here: what the sound would be early by
    if it were not stamped on the same clock. sound: where it comes from; empty: none.
    ended: why it ended by itself, for the user.
    """

    state: State = State.READY
    seconds: float = 0.0
    countdown: float = 0.0
    delay: float = 0.0
    sound: str = ""
    sound_problem: str | None = None
    ended: str = ""
    files: tuple[FileFigures, ...] = ()

    @property
    def dropped(self) -> int:
        return sum(file.dropped for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def problems(self) -> Sequence[str]:
        return [file.problem for file in self.files if file.problem is not None]


@dataclass(eq=False)
class _File:
    figures: FileFigures
    stage: Stage[Shot] | None = None
    work: FileWork | None = None
    done: bool = False


class Recorder:
    """Records once. Called from any thread; `put` never waits.

    The clip begins with the first picture that was captured after `start`, so that neither loading
    the network nor its delay is on it.

    rate: the source's nominal pictures a second, asked when the first one comes.
    sound: runs already, and stays the caller's.
    on_done: called once, from a thread of the recorder, when every file is closed.
    on_trouble: called from a thread of the recorder with a sentence, where the sound goes away or a
        file breaks off while the rest goes on.
    room: (bytes free, bytes in all) where a file lies.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        rate: Callable[[], float | None] = lambda: None,
        sound: Sound | None = None,
        on_done: Callable[[Figures], None] = lambda _: None,
        on_trouble: Callable[[str], None] = lambda _: None,
        room: Callable[[Path], tuple[int, int]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._ask_rate = rate
        self._rate = _USUAL_RATE
        self._sound = sound
        self._on_done = on_done
        self._on_trouble = on_trouble
        self._ask_room = room or _room
        self._clock = clock
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._timeline = Timeline(plan.seconds)
        self._state = State.READY
        self._begins = 0.0
        self._ended = ""
        self._files = {view: _File(FileFigures(view, path)) for view, path in plan.files.items()}
        self._opened = False
        self._delay = 0.0
        self._told = False
        self._sound_is_gone = False
        self._watches: list[Stage[None]] = []

    def start(self) -> None:
        """Raises MattecamError where it cannot begin; nothing is made then."""
        self._plan.check()
        for path in self._plan.files.values():
            self._check_room(path)
        with self._lock:
            if self._state is not State.READY:
                return
            self._begins = self._clock() + self._plan.countdown
            self._sound_is_gone = self._sound is not None and self._sound.problem is not None
            self._state = State.RECORDING
            for name, call, seconds in (
                ("recording", self._look, _WATCH_EVERY),
                ("recording to disk", self._sync, _SYNC_EVERY),
            ):
                stage: Stage[None] = Stage(name, _Watch(call, seconds), on_end=_log_end)
                self._watches.append(stage)
                stage.start()

    def put(self, composite: Composite) -> None:
        """A tap: see LivePipeline.add_tap."""
        with self._lock:
            if self._state is not State.RECORDING:
                return
            captured_at = composite.cutout.frame.captured_at
            if not self._opened:
                if captured_at < self._begins:
                    return
                self._timeline.begin(captured_at)
                self._open(composite)
            elif self._timeline.clip_time(captured_at) is None:
                return
            delay = self._clock() - captured_at
            self._delay += (delay - self._delay) * (_DELAY_SHARE if self._delay else 1.0)
            for view, file in self._files.items():
                if file.stage is not None:
                    file.stage.inbox.put(shot_of(view, composite))

    def pause(self) -> None:
        with self._lock:
            if self._state is State.RECORDING:
                self._timeline.end(self._clock())
                self._state = State.PAUSED

    def resume(self) -> None:
        with self._lock:
            if self._state is State.PAUSED:
                if self._opened:
                    self._timeline.begin(self._clock())
                else:
                    self._begins = max(self._begins, self._clock())
                self._state = State.RECORDING

    def cut(self) -> None:
        """The clip's last moment is now; pictures that were captured before may still come."""
        with self._lock:
            if self._state in (State.RECORDING, State.PAUSED):
                self._timeline.end(self._clock())

    def finish(self, why: str = "") -> None:
        """Asks all files to write what waits and to close. Returns at once.

        why: a sentence for the user, where it was not they who ended it.
        """
        with self._lock:
            if self._state in (State.FINISHING, State.DONE, State.READY):
                return
            self._ended = why
            self._timeline.end(self._clock())
            self._state = State.FINISHING
            for file in self._files.values():
                if file.stage is None:
                    file.done = True
                else:
                    file.stage.close()
        self._look_if_done()

    def stop(self, timeout: float = 10.0) -> Figures:
        """`finish`, and waits for it at most `timeout` seconds."""
        self.finish()
        with self._changed:
            self._changed.wait_for(lambda: self._state in (State.DONE, State.READY), timeout)
        return self.figures()

    def figures(self) -> Figures:
        with self._lock:
            now = self._clock()
            state = self._state
            if state is State.RECORDING and now < self._begins:
                state = State.COUNTDOWN
            return Figures(
                state=state,
                seconds=self._timeline.length(now),
                countdown=max(0.0, self._begins - now) if state is State.COUNTDOWN else 0.0,
                delay=self._delay,
                sound="" if self._sound is None else self._sound.description,
                sound_problem=None if self._sound is None else self._sound.problem,
                ended=self._ended,
                files=tuple(self._figures_of(file) for file in self._files.values()),
            )

    # ---- with the lock held ----------------------------------------------------------------------

    def _open(self, composite: Composite) -> None:
        self._opened = True
        self._rate = self._ask_rate() or _USUAL_RATE
        size = composite.cutout.frame.size
        picture = size[0] * size[1] * 4
        depth = int(min(_QUEUE_SECONDS * self._rate, _QUEUE_BYTES / picture / len(self._files)))
        for view, file in self._files.items():
            transparent = view is View.FOREGROUND or composite.rgb is None
            work = FileWork(
                view,
                file.figures.path,
                timeline=self._timeline,
                rate=self._rate,
                make=functools.partial(
                    self._make, file.figures.path, size, transparent and view is not View.MATTE
                ),
                mirror=self._plan.mirror,
                waiting=functools.partial(_waiting, file),
                clock=self._clock,
            )
            file.work = work
            file.stage = Stage(
                f"recording {view.value}",
                work,
                on_end=functools.partial(self._file_ended, file),
                depth=max(8, depth),
            )
            file.stage.start()

    def _figures_of(self, file: _File) -> FileFigures:
        if file.work is None or file.stage is None:
            return file.figures
        return replace(
            file.figures,
            frames=file.work.written,
            held=file.work.held,
            dropped=file.stage.inbox.dropped,
            seconds=file.work.seconds,
            bytes=file.work.bytes,
        )

    # ---- in the files' threads, and the watch's --------------------------------------------------

    def _make(self, path: Path, size: tuple[int, int], alpha: bool) -> Output:
        form = format_of(path)
        sound = None
        if self._sound is not None and self._sound.problem is None and form.sound:
            from app.recording.sound_track import LiveTrack

            sound = functools.partial(
                LiveTrack, self._sound, self._timeline, codec=_sound_codec(path)
            )
        even = Fraction(self._rate).limit_denominator(1001)
        return form.open(
            Request(
                path,
                size,
                SourceInfo(size=size, rate=even, time_base=_TIME_BASE, colour=BT709),
                crf_of(self._plan.quality),
                sound=sound,
                encoder=self._plan.encoder,
                alpha=alpha,
            )
        )

    def _file_ended(self, file: _File, error: Exception | None) -> None:
        with self._lock:
            if error is not None:
                if not isinstance(error, MattecamError):
                    log.error("recording %s failed", file.figures.path, exc_info=error)
                problem = str(error) if isinstance(error, MattecamError) else _unexpected(error)
                file.figures = replace(file.figures, problem=problem)
            file.done = True
            broken = file.figures.problem
        self._look_if_done()
        if broken is not None:
            self._on_trouble(broken)

    def _look_if_done(self) -> None:
        with self._changed:
            if self._told or not all(file.done for file in self._files.values()):
                return
            self._told = True
            self._timeline.end(self._clock())
            if not self._ended:
                self._ended = " ".join(self.figures().problems)
            self._state = State.DONE
            self._changed.notify_all()
        for watch in self._watches:
            watch.close()
        self._on_done(self.figures())

    def _look(self) -> None:
        """Every half second: the sound, the limits and the room that is left."""
        figures = self.figures()
        plan = self._plan
        gone = figures.sound_problem is not None
        if gone and not self._sound_is_gone:
            self._on_trouble(str(figures.sound_problem))
        self._sound_is_gone = gone
        if figures.state not in (State.RECORDING, State.PAUSED):
            return
        if plan.seconds is not None and figures.seconds >= plan.seconds:
            self.finish(f"The recording ended after {plan.seconds:g} s, as you wished.")
        elif plan.megabytes is not None and figures.bytes >= plan.megabytes * 1e6:
            self.finish(f"The recording ended at {plan.megabytes:g} MB, as you wished.")
        else:
            for file in figures.files:
                if self._is_full(file.path):
                    self.finish(
                        f"The recording ended because the disk of {file.path.parent} is nearly "
                        "full; what was recorded can be played. Make room, or choose another "
                        "folder."
                    )
                    return

    def _sync(self) -> None:
        """Has the system put on the disk what was written: for when the power goes."""
        with self._lock:
            works = [file.work for file in self._files.values() if not file.done]
        for work in works:
            if work is not None:
                work.sync()

    def _check_room(self, path: Path) -> None:
        if self._is_full(path):
            raise DiskFull(
                f"The disk of {path.parent} is nearly full: make room, or choose another folder."
            )

    def _is_full(self, path: Path) -> bool:
        for place in (path.absolute(), *path.absolute().parents):
            if place.is_dir():
                try:
                    free, whole = self._ask_room(place)
                except OSError:
                    break
                return free < min(RESERVE, _RESERVED_SHARE * whole)
        return False  # not known: the disk itself will say


def _room(path: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(path)
    return usage.free, usage.total


class _Watch(Work[None]):
    def __init__(self, look: Callable[[], None], every: float) -> None:
        self._look = look
        self._every = every
        self._at = time.monotonic() + every

    def due(self) -> float:
        return self._at

    def handle(self, item: None) -> None: ...

    def tick(self) -> None:
        if time.monotonic() >= self._at:
            self._look()
            self._at = time.monotonic() + self._every


def _waiting(file: _File) -> int:
    return 0 if file.stage is None else len(file.stage.inbox)


def _sound_codec(path: Path) -> str:
    return "libopus" if path.suffix.lower() == ".webm" else "aac"


def _unexpected(error: Exception) -> str:
    return f"The recording broke off ({type(error).__name__}: {error}); the log says more."


def _log_end(error: Exception | None) -> None:
    if error is not None:
        log.error("the watch over a recording died", exc_info=error)
