"""Instance norm with fixed statistics: measured once over pictures, then part of the convolution.

Instance norm takes the mean and variance of each channel over the picture at hand, for which the
runtime has to go through every feature map twice more, and which makes the matte depend on what
stands elsewhere in the picture. Averaged over many pictures they are constants, and fold into the
convolution as batch norm does. This is not the same function; docs/quality.md says what it costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors.torch import save
from torch import Tensor, nn

from app.errors import InputError, WeightsCorrupt
from app.frames import RGB
from app.modnet import beside_file
from app.modnet.network import MODNet
from app.modnet.preprocess import NetworkSize, fit, grid_for

# The name of an instance norm in the network -> float32 (2, channels): mean, variance.
Statistics: TypeAlias = Mapping[str, Tensor]


def measure(network: MODNet, pictures: Iterable[RGB], sizes: Iterable[NetworkSize]) -> Statistics:
    """Statistics of `network`'s instance norms over uint8 RGB (H, W, 3) pictures of people.

    Each picture is seen at each of `sizes`. The mean of the means, and of the variances within a
    picture: between pictures a channel's mean moves too, but what normalises one picture is its
    own spread. Raises InputError where there is no picture.
    """
    norms = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.InstanceNorm2d)
    }
    sums = {name: torch.zeros(2, norm.num_features) for name, norm in norms.items()}

    def watch(name: str) -> object:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].float()
            sums[name][0] += x.mean(dim=(0, 2, 3))
            sums[name][1] += x.var(dim=(2, 3), unbiased=False).mean(dim=0)

        return hook

    network = network.eval()
    handles = [
        norm.register_forward_pre_hook(watch(name))  # type: ignore[arg-type]
        for name, norm in norms.items()
    ]
    seen = 0
    boxes = tuple(sizes)
    try:
        with torch.inference_mode():
            for picture in pictures:
                for size in boxes:
                    network(as_input(picture, size))
                    seen += 1
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise InputError("There is no picture to measure the statistics on.")
    return {name: total / seen for name, total in sums.items()}


def as_input(picture: RGB, size: NetworkSize) -> Tensor:
    """What the network takes in of uint8 (h, w, 3): float32 (1, 3, H, W) in [-1, 1]."""
    grid = grid_for((picture.shape[1], picture.shape[0]), size)
    width, height = grid.padded
    fitted = torch.empty((height, width, 3), dtype=torch.uint8)
    fit(picture, grid, fitted.numpy())
    return fitted.permute(2, 0, 1)[None].float() / 127.5 - 1


def to_bytes(statistics: Statistics, *, weights_sha256: str, pictures: int) -> bytes:
    """The content of a file of statistics, tied to the weights that they were taken from."""
    tensors = {name: tensor.contiguous() for name, tensor in statistics.items()}
    metadata = {
        "weights_sha256": weights_sha256,
        "pictures": str(pictures),
    }
    return save(tensors, metadata)


def load(path: Path) -> Statistics:
    """Raises WeightsCorrupt where the file is no file of statistics."""
    remedy = "remove it, or run: python main.py weights calibrate"
    statistics = beside_file.load(path, remedy=remedy)
    for pair in statistics.values():
        if pair.dim() != 2 or len(pair) != 2 or bool((pair[1] < 0).any()):
            raise WeightsCorrupt(f"{path} holds no variances; {remedy}")
    return statistics


def fix(network: MODNet, statistics: Statistics) -> None:
    """Each instance norm of `network` becomes a batch norm with these statistics, in place.

    Raises WeightsCorrupt where they are another network's.
    """
    for name, module in list(network.named_modules()):
        if not isinstance(module, nn.InstanceNorm2d):
            continue
        found = statistics.get(name)
        if found is None or found.shape != (2, module.num_features):
            raise WeightsCorrupt(
                "The stored statistics are another network's; run: python main.py weights "
                "calibrate, or choose --norms exact."
            )
        fixed = nn.BatchNorm2d(module.num_features, eps=module.eps, affine=True)
        fixed.running_mean, fixed.running_var = found[0].clone(), found[1].clone()
        owner = network.get_submodule(name.rpartition(".")[0])
        setattr(owner, name.rpartition(".")[2], fixed.eval().requires_grad_(False))
