"""The two training heads: fitted, stored beside their weights, and found there."""

import json
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
import torch

from app.cli import main
from app.errors import WeightsCorrupt
from app.modnet import weights
from app.modnet.network import MODNet
from app.modnet.weights import TRAINING_HEADS
from app.training import data, heads, recover
from app.training.data import Sample
from app.weights import beside, store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder of its own, with weights called `bare` that lack the heads."""
    place = tmp_path / "weights"
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(place))
    monkeypatch.setattr(recover, "SIZES", ((64, 64), (96, 64)))
    torch.manual_seed(0)
    weights.save_safetensors(
        MODNet(), place / "bare.safetensors", metadata={}, missing_heads=TRAINING_HEADS
    )
    return place


def people(material: Path) -> data.People:
    return data.read_people([material / "cutouts"], [], [material / "rooms"])


def test_fitting_brings_the_heads_to_the_alpha_and_leaves_the_matte_alone(
    network: MODNet, material: Path
) -> None:
    rng = np.random.default_rng(0)
    known = people(material)
    judged = [known.composite(rng, (64, 64)) for _ in range(2)]
    turn = cycle(judged)
    before, matte = heads.consistency(network, judged), network(judged[0].rgb)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    heads.recover_heads(network, lambda: next(turn), steps=60)
    after = heads.consistency(network, judged)
    assert after.semantic_error < 0.75 * before.semantic_error
    assert after.detail_error < 0.75 * before.detail_error
    assert torch.equal(network(judged[0].rgb), matte)
    changed = {
        key for key, value in network.state_dict().items() if not torch.equal(value, state[key])
    }
    assert changed
    assert all(key.startswith(TRAINING_HEADS) for key in changed)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_consistency_of_a_matte_that_is_the_truth_is_no_error(network: MODNet) -> None:
    rgb = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        sample = Sample(rgb, network.eval()(data.normalised(rgb)))
    found = heads.consistency(network, [sample])
    assert found.matte_error_small == found.matte_error_band == 0
    assert found.semantic_error == pytest.approx(found.semantic)
    assert found.detail_error == pytest.approx(found.detail)


def test_the_command_fits_them_and_training_finds_them(
    folder: Path, material: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = store.resolve("bare")
    assert heads.load(chosen)[1]
    cutouts, rooms = str(material / "cutouts"), str(material / "rooms")
    options = ["--cutouts", cutouts, "--rooms", rooms, "--steps", "2", "--licence", "CC0"]
    code = main(["weights", "heads", "bare", *options, "--json"])
    said = capsys.readouterr()
    assert code == 0, said.err
    told = json.loads(said.out)
    assert told["taught_by"] == "true alpha"
    assert told["after"].keys() == told["before"].keys()
    found = beside.find(heads.SUFFIX, chosen.sha256)
    assert found is not None
    assert found.path == folder / "bare.heads"
    assert (found.metadata["licence"], found.metadata["weights"]) == ("CC0", "bare")
    network, missing = heads.load(chosen)
    assert not missing
    fitted = heads.shipped_heads(chosen.sha256)
    assert fitted is not None
    assert all(torch.equal(value, fitted[key]) for key, value in heads.head_state(network).items())


def test_an_imported_copy_takes_the_heads_of_what_it_is_a_copy_of(folder: Path) -> None:
    network = weights.load(folder / "bare.safetensors").network
    original = store.resolve("bare").sha256
    with store.writing(folder / "bare.heads") as file:
        file.write(heads.to_bytes(network, {"weights_sha256": original}))
    weights.save_safetensors(
        network,
        folder / "copy.safetensors",
        metadata={"source_sha256": original},
        missing_heads=TRAINING_HEADS,
    )
    assert not heads.load(store.resolve("copy"))[1]


def test_without_true_alpha_the_networks_own_matte_teaches(folder: Path, network: MODNet) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    made = recover.recover(store.resolve("bare"), people=None, frames=data.Frames([[rgb]]), steps=2)
    assert made.taught_by == "the network's own alpha"
    assert made.after.matte_error_small == 0


def test_nothing_to_fit_on_is_said_in_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "heads", "bare"]) == 2
    assert "nothing to fit the heads on" in capsys.readouterr().err


def test_heads_of_another_network_are_refused(folder: Path) -> None:
    narrow = MODNet(hr_channels=16)
    with store.writing(folder / "bare.heads") as file:
        file.write(heads.to_bytes(narrow, {"weights_sha256": store.resolve("bare").sha256}))
    with pytest.raises(WeightsCorrupt, match="another network's"):
        heads.load(store.resolve("bare"))


def test_a_damaged_file_of_heads_is_left_out(folder: Path) -> None:
    (folder / "bare.heads").write_bytes(b"nothing of the kind")
    assert heads.load(store.resolve("bare"))[1]
