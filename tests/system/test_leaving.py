"""How the process ends, whatever its threads do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONG = 120.0


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=LONG
    )


HELD = """
import atexit, threading
from app.system.leaving import leave
atexit.register(print, "the interpreter was taken apart")
threading.Thread(target=threading.Event().wait, daemon={held}).start() if {held} else None
print("written", end="")
leave(3)
"""


def test_with_a_thread_that_a_library_holds_the_interpreter_is_not_taken_apart() -> None:
    done = run(HELD.format(held=True))
    assert (done.returncode, done.stdout) == (3, "written")


def test_without_one_it_is() -> None:
    done = run(HELD.format(held=False))
    assert done.returncode == 3
    assert "taken apart" in done.stdout


def test_the_children_of_a_process_that_leaves_end_too() -> None:
    done = run(
        "import multiprocessing, threading, sys, time\n"
        "from app.system.leaving import leave\n"
        "if __name__ == '__main__':\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "    child = multiprocessing.get_context('spawn').Process(\n"
        "        target=time.sleep, args=(3600,), daemon=True\n"
        "    )\n"
        "    child.start()\n"
        "    leave(0)\n"
    )
    # It would hold the pipe of the output, and `run` would wait for that.
    assert done.returncode == 0


def test_what_a_program_raises_is_shown_and_ends_it_with_1() -> None:
    done = run(
        "from app.system.leaving import run_and_leave\n"
        "def program():\n"
        "    raise ZeroDivisionError('by hand')\n"
        "run_and_leave(program)\n"
    )
    assert done.returncode == 1
    assert "by hand" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["--source", "nowhere.mp4"],
        ["--source", "file:nowhere.mp4"],
        ["--background", "sunset"],
        ["--output", "teleporter"],
        ["--weights", "nothing"],
        ["--engine", "magic"],
        ["--device", "toaster"],
        ["--temporal", "kalman"],
        ["--light", "moon"],
    ],
    ids=" ".join,
)
def test_a_wrong_name_is_found_before_anything_is_started(
    wrong: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from app.cli import main
    from app.live import LivePipeline

    def started(self: LivePipeline) -> None:
        raise AssertionError("it was started")

    monkeypatch.setattr(LivePipeline, "start", started)
    assert main(["live", "--source", "demo", "--output", "null", *wrong]) in (1, 2)
    assert "it was started" not in capfd.readouterr().err
