"""One thread with one inbox and its work."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from app.runtime.mailbox import Mailbox, Wake

log = logging.getLogger(__name__)

In = TypeVar("In")


class Worker:
    """A daemon thread that runs `body` once and tells how it ended.

    on_end: called last in the thread, with the exception that ended it, or None.
    Daemon, because a driver's read may never return and the program must end all the same.
    """

    def __init__(
        self, name: str, body: Callable[[], None], on_end: Callable[[Exception | None], None]
    ) -> None:
        self.name = name
        self._body = body
        self._on_end = on_end
        self._thread = threading.Thread(target=self._run, name=f"mattecam-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in this very thread."""
        return self._thread is threading.current_thread()

    def join(self, until: float) -> bool:
        """Waits until that time of time.monotonic(); whether the thread has ended."""
        if self.is_current:
            return True  # it asks itself, so it is about to end
        if self._thread.ident is not None:
            self._thread.join(max(0.0, until - time.monotonic()))
        return not self._thread.is_alive()

    def _run(self) -> None:
        failure: Exception | None = None
        try:
            self._body()
        except Exception as error:
            # Whatever it is: it must reach the pipeline, or nobody would know that this ended.
            failure = error
            log.debug("%s ended with an exception", self.name, exc_info=True)
        self._on_end(failure)


class Work(Generic[In]):
    """What a stage does. Everything here is called in the stage's thread.

    Raising ends the stage; `close` is called all the same.
    """

    def open(self) -> None:
        """Opens what the work needs; it is this work that closes it."""

    def accepts(self) -> bool:
        """Whether an item may come now. If not, newer ones may still replace it in the inbox."""
        return True

    def due(self) -> float | None:
        """When `tick` is to be called at the latest, on time.monotonic()'s clock."""
        return None

    def handle(self, item: In) -> None:
        raise NotImplementedError

    def tick(self) -> None:
        """Called after each item, each `Mailbox.wake` and whenever it is due."""

    def finish(self) -> None:
        """The end of the stream, after the last item: gives up what is held."""

    def close(self) -> None: ...


class Stage(Generic[In]):
    """Runs `work` in one thread, fed from one mailbox.

    on_end: called last in the stage's thread, with the exception that ended it, or None after
        `close`. The inbox is closed by then, so nobody waits for a dead stage.
    """

    def __init__(
        self,
        name: str,
        work: Work[In],
        *,
        on_end: Callable[[Exception | None], None],
        depth: int = 1,
        on_drop: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.inbox: Mailbox[In] = Mailbox(depth, on_drop=on_drop)
        self._work = work
        self._actions: deque[Callable[[], object]] = deque()
        self._abandoned = False
        self._worker = Worker(name, self._run, on_end)

    def start(self) -> None:
        self._worker.start()

    def post(self, action: Callable[[], object]) -> None:
        """Has `action` called in the stage's thread, between two items. Never waits."""
        self._actions.append(action)
        self.inbox.wake()

    def close(self) -> None:
        """Ends the stage when it has done what waits in its inbox."""
        self.inbox.close()

    def abandon(self) -> None:
        """Ends the stage soon: what waits and what is held is discarded."""
        self._abandoned = True
        self.inbox.close(discard=True)

    def join(self, until: float) -> bool:
        """Waits until that time of time.monotonic(); whether the thread has ended."""
        return self._worker.join(until)

    @property
    def is_alive(self) -> bool:
        return self._worker.is_alive

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in this stage's own thread."""
        return self._worker.is_current

    def _run(self) -> None:
        try:
            self._work.open()
            self._loop()
            if not self._abandoned:
                self._work.finish()
        finally:
            self.inbox.close(discard=True)
            self._work.close()

    def _loop(self) -> None:
        while True:
            got = self.inbox.take(until=self._work.due(), accept=self._work.accepts())
            while self._actions:
                self._actions.popleft()()
            if got is Wake.CLOSED:
                return
            if not isinstance(got, Wake):
                self._work.handle(got)
            self._work.tick()
