"""A scripted camera, scripted outputs, an engine that can be read, and a listener."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.chain import ChainSettings
from app.engines.base import Engine, EngineInfo
from app.frames import RGB, Frame, Matte
from app.live import Callbacks, Failure, LivePipeline, State
from app.outputs.base import Picture
from app.outputs.live_base import LiveFormat, LiveOutput, create_live_output
from app.outputs.live_memory import LiveMemory
from app.runtime.opening import Opening
from app.settings import LiveSettings
from app.sources.live_base import LiveSource
from app.stats import Snapshot

LONG = 120.0  # seconds that nothing here should ever take
SIZE = (320, 180)
GREEN = (0, 177, 64)
# Drawn by app.cards: its upper left corner tells it from any composite here.
CARD_CORNER = (38, 42, 50)


# ---- the stamp: a number in the picture, and the same number in the matte ----------------------

_BITS = 16
_STEP = 2  # columns that the matte grows for each frame


def stamped(index: int, *, size: tuple[int, int] = SIZE) -> RGB:
    """A red picture; the top half tells `index` in black and white blocks."""
    width, height = size
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:, :, 0] = 200
    block = width // _BITS
    for bit in range(_BITS):
        value = 255 if index >> bit & 1 else 0
        rgb[: height // 2, bit * block : (bit + 1) * block] = value
    return rgb


def read_picture_stamp(picture: Picture) -> int:
    height, width = picture.shape[:2]
    block = width // _BITS
    row = picture[height // 4, block // 2 :: block, 1][:_BITS]
    return sum(1 << bit for bit in range(_BITS) if row[bit] > 127)


def stamp_alpha(rgb: RGB) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Opaque above; below, a bar that grows with the number in the picture.

    It only ever grows, so that no filter over time takes it for a flicker.
    """
    height, width = rgb.shape[:2]
    alpha = np.zeros((height, width), np.float32)
    alpha[: height // 2] = 1.0
    alpha[height // 2 :, : read_picture_stamp(rgb) * _STEP] = 1.0
    return alpha


def read_matte_stamp(picture: Picture) -> int:
    """From a composite on green."""
    row = picture[picture.shape[0] * 3 // 4]
    return int((row[:, 0] > 100).sum()) // _STEP


def is_card(picture: Picture) -> bool:
    return tuple(int(v) for v in picture[0, 0]) == CARD_CORNER


def is_composite(picture: Picture) -> bool:
    return not is_card(picture)


# ---- engines ---------------------------------------------------------------------------------


class StampEngine(Engine):
    """Reads the number in the picture and puts it into the matte, in a thread of its own.

    gate: while it is clear, nothing gets done. fails: raised by the next submit. may_close: while
    it is clear, closing waits. submitted_count: how many frames went in.
    """

    needs_weights = False
    wakes = True

    def __init__(
        self, settings: Any, *, gate: threading.Event, submitted: threading.Semaphore
    ) -> None:
        super().__init__(settings)
        self.gate = gate
        self.fails: Exception | None = None
        self.closed = threading.Event()
        self.may_close = threading.Event()
        self.may_close.set()
        self.submitted = submitted
        self.submitted_count = 0
        self._changed = threading.Condition()
        self._waiting: deque[Frame] = deque()
        self._ready: deque[Matte] = deque()
        self._pending = 0
        self._ending = False

    def __enter__(self) -> StampEngine:
        self._thread = threading.Thread(target=self._work, name="stamp-engine", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.may_close.wait(LONG)
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self.gate.set()
        self._thread.join(LONG)
        self.closed.set()

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("stamp", "test", "a thread", "float32")

    def submit(self, frame: Frame) -> None:
        if self.fails is not None:
            raise self.fails
        with self._changed:
            self._waiting.append(frame)
            self._pending += 1
            self.submitted_count += 1
            self._changed.notify_all()
        self.submitted.release()

    def take_ready(self) -> Sequence[Matte]:
        with self._changed:
            ready = tuple(self._ready)
            self._ready.clear()
            self._pending -= len(ready)
            return ready

    def drain(self) -> Sequence[Matte]:
        with self._changed:
            self._changed.wait_for(lambda: len(self._ready) == self._pending, LONG)
        return self.take_ready()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ending)
                if self._ending:
                    return
                frame = self._waiting.popleft()
            self.gate.wait(LONG)
            matte = Matte(frame, stamp_alpha(frame.rgb))
            with self._changed:
                self._ready.append(matte)
                self._changed.notify_all()
            if self.on_ready is not None:
                self.on_ready()


class Engines:
    """Makes the engines of a test, and keeps them.

    may_open: while it is clear, opening waits, as for a conversion. most: how many may be opened.
    refuses, refuses_once: raised in place of opening. deaf: opening does not hear that it is not
    wanted any more, as inside a library.
    """

    def __init__(self) -> None:
        self.made: list[StampEngine] = []
        self.gate = threading.Event()
        self.gate.set()
        self.refuses: Exception | None = None
        self.refuses_once: Exception | None = None
        self.openings: list[Opening] = []
        self.most: int | None = None
        self.deaf = False
        self.submitted = threading.Semaphore(0)
        self.opening = threading.Event()
        self.may_open = threading.Event()
        self.may_open.set()

    @contextmanager
    def open(
        self, settings: ChainSettings, weights: object, opening: Opening
    ) -> Iterator[tuple[Engine, EngineInfo]]:
        self.openings.append(opening)
        self.opening.set()
        self._wait(opening)
        if self.refuses_once is not None:
            error, self.refuses_once = self.refuses_once, None
            raise error
        opening.check_conversion()
        if self.refuses is not None:
            raise self.refuses
        engine = StampEngine(settings, gate=self.gate, submitted=self.submitted)
        self.made.append(engine)
        with engine:
            yield engine, engine.info

    def _wait(self, opening: Opening) -> None:
        while self.deaf or not opening.cancelled:
            room = self.most is None or len(self.made) < self.most
            if self.may_open.wait(0.01) and room:
                return

    def hold_closing(self) -> threading.Event:
        """The newest engine cannot be closed until the event is set."""
        self.made[-1].may_close.clear()
        return self.made[-1].may_close


@pytest.fixture
def stamp_engines(monkeypatch: pytest.MonkeyPatch) -> Engines:
    """The network is replaced by one whose mattes can be read; see StampEngine."""
    made = Engines()
    monkeypatch.setattr("app.stages.matting.open_chain_engine", made.open)
    return made


# ---- sources ---------------------------------------------------------------------------------


class ScriptedSource(LiveSource):
    """Gives what it is fed: frames, or exceptions to raise. `None` is a read that blocks.

    deaf: a read that waits is not interrupted; only `release()` ends it.
    interval: where it is not 0, numbered frames come by themselves, so many seconds apart.
    """

    def __init__(self, *, interval: float = 0.0, deaf: bool = False) -> None:
        self.interval = interval
        self.deaf = deaf
        self.opened = 0
        self.closed = 0
        self.refuses: Exception | None = None
        self.silent = False  # a read waits for ever
        self.size = SIZE
        self._changed = threading.Condition()
        self._fed: deque[Frame | Exception] = deque()
        self._interrupted = False
        self._released = False
        self._next = 0
        self._index = 0

    @property
    def description(self) -> str:
        return "a scripted camera"

    def feed(self, *items: Frame | Exception) -> None:
        with self._changed:
            self._fed.extend(items)
            self._changed.notify_all()

    def feed_frames(self, count: int = 1) -> None:
        for _ in range(count):
            self.feed(self.frame())

    def frame(self, *, captured_at: float | None = None) -> Frame:
        number = self._next
        self._next += 1
        at = time.monotonic() if captured_at is None else captured_at
        return Frame(stamped(number, size=self.size), number, at)

    @property
    def newest(self) -> int:
        """The number in the last frame that was made."""
        return self._next - 1

    def release(self) -> None:
        with self._changed:
            self._released = True
            self._changed.notify_all()

    def wait_for(self, reached: Callable[[ScriptedSource], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: reached(self), LONG)

    def open(self) -> None:
        with self._changed:
            self.opened += 1
            self._interrupted = False
            self._changed.notify_all()
        if self.refuses is not None:
            raise self.refuses

    def read(self) -> Frame | None:
        with self._changed:
            wait = self.interval or None
            self.silent = wait is None and not self._fed
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._fed or self._released or (self._interrupted and not self.deaf), wait
            )
            if self._released or (self._interrupted and not self.deaf):
                return None
            if self._fed:
                item = self._fed.popleft()
                if isinstance(item, Exception):
                    raise item
                return item
        return self.frame()

    def interrupt(self) -> None:
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self.closed += 1
            self._changed.notify_all()


# ---- outputs ---------------------------------------------------------------------------------


class ScriptedOutput(LiveMemory):
    """A virtual camera that can refuse, block and die; otherwise it remembers."""

    def __init__(self) -> None:
        super().__init__(LiveMemory.Options(keep=500))
        self.refuses: Exception | None = None
        self.dies: Exception | None = None
        self.ails: str | None = None
        self.loopback: Path | None = None
        self.may_write = threading.Event()
        self.may_write.set()
        self.writing = threading.Event()
        self.opened = threading.Semaphore(0)
        self.closed = threading.Semaphore(0)
        self.interrupted = threading.Event()

    def open(self, form: LiveFormat) -> None:
        super().open(form)
        self.opened.release()
        if self.refuses is not None:
            raise self.refuses

    def write(self, picture: Picture, captured_at: float) -> None:
        if self.dies is not None:
            raise self.dies
        self.writing.set()
        self.may_write.wait(LONG)
        super().write(picture, captured_at)

    def failure(self) -> str | None:
        return self.ails

    @property
    def device(self) -> Path | None:
        return self.loopback

    def interrupt(self) -> None:
        self.interrupted.set()
        self.may_write.set()

    def close(self) -> None:
        super().close()
        self.closed.release()


class Viewer(ScriptedOutput):
    """An output that only you see: it takes whatever comes, as it comes."""

    private = False
    paced = False
    fixed_size = False


# ---- who listens -----------------------------------------------------------------------------


class Listener:
    """Writes down what the pipeline calls back."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self.states: list[State] = []
        self.snapshots: list[Snapshot] = []
        self.threads: set[str] = set()
        self._changed = threading.Condition()
        self.callbacks = Callbacks(self._failed, self._changed_state, self._measured)

    def _note(self, into: list[Any], item: Any) -> None:
        with self._changed:
            into.append(item)
            self.threads.add(threading.current_thread().name)
            self._changed.notify_all()

    def _failed(self, failure: Failure) -> None:
        self._note(self.failures, failure)

    def _changed_state(self, state: State) -> None:
        self._note(self.states, state)

    def _measured(self, snapshot: Snapshot) -> None:
        self._note(self.snapshots, snapshot)

    def wait_for(self, reached: Callable[[Listener], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: reached(self), LONG)

    def failure(self, where: str) -> Failure:
        """The first failure of that place, waiting for it."""
        assert self.wait_for(lambda heard: any(f.where == where for f in heard.failures)), where
        return next(failure for failure in self.failures if failure.where == where)

    def state(self, state: State, *, times: int = 1) -> bool:
        return self.wait_for(lambda heard: heard.states.count(state) >= times)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that is late on a busy machine is not taken for a stall."""
    monkeypatch.setattr("app.live.STALL", 3600.0)
    monkeypatch.setattr("app.stages.output.STALL", 3600.0)


@pytest.fixture
def heard() -> Listener:
    return Listener()


def own_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("mattecam-")]


class Readers:
    """Who reads a loopback device, as the test says it."""

    def __init__(self, device: Path, on_change: Callable[[bool], None]) -> None:
        self.tell = on_change

    def start(self) -> None: ...

    def stop(self) -> bool:
        return True


class Rig:
    """A pipeline with a scripted camera and one scripted virtual camera, "cam"."""

    def __init__(self, heard: Listener, **settings: Any) -> None:
        self.source = ScriptedSource()
        self.sources: dict[str, LiveSource] = {"one": self.source}
        self.output = ScriptedOutput()
        self.extra: dict[str, ScriptedOutput] = {}
        self.heard = heard
        self.watched = threading.Event()
        self.readers: Readers | None = None
        base = LiveSettings(
            source="one",
            engine="null",
            quality="best",
            temporal="off",
            refine=False,
            background=f"color:{GREEN[0]},{GREEN[1]},{GREEN[2]}",
            output_size=SIZE,
            output_rate=100.0,
        )
        self.pipeline = LivePipeline(
            base.but(**settings),
            heard.callbacks,
            create_source=lambda spec: self.sources[spec],
            create_output=self._create_output,
            backoff=(0.01,),
            watch_readers=self._watch_readers,
        )
        self.pipeline.add_output("cam", self.output)

    def _create_output(self, spec: str) -> LiveOutput:
        """Scripted where `another_output` made one of that name."""
        return self.extra[spec] if spec in self.extra else create_live_output(spec)

    def _watch_readers(self, device: Path, on_change: Callable[[bool], None]) -> Readers:
        self.readers = Readers(device, on_change)
        self.watched.set()
        return self.readers

    def start(self) -> None:
        self.pipeline.start()

    def run(self) -> None:
        """Starts with a source that gives frames by itself, and waits until they come out."""
        self.source.interval = 0.005
        self.start()
        self.see_composite()

    def another_source(self, name: str, **options: Any) -> ScriptedSource:
        source = self.sources[name] = ScriptedSource(**options)
        return source

    def another_output(self, name: str, *, private: bool = True) -> ScriptedOutput:
        """A second one, not added yet; `private=False` is an output that only you see."""
        output = ScriptedOutput() if private else Viewer()
        self.extra[name] = output
        return output

    def see(
        self, wanted: Callable[[Picture], bool], *, output: LiveMemory | None = None
    ) -> Picture:
        """The first picture kept by the output that is `wanted`, waiting for it."""
        written = (output or self.output).wait_for(wanted, LONG)
        assert written is not None, "the picture never came"
        return written.picture

    def see_card(self, *, output: LiveMemory | None = None) -> Picture:
        return self.see(is_card, output=output)

    def see_composite(self, *, output: LiveMemory | None = None) -> Picture:
        return self.see(is_composite, output=output)

    def see_next_composite(self) -> Picture:
        self.output.clear()
        return self.see_composite()

    def composites(self, output: LiveMemory | None = None) -> list[Picture]:
        """All that is kept, but for the cards."""
        kept = (output or self.output).written
        return [item.picture for item in kept if is_composite(item.picture)]

    def showed_only_cards(self) -> bool:
        return not self.composites()

    @staticmethod
    def stamps(picture: Picture) -> tuple[int, int]:
        """The number in the picture, and the number in its matte."""
        return read_picture_stamp(picture), read_matte_stamp(picture)


@pytest.fixture
def make_rig(heard: Listener) -> Iterator[Callable[..., Rig]]:
    """Stops the pipelines in the end, and wants every thread back."""
    made: list[Rig] = []

    def make(**settings: Any) -> Rig:
        made.append(Rig(heard, **settings))
        return made[-1]

    yield make
    for rig in made:
        for source in rig.sources.values():
            if isinstance(source, ScriptedSource):
                source.release()
        for output in (rig.output, *rig.extra.values()):
            output.may_write.set()
        assert rig.pipeline.stop(LONG) == () or wait_for_threads()
    assert wait_for_threads(), own_threads()


def wait_for_threads() -> bool:
    """Whether all threads of pipelines ended."""
    until = time.monotonic() + LONG
    for thread in threading.enumerate():
        if thread.name.startswith("mattecam-"):
            thread.join(max(0.0, until - time.monotonic()))
    return not own_threads()
