"""The network fitted to a scene computes what the exact one does, as long as the scene stays."""

from __future__ import annotations

import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from app.modnet import eight_bit, weights
from app.modnet.inference import InferenceMODNet, for_inference
from app.modnet.network import MODNet
from app.modnet.preprocess import BLOCK
from app.modnet.scene import InScene, Surveying, open_norms
from app.subject.scene import affine, drift


@pytest.fixture(scope="module")
def network(weights_file: Path) -> MODNet:
    return weights.load(weights_file).network.eval()


@pytest.fixture(scope="module")
def portrait() -> torch.Tensor:
    """Float (1, 3, 160, 320) in [-1, 1]: a person on the left of a wall."""
    rgb = np.full((160, 320, 3), 170, np.uint8)
    rgb[:, 32:192] = cv2.resize(data.astronaut(), (160, 160), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 127.5 - 1


def opened(network: MODNet) -> MODNet:
    network = copy.deepcopy(network)
    open_norms(network)
    return network


def surveyed(network: InferenceMODNet, picture: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Alpha (H, W), and what the norms saw."""
    with torch.no_grad():
        alpha, _, seen = Surveying(network)(picture)
    return alpha[0, 0].numpy(), seen.numpy()


def in_scene(
    network: InferenceMODNet, picture: torch.Tensor, seen: np.ndarray, start: int, stop: int
) -> np.ndarray:
    """Alpha (H, stop - start)."""
    blocks = torch.arange(start // BLOCK, stop // BLOCK)
    with torch.no_grad():
        alpha, _ = InScene(network)(
            picture, picture[..., start:stop], blocks, torch.from_numpy(affine(seen))
        )
    return alpha[0, 0].numpy()


def test_a_survey_is_the_exact_network(network: MODNet, portrait: torch.Tensor) -> None:
    with torch.no_grad():
        expected = for_inference(network)(portrait)[0, 0].numpy()
    alpha, _ = surveyed(for_inference(network), portrait)
    assert np.array_equal(alpha, expected)
    assert 0.1 < expected.mean() < 0.6


def test_s_says_where_the_person_is(network: MODNet, portrait: torch.Tensor) -> None:
    with torch.no_grad():
        _, semantic, _ = Surveying(for_inference(network))(portrait)
        expected = network.predict_all(portrait).semantic
    assert semantic.shape == (1, 1, 10, 20)
    assert torch.allclose(semantic, expected, atol=1e-4)


def test_fitted_to_the_very_picture_it_is_exact(network: MODNet, portrait: torch.Tensor) -> None:
    expected, seen = surveyed(for_inference(network), portrait)
    found = in_scene(for_inference(opened(network)), portrait, seen, 0, 320)
    assert np.abs(found - expected).max() < 1e-3


def test_in_a_range_of_columns_it_is_the_same_but_for_the_border(
    network: MODNet, portrait: torch.Tensor
) -> None:
    expected, seen = surveyed(for_inference(network), portrait)
    found = in_scene(for_inference(opened(network)), portrait, seen, 0, 224)
    assert found.shape == (160, 224)
    assert np.abs(found - expected[:, :224])[:, :-32].max() < 5e-3


def test_fitted_to_a_moment_before_it_is_close(network: MODNet, portrait: torch.Tensor) -> None:
    moved = portrait.roll(9, dims=3)
    expected, now = surveyed(for_inference(network), moved)
    _, before = surveyed(for_inference(network), portrait)
    found = in_scene(for_inference(opened(network)), moved, before, 0, 320)
    assert np.abs(found - expected).mean() < 2e-3
    assert drift(now, before) < 0.1


def test_another_scene_has_other_statistics(network: MODNet, portrait: torch.Tensor) -> None:
    _, one = surveyed(for_inference(network), portrait)
    _, other = surveyed(for_inference(network), portrait * 0.2 - 0.7)
    assert drift(one, one) == 0
    assert drift(one, other) > 0.3


def test_it_goes_with_8_bits(network: MODNet, portrait: torch.Tensor) -> None:
    reaches = eight_bit.measure(network, [portrait])
    expected, seen = surveyed(eight_bit.in_8_bits(network, reaches), portrait)
    found = in_scene(eight_bit.in_8_bits(opened(network), reaches), portrait, seen, 0, 320)
    assert np.abs(found - expected).mean() < 2e-4


def test_the_last_convolution_reaches_as_far_as_either_half(
    network: MODNet, portrait: torch.Tensor
) -> None:
    reaches = dict(eight_bit.measure(network, [portrait]))
    reaches["tail.close.1"] = 3 * reaches["tail.close.0"]
    rounded = eight_bit.in_8_bits(opened(network), reaches)
    step = rounded.get_submodule("tail.close.0").step
    assert step == pytest.approx(float(reaches["tail.close.1"][1]) / 255)


def test_opening_the_norms_leaves_the_weights_alone(network: MODNet) -> None:
    before, after = network.state_dict(), opened(network).state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
