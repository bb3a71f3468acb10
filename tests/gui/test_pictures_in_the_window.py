"""Photos of a phone and animations as backgrounds and clips of the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.gui.background_panel import BackgroundPanel
from app.gui.convert_choices import Wanted
from app.gui.intake import BackgroundIntake
from app.gui.thumbnails import render
from tests.sources.picture_files import gradient, save_avif_grid, save_grid

LONG = 20_000


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    places = {name: tmp_path / name for name in ("IMG_1.HEIC", "b.avif", "moves.webp", "c.svg")}
    save_grid(places["IMG_1.HEIC"], gradient(384, 216), tile=128)
    save_avif_grid(places["b.avif"], gradient(384, 256), tile=128)
    frames = [Image.new("RGB", (64, 36), color) for color in ("red", "blue")]
    frames[0].save(places["moves.webp"], save_all=True, append_images=frames[1:], duration=100)
    places["c.svg"].write_text("<svg/>")
    return places


def test_the_thumbnail_of_a_photo_is_the_whole_photo(files: dict[str, Path]) -> None:
    picture = render(f"image:{files['IMG_1.HEIC']}")
    assert picture is not None
    assert np.abs(picture.astype(int) - gradient(192, 108)).mean() < 6


def test_files_that_are_added_become_what_they_are(
    qtbot: Any, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = BackgroundPanel()
    qtbot.addWidget(panel)
    monkeypatch.setattr(panel, "choose", lambda spec: None)  # there is no pipeline to choose for
    intake = BackgroundIntake(panel, panel)
    shown: list[str] = []
    refused: list[str] = []
    intake.thumbnails.done.connect(lambda spec, _: shown.append(spec))
    intake.refused.connect(refused.append)
    intake.add(list(files.values()))
    qtbot.waitUntil(lambda: len(shown) == 3 and len(refused) == 1, timeout=LONG)
    assert shown == [
        f"image:{files['IMG_1.HEIC']}",
        f"image:{files['b.avif']}",
        f"video:{files['moves.webp']}",
    ]
    assert "is an SVG drawing" in refused[0]
    assert intake.thumbnails.wait(20.0)


def test_a_photo_is_converted_to_a_picture_and_an_animation_to_a_clip(
    files: dict[str, Path],
) -> None:
    wanted = Wanted("blur", "composite", ".mp4", "")
    assert wanted.path_for(files["IMG_1.HEIC"], 1).name == "IMG_1 matted.png"
    assert wanted.path_for(files["moves.webp"], 2).name == "moves matted (2).mp4"
