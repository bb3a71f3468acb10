"""The network for other programs, run by their own runtimes."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.cli import main
from app.errors import DiskFull, EngineError, OutputExists, UsageError
from app.modnet import export
from app.modnet.network import MODNet
from app.modnet.preprocess import NetworkSize

PICTURE = np.random.default_rng(0).integers(0, 255, (90, 130, 3), np.uint8)
SUFFIXES = {name: chosen.suffix for name, chosen in export.FORMATS.items()}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_SIZES", (NetworkSize((128, 96)), NetworkSize((64, 96))))


@pytest.fixture
def network() -> MODNet:
    torch.manual_seed(0)
    return MODNet().eval()


@pytest.mark.parametrize(
    ("form", "context_block"),
    [("onnx", "se"), ("onnx", "easpp"), ("openvino", "easpp"), ("torchscript", "easpp")],
)
def test_each_runtime_gives_torchs_matte_at_every_size(
    tmp_path: Path, form: str, context_block: str
) -> None:
    torch.manual_seed(0)
    network = MODNet(context_block=context_block).eval()
    target = tmp_path / f"new/m{SUFFIXES[form]}"
    made = export.export(network, target, form=form, pictures=[PICTURE])
    assert made.pictures == 2
    assert made.largest < 1e-3
    assert sorted(tmp_path.glob("new/*")) == sorted(made.paths)
    # A batch is as free as the size.
    images = torch.rand(2, 3, 64, 128) * 2 - 1
    with torch.no_grad():
        wanted = network(images).numpy()
    given = export.FORMATS[form].run(target)(images.numpy())
    assert np.abs(given - wanted).max() < 1e-3


def test_a_file_that_gives_another_matte_is_not_kept(
    tmp_path: Path, network: MODNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = export.FORMATS["torchscript"]

    def wrong(path: Path) -> export.Runtime:
        runtime = chosen.run(path)
        return lambda image: runtime(image) + np.float32(0.01)

    monkeypatch.setitem(export.FORMATS, "torchscript", replace(chosen, run=wrong))
    (tmp_path / "m.pt").write_bytes(b"good")
    with pytest.raises(EngineError, match="so it was not kept"):
        export.export(
            network, tmp_path / "m.pt", form="torchscript", pictures=[PICTURE], force=True
        )
    assert [path.name for path in tmp_path.iterdir()] == ["m.pt"]
    assert (tmp_path / "m.pt").read_bytes() == b"good"


def test_what_is_no_number_does_not_pass(
    tmp_path: Path, network: MODNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = replace(
        export.FORMATS["torchscript"], run=lambda path: lambda image: image[:, :1] * np.nan
    )
    monkeypatch.setitem(export.FORMATS, "torchscript", chosen)
    with pytest.raises(EngineError, match="not kept"):
        export.export(network, tmp_path / "m.pt", form="torchscript", pictures=[PICTURE])


def test_what_is_there_is_kept(tmp_path: Path, network: MODNet) -> None:
    (tmp_path / "m.bin").write_bytes(b"mine")
    with pytest.raises(OutputExists, match="--force"):
        export.export(network, tmp_path / "m.xml", form="openvino", pictures=[PICTURE])


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, network: MODNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(network: MODNet, path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    chosen = replace(export.FORMATS["onnx"], write=full)
    monkeypatch.setitem(export.FORMATS, "onnx", chosen)
    with pytest.raises(DiskFull):
        export.export(network, tmp_path / "m.onnx", form="onnx", pictures=[PICTURE])
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_is_said(
    tmp_path: Path, network: MODNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(name: str, form: str) -> str:
        with pytest.raises(UsageError) as raised:
            export.export(network, tmp_path / name, form=form, pictures=[PICTURE])
        return str(raised.value)

    assert "There are: onnx, openvino, torchscript" in refused("m.tflite", "tflite")
    assert "must end in .onnx" in refused("m.xml", "onnx")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnx" else find_spec(name)
    )
    assert "pip install -r requirements.txt" in refused("m.onnx", "onnx")


def test_the_command_says_how_far_both_are_apart(
    tmp_path: Path, weights_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "m.onnx"
    assert main(["export", str(weights_file), "-f", "onnx", "-o", str(target), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == [str(target)]
    assert told["runtime"] == "onnxruntime"
    assert 0 <= told["mean"] <= told["largest"] < 1e-3
    assert main(["export", str(weights_file), "-f", "onnx", "-o", str(target)]) == 1
    assert "--force" in capsys.readouterr().err
