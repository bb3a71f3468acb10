"""The network that a training run begins with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from app.errors import MattecamError, WeightsError, WeightsForeign
from app.modnet import file_formats, pickle_file, weights
from app.modnet.network import MODNet
from app.training import heads
from app.training.config import NOTHING, TrainingConfig
from app.weights import store

# What torchvision calls the layers that MobileNetV2 is a backbone by; the rest classifies.
_FEATURES = "features."


def starting_network(config: TrainingConfig) -> tuple[MODNet, bool]:
    """The network, and whether its training heads are still to be fitted. Raises WeightsError.

    From nothing it begins as the official code does, with Kaiming's initialisation, and with a
    backbone where one is named. Weights with the other context block give everything else.
    """
    torch.manual_seed(config.seed)
    if config.weights == NOTHING:
        network = MODNet(context_block=config.context_block)
        if config.backbone is not None:
            _take_backbone(network, config.backbone)
        return network, False
    loaded, missing_heads = heads.load(store.resolve(config.weights))
    if loaded.context_block == config.context_block:
        return loaded, missing_heads
    network = MODNet(backbone=loaded.backbone_name, context_block=config.context_block)
    network.load_state_dict(loaded.state_dict(), strict=False)
    return network.eval(), missing_heads


def _take_backbone(network: MODNet, name_or_file: str) -> None:
    """MODNet's own first; else torchvision's MobileNetV2, as trained on ImageNet."""
    chosen = store.resolve(name_or_file)
    try:
        state = weights.load(chosen.path).network.backbone.state_dict()
    except WeightsForeign as foreign:
        found = _torchvision(chosen.path)
        if found is None:
            raise foreign
        _by_order(network.backbone, found, chosen.path)
        return
    network.backbone.load_state_dict(state)


def _torchvision(path: Path) -> Mapping[str, Tensor] | None:
    """The features of a state dict of torchvision's; None where it is none."""
    try:
        content = file_formats.read(path).content
    except MattecamError:
        return None
    for _, table in pickle_file.tables(content):
        found = {
            key: value
            for key, value in table.items()
            if key.startswith(_FEATURES) and isinstance(value, Tensor)
        }
        if found:
            return found
    return None


def _by_order(backbone: nn.Module, found: Mapping[str, Tensor], path: Path) -> None:
    """Both name their layers otherwise and have them in the same order."""
    optional = ".num_batches_tracked"
    own = {k: v for k, v in backbone.state_dict().items() if not k.endswith(optional)}
    theirs = {k: v for k, v in found.items() if not k.endswith(optional)}
    if [value.shape for value in own.values()] != [value.shape for value in theirs.values()]:
        raise WeightsError(f"{path} is no MobileNetV2 of the width that MODNet has.")
    with torch.no_grad():
        for mine, other in zip(own.values(), theirs.values(), strict=True):
            mine.copy_(other)
