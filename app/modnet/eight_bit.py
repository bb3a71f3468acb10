"""MODNet in 8-bit integers: convolutions work on what was rounded to 256 steps.

Processors with VNNI or AMX multiply such integers two to four times as fast as what else they have.
It is close to the exact network and not the same; the norms stay exact, and so do the layers that
most of the error would come from. What has to be known beforehand is how far the input of each
convolution reaches: it is measured over pictures, and stored beside the weights.

Rounding: inputs by one step for the whole map, over [0, reach] where they are never negative and
[-reach, reach] else; weights by one step for each channel given, symmetric. That is what OpenVINO
finds in a network as `FakeQuantize` and computes in integers (Jacob et al., CVPR 2018).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from app.errors import InputError, WeightsCorrupt
from app.modnet import beside_file
from app.modnet.inference import InferenceMODNet, ScaleAndShift, for_inference
from app.modnet.network import MODNet

# The name of a convolution in the network rewritten for inference -> float32 (2,): its input's
# lower and upper reach, the lower 0 where it is never negative.
Reaches: TypeAlias = Mapping[str, Tensor]

# MobileNetV2's first and last layers stay in floating point: four fifths of the error would come
# from them, and in integers they are no faster (docs/decisions.md).
# So does conv_lr, S's own prediction, which alpha does not depend on.
_KEPT = (*(f"backbone.model.features.{layer}." for layer in (0, 1, 2, 3, 4, 5, 17, 18)), "conv_lr.")


# The last convolution, over what is never negative; see `_PackedTail`.
_CLOSE = "tail.close.{}"


class EightBitConv(nn.Module):
    """A convolution whose input and weights are rounded to 8 bits.

    Built from operations that other runtimes know to be integers.
    """

    def __init__(self, conv: nn.Conv2d, reach: Tensor) -> None:
        super().__init__()
        self.conv = conv
        lower, upper = (float(end) for end in reach)
        self.lowest, self.highest = (-128, 127) if lower < 0 else (0, 255)
        self.step = max(upper, -lower, 1e-6) / self.highest

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        steps = conv.weight.abs().amax(dim=(1, 2, 3)).clamp_min(1e-8) / 127
        zeros = torch.zeros(len(steps), dtype=torch.int32)
        weight = torch.fake_quantize_per_channel_affine(conv.weight, steps, zeros, 0, -127, 127)
        x = torch.fake_quantize_per_tensor_affine(x, self.step, 0, self.lowest, self.highest)
        return F.conv2d(x, weight, conv.bias, conv.stride, conv.padding, groups=conv.groups)


@torch.no_grad()
def measure(network: MODNet, images: Iterable[Tensor]) -> Reaches:
    """How far the inputs of the convolutions reach that are to be rounded.

    images: as the network takes them, float32 (1, 3, H, W) in [-1, 1]. The farthest value of all
    counts: leaving out but the farthest of two thousand makes steps finer, and the matte worse
    (docs/decisions.md). Raises InputError where there is no picture.
    """
    rewritten = _rewritten(network)
    convs = dict(_convs(rewritten))
    seen: dict[str, Tensor] = {}

    def look(name: str) -> Any:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            lower, upper = torch.aminmax(inputs[0])
            before = seen.get(name, torch.zeros(2))
            seen[name] = torch.stack((lower.minimum(before[0]), upper.maximum(before[1])))

        return hook

    handles = [conv.register_forward_pre_hook(look(name)) for name, conv in convs.items()]
    try:
        for image in images:
            rewritten(image)
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise InputError("There is no picture to measure on.")
    return seen


def wider(one: Reaches, other: Reaches) -> Reaches:
    """As far as either reaches; `one` where the other is of another network."""
    if one.keys() != other.keys():
        return one
    return {
        name: torch.stack((a[0].minimum(other[name][0]), a[1].maximum(other[name][1])))
        for name, a in one.items()
    }


def in_8_bits(network: MODNet, reaches: Reaches) -> InferenceMODNet:
    """The network rewritten for inference (app/modnet/inference.py), in 8 bits.

    Maps float (1, 3, H, W) in [-1, 1] to alpha (1, 1, H, W), as the exact one does. `network`
    itself is left alone; it may have `OpenNorm`s, whose convolutions are one where exact norms have
    two. Raises WeightsCorrupt where the reaches are another network's.
    """
    rewritten = _rewritten(network)
    convs = dict(_convs(rewritten))
    exact = not any(isinstance(module, ScaleAndShift) for module in rewritten.modules())
    known = convs.keys() == reaches.keys() if exact else convs.keys() <= reaches.keys()
    if not known or any(reach.shape != (2,) for reach in reaches.values()):
        raise WeightsCorrupt(
            "The stored 8-bit form is another network's; run: python main.py weights quantise, or "
            "choose another --precision."
        )
    for name, conv in convs.items():
        owner, _, own = name.rpartition(".")
        reach = reaches[name]
        if not exact and name == _CLOSE.format(0):
            # Elsewhere both have the same input; here each closes its own half, and one both.
            reach = torch.maximum(reach, reaches[_CLOSE.format(1)])
        setattr(rewritten.get_submodule(owner), own, EightBitConv(conv, reach))
    return rewritten.eval()


def to_bytes(reaches: Reaches, *, weights_sha256: str, pictures: int) -> bytes:
    """The content of a file of reaches, tied to the weights that they were measured with."""
    tensors = {name: tensor.contiguous() for name, tensor in reaches.items()}
    return save(tensors, {"weights_sha256": weights_sha256, "pictures": str(pictures)})


def load(path: Path) -> Reaches:
    """Raises WeightsCorrupt where the file holds none."""
    remedy = "remove it, or run: python main.py weights quantise"
    reaches = beside_file.load(path, remedy=remedy)
    for reach in reaches.values():
        if reach.shape != (2,) or not bool(reach[0] <= 0 <= reach[1]):
            raise WeightsCorrupt(f"{path} holds no reaches; {remedy}")
    return reaches


def _rewritten(network: MODNet) -> InferenceMODNet:
    """As app/modnet/inference.py does, with the backbone's norms in its convolutions, too."""
    rewritten = for_inference(network)
    for sequence in [m for m in rewritten.modules() if isinstance(m, nn.Sequential)]:
        for at in range(len(sequence) - 1):
            conv, norm = sequence[at], sequence[at + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[at] = fuse_conv_bn_eval(conv.eval(), norm.eval())
                sequence[at + 1] = nn.Identity()
    return rewritten


def _convs(rewritten: nn.Module) -> Iterable[tuple[str, nn.Conv2d]]:
    """Those that are to be rounded, by name."""
    for name, module in rewritten.named_modules():
        if isinstance(module, nn.Conv2d) and not name.startswith(_KEPT):
            yield name, module
