"""Whether anybody looks: which programs read a v4l2loopback device. Linux only.

While nobody does, the real camera can be released. The device has to stay open and fed all the
same: with `exclusive_caps=1` other programs list it only while it has a producer.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app import v4l2
from app.runtime.stage import Worker

log = logging.getLogger(__name__)


def readers(device: Path, *, proc: Path = Path("/proc")) -> Sequence[v4l2.Program]:
    """The programs, but for this one, that have the device open; nothing where it is not there.

    Only those of this user, unless it is root who asks. One that merely has it open counts.
    """
    try:
        return v4l2.programs_with(device, proc=proc, without=(os.getpid(),))
    except OSError:
        return ()


def _open(device: Path) -> int:
    return os.open(device, os.O_RDWR | os.O_NONBLOCK)


class ReaderWatch:
    """Tells whether anybody reads the device: at once, and whenever that changes.

    on_change: called in a thread of its own; with False at last where the device vanished. From
    version 0.13 on v4l2loopback itself tells, the moment it happens; else the open files of all
    programs are looked at every `period` seconds. Start it once; `stop` may be called twice.
    """

    def __init__(
        self,
        device: Path,
        on_change: Callable[[bool], None],
        *,
        period: float = 1.0,
        proc: Path = Path("/proc"),
        open_device: Callable[[Path], int] = _open,
        ioctl: v4l2.Ioctl = v4l2.system_ioctl,
    ) -> None:
        self._device = device
        self._on_change = on_change
        self._period = period
        self._proc = proc
        self._open_device = open_device
        self._ioctl = ioctl
        self._known: bool | None = None
        self._lock = threading.Lock()
        self._ear: int | None = None
        self._mouth: int | None = None
        self._worker = Worker("readers", self._run, self._end)

    def start(self) -> None:
        self._ear, self._mouth = os.pipe()
        self._worker.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Whether the thread has ended."""
        with self._lock:
            if self._mouth is not None:
                os.write(self._mouth, b"x")
        return self._worker.join(time.monotonic() + timeout)

    def _run(self) -> None:
        try:
            descriptor = self._open_device(self._device)
        except OSError as error:
            log.debug("%s cannot be opened to ask for its readers: %s", self._device, error)
            self._look()
            return
        try:
            if v4l2.subscribe_to_readers(descriptor, self._ioctl) and self._listen(descriptor):
                return
        finally:
            # It must not be open while the open files are looked at.
            os.close(descriptor)
        self._look()

    def _listen(self, descriptor: int) -> bool:
        """Ends with True when stopped or the device vanished, with False where it gives no events.

        Raises OSError where the driver does.
        """
        poll = select.poll()
        poll.register(self._need_ear(), select.POLLIN)
        poll.register(descriptor, select.POLLPRI)
        while True:
            ready = dict(poll.poll())
            if self._ear in ready:
                return True
            if not ready[descriptor] & select.POLLPRI:
                # POLLERR and its like, which would come again at once and for ever.
                gone = not self._device.exists()
                if gone:
                    self._tell(False)
                return gone
            count = v4l2.next_readers(descriptor, self._ioctl)
            if count is not None:
                self._tell(count > 0)

    def _look(self) -> None:
        poll = select.poll()
        poll.register(self._need_ear(), select.POLLIN)
        while True:
            self._tell(bool(readers(self._device, proc=self._proc)))
            if poll.poll(self._period * 1000):
                return

    def _need_ear(self) -> int:
        assert self._ear is not None
        return self._ear

    def _tell(self, anybody: bool) -> None:
        if anybody != self._known:
            self._known = anybody
            self._on_change(anybody)

    def _end(self, error: Exception | None) -> None:
        if error is not None:
            log.warning("The readers of %s are no longer watched: %s", self._device, error)
        with self._lock:
            for descriptor in (self._ear, self._mouth):
                if descriptor is not None:
                    with contextlib.suppress(OSError):
                        os.close(descriptor)
            self._ear = self._mouth = None
