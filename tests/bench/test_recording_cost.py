"""The benchmark of what a recording costs the call beside it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from app.bench.recording_cost import Cost, summary
from app.cli import main


def test_the_command_counts_turns_with_and_without_a_recording(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(
        [
            "bench-recording",
            *("--engine", "null", "--temporal", "off", "--refine", "off"),
            *("--background", "color", "--frame-size", "160x96", "--rate", "15"),
            *("--pairs", "2", "--seconds", "1", "--cores", "64", "--json"),
        ]
    )
    out, err = capsys.readouterr()
    assert code == 0, err
    told = json.loads(out)
    turns = told["turns"]
    # Who comes first takes turns.
    assert [turn["recorded"] for turn in turns] == [True, False, False, True]
    for turn in turns:
        assert 0 < turn["shown"] <= turn["came"] + 2
        assert (turn["written"] > 0) == turn["recorded"]
    assert told["cores"] >= 1


def test_what_cannot_be_measured_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--record-format", ".avi"], ["--frame-size", "1x1"]):
        assert main(["bench-recording", *wrong]) == 2
    assert "1280x720" in capsys.readouterr().err


def test_a_loss_is_told_pair_by_pair() -> None:
    def cost(recorded: bool, shown: int, dropped: int = 0) -> Cost:
        return Cost(recorded, 10.0, 300, shown, 0, 5.0 + recorded, "320x192", 290, dropped)

    # The machine became slower; recording cost three pictures in ten seconds each time.
    told = summary(
        [cost(False, 300), cost(True, 297), cost(False, 250), cost(True, 247, dropped=2)]
    )
    assert told["lost"] == pytest.approx(0.3)
    assert told["noise"] == pytest.approx(5.0)
    assert told["missed_with"] == pytest.approx((0.3 + 5.3) / 2)
    assert told["cores_with"] - told["cores_without"] == pytest.approx(0.1)
    assert told["dropped"] == 2


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    main(
        [
            "bench-recording",
            *("--engine", "null", "--background", "color", "--frame-size", "160x96"),
            *("--pairs", "1", "--seconds", "1", "--cores", "64"),
        ]
    )
    assert list(tmp_path.iterdir()) == []
