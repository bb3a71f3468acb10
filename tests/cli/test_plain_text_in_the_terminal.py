"""File names and weights' metadata are plain text in what the commands print."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.cli import main
from app.cli.progress import progress_bar
from app.cli.terminal import Terminal, plain

# No slash, which no file's name has; rich takes "[/]" for the end of a style all the same.
NAMES = ["[red]x", "[bold red on blue]x[red]", "a\x1b[31mb\u202ec\nd", ":smile:"]


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        path = tmp_path / f"{name}.png"
        _, coded = cv2.imencode(".png", np.full((36, 64, 3), 90, np.uint8))
        path.write_bytes(coded.tobytes())
        return path

    return make


def shown(name: str) -> str:
    return re.sub("[\x1b\n\u202e]", "�", name)


@pytest.mark.parametrize("name", NAMES)
def test_convert_says_the_names_as_they_are(
    tmp_path: Path,
    picture: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    out = tmp_path / f"out {name}.png"
    quick = ("--engine", "null", "--background", "color")
    assert main(["convert", str(picture(name)), "-o", str(out), *quick]) == 0
    assert out.exists()
    assert f"out {shown(name)}.png: 1 frame" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "command",
    [
        ("convert", "{}", "-o", "x.mp4"),
        ("live", "--source", "{}", "--output", "null"),
        ("adapt", "{}"),
        ("train", "{}"),
        ("export", "{}"),
        ("evaluate", "images", "{}"),
        ("bench", "{}"),
        ("weights", "import", "{}"),
        ("weights", "verify", "{}"),
        ("weights", "calibrate", "{}"),
        ("{}",),
        ("convert", "--{}"),
        ("convert", "x.mp4", "-o", "y.mp4", "--size", "{}"),
        ("convert", "demo", "-o", "y.mp4", "--background", "{}"),
    ],
)
def test_an_error_says_the_name_as_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([word.replace("{}", f"no {name}") for word in command]) in (1, 2)
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err
    if name.startswith(("[", ":")):
        assert name in (out + err).replace("\n", "")


@pytest.mark.parametrize("name", NAMES)
def test_weights_list_shows_metadata_as_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    from app.modnet import weights
    from app.modnet.network import MODNet

    monkeypatch.setenv("MATTECAM_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "400")
    weights.save_safetensors(
        MODNet(), tmp_path / "own.safetensors", metadata={"licence": name, "title": name}
    )
    assert main(["weights", "list"]) == 0
    assert capsys.readouterr().out.count(shown(name)) == 2


def test_a_bar_in_a_terminal_shows_its_title_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    page = io.StringIO()
    monkeypatch.setattr("sys.stderr", page)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    with progress_bar("[red]x[/red]\x1b[2J.mp4") as bar:
        bar(1, 2)
    assert "[red]x[/red]�[2J.mp4" in page.getvalue()


def test_a_terminal_keeps_its_own_colors_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    page = io.StringIO()
    monkeypatch.setattr("sys.stderr", page)
    monkeypatch.setenv("FORCE_COLOR", "1")
    terminal = Terminal(stderr=True)
    terminal.print(plain("a\x1b[5mb", "red"))
    terminal.print("[red]c[/red]\x1b[5md")
    written = page.getvalue()
    assert "\x1b[31m" in written
    assert "\x1b[5m" not in written
    assert "[red]c[/red]" in written
