"""How a command in a process of its own ended is told to the window."""

from __future__ import annotations

import os
import sys

import pytest
from pytestqt.qtbot import QtBot

from app.gui.child import Child

_KILLS_ITSELF = "import os, signal, sys; sys.stderr.write('half a word'); sys.stderr.flush(); "


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("pass", None),
        ("import sys; sys.exit('The disk is full.')", "The disk is full."),
        ("import sys; sys.exit(3)", ""),
        pytest.param(
            _KILLS_ITSELF + "os.kill(os.getpid(), signal.SIGKILL)",
            "The process that did it was ended by the system (SIGKILL).",
            marks=pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL"),
        ),
    ],
)
def test_its_last_words_or_the_signal_are_told(qtbot: QtBot, code: str, words: str | None) -> None:
    child = Child()
    child.program = [sys.executable, "-c", code]
    with qtbot.waitSignal(child.ended, timeout=60_000) as told:
        child.start([])
    assert told.args == [words]
