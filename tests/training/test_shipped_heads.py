"""The heads that come with the program."""

from pathlib import Path

import numpy as np
import torch

from app import places
from app.modnet.network import MODNet
from app.training import data, heads
from app.weights import beside, manifest, store


def test_they_belong_to_the_released_weights_and_say_where_they_come_from() -> None:
    entry = manifest.read().find(store.PLAIN)
    assert entry is not None
    found = beside.find(heads.SUFFIX, entry.sha256)
    assert found is not None
    assert found.path.parent == places.manifest().parent
    assert found.path.stat().st_size < 300_000
    assert found.metadata["taught_by"] == "true alpha"
    assert found.metadata["licence"] == "MIT"


def test_they_can_be_read() -> None:
    entry = manifest.read().find(store.PLAIN)
    assert entry is not None
    fitted = heads.shipped_heads(entry.sha256)
    assert fitted is not None
    network = MODNet()
    heads.put_in(network, fitted)
    assert torch.equal(
        network.lr_branch.conv_lr.layers[0].weight, fitted["lr_branch.conv_lr.layers.0.weight"]
    )


def test_they_agree_with_the_matte_on_a_face(weights_file: Path, data_dir: Path) -> None:
    network, missing = heads.load(store.read_file(weights_file))
    assert not missing
    pictures = data.read_people([], [data_dir / "portraits_soft"], [data_dir / "backgrounds"])
    sample = pictures.composite(np.random.default_rng(0), (288, 288))
    found = heads.consistency(network, [sample])
    # Unfitted heads are 0.31 and 0.45 away.
    assert found.semantic < 0.15
    assert found.detail < 0.15
