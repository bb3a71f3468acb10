"""MODNet with the paper's context block, as it comes with the program."""

from pathlib import Path

import numpy as np

from app import places
from app.modnet import weights
from app.sources.open import open_source
from app.training.validation import alpha_of
from app.weights import store

EASPP = places.manifest().parent / "mattecam-easpp.safetensors"


def test_it_sees_what_the_weights_see_that_taught_it(weights_file: Path) -> None:
    with open_source(str(places.assets() / "demo.mp4")) as demo:
        rgb = next(iter(demo)).rgb
    loaded = weights.load(EASPP)
    assert loaded.network.context_block == "easpp"
    assert not loaded.missing_heads
    taught, teacher = (
        alpha_of(network, rgb) for network in (loaded.network, weights.load(weights_file).network)
    )
    assert 0.1 < float(teacher.mean()) < 0.9
    assert float(np.abs(taught - teacher).mean()) < 0.005


def test_it_is_small_whole_and_says_where_it_comes_from() -> None:
    assert EASPP.stat().st_size < 14e6
    described = store.read_metadata(EASPP)
    assert (described["parent"], described["licence"]) == (store.PLAIN, "Apache-2.0")
    assert described["data_sha256"]
