"""The options for matte steps and light, as specs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cli import main, step_options
from app.errors import UsageError


def specs(**given: object) -> tuple[str, ...]:
    plain: dict[str, object] = {"keep": None, "drop": None, "persons": "everyone"}
    return step_options.specs(**{**plain, "clean_plate": None, **given})  # type: ignore[arg-type]


def test_nothing_said_means_no_steps() -> None:
    assert specs() == ()


def test_each_option_is_a_spec() -> None:
    assert specs(
        keep=[Path("a.png"), Path("b.png")],
        drop=[Path("c.png")],
        persons="main",
        clean_plate=Path("room.png"),
    ) == (
        "clean-plate:room.png",
        "persons:1",
        "drop-region:c.png",
        "keep-region:a.png",
        "keep-region:b.png",
    )
    assert specs(persons="3") == ("persons:3",)


@pytest.mark.parametrize("wrong", ["0", "10", "all", "-1", "²", ""])
def test_a_strange_number_of_persons_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError, match="everyone, main or a number"):
        specs(persons=wrong)


def test_convert_runs_the_steps_and_reports_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, region, out = tmp_path / "in.png", tmp_path / "keep.png", tmp_path / "out.png"
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 255, (96, 160, 3), np.uint8)).save(picture)
    painting = np.zeros((96, 160), np.uint8)
    painting[:, :60] = 255
    Image.fromarray(painting).save(region)
    options = ["--engine", "null", "--keep-region", str(region), "--light", "wrap", "--json"]
    assert main(["convert", str(picture), "-o", str(out), "--show", "matte", *options]) == 0
    assert '"matte steps"' in capsys.readouterr().out
    assert (np.asarray(Image.open(out).convert("L"))[:, :50] >= 254).all()


def test_a_painting_that_is_gone_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "in.png"
    Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(picture)
    arguments = ["convert", str(picture), "-o", str(tmp_path / "out.png"), "--engine", "null"]
    assert main([*arguments, "--drop-region", str(tmp_path / "gone.png")]) == 1
    assert "gone.png" in capsys.readouterr().err
    assert main([*arguments, "--light", "sun"]) == 2
    assert "no light called 'sun'" in capsys.readouterr().err
