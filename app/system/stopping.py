"""Being told to stop: Ctrl-C, SIGTERM, and SIGHUP when the terminal is closed."""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

# Windows sends SIGBREAK for Ctrl-Break and for a console that is closed.
STOP_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)
# Seconds until an interruption that was lost in a destructor is raised again.
_AGAIN = 0.05


class Stop:
    """Attributes:
    number: the signal that came first, None while there was none.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.number is None:
            self.number = number
        raise KeyboardInterrupt


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Each stop signal raises KeyboardInterrupt in the main thread while the body runs.

    A signal that is ignored (nohup, a job in the background) stays ignored. An interruption that
    Python drops, because it arrived in a destructor or a callback, is raised again soon. In
    another thread than the main one nothing changes.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    with _handled_by(stop, STOP_SIGNALS), _raised_again(stop):
        yield stop


@contextlib.contextmanager
def stop_signals_ignored() -> Iterator[None]:
    """For an orderly end, which has a deadline: another Ctrl-C does not interrupt it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled_by(signal.SIG_IGN, STOP_SIGNALS):
        yield


def stop_at_once() -> None:
    """From now on a stop signal ends the process without a word: its work is over."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def _handled_by(handler: Any, numbers: tuple[int, ...]) -> Iterator[None]:
    former: dict[int, Any] = {}
    try:
        for number in numbers:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                former[number] = signal.signal(number, handler)
        yield
    finally:
        for number, handled in former.items():
            signal.signal(number, handled)


@contextlib.contextmanager
def _raised_again(stop: Stop) -> Iterator[None]:
    shown = sys.unraisablehook

    def hook(lost: Any) -> None:
        if stop.number is not None and issubclass(lost.exc_type, KeyboardInterrupt):
            # Not from here: what is raised in this hook is lost, too.
            again = threading.Timer(_AGAIN, _interrupt_main_thread, (stop.number,))
            again.daemon = True
            again.start()
        else:
            shown(lost)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = shown


def _interrupt_main_thread(number: int) -> None:
    if hasattr(signal, "pthread_kill"):
        # `interrupt_main` would not wake a thread that waits for a lock.
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


def on_stop_signals(call: Callable[[], object]) -> None:
    """Has every stop signal run `call` instead, for a program with an event loop of its own."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: call())
