"""Instance norms with stored statistics."""

from pathlib import Path

import numpy as np
import pytest
import torch

from app.errors import InputError, WeightsCorrupt
from app.modnet import statistics
from app.modnet.inference import for_inference
from app.modnet.network import MODNet
from app.modnet.preprocess import NetworkSize
from tests.modnet.test_inference import _lived_in

SIZE = NetworkSize((96, 64))


@pytest.fixture(scope="module")
def network() -> MODNet:
    torch.manual_seed(1)
    return _lived_in(MODNet())


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 96, 3), np.uint8)


def as_input(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 127.5 - 1


def test_on_the_very_picture_it_was_measured_on_the_network_is_the_same(network: MODNet) -> None:
    image = as_input(picture(0))
    measured = statistics.measure(network, [picture(0)], [SIZE])
    with torch.no_grad():
        exact, fixed = (for_inference(network, s)(image) for s in (None, measured))
    # The tail continues the outermost ring otherwise, which its own statistics see.
    inside = (exact - fixed).abs()[..., 2:-2, 2:-2]
    assert inside.mean() < 0.01
    other = as_input(picture(1) // 4)
    with torch.no_grad():
        apart = (for_inference(network)(other) - for_inference(network, measured)(other)).abs()
    assert apart.mean() > 10 * inside.mean()


def test_no_norm_is_left_behind(network: MODNet) -> None:
    measured = statistics.measure(network, [picture(0)], [SIZE])
    fast = for_inference(network, measured)
    assert not [m for m in fast.modules() if isinstance(m, torch.nn.InstanceNorm2d)]
    assert [m for m in network.modules() if isinstance(m, torch.nn.InstanceNorm2d)]


def test_the_mean_over_pictures_is_taken(network: MODNet) -> None:
    one, two, both = (
        statistics.measure(network, [picture(seed) for seed in seeds], [SIZE])
        for seeds in ((0,), (1,), (0, 1))
    )
    for name, found in both.items():
        assert torch.allclose(found, (one[name] + two[name]) / 2, atol=1e-5)


def test_what_is_stored_comes_back_with_whose_it_is(network: MODNet, tmp_path: Path) -> None:
    from app.weights import store

    measured = statistics.measure(network, [picture(0)], [SIZE])
    path = tmp_path / "some.statistics"
    path.write_bytes(statistics.to_bytes(measured, weights_sha256="abc", pictures=1))
    assert store.read_metadata(path) == {"weights_sha256": "abc", "pictures": "1"}
    again = statistics.load(path)
    assert again.keys() == measured.keys()
    assert all(torch.equal(again[name], measured[name]) for name in measured)


def test_no_picture_a_damaged_file_and_another_network_are_sentences(
    network: MODNet, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no picture"):
        statistics.measure(network, [], [SIZE])
    damaged = tmp_path / "damaged.statistics"
    damaged.write_bytes(b"no safetensors")
    with pytest.raises(WeightsCorrupt, match="damaged"):
        statistics.load(damaged)
    with pytest.raises(WeightsCorrupt, match="another network's"):
        for_inference(network, {"elsewhere": torch.zeros(2, 8)})
