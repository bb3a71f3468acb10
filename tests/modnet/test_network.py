"""MODNet's shape: branches, heads, keys, context blocks and backbones."""

import pytest
import torch

from app.errors import OptionError
from app.modnet.backbone import backbones
from app.modnet.network import EASPP, MODNet, SEBlock


@pytest.fixture(scope="module")
def network() -> MODNet:
    torch.manual_seed(0)
    return MODNet().eval()


def test_it_has_the_official_number_of_keys_and_parameters(network: MODNet) -> None:
    keys = network.state_dict().keys()
    assert len(keys) == 751
    # FACTS of the paper: 6.46 M, without the two training heads' and with one backbone.
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(6.487e6, rel=1e-3)
    for key in (
        "backbone.model.features.0.0.weight",
        "lr_branch.backbone.model.features.18.1.running_var",
        "lr_branch.se_block.fc.2.weight",
        "lr_branch.conv_lr16x.layers.1.bnorm.weight",
        "lr_branch.conv_lr.layers.0.bias",
        "hr_branch.conv_hr2x.3.layers.0.weight",
        "hr_branch.conv_hr.1.layers.0.weight",
        "f_branch.conv_f.1.layers.0.bias",
    ):
        assert key in keys


@pytest.mark.parametrize("context_block", ["se", "easpp"])
@pytest.mark.parametrize("backbone", backbones.names())
def test_every_backbone_and_context_block_gives_all_three_predictions(
    backbone: str, context_block: str
) -> None:
    network = MODNet(backbone=backbone, context_block=context_block).eval()
    image = torch.rand(1, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        predicted = network.predict_all(image)
        assert predicted.semantic.shape == (1, 1, 4, 6)
        assert predicted.detail.shape == predicted.matte.shape == (1, 1, 64, 96)
        for tensor in predicted:
            assert tensor.min() >= 0
            assert tensor.max() <= 1
        assert torch.equal(network(image), predicted.matte)


def test_every_parameter_learns_from_the_three_predictions() -> None:
    network = MODNet(context_block="easpp")
    image = torch.rand(2, 3, 64, 64) * 2 - 1
    sum(tensor.mean() for tensor in network.predict_all(image)).backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None]
    assert idle == []


def test_easpp_is_a_small_part_of_aspp() -> None:
    channels = 1280
    easpp = sum(p.numel() for p in EASPP(channels).parameters())
    # Plain ASPP with as many rates: a full 3x3 convolution for each, then a 1x1 over all of them.
    rates = len(EASPP.RATES)
    aspp = rates * 9 * channels * channels + rates * channels * channels
    assert easpp / aspp < 0.02


def test_squeeze_and_excitation_scales_whole_channels() -> None:
    block = SEBlock(8).eval()
    x = torch.rand(1, 8, 3, 5) + 0.5
    with torch.no_grad():
        ratio = block(x) / x
    assert torch.allclose(ratio, ratio[:, :, :1, :1].expand_as(ratio), atol=1e-6)


@pytest.mark.parametrize("name", backbones.names())
def test_a_backbone_gives_five_maps_of_its_channels(name: str) -> None:
    backbone = backbones.create(name).eval()
    with torch.no_grad():
        maps = backbone(torch.zeros(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (1, c, 64 >> (i + 1), 96 >> (i + 1)) for i, c in enumerate(backbone.channels)
    ]


def test_an_unknown_backbone_is_refused_with_those_there_are() -> None:
    with pytest.raises(OptionError, match="mobilenet_v2"):
        MODNet(backbone="vgg")
