"""What an outside reader of a virtual camera gets, and what a pipeline tells."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from app.frames import RGB
from app.live import Callbacks, Failure, LivePipeline, State
from app.pace.quality import Quality
from app.settings import LiveSettings
from tests.devices.kernel import becomes

# Seconds that nothing takes, even where the processor is emulated.
LONG = 100.0

SIZE = (320, 180)
RATE = 10.0
# vivid's picture is red all over; the null engine's person is an ellipse in its middle.
ROOM = (255, 0, 0)
GREEN = (0, 177, 64)
CARD = (38, 42, 50)
_NEAR = 40  # by how much a color may differ after YUV


class Seen(Enum):
    """What a picture of the virtual camera shows."""

    PERSON = "the person on green"
    CARD = "a card"
    ROOM = "the room"
    ELSE = "something else"


def is_near(pixels: RGB, color: tuple[int, int, int]) -> bool:
    mean = pixels.reshape(-1, 3).astype(float).mean(0)
    return bool((abs(mean - np.array(color)) < _NEAR).all())


def seen_in(picture: RGB) -> Seen:
    """By the lower corners and the middle; vivid writes into the upper left one."""
    rows, columns = picture.shape[:2]
    corners = np.concatenate([picture[-8:, :8], picture[-8:, -8:]], 1)
    middle = picture[rows // 2 - 4 : rows // 2 + 4, columns // 2 - 4 : columns // 2 + 4]
    if any(is_near(corner, ROOM) for corner in (corners, corners[:, :8], corners[:, 8:])):
        return Seen.ROOM
    if is_near(corners, GREEN) and is_near(middle, ROOM):
        return Seen.PERSON
    return Seen.CARD if is_near(corners, CARD) else Seen.ELSE


class Reader:
    """ffmpeg, reading a device; each picture is looked at as it comes."""

    def __init__(self, device: Path, size: tuple[int, int] = SIZE, *options: str) -> None:
        self._bytes = size[0] * size[1] * 3
        self._size = size
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "v4l2", *options]
        command += ["-i", str(device), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._changed = threading.Condition()
        self.seen: list[Seen] = []
        self.last: RGB | None = None
        self.ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        out = self.process.stdout
        assert out is not None
        while len(data := out.read(self._bytes)) == self._bytes:
            picture = np.frombuffer(data, np.uint8).reshape(self._size[1], self._size[0], 3)
            with self._changed:
                self.seen.append(seen_in(picture))
                self.last = picture
                self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def wait_for(self, kind: Seen, count: int = 1) -> None:
        """Until so many more pictures of that kind have come."""
        with self._changed:
            wanted = self.seen.count(kind) + count
            come = self._changed.wait_for(
                lambda: self.seen.count(kind) >= wanted or self.ended, LONG
            )
            counts = Counter(self.seen)
            told = self.error if self.ended else self._colors()
            assert come, f"{count} x {kind.value} wanted, {counts} came {told}"
            assert not self.ended, f"the reader ended: {counts} came {told}"

    def wait_for_more(self, count: int = 1) -> Sequence[Seen]:
        """The next so many pictures, of any kind."""
        with self._changed:
            had = len(self.seen)
            assert self._changed.wait_for(lambda: len(self.seen) >= had + count, LONG), self.seen
            return self.seen[had:]

    def _colors(self) -> str:
        if self.last is None:
            return "nothing"
        rows, columns = self.last.shape[:2]
        middle = self.last[rows // 2, columns // 2]
        return f"corner {self.last[-4, 4].tolist()}, middle {middle.tolist()}"

    @property
    def error(self) -> str:
        err = self.process.stderr
        assert err is not None
        return err.read().decode(errors="replace")

    def close(self) -> None:
        """May be called twice."""
        self.process.terminate()
        self.process.wait(LONG)
        self._thread.join(LONG)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


class OnAir:
    """A pipeline with the null engine, a green background and a small picture; stopped by exit."""

    def __init__(self, source: str, output: str, **changes: Any) -> None:
        settings = LiveSettings(
            engine="null",
            temporal="off",
            refine=False,
            size="128x128",
            background="color:#00b140",
            quality=Quality.BEST,
            skip_unchanged=False,
            source=source,
            outputs=(output,),
            output_size=SIZE,
            output_rate=RATE,
        ).but(**changes)
        self._changed = threading.Condition()
        self.failures: list[Failure] = []
        self.states: list[State] = []
        self.pipeline = LivePipeline(
            settings, Callbacks(on_failure=self._failed, on_state_changed=self._became)
        )

    def __enter__(self) -> OnAir:
        self.pipeline.start()
        return self

    def __exit__(self, *_: object) -> None:
        left = self.pipeline.stop(LONG)
        assert left == (), left

    def _failed(self, failure: Failure) -> None:
        with self._changed:
            self.failures.append(failure)
            self._changed.notify_all()

    def _became(self, state: State) -> None:
        with self._changed:
            self.states.append(state)
            self._changed.notify_all()

    @property
    def sentences(self) -> list[str]:
        return [str(failure) for failure in self.failures]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, LONG), (self.states, self.sentences)

    def wait_for_state(self, state: State) -> None:
        """Until it is in that state. Fails at once where it has ended in another."""
        final = {State.FAILED, State.STOPPED} - {state}
        self.wait_for(lambda: bool(self.states) and self.states[-1] in {state, *final})
        assert self.states[-1] is state, (self.states, self.sentences)

    def wait_until_open(self) -> None:
        """Until an output is open."""
        opened = becomes(lambda: bool(self.pipeline.info.outputs), LONG)
        assert opened, (self.states, self.sentences)

    def wait_for_failure(self, words: str) -> Failure:
        def found() -> list[Failure]:
            return [failure for failure in self.failures if words in str(failure)]

        self.wait_for(lambda: bool(found()))
        return found()[0]
