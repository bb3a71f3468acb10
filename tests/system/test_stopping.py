"""Stop signals as KeyboardInterrupt, in one process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from threading import Event, Thread

import pytest

from app.system.stopping import STOP_SIGNALS, stop_on_signals, stop_signals_ignored

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends the process there")


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_each_signal_interrupts_and_is_remembered(number: int) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        assert stop.number == number
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_ignored() -> None:
    """nohup, and a job in the background."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
        assert stop.number is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_orderly_end_is_not_interrupted() -> None:
    with stop_on_signals() as stop, stop_signals_ignored():
        os.kill(os.getpid(), signal.SIGINT)
    assert stop.number is None


class _Careless:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def test_an_interruption_that_a_destructor_swallows_comes_again() -> None:
    thing = [_Careless()]
    with stop_on_signals() as stop:
        thing.clear()  # Python drops what its __del__ raises
        with pytest.raises(KeyboardInterrupt):
            Event().wait(60)
    assert stop.number == signal.SIGTERM


def test_another_thread_changes_nothing() -> None:
    seen = []

    def look() -> None:
        with stop_on_signals(), contextlib.suppress(KeyboardInterrupt):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
