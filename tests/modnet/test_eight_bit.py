"""The network in 8-bit integers: what is rounded, what is stored, and what OpenVINO makes of it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from app.errors import InputError, WeightsCorrupt
from app.modnet import eight_bit, weights
from app.modnet.convert import to_openvino
from app.modnet.eight_bit import EightBitConv, Reaches, in_8_bits
from app.modnet.network import MODNet
from app.system.openvino_import import import_openvino
from app.weights import store


@pytest.fixture(scope="module")
def portrait() -> torch.Tensor:
    """uint8 (1, 3, 224, 384): what the released weights know to be a person."""
    rgb = cv2.resize(data.astronaut()[:299], (384, 224), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(rgb).permute(2, 0, 1)[None]


def as_input(picture: torch.Tensor) -> torch.Tensor:
    return picture.float() / 127.5 - 1


@pytest.fixture(scope="module")
def network(weights_file: Path) -> MODNet:
    return weights.load(weights_file).network.eval()


@pytest.fixture(scope="module")
def reaches(network: MODNet, portrait: torch.Tensor) -> Reaches:
    return eight_bit.measure(network, [as_input(portrait)])


def test_rounding_changes_little(network: MODNet, reaches: Reaches, portrait: torch.Tensor) -> None:
    rounded = in_8_bits(network, reaches)
    with torch.no_grad():
        exact, found = network(as_input(portrait)), rounded(as_input(portrait))
    assert exact.mean() > 0.1
    assert 0 < (exact - found).abs().mean() < 1e-3


def test_openvino_computes_what_torch_rounds(
    network: MODNet,
    weights_file: Path,
    reaches: Reaches,
    portrait: torch.Tensor,
    tmp_path: Path,
) -> None:
    openvino = import_openvino()

    stored = tmp_path / "mine.int8"
    stored.write_bytes(eight_bit.to_bytes(reaches, weights_sha256="abc", pictures=1))
    model = to_openvino(weights_file, eight_bit=stored)
    core = openvino.Core()
    model.reshape([1, 224, 384, 3])
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled(portrait.permute(0, 2, 3, 1).contiguous().numpy())[0]
    with torch.no_grad():
        expected = in_8_bits(network, reaches)(as_input(portrait)).numpy()
    assert np.abs(found - expected).mean() < 5e-4
    integers = [
        op
        for op in compiled.get_runtime_model().get_ordered_ops()
        if op.get_rt_info()["layerType"].astype(str) == "Convolution"
        and "I8" in op.get_rt_info()["primitiveType"].astype(str)
    ]
    assert len(integers) > 20


@given(
    st.integers(0, 2**16),
    st.floats(0.01, 50),
    st.booleans(),
    st.integers(1, 9),
)
@settings(max_examples=60, deadline=None)
def test_an_input_has_256_steps_and_is_off_by_half_of_one_within_its_reach(
    seed: int, reach: float, signed: bool, channels: int
) -> None:
    torch.manual_seed(seed)
    conv = torch.nn.Conv2d(channels, channels, 1, groups=channels)
    with torch.no_grad():
        conv.weight.fill_(1.0)
        conv.bias.zero_()
    rounded = EightBitConv(conv, torch.tensor([-reach if signed else 0.0, reach]))
    x = torch.linspace(-1.3 * reach, 1.3 * reach, 700).repeat(channels, 1)[None, :, None]
    with torch.no_grad():
        found = rounded(x)
    assert len(torch.unique((found / rounded.step).round())) == 256
    within = (x <= reach) & (x >= (-reach if signed else 0.0))
    assert (found - x)[within].abs().max() <= 0.502 * rounded.step
    assert found.max() == pytest.approx(reach, rel=1e-4)


def test_weights_are_rounded_by_a_step_for_each_channel_given() -> None:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(3, 4, 3)
    with torch.no_grad():
        conv.weight[1] *= 100
        conv.bias.zero_()
    rounded = EightBitConv(conv, torch.tensor([-1.0, 1.0]))
    one = torch.zeros(1, 3, 3, 3)
    one[0, 0, 0, 0] = 1.0
    with torch.no_grad():
        error = (rounded(one)[0, :, 0, 0] - conv.weight[:, 0, 0, 0]).abs()
    steps = conv.weight.abs().amax(dim=(1, 2, 3)) / 127
    assert bool((error <= 0.51 * steps).all())


def test_the_first_and_last_layers_of_the_backbone_stay_as_they_are(reaches: Reaches) -> None:
    layers = {name.split(".")[3] for name in reaches if name.startswith("backbone.")}
    assert layers == {str(layer) for layer in range(6, 17)}
    assert not [name for name in reaches if "conv_hr." in name]


def test_a_reach_goes_to_the_farthest_value_of_all_pictures(
    network: MODNet, portrait: torch.Tensor
) -> None:
    one, other = as_input(portrait), as_input(portrait.flip(3) // 2)
    both = eight_bit.measure(network, [one, other])
    each = [eight_bit.measure(network, [image]) for image in (one, other)]
    for name, (lower, upper) in both.items():
        assert lower == min(reaches[name][0] for reaches in each)
        assert upper == max(reaches[name][1] for reaches in each)
        assert lower <= 0


def test_two_measurements_together_reach_as_far_as_either(
    network: MODNet, reaches: Reaches, portrait: torch.Tensor
) -> None:
    other = eight_bit.measure(network, [as_input(portrait.flip(3) // 2)])
    both = eight_bit.wider(reaches, other)
    for name, (lower, upper) in both.items():
        assert lower == min(reaches[name][0], other[name][0])
        assert upper == max(reaches[name][1], other[name][1])
    foreign = {"another.conv": torch.ones(2)}
    assert eight_bit.wider(reaches, foreign) is reaches


def test_what_is_stored_comes_back_with_whose_it_is(reaches: Reaches, tmp_path: Path) -> None:
    path = tmp_path / "some.int8"
    path.write_bytes(eight_bit.to_bytes(reaches, weights_sha256="abc", pictures=7))
    assert store.read_metadata(path) == {"weights_sha256": "abc", "pictures": "7"}
    again = eight_bit.load(path)
    assert again.keys() == reaches.keys()
    assert all(torch.equal(again[name], reaches[name]) for name in reaches)


def test_the_network_itself_is_left_alone(network: MODNet, reaches: Reaches) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    in_8_bits(network, reaches)
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


def test_another_networks_and_a_damaged_file_and_no_picture_are_sentences(
    network: MODNet, reaches: Reaches, tmp_path: Path
) -> None:
    lacking = dict(reaches)
    del lacking["conv_f2x.0.conv"]
    for wrong in (lacking, {**reaches, "conv_f2x.0.conv": torch.ones(5)}):
        with pytest.raises(WeightsCorrupt, match="another network's"):
            in_8_bits(network, wrong)
    damaged = tmp_path / "damaged.int8"
    damaged.write_bytes(b"\x09" * 40)
    with pytest.raises(WeightsCorrupt, match="damaged"):
        eight_bit.load(damaged)
    with pytest.raises(InputError, match="no picture"):
        eight_bit.measure(network, [])
