"""No command writes over a file that it reads, with --force or without."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import places
from app.cli import main
from app.weights import store

QUICK = ["--engine", "null", "--size", "96x64"]


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures of all uses, each another color."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate(("me", "room", "plate", "region")):
        Image.new("RGB", (96, 64), (40 * place, 90, 20)).save(tmp_path / f"{name}.png")
    shots = tmp_path / "shots"
    shots.mkdir()
    for place in range(2):
        Image.new("RGB", (96, 64), (place, 0, 0)).save(shots / f"{place:05d}.png")
    return tmp_path


def _all(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def _refused(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    before = _all(folder)
    assert main(list(words)) == 2
    assert _all(folder) == before
    said = capsys.readouterr().err
    assert "would be written over; name another output." in said
    return said


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["me.png", "-o", "./me.png"], "the input itself"),
        (["me.png", "-o", "room.png", "--background", "room.png"], "the background"),
        (["me.png", "-o", "room.png", "--background", "image:room.png,fit=contain"], "background"),
        (["me.png", "-o", "room.png", "--background", "room.png,fit=contain"], "the background"),
        (["me.png", "-o", "plate.png", "--clean-plate", "plate.png"], "Clean plate"),
        (["me.png", "-o", "region.png", "--keep-region", "region.png"], "Always keep"),
        (["me.png", "-o", "region.png", "--drop-region", "region.png"], "Never keep"),
        (["shots", "-o", "shots"], "the input itself"),
        (["shots", "-o", "shots/00001.png"], "part of the input itself"),
        (["shots/00001.png", "-o", "shots"], "the input itself"),
        (["me.png", "-o", "shots", "--background", "shots/00000.png"], "the background"),
    ],
)
def test_convert(pictures, capsys, words, what, force):
    assert what in _refused(pictures, capsys, "convert", *words, *QUICK, *force)


def test_convert_and_a_link_to_the_weights(pictures, capsys):
    weights = store.resolve(store.DEFAULT).path
    mine = pictures / "mine.safetensors"
    shutil.copy(weights, mine)
    os.link(mine, pictures / "out.mp4")
    words = ["convert", "me.png", "-o", "out.mp4", "--weights", str(mine), "--force"]
    assert "the file of the weights" in _refused(pictures, capsys, *words)


def test_convert_and_the_demo_clip_itself(pictures, capsys, monkeypatch):
    assets = pictures / "assets"
    assets.mkdir()
    shutil.copy(places.assets() / "demo.mp4", assets)
    monkeypatch.setattr(places, "assets", lambda: assets)
    words = ["convert", "demo", "-o", "assets/demo.mp4", "--force", *QUICK]
    assert "the input itself" in _refused(pictures, capsys, *words)


def test_what_is_not_written_over_is_no_obstacle(pictures):
    # The folder holds the input, and its result has another name.
    assert main(["convert", "me.png", "-o", "shots", "--force", *QUICK]) == 0
    assert (pictures / "shots" / "me.png").is_file()


def test_bench(pictures, capsys):
    for option in ("--plot", "--write"):
        words = ["bench", "me.png", option, "me.png", *QUICK, "--beside", "none"]
        assert "the input itself" in _refused(pictures, capsys, *words)
    Image.new("RGB", (8, 8)).save(pictures / "page.svg", "PNG")  # written beside page.md
    _refused(pictures, capsys, "bench", "page.svg", "--write", "page.md", *QUICK)


def test_export(pictures, capsys):
    mine = pictures / "mine.onnx"
    shutil.copy(store.resolve(store.DEFAULT).path, mine)
    said = _refused(pictures, capsys, "export", str(mine), "-o", "mine.onnx", "--force")
    assert "the file of the weights" in said
    words = ["export", "-o", "me.png", "--picture", "me.png", "--force"]
    assert "a picture to compare on" in _refused(pictures, capsys, *words)


def test_adapt(pictures, capsys):
    mine = pictures / "mine.safetensors"
    shutil.copy(store.resolve(store.DEFAULT).path, mine)
    words = ["adapt", "shots", "-o", "mine.safetensors", "--weights", str(mine), "--force"]
    assert "the file of the weights" in _refused(pictures, capsys, *words)
    Image.new("RGB", (96, 64)).save(pictures / "shots" / "00-before-composite.jpg")
    words = ["adapt", "shots", "-o", "new.safetensors", "--show-in", "shots"]
    assert "part of the clip itself" in _refused(pictures, capsys, *words)


def test_weights_import(pictures, capsys, monkeypatch):
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(pictures / "weights"))
    (pictures / "weights").mkdir()
    mine = pictures / "weights" / "mine.safetensors"
    shutil.copy(Path(__file__).parents[2] / "weights" / "mattecam-webcam.safetensors", mine)
    data = bytearray(mine.read_bytes())
    data[-1] ^= 1  # no longer a released file
    mine.write_bytes(data)
    said = _refused(pictures, capsys, "weights", "import", str(mine), "--force")
    assert "the file itself" in said


def test_evaluate(pictures, capsys):
    for name in ("image", "alpha"):
        (pictures / "set" / name).mkdir(parents=True)
        Image.fromarray(np.zeros((64, 96), np.uint8)).save(pictures / "set" / name / "a.png")
    words = ["evaluate", "images", "set", "--contact-sheet", "set/image/a.png"]
    assert "what is measured" in _refused(pictures, capsys, *words, *QUICK)


def test_train(pictures, capsys):
    (pictures / "run").mkdir()
    shutil.copy(store.resolve(store.DEFAULT).path, pictures / "run" / "best.safetensors")
    (pictures / "run.toml").write_text(
        'out = "run"\nweights = "run/best.safetensors"\n[soc]\nclips = ["shots"]\n'
    )
    said = _refused(pictures, capsys, "train", "run.toml")
    assert "the file of the weights" in said


def test_live_records_over_nothing(pictures, capsys):
    before = _all(pictures)
    for target in ("me.png", "clip.mp4", "shots"):
        if target == "clip.mp4":
            (pictures / target).write_bytes(b"precious")
            before = _all(pictures)
        words = ["live", "--source", target, "--output", "null", "--record", target, *QUICK]
        assert main(words) != 0
        assert _all(pictures) == before
    capsys.readouterr()
