"""Adapt to me, in the window: on the demo clip, with a child that does as the test says."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.gui.adapt_run import Phase
from app.gui.main_window import MainWindow
from app.weights import store

LONG = 60_000
Open = Callable[..., MainWindow]

# Takes what `adapt` takes, and does what MODE says.
CHILD = """
import json, os, pathlib, signal, sys
from PIL import Image
given = sys.argv[1:]
assert given[0] == "adapt", given
assert {"--json", "--progress-json"} <= set(given), given
pictures = sorted(pathlib.Path(given[1]).iterdir())
assert pictures and pictures[0].suffix == ".jpg", pictures
named = dict(zip(given[2:-2:2], given[3:-2:2]))
def say(**told):
    print(json.dumps(told), flush=True)
say(what="Adapting", share=0.25, seconds_left=200.0)
mode = os.environ["MODE"]
if mode == "wait":
    sys.stdin.read()
if mode == "crash":
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "fail":
    sys.exit("No person can be seen in these frames; there is nothing to adapt to.")
report = {"before": {"l_cons": 0.2, "flicker": 1.0}, "after": {"l_cons": 0.1, "flicker": 0.9}}
if mode == "drop":
    say(kept=False, reason="It flickers more.", seconds=1.0, **report)
    sys.exit(0)
told = {"kind": "soc", "date": "2026-01-02", "frames": len(pictures), "steps": 7}
about = {"parent": named["--weights"], "history": json.dumps(told)}
header = {"__metadata__": about, "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
text = json.dumps(header).encode()
pathlib.Path(named["--out"]).write_bytes(len(text).to_bytes(8, "little") + text + b"\\0" * 4)
shown = pathlib.Path(named["--show-in"])
shown.mkdir()
for number in range(3):
    for when in ("before", "after"):
        for view in ("composite", "matte"):
            picture = Image.new("L", (64, 36), 80 * number)
            picture.save(shown / f"{number:02d}-{when}-{view}.jpg")
say(kept=True, reason="It is calmer.", seconds=1.0, **report)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where recordings lie in this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def open_(
    open_window: Open,
    temporary: Path,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], MainWindow]:
    """A window whose child has this MODE, and which records for a moment only."""
    child = tmp_path / "child.py"
    child.write_text(CHILD)

    def open_with(mode: str) -> MainWindow:
        monkeypatch.setenv("MODE", mode)
        window = open_window()
        window.adapting.run.seconds = 0.4
        window.adapting.run.child.program = [sys.executable, str(child)]
        return window

    return open_with


def begin(window: MainWindow) -> None:
    """As the user does: the button in the Matte panel, then the one on the page."""
    window.side.matte.adapt.button.click()
    assert window.side.currentWidget() is window.side.adapt
    window.side.adapt.start_button.click()
    assert window.adapting.run.phase is Phase.RECORDING


def wait_for(qtbot: Any, window: MainWindow, phase: Phase) -> None:
    qtbot.waitUntil(lambda: window.adapting.run.phase is phase, timeout=LONG)


def test_what_is_kept_is_in_use_survives_a_restart_and_can_be_taken_back(
    qtbot: Any, open_: Callable[[str], MainWindow], temporary: Path, weights: Path
) -> None:
    window = open_("keep")
    page = window.side.adapt
    begin(window)
    assert page.title.text() == "Look at the camera and talk"
    assert page.count.isVisible()
    (folder,) = temporary.iterdir()
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0  # nobody else may look
    wait_for(qtbot, window, Phase.DECIDING)
    assert window.comparison.isVisible()
    assert window.preview.isVisible()
    assert window.comparison.count == 3
    assert window.live.weights == store.DEFAULT  # nothing has changed yet
    assert not weights.exists()

    window.comparison.keep_button.click()
    wait_for(qtbot, window, Phase.IDLE)
    name = window.live.weights
    assert name.startswith("me-")
    assert "in use" in page.title.text()
    assert (weights / f"{name}.safetensors").is_file()
    assert list(temporary.iterdir()) == []
    assert not window.comparison.isVisible()
    (line,) = (line for line in store.status() if line.name == name)
    assert line.history is not None
    assert (line.history.parent, line.history.steps) == (store.DEFAULT, 7)
    choice = window.side.engine.weights
    assert choice.value() == name
    window.close()

    window = open_("keep")
    assert window.live.weights == name
    row = window.side.matte.adapt
    assert f"In use: {name}, adapted from {store.DEFAULT}, 2026-01-02" in row.words.text()
    row.before_button.click()
    assert window.live.weights == store.DEFAULT
    assert row.before_button.isHidden()
    assert name in [value for value, _ in window.side.engine.weights.choices]


def test_the_model_from_before_is_the_one_that_was_in_use(
    qtbot: Any, open_: Callable[[str], MainWindow], weights: Path
) -> None:
    """Twice in a row: the second one leads back to the first."""
    window = open_("keep")
    names = []
    for _ in range(2):
        begin(window)
        wait_for(qtbot, window, Phase.DECIDING)
        window.comparison.keep_button.click()
        wait_for(qtbot, window, Phase.IDLE)
        names.append(window.live.weights)
    assert names[1] == f"{names[0]}-2"
    window.side.adapt.before_button.click()
    assert window.live.weights == names[0]
    window.side.matte.adapt.before_button.click()
    assert window.live.weights == store.DEFAULT


def test_an_adapted_model_does_not_ask_for_statistics_that_it_has_not(
    qtbot: Any, open_: Callable[[str], MainWindow], save_settings: Callable[..., None]
) -> None:
    save_settings(norms="fixed")
    window = open_("keep")
    begin(window)
    wait_for(qtbot, window, Phase.DECIDING)
    window.comparison.keep_button.click()
    wait_for(qtbot, window, Phase.IDLE)
    assert window.live.norms == "auto"


def test_before_and_after_can_be_looked_through(
    qtbot: Any, open_: Callable[[str], MainWindow]
) -> None:
    window = open_("keep")
    begin(window)
    wait_for(qtbot, window, Phase.DECIDING)
    shown = window.comparison
    assert shown.place.text() == "Frame 1 of 3"
    shown.previous.click()
    assert shown.place.text() == "Frame 3 of 3"
    first = shown.pair.grab().toImage()
    shown.next.click()
    assert shown.pair.grab().toImage() != first
    shown.views["matte"].click()
    assert shown.place.text() == "Frame 1 of 3"
    # In full screen only the picture is there.
    window.actions_.full_screen.trigger()
    assert not shown.isVisible()
    window.actions_.full_screen.trigger()
    assert shown.isVisible()


def test_discarding_changes_nothing(
    qtbot: Any, open_: Callable[[str], MainWindow], temporary: Path, weights: Path
) -> None:
    window = open_("keep")
    begin(window)
    wait_for(qtbot, window, Phase.DECIDING)
    window.comparison.discard_button.click()
    assert window.adapting.run.phase is Phase.IDLE
    assert window.live.weights == store.DEFAULT
    assert list(temporary.iterdir()) == []
    assert not weights.exists()
    assert not window.comparison.isVisible()


@pytest.mark.parametrize(
    ("mode", "title", "words"),
    [
        ("drop", "Nothing was changed", "It flickers more."),
        ("fail", "It did not work", "No person can be seen in these frames"),
        ("crash", "It did not work", "was ended by the system (SIGKILL)."),
    ],
)
def test_what_came_to_nothing_is_told_in_a_sentence(
    qtbot: Any,
    open_: Callable[[str], MainWindow],
    temporary: Path,
    weights: Path,
    mode: str,
    title: str,
    words: str,
) -> None:
    window = open_(mode)
    begin(window)
    page = window.side.adapt
    qtbot.waitUntil(lambda: page.title.text() == title, timeout=LONG)
    assert words in page.text.text()
    assert list(temporary.iterdir()) == []
    assert not weights.exists()
    page.again_button.click()
    assert page.start_button.isVisible()


def test_who_left_the_page_is_told_in_the_bar(
    qtbot: Any, open_: Callable[[str], MainWindow]
) -> None:
    window = open_("drop")
    begin(window)
    window.side.adapt.back.click()
    qtbot.waitUntil(lambda: "It flickers more." in window.messages.text, timeout=LONG)


def test_it_can_be_cancelled_while_it_records_and_while_it_learns(
    qtbot: Any, open_: Callable[[str], MainWindow], temporary: Path
) -> None:
    window = open_("wait")
    page = window.side.adapt
    begin(window)
    page.cancel_button.click()
    wait_for(qtbot, window, Phase.IDLE)
    assert list(temporary.iterdir()) == []
    begin(window)
    wait_for(qtbot, window, Phase.WORKING)
    qtbot.waitUntil(lambda: "3 minutes left" in page.text.text(), timeout=LONG)
    assert window.side.matte.adapt.button.text() == "Adapting to you: 25%"
    composite = window.preview.composite
    qtbot.waitUntil(lambda: window.preview.composite is not composite, timeout=LONG)
    page.cancel_button.click()
    wait_for(qtbot, window, Phase.IDLE)
    assert list(temporary.iterdir()) == []
    assert page.start_button.isVisible()
    assert window.side.matte.adapt.button.text() == "Adapt to me…"


@pytest.mark.parametrize("phase", [Phase.RECORDING, Phase.WORKING, Phase.DECIDING])
def test_closing_the_window_ends_it_and_leaves_nothing(
    qtbot: Any, open_: Callable[[str], MainWindow], temporary: Path, weights: Path, phase: Phase
) -> None:
    window = open_("keep" if phase is Phase.DECIDING else "wait")
    begin(window)
    wait_for(qtbot, window, phase)
    window.close()
    assert not window.adapting.run.child.runs
    assert list(temporary.iterdir()) == []
    assert not weights.exists()


def test_a_recording_that_is_to_be_kept_lies_with_the_videos(
    qtbot: Any,
    open_: Callable[[str], MainWindow],
    save_settings: Callable[..., None],
    temporary: Path,
    tmp_path: Path,
) -> None:
    from app.settings import RecordingSettings

    videos = tmp_path / "Videos"
    save_settings(recording=RecordingSettings(folder=str(videos)).model_dump())
    window = open_("drop")
    window.side.adapt.keep_box.setChecked(True)
    begin(window)
    wait_for(qtbot, window, Phase.WORKING)
    wait_for(qtbot, window, Phase.IDLE)
    (kept,) = videos.iterdir()
    assert kept.name.startswith("Mattecam adapt ")
    assert list(kept.glob("*.jpg"))
    assert str(kept) in window.messages.text
    assert list(temporary.iterdir()) == []


def test_without_a_picture_nothing_is_recorded(
    qtbot: Any, open_: Callable[[str], MainWindow], temporary: Path
) -> None:
    window = open_("keep")
    window.actions_.pause.trigger()
    qtbot.waitUntil(lambda: window.preview.is_empty, timeout=LONG)
    window.show_adapt()
    window.side.adapt.start_button.click()
    assert "There is no picture to record" in window.side.adapt.text.text()
    assert list(temporary.iterdir()) == []


def test_a_picture_that_stops_ends_the_recording(
    qtbot: Any,
    open_: Callable[[str], MainWindow],
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from app.gui import adapt_run

    monkeypatch.setattr(adapt_run, "_SILENCE", 0.3)
    window = open_("keep")
    window.adapting.run.seconds = 600.0
    begin(window)
    window.actions_.pause.trigger()
    wait_for(qtbot, window, Phase.IDLE)
    assert "The picture has stopped" in window.side.adapt.text.text()
    assert list(temporary.iterdir()) == []


def test_weights_that_cannot_be_kept_can_be_tried_again(
    qtbot: Any, open_: Callable[[str], MainWindow], weights: Path
) -> None:
    window = open_("keep")
    begin(window)
    wait_for(qtbot, window, Phase.DECIDING)
    weights.write_text("a file where a folder should be")
    window.comparison.keep_button.click()
    qtbot.waitUntil(lambda: "cannot be written" in window.messages.text, timeout=LONG)
    assert window.adapting.run.phase is Phase.DECIDING
    weights.unlink()
    window.comparison.keep_button.click()
    wait_for(qtbot, window, Phase.IDLE)
    assert window.live.weights.startswith("me-")


def test_what_a_killed_program_left_is_deleted_at_the_next_start(
    qtbot: Any, open_: Callable[[str], MainWindow], temporary: Path
) -> None:
    stale = temporary / "mattecam-adapt-999999999-abc"
    (stale / "recording").mkdir(parents=True)
    (stale / "recording" / "00000.jpg").write_bytes(b"me")
    open_("keep")
    qtbot.waitUntil(lambda: not stale.exists(), timeout=LONG)
