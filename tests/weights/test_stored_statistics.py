"""Which stored statistics belong to which weights, and who uses them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from app.chain import ChainSettings, resolve_statistics
from app.cli import main
from app.errors import WeightsError
from app.modnet import statistics as norms
from app.weights import statistics, store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(tmp_path))
    return tmp_path


def write(path: Path, sha256: str) -> None:
    path.write_bytes(norms.to_bytes({"some": torch.zeros(2, 4)}, weights_sha256=sha256, pictures=3))


def weights(sha256: str) -> store.WeightsFile:
    return store.WeightsFile("mine", Path("mine.safetensors"), sha256, 1, "imported")


def test_they_count_for_the_weights_they_were_taken_from_and_no_others(folder: Path) -> None:
    write(folder / "mine.statistics", "abc")
    found = statistics.find("abc")
    assert found is not None
    assert (found.path, found.pictures) == (folder / "mine.statistics", 3)
    assert statistics.find("abd") is None


def test_a_damaged_file_is_left_out_and_told(folder: Path, caplog) -> None:
    (folder / "broken.statistics").write_bytes(b"nothing of the kind")
    write(folder / "mine.statistics", "abc")
    assert statistics.find("abc") is not None
    assert "broken.statistics" in caplog.text


def test_auto_takes_them_where_there_are_any_and_fixed_asks_for_them(folder: Path) -> None:
    settings = ChainSettings()
    fixed, exact = replace(settings, norms="fixed"), replace(settings, norms="exact")
    assert resolve_statistics(settings, weights("abc")) is None
    with pytest.raises(WeightsError, match="calibrate FOLDER --weights mine"):
        resolve_statistics(fixed, weights("abc"))
    write(folder / "mine.statistics", "abc")
    for one in (settings, fixed):
        assert resolve_statistics(one, weights("abc")) is not None
    assert resolve_statistics(exact, weights("abc")) is None
    assert resolve_statistics(fixed, None) is None


def test_calibrating_writes_them_and_a_run_with_them_says_fixed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (96, 64), "olive").save(folder / "me.png")
    assert main(["weights", "calibrate", str(folder / "me.png")]) == 0
    assert (folder / "mattecam-webcam.statistics").is_file()
    capsys.readouterr()
    out = folder / "cut.png"
    run = ["convert", str(folder / "me.png"), "-o", str(out), "--size", "96x64", "--json"]
    # The default model has an 8-bit form, which is what auto takes where the processor can.
    assert main([*run, "--norms", "fixed"]) == 0
    assert json.loads(capsys.readouterr().out)["norms"] == "fixed"
