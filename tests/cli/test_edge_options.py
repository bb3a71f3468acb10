"""The edge's options on the command line reach the settings of the chain."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cli import main


def converted(tmp_path: Path, *options: str) -> np.ndarray:
    source, out = tmp_path / "in.png", tmp_path / f"out{len(options)}.png"
    Image.new("RGB", (96, 64), (90, 80, 70)).save(source)
    quick = ["--engine", "null", "--size", "96x64", "--background", "transparent"]
    assert main(["convert", str(source), "-o", str(out), *quick, *options]) == 0
    with Image.open(out) as picture:
        return np.asarray(picture)[..., 3].astype(int)


def test_a_shift_makes_the_person_smaller_or_larger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plainly = converted(tmp_path)
    smaller = converted(tmp_path, "--edge-shift=-3")
    larger = converted(tmp_path, "--edge-shift", "3", "--edge-contrast", "50")
    assert smaller.sum() < plainly.sum() < larger.sum()


def test_what_is_out_of_range_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", "x.png", "-o", str(tmp_path / "y.png"), "--edge-feather", "99"]) == 2
    assert "40" in capsys.readouterr().err


def test_a_report_says_which_edge_was_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("image", "alpha"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (48, 32), (9, 9, 9)).save(tmp_path / "image" / "a.png")
    Image.new("L", (48, 32), 255).save(tmp_path / "alpha" / "a.png")
    arguments = ["evaluate", "images", str(tmp_path), "--engine", "null", "--size", "96x64"]
    assert main([*arguments, "--edge-feather", "2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["settings"]["edge"] == "edge:shift=0.0,feather=2.0,contrast=0"
