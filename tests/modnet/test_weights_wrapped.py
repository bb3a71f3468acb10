"""MODNet in what people really have: wrapped, prefixed, packed, beside other objects."""

from __future__ import annotations

import argparse
import collections
import pathlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.errors import WeightsCorrupt, WeightsForeign
from app.modnet import pickle_file, weights
from app.modnet.network import MODNet
from app.modnet.state_dict import State


@pytest.fixture(scope="module")
def network() -> MODNet:
    torch.manual_seed(5)
    return MODNet().eval()


@pytest.fixture(scope="module")
def other() -> MODNet:
    torch.manual_seed(6)
    return MODNet().eval()


def same(one: MODNet, other: MODNet) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[key]) for key, tensor in one.state_dict().items())


def prefixed(network: MODNet, prefix: str) -> State:
    return {f"{prefix}{key}": tensor for key, tensor in network.state_dict().items()}


class Config:
    """A class of the trainer's own program, which is not here when the file is read."""

    def __init__(self) -> None:
        self.rate = 0.1


def lightning(network: MODNet) -> dict[str, object]:
    return {
        "state_dict": {**prefixed(network, "model."), "loss.weight": torch.ones(3)},
        "epoch": 3,
        "pytorch-lightning_version": "2.5",
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.1)}},
        "hyper_parameters": argparse.Namespace(rate=0.1, folder=pathlib.PurePosixPath("a")),
    }


@pytest.mark.parametrize(
    "wrap",
    [
        lightning,
        lambda network: {"net": network.state_dict()},
        lambda network: prefixed(network, "net."),
        lambda network: prefixed(network, "student.module."),
        lambda network: {"ema": network.state_dict(), "step": 4},
        lambda network: {"model_ema": {"module": network.state_dict()}},
        lambda network: {"state_dict": network.state_dict(), "best": np.float64(0.01)},
        lambda network: {**network.state_dict(), "score": np.float32(0.5), "names": {"a", "b"}},
        lambda network: {"net": network.state_dict(), "log": np.arange(3.0), "config": Config()},
        lambda network: {"net": network.state_dict(), "n": collections.defaultdict(list, a=[1])},
        lambda network: network,
        lambda network: {"model": nn.DataParallel(network), "optimizer": torch.optim.SGD([
            nn.Parameter(torch.zeros(2))], 0.1)},
    ],
    ids=["lightning", "net", "net.", "student.module.", "ema", "model_ema", "float64", "float32",
         "own class", "defaultdict", "whole module", "wrapped module"],
)  # fmt: skip
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_the_tensors_are_found_in_what_they_are_wrapped_in(
    network: MODNet, tmp_path: Path, wrap: Callable[[MODNet], object], zipped: bool
) -> None:
    torch.save(wrap(network), tmp_path / "own.ckpt", _use_new_zipfile_serialization=zipped)
    assert same(weights.load(tmp_path / "own.ckpt").network, network)


def test_of_two_whole_networks_the_running_average_is_taken(
    network: MODNet, other: MODNet, tmp_path: Path
) -> None:
    path = tmp_path / "own.ckpt"
    torch.save({"state_dict": other.state_dict(), "ema": network.state_dict()}, path)
    assert same(weights.load(path).network, network)
    torch.save({**prefixed(other, "online_model."), **prefixed(network, "ema_model.")}, path)
    assert same(weights.load(path).network, network)


def test_a_running_average_without_the_norms_statistics_gives_way_to_the_whole_network(
    network: MODNet, other: MODNet, tmp_path: Path
) -> None:
    average = {name: tensor.detach() for name, tensor in other.named_parameters()}
    torch.save({"ema": average, "state_dict": network.state_dict()}, tmp_path / "own.ckpt")
    assert same(weights.load(tmp_path / "own.ckpt").network, network)


def test_torchscript_gives_its_tensors_and_its_program_is_not_run(
    network: MODNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.pt"
    torch.jit.trace(network, torch.zeros(1, 3, 64, 96)).save(str(path))
    monkeypatch.setattr(torch.jit, "load", lambda *_: pytest.fail("it was run"))
    loaded = weights.load(path)
    assert loaded.format == "torchscript"
    assert same(loaded.network, network)


def packed(path: Path, *files: tuple[str, Path]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files:
            archive.write(file, name)
    return path


def test_a_checkpoint_in_a_zip_is_taken_out_of_it(network: MODNet, tmp_path: Path) -> None:
    inner, note = tmp_path / "own.ckpt", tmp_path / "README.txt"
    torch.save(network.state_dict(), inner)
    note.write_text("hello")
    path = packed(tmp_path / "all.zip", ("models/own.ckpt", inner), ("README.txt", note),
                  ("__MACOSX/models/._own.ckpt", note))  # fmt: skip
    assert same(weights.load(path).network, network)
    path = packed(tmp_path / "all.zip", ("a.ckpt", inner), ("b.ckpt", inner))
    with pytest.raises(WeightsForeign, match=r"several files of weights \(a\.ckpt, b\.ckpt\)"):
        weights.load(path)
    with pytest.raises(WeightsForeign, match="without weights in it"):
        weights.load(packed(tmp_path / "all.zip", ("README.txt", note)))
    with pytest.raises(WeightsForeign, match=r"all\.zip \(a\.ckpt\) is no file of weights"):
        weights.load(packed(tmp_path / "all.zip", ("a.ckpt", note)))
    with pytest.raises(WeightsForeign, match="zip archive in a zip archive"):
        weights.load(packed(tmp_path / "outer.zip", ("a.ckpt", path)))


def test_an_archive_that_would_fill_the_memory_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("bomb/data.pkl", b"\x80\x02}.")
        with archive.open("bomb/data/0", "w") as entry:
            for _ in range(pickle_file.LARGEST // 1_000_000 + 1):
                entry.write(bytes(1_000_000))
    with pytest.raises(WeightsForeign, match=r"unpacks to 401 MB"):
        weights.load(path)


def test_a_whole_archive_that_cannot_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "strange.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("strange/data.pkl", b"\x80\x02cnowhere\nthing\n.garbage"[:4] + b"\x99")
        archive.writestr("strange/version", "3")
    with pytest.raises(WeightsForeign, match="is whole, but its tensors cannot be read"):
        weights.load(path)


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\x1f\x8b\x08\0", "packed with gzip"),
        (b"<?xml version='1.0'?>", "OpenVINO's form"),
    ],
)
def test_what_is_taken_for_weights_is_called_by_its_name(
    tmp_path: Path, start: bytes, told: str
) -> None:
    (tmp_path / "modnet.ckpt").write_bytes(start + b" " * 40)
    with pytest.raises(WeightsForeign, match=told):
        weights.load(tmp_path / "modnet.ckpt")


def test_weights_that_make_no_matte_are_refused(network: MODNet, tmp_path: Path) -> None:
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    for key, tensor in state.items():  # finite, and their products are not
        if tensor.is_floating_point() and key.startswith(("f_branch", "hr_branch")):
            tensor.abs_().add_(1).mul_(1e30)
    torch.save(state, tmp_path / "own.pt")
    with pytest.raises(WeightsCorrupt, match="makes no matte of a picture"):
        weights.load(tmp_path / "own.pt")


def test_a_file_without_any_tensor_ends_at_once(tmp_path: Path) -> None:
    path = tmp_path / "empty.safetensors"
    path.write_bytes((2).to_bytes(8, "little") + b"{}")
    with pytest.raises(WeightsForeign, match="holds no state dict"):
        weights.load(path)


def test_tensors_of_other_things_are_not_taken_for_a_network(tmp_path: Path) -> None:
    found: Tensor = torch.zeros(3)
    torch.save({"a": {"b": found}}, tmp_path / "own.pt")
    with pytest.raises(WeightsForeign, match="is not MODNet's"):
        weights.load(tmp_path / "own.pt")
