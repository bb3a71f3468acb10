"""The network written anew for speed computes the same alpha."""

import numpy as np
import pytest
import torch

from app.modnet.inference import _Details, _PackedTail, _Parts, _UpsampleConv5x5, for_inference
from app.modnet.network import MODNet, _resize


def _lived_in(network: MODNet) -> MODNet:
    """Batch norms with statistics that are not 0 and 1, as training leaves them."""
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.2)
    return network.eval()


@pytest.fixture(scope="module")
def network() -> MODNet:
    torch.manual_seed(1)
    return _lived_in(MODNet())


def test_conv_lr16x_as_products_at_the_small_size_is_exact(network: MODNet) -> None:
    x = torch.randn(1, 1280, 4, 6)
    block = network.lr_branch.conv_lr16x
    with torch.no_grad():
        expected = block(_resize(x, 2))
        assert torch.allclose(_UpsampleConv5x5(block)(x), expected, atol=2e-4)


def test_the_packed_tail_is_the_same_inside_the_picture(network: MODNet) -> None:
    f2x, image = torch.randn(1, 32, 24, 40), torch.randn(1, 3, 48, 80)
    tail = network.f_branch.conv_f
    # Instance norm looks at the ring too; with these the statistics are fixed and the inside exact.
    with torch.no_grad():
        conv = tail[0].layers[0](torch.cat((_resize(f2x, 2), image), 1))
        features = torch.nn.functional.pad(f2x, (1, 1, 1, 1), mode="replicate")
        instance_half = _PackedTail(tail).parts[1]
        ours = torch.nn.functional.pixel_shuffle(instance_half.conv(features, image), 2)
    instance = slice(8, 16)
    inside = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    expected = conv[:, instance]
    assert torch.allclose(ours[inside], expected[inside], atol=1e-4)
    assert not torch.allclose(ours, expected, atol=1e-4)


def test_halving_the_picture_in_a_convolution_is_exact(network: MODNet) -> None:
    enc2x, image = torch.randn(1, 32, 24, 40), torch.randn(1, 3, 48, 80)
    block = network.hr_branch.conv_enc2x
    with torch.no_grad():
        expected = block(torch.cat((_resize(image, 0.5), enc2x), 1))
        ours = _Details(network.hr_branch).conv_enc2x(enc2x, image)
    assert torch.allclose(ours, expected, atol=1e-5)


def test_a_norm_in_two_halves_is_the_same_norm(network: MODNet) -> None:
    x = torch.randn(1, 64, 24, 40)
    block = network.f_branch.conv_f2x
    with torch.no_grad():
        ours = _Parts(block.layers[0], block.layers[1])(x)
        assert torch.allclose(ours, block(x), atol=1e-5)


def test_the_network_itself_is_left_alone(network: MODNet) -> None:
    before = {key: value.clone() for key, value in network.state_dict().items()}
    for_inference(network)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("context_block", ["se", "easpp"])
def test_other_networks_can_be_rewritten_too(context_block: str) -> None:
    network = _lived_in(MODNet(backbone="resnet18", context_block=context_block))
    image = torch.rand(1, 3, 96, 128) * 2 - 1
    with torch.no_grad():
        difference = (for_inference(network)(image) - network(image)).abs()
    # Random weights answer to the ring far more strongly than trained ones do.
    assert difference.mean() < 0.02


def test_with_the_released_weights_it_is_the_same_on_a_real_portrait(weights_file) -> None:
    from skimage import data

    from app.modnet import weights

    network = weights.load(weights_file).network
    picture = torch.from_numpy(data.astronaut()[:480, :512]).permute(2, 0, 1)[None]
    image = picture.float() / 127.5 - 1
    with torch.no_grad():
        difference = (for_inference(network)(image) - network(image)).abs()[0, 0].numpy()
    assert difference.mean() < 1e-4
    assert difference[2:-2, 2:-2].max() < 5e-3
    assert np.isfinite(difference).all()
