"""Recording and converting from the window, on the demo clip and without a microphone."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFileDialog

from app.gui.convert_options import command_options
from app.gui.convert_panel import ConvertPanel, Fate
from app.gui.main_window import MainWindow
from app.gui.record_switch import RecordSwitch, clock, megabytes
from app.gui.recording_panel import LevelMeter, RecordingPanel
from app.recording.recorder import Figures, FileFigures, State
from app.settings import LiveSettings, RecordingSettings
from app.sound import devices
from app.views import View

LONG = 120_000


@pytest.fixture
def silent(save_settings: Callable[..., None], tmp_path: Path) -> Path:
    """Recordings go to this folder, without sound."""
    folder = tmp_path / "Videos"
    recording = RecordingSettings(microphone="off", folder=str(folder), pattern="clip")
    save_settings(recording=recording.model_dump())
    return folder


def test_the_key_records_and_the_clip_is_in_the_list(
    qtbot: Any, open_window: Callable[..., MainWindow], silent: Path
) -> None:
    window = open_window()
    qtbot.keyClick(window, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: "MB" in window.record_switch.text(), timeout=LONG)
    assert window.actions_.record.isChecked()
    recording = window.recording.recording
    qtbot.waitUntil(lambda: (silent / "clip.mp4").exists(), timeout=LONG)
    with qtbot.waitSignal(recording.done, timeout=LONG) as done:
        qtbot.waitUntil(lambda: (silent / "clip.mp4").stat().st_size > 0, timeout=LONG)
        qtbot.keyClick(window, Qt.Key.Key_R)
    assert done.args[0].files[0].frames > 0
    assert not window.actions_.record.isChecked()
    assert window.record_switch.text().strip() == "Record"
    assert window.remembered.clips == (str(silent / "clip.mp4"),)
    clips = window.side.recording.clips
    assert clips.count() == 1
    qtbot.waitUntil(lambda: not clips.item(0).icon().isNull(), timeout=LONG)
    # Another one has a name of its own.
    window.recording.toggle()
    qtbot.waitUntil(lambda: (silent / "clip (2).mp4").exists(), timeout=LONG)


def test_closing_the_window_finishes_the_clip(
    qtbot: Any, open_window: Callable[..., MainWindow], silent: Path
) -> None:
    import av

    window = open_window()
    window.record_switch.click()
    path = silent / "clip.mp4"
    qtbot.waitUntil(lambda: path.exists() and path.stat().st_size > 0, timeout=LONG)
    window.close()
    with av.open(str(path)) as clip:
        assert sum(1 for _ in clip.decode(video=0)) > 0


def test_what_cannot_be_recorded_is_said_in_the_bar(
    qtbot: Any, open_window: Callable[..., MainWindow], silent: Path
) -> None:
    silent.write_text("a file, not a folder")
    window = open_window()
    with qtbot.waitSignal(window.recording.recording.failed, timeout=LONG) as failed:
        window.record_switch.click()
    assert "is a file" in failed.args[0]
    assert not window.actions_.record.isChecked()


def test_the_button_tells_time_size_and_what_was_dropped(qtbot: Any) -> None:
    switch = RecordSwitch()
    qtbot.addWidget(switch)
    file = FileFigures(View.COMPOSITE, Path("a.mp4"), dropped=3, bytes=12_300_000)
    switch.show_figures(Figures(State.RECORDING, seconds=83, files=(file,)))
    assert "1:23 · 12.3 MB · 3 dropped" in switch.text()
    switch.show_figures(Figures(State.COUNTDOWN, countdown=2.4))
    assert "3" in switch.text()
    assert clock(3723) == "1:02:03"
    assert megabytes(2_500_000_000) == "2.50 GB"


def test_the_panel_asks_for_changes_of_its_own_section(qtbot: Any) -> None:
    panel = RecordingPanel()
    qtbot.addWidget(panel)
    panel.show_settings(LiveSettings())
    with qtbot.waitSignal(panel.changes) as changed:
        panel.what.boxes["matte"].click()
    assert changed.args[0]["recording"]["what"] == ("composite", "matte")
    panel.show_settings(LiveSettings().but(**changed.args[0]))
    panel.what.boxes["matte"].click()
    panel.what.boxes["composite"].click()  # one at least
    assert panel.what.value() == ("composite",)


def test_the_meter_falls_slowly(qtbot: Any) -> None:
    meter = LevelMeter()
    qtbot.addWidget(meter)
    meter.show_level(-3, -12)
    meter.show_level(-60, -60)
    assert meter.peak == -4.5
    meter.grab()


CHILD = """
import json, pathlib, sys
given = sys.argv
print(json.dumps({"frames": 5, "total": 10, "seconds_left": 65.0}), flush=True)
if "bad" in given[2]:
    sys.stderr.write("bad.mp4 is not a video.\\n")
    sys.exit(1)
if "slow" in given[2]:
    sys.stdin.read()
pathlib.Path(given[4]).write_text(" ".join(given[5:]))
"""


@pytest.fixture
def panel(qtbot: Any, tmp_path: Path) -> Any:
    panel = ConvertPanel()
    qtbot.addWidget(panel)
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    panel.child.program = [sys.executable, str(child)]
    panel.use("color:#ff0000", ("--engine", "null"))
    yield panel
    panel.end()


def test_several_clips_are_converted_one_after_the_other(
    qtbot: Any, panel: ConvertPanel, tmp_path: Path
) -> None:
    said: list[str] = []
    panel.failed.connect(said.append)
    panel.add([tmp_path / name for name in ("a.mp4", "bad.mp4", "a.mp4")])
    over = {Fate.DONE, Fate.FAILED}
    qtbot.waitUntil(lambda: all(clip.fate in over for clip in panel.queue), timeout=LONG)
    assert [clip.fate for clip in panel.queue] == [Fate.DONE, Fate.FAILED, Fate.DONE]
    assert said == ["bad.mp4: bad.mp4 is not a video."]
    assert (tmp_path / "a matted.mp4").read_text() == (
        "--background color:#ff0000 --show composite --engine null --progress-json"
    )
    assert (tmp_path / "a matted (2).mp4").exists()


def test_a_conversion_shows_how_far_it_is_and_can_be_cancelled(
    qtbot: Any, panel: ConvertPanel, tmp_path: Path
) -> None:
    panel.show()
    panel.add([tmp_path / "slow.mp4", tmp_path / "slow2.mp4"])
    qtbot.waitUntil(lambda: panel.left.text() == "50% · 1:05 left", timeout=LONG)
    assert (panel.bar.value(), panel.bar.maximum()) == (5, 10)
    panel.list.setCurrentRow(1)
    panel.cancel()
    panel.list.setCurrentRow(0)
    panel.cancel()
    fates = [Fate.CANCELLED, Fate.CANCELLED]
    qtbot.waitUntil(lambda: not panel.bar.isVisible(), timeout=LONG)
    assert [clip.fate for clip in panel.queue] == fates
    panel.clear()
    assert panel.queue == []


def test_transparent_goes_into_a_file_that_can_hold_it(
    qtbot: Any, panel: ConvertPanel, tmp_path: Path
) -> None:
    panel.choices.background.set_value("transparent")
    panel.add([tmp_path / "a.mov"])
    assert panel.queue[0].output.name == "a matted.webm"
    # Behind the matte alone there is no background to be transparent.
    panel.choices.view.set_value("matte")
    assert panel.choices.wanted("blur").ending == ".mp4"
    panel.choices.view.set_value("foreground")
    assert panel.choices.wanted("blur").ending == ".webm"


def test_a_conversion_takes_any_picture_and_goes_to_any_folder(
    qtbot: Any, panel: ConvertPanel, tmp_path: Path
) -> None:
    combo = panel.choices.background.combo
    at = combo.findText("A picture or clip…")
    combo.setCurrentIndex(at)
    combo.activated.emit(at)
    dialog = panel.findChild(QFileDialog)
    assert dialog is not None
    assert panel.choices.background.value() == ""  # until one is chosen
    dialog.fileSelected.emit(str(tmp_path / "beach.jpg"))
    assert combo.currentText() == "beach.jpg"
    folder = tmp_path / "results"
    folder.mkdir()
    panel.choices.folder.set_value(str(folder))
    panel.choices.ending.set_value(".mkv")
    panel.add([tmp_path / "a.mov"])
    qtbot.waitUntil(lambda: panel.queue[0].fate is Fate.DONE, timeout=LONG)
    assert f"--background {tmp_path / 'beach.jpg'}" in (folder / "a matted.mkv").read_text()
    with qtbot.waitSignal(panel.clip_opened, timeout=LONG) as opened:
        panel.list.itemActivated.emit(panel.queue[0].item)
    assert opened.args == [folder / "a matted.mkv"]


def test_a_clip_is_treated_as_the_live_picture_is() -> None:
    live = LiveSettings().but(
        edge="edge:shift=-1.5,feather=2.0,contrast=10",
        steps=("clean-plate:/room.png", "persons:2"),
        light=("wrap:0.6",),
        refine=False,
    )
    options = command_options(live)
    pairs = dict(itertools.pairwise(options))
    assert pairs["--edge-shift"] == "-1.5"
    assert pairs["--edge-contrast"] == "10"
    assert pairs["--persons"] == "2"
    assert pairs["--light"] == "wrap:0.6"
    assert pairs["--refine"] == "off"
    assert "--clean-plate" not in options  # of the camera's own room


def test_quality_is_three_words_and_a_number(qtbot: Any) -> None:
    panel = RecordingPanel()
    qtbot.addWidget(panel)
    panel.show_settings(LiveSettings())
    assert panel.quality.value() == "good"
    assert panel.quality.number.value() == 23
    with qtbot.waitSignal(panel.changes) as changed:
        panel.quality.number.slider.setValue(30)
    assert changed.args[0]["recording"]["quality"] == "30"
    panel.show_settings(LiveSettings().but(**changed.args[0]))
    assert panel.quality.word.combo.currentText() == "By number"
    assert panel.quality.value() == "30"


def test_a_microphone_that_is_away_stays_chosen_and_says_so(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        devices,
        "list_microphones",
        lambda *, fresh: [
            devices.MicrophoneInfo("Room mic", 1, default=True),
            devices.MicrophoneInfo("Monitor of Speakers", 2, monitor=True),
        ],
    )
    panel = RecordingPanel()
    qtbot.addWidget(panel)
    recording = RecordingSettings(microphone="Headset").model_dump()
    panel.show_settings(LiveSettings().but(recording=recording))
    panel.load()
    combo = panel.microphone.combo
    qtbot.waitUntil(lambda: combo.findText("Room mic") >= 0, timeout=LONG)
    assert combo.currentText() == "Headset (not there)"
    assert combo.findText("Monitor of Speakers (what you hear)") >= 0
    assert panel.microphone.value() == "Headset"


def test_a_clip_that_was_deleted_is_taken_off_the_list(
    qtbot: Any, open_window: Callable[..., MainWindow], silent: Path
) -> None:
    window = open_window()
    silent.mkdir()
    clip = silent / "gone.mp4"
    clip.write_bytes(b"")
    window.remember_clips((str(clip),))
    window.recording.restore()
    assert window.side.recording.clips.count() == 1
    clip.unlink()
    window.side.recording.play.click()
    assert window.side.recording.clips.count() == 0


def test_sound_that_goes_and_comes_back_is_told_each_time(
    qtbot: Any, open_window: Callable[..., MainWindow], silent: Path
) -> None:
    window = open_window()
    said: list[str] = []
    window.say = lambda key, words, *_: said.append(words)  # type: ignore[method-assign]
    told = window.recording.recording.told
    for problem in ("It was pulled out.", "It was pulled out.", None, "It was pulled out."):
        told.emit(Figures(State.RECORDING, sound="USB", sound_problem=problem))
    assert said == ["It was pulled out.", "It was pulled out."]
