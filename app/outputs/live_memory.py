"""Live outputs without a device: the fake beside the real, and the one that only takes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.outputs.base import Picture
from app.outputs.live_base import LiveFormat, LiveOutput, live_outputs
from app.outputs.memory import Written
from app.registry import option


@live_outputs.register("null", title="None")
class LiveNull(LiveOutput):
    """Takes every picture and keeps none: for measuring."""

    accepts_alpha = True
    private = False
    fixed_size = False
    paced = False

    @property
    def description(self) -> str:
        return "nowhere"

    def open(self, form: LiveFormat) -> None: ...

    def write(self, picture: Picture, captured_at: float) -> None: ...


@live_outputs.register("memory", title="Memory")
class LiveMemory(LiveOutput):
    """Keeps the last pictures, and behaves like a virtual camera in all else: for tests."""

    @dataclass(frozen=True)
    class Options:
        keep: int = option(64, "Pictures", "How many of the last pictures are kept", minimum=1)

    def __init__(self, options: Options) -> None:
        self._written: deque[Written] = deque(maxlen=options.keep)
        self._changed = threading.Condition()
        self._count = 0
        self.form: LiveFormat | None = None

    @property
    def description(self) -> str:
        return "memory"

    @property
    def written(self) -> Sequence[Written]:
        """The last pictures, oldest first; `index` counts what was written, resent ones too."""
        with self._changed:
            return tuple(self._written)

    def wait_for(self, wanted: Callable[[Picture], bool], timeout: float) -> Written | None:
        """The first picture kept that is `wanted`, waiting for it for `timeout` seconds."""

        def found() -> Written | None:
            return next((item for item in self._written if wanted(item.picture)), None)

        with self._changed:
            return self._changed.wait_for(found, timeout)

    def clear(self) -> None:
        """Forgets what was kept so far."""
        with self._changed:
            self._written.clear()

    def open(self, form: LiveFormat) -> None:
        self.form = form

    def write(self, picture: Picture, captured_at: float) -> None:
        with self._changed:
            self._written.append(Written(picture.copy(), self._count, captured_at))
            self._count += 1
            self._changed.notify_all()

    def close(self) -> None:
        self.form = None
