"""Files -> MODNet, and MODNet -> .safetensors.

What a file is, its first bytes decide, never its suffix. Nothing in a pickle runs
(app/modnet/pickle_file.py).
"""

from __future__ import annotations

import datetime
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from app.errors import (
    OutputExists,
    UsageError,
    WeightsCorrupt,
    WeightsForeign,
)
from app.modnet import file_formats, state_dict
from app.modnet.backbone import backbones
from app.modnet.network import ContextBlock, MODNet
from app.modnet.state_dict import State
from app.outputs.read_files import Reading, refuse_to_overwrite
from app.weights import manifest, store

# Only training uses these two, and exports for inference leave them out.
TRAINING_HEADS = ("lr_branch.conv_lr", "hr_branch.conv_hr")


_BACKBONE = "backbone."
_BACKBONE_AGAIN = "lr_branch.backbone."
_DESCRIPTION = ("title", "licence", "parent", "parent_sha256", "history")
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class LoadedWeights:
    """network: MODNet in eval mode, float32, on the CPU.

    missing_heads: which of TRAINING_HEADS the file does not have; in the network they are at
        their initial values, the same ones each time.
    metadata: what a .safetensors file says of itself; else empty.
    """

    network: MODNet
    missing_heads: tuple[str, ...]
    format: file_formats.Format
    metadata: Mapping[str, str]


def load(path: Path) -> LoadedWeights:
    """The network in a file: checkpoint, state dict, TorchScript, .safetensors or official ONNX.

    A .zip with one such file in it counts as that file. The network has been tried on a picture.

    Raises WeightsMissing, WeightsCorrupt (truncated, damaged, not finite, no matte) or
    WeightsForeign (not a MODNet, not all of one, or not safe to open).
    """
    found = file_formats.read(path)
    state = state_dict.find(found.content)
    if not state:
        raise WeightsForeign(f"{path} holds no state dict, so it is not MODNet's.")
    network, missing_heads = _network(path, _official_keys(path, state))
    _try_out(path, network)
    return LoadedWeights(network, missing_heads, found.format, found.metadata)


@torch.no_grad()
def _try_out(path: Path, network: MODNet) -> None:
    """Raises WeightsCorrupt where a picture gets no matte: numbers too large, as a rule."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        alpha = network(torch.rand(1, 3, 64, 96) * 2 - 1)
    if not bool(((alpha >= 0) & (alpha <= 1)).all()):  # NaN is neither
        raise WeightsCorrupt(
            f"{path} makes no matte of a picture (its alpha is no number from 0 to 1); train or "
            "get the file again."
        )


def save_safetensors(
    network: MODNet,
    path: Path,
    *,
    metadata: Mapping[str, str],
    half: bool = False,
    missing_heads: Sequence[str] = (),
) -> None:
    """Writes the network's weights, whole or not at all; the backbone once.

    half: float16 for what has two dimensions or more; norms and biases stay float32.
    missing_heads: heads that were never trained, to be left out.
    Raises OutputError or DiskFull.
    """
    tensors = {}
    for key, tensor in network.state_dict().items():
        if key.startswith((_BACKBONE_AGAIN, *(f"{head}." for head in missing_heads))):
            continue
        narrow = half and tensor.is_floating_point() and tensor.dim() >= 2
        tensors[key] = tensor.detach().to("cpu", torch.float16 if narrow else tensor.dtype)
        tensors[key] = tensors[key].contiguous()
    content = safetensors.torch.save(tensors)
    data = memoryview(content)[8 + int.from_bytes(content[:8], "little") :]
    described = {
        **metadata,
        "backbone": network.backbone_name,
        "context_block": network.context_block,
        "missing_heads": ",".join(missing_heads),
        "data_sha256": hashlib.sha256(data).hexdigest(),
    }
    content = safetensors.torch.save(tensors, described)
    with store.writing(path) as file:
        file.write(content)


def import_file(file: Path, *, name: str | None = None, force: bool = False) -> str:
    """Takes a user's own file into the weights folder, and gives the name that it has there.

    A released file, known by its SHA-256, is copied as it is. Any other is loaded, to know that
    it is a whole MODNet, and kept as NAME.safetensors; NAME comes from the file's where none is
    given. Raises UsageError, OutputExists, OutputError, or what `load` raises.
    """
    found = store.read_file(file)
    entry = manifest.read().find(found.name) if found.origin == "released" else None
    if entry is not None and name is None:
        store.place_released(entry, file)
        return entry.name
    name = _free_name(file, name, force=force)
    refuse_to_overwrite([store.imported_path(name)], [Reading("the file itself", file)])
    loaded = load(file)
    described = {key: loaded.metadata[key] for key in _DESCRIPTION if key in loaded.metadata}
    if entry is not None:
        described = {"title": entry.title, "licence": entry.licence}
    save_safetensors(
        loaded.network,
        store.imported_path(name),
        metadata={
            **described,
            "source_file": file.name,
            "source_sha256": found.sha256,
            "imported": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        },
        missing_heads=loaded.missing_heads,
    )
    return name


def _free_name(file: Path, name: str | None, *, force: bool) -> str:
    remedy = "choose another with --name"
    if name is None:
        name = re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-._") or "imported"
    elif not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise UsageError(
            f"{name!r} cannot be a name; use small letters, digits, dots, dashes and underscores."
        )
    if manifest.read().find(name) is not None or name.startswith(store.OWN_PREFIX):
        raise UsageError(f"The name {name} belongs to this program's own weights; {remedy}.")
    if store.imported_path(name).exists() and not force:
        raise OutputExists(f"There are weights called {name} already; {remedy}, or use --force.")
    return name


# -- keys, and the network -----------------------------------------------------------------------


def _official_keys(path: Path, state: State) -> State:
    """With the backbone under `backbone.` only."""
    once = {key: t for key, t in state.items() if not key.startswith(_BACKBONE_AGAIN)}
    for key, tensor in state.items():
        if key.startswith(_BACKBONE_AGAIN):
            single = key.removeprefix("lr_branch.")
            other = once.setdefault(single, tensor)
            if other is not tensor and not (
                other.shape == tensor.shape and torch.equal(other, tensor)
            ):
                raise WeightsForeign(
                    f"{path} holds two backbones that differ (at {single}), so it is not MODNet's."
                )
    return once


def _network(path: Path, state: State) -> tuple[MODNet, tuple[str, ...]]:
    def keys_of(name: str) -> set[str]:
        with torch.device("meta"):
            return {f"{_BACKBONE}{key}" for key in backbones.create(name).state_dict()}

    backbone = max(backbones.names(), key=lambda name: len(keys_of(name) & state.keys()))
    context: ContextBlock = (
        "easpp" if any(key.startswith("lr_branch.easpp.") for key in state) else "se"
    )
    # Seeded, so that heads which the file lacks are the same each time.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MODNet(backbone=backbone, context_block=context)
    own = {
        key: tensor
        for key, tensor in network.state_dict().items()
        if not key.startswith(_BACKBONE_AGAIN)
    }
    missing_heads = tuple(
        head for head in TRAINING_HEADS if not any(key.startswith(f"{head}.") for key in state)
    )
    # Counters that nothing reads at a fixed momentum; other formats leave them out.
    optional = {key for key in own if key.endswith(".num_batches_tracked")}
    optional |= {key for key in own if key.startswith(tuple(f"{h}." for h in missing_heads))}
    missing = [key for key in own if key not in state and key not in optional]
    unexpected = [key for key in state if key not in own]
    wrong = [
        key
        for key, tensor in state.items()
        if key in own and (tensor.shape != own[key].shape or not _holds_numbers(tensor, own[key]))
    ]
    faults = [
        f"{len(keys)} {what} ({file_formats.some_of(keys)})"
        for what, keys in (
            ("missing", missing), ("unexpected", unexpected), ("of another shape or type", wrong)
        )
        if keys
    ]  # fmt: skip
    if faults:
        raise WeightsForeign(f"{path} is not MODNet's. Tensors: {'; '.join(faults)}.")
    for key, tensor in state.items():
        value = own[key].copy_(tensor)
        # The sum is finite only where every number is, and far cheaper than to look at each.
        bad = not math.isfinite(value.sum().item()) or (
            key.endswith(".running_var") and bool((value < 0).any())
        )
        if bad:
            raise WeightsCorrupt(
                f"{path} holds numbers that are not finite or no variances (in {key}); "
                "get the file again."
            )
    return network.eval(), missing_heads


def _holds_numbers(tensor: Tensor, own: Tensor) -> bool:
    floats = tensor.dtype in _FLOATS if own.is_floating_point() else not tensor.is_floating_point()
    return tensor.layout == torch.strided and tensor.device.type == "cpu" and floats
