"""In the window: what is chosen to hide the room hides it, also where it cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.gui import profiles
from app.gui.main_window import MainWindow
from app.settings import LiveSettings

LONG = 120_000
Open = Callable[..., MainWindow]
Save = Callable[..., None]


@pytest.fixture
def window(open_window: Open, save_settings: Save) -> MainWindow:
    """It shows the room."""
    save_settings(background="original")
    return open_window()


def broken(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    return path


@pytest.mark.parametrize("name", ["beach.png", "waves.mp4", "notes.txt"])
def test_a_file_that_is_added_and_cannot_be_used_blurs_the_room(
    qtbot: Any, window: MainWindow, tmp_path: Path, name: str
) -> None:
    window.add_backgrounds([broken(tmp_path, name)])
    qtbot.waitUntil(lambda: window.messages.has("background"), timeout=LONG)
    assert window.live.background == "blur"
    assert window.messages.text.endswith("Your room is blurred instead.")


def test_a_file_of_the_gallery_that_is_gone_blurs_the_room(
    qtbot: Any, window: MainWindow, tmp_path: Path
) -> None:
    window.side.background.choose(f"image:{tmp_path / 'gone.png'}")
    qtbot.waitUntil(lambda: window.messages.has("background"), timeout=LONG)
    assert "Your room is blurred" in window.messages.text


def test_settings_that_are_refused_together_with_a_background_blur_the_room(
    window: MainWindow, tmp_path: Path
) -> None:
    assert not window.change(background="color", steps=(f"region:{tmp_path / 'gone.png'}",))
    assert window.live.background == "blur"


def test_a_profile_that_hides_the_room_and_cannot_be_used_blurs_it(
    window: MainWindow, tmp_path: Path
) -> None:
    profiles.save("office", LiveSettings(background="color"))
    (path,) = profiles.profiles_folder().glob("*.json")
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "background": "aurora", "light": ["sun"]}))
    window.load_profile("office")
    assert window.live.background == "blur"
    assert window.messages.has("settings")


def test_a_refused_file_leaves_a_background_that_hides_the_room(
    qtbot: Any, open_window: Open, tmp_path: Path
) -> None:
    window = open_window()
    before = window.live.background
    window.add_backgrounds([broken(tmp_path, "beach.png")])
    qtbot.waitUntil(lambda: window.messages.has("background"), timeout=LONG)
    assert window.live.background == before
    assert "blurred" not in window.messages.text
