"""Files -> MODNet, and MODNet -> .safetensors.

What a file is, its first bytes decide, never its suffix. Pickles are read as plain tensors
(`weights_only`), so that nothing in them runs.
"""

from __future__ import annotations

import datetime
import hashlib
import math
import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from app.errors import (
    OutputExists,
    UsageError,
    WeightsCorrupt,
    WeightsError,
    WeightsForeign,
    WeightsMissing,
)
from app.modnet import onnx_file
from app.modnet.backbone import backbones
from app.modnet.network import ContextBlock, MODNet
from app.outputs.read_files import Reading, refuse_to_overwrite
from app.weights import manifest, store

# Only training uses these two, and exports for inference leave them out.
TRAINING_HEADS = ("lr_branch.conv_lr", "hr_branch.conv_hr")

Format = Literal["onnx", "pickle", "safetensors"]
State = dict[str, Tensor]

_BACKBONE = "backbone."
_BACKBONE_AGAIN = "lr_branch.backbone."
_PREFIXES = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put before each key
_DESCRIPTION = ("title", "licence", "parent", "parent_sha256", "history")
_WRAPPERS = ("state_dict", "model_state_dict", "model", "network")
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
    format: Format
    metadata: Mapping[str, str]


def load(path: Path) -> LoadedWeights:
    """The network in a file: official checkpoint, state dict, .safetensors or official ONNX.

    Raises WeightsMissing, WeightsCorrupt (truncated, damaged, not finite) or WeightsForeign (not
    a MODNet, not all of one, or not safe to open).
    """
    kind = _format_of(path)
    metadata: dict[str, str] = {}
    if kind == "safetensors":
        state, metadata = _read_safetensors(path)
    elif kind == "onnx":
        state = _read_onnx(path)
    else:
        state = _read_pickle(path)
    state = _official_keys(path, state)
    network, missing_heads = _network(path, state)
    return LoadedWeights(network, missing_heads, kind, metadata)


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


# -- formats -------------------------------------------------------------------------------------


def _format_of(path: Path) -> Format:
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError:
        raise WeightsMissing(f"There is no file {path}.") from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror or error}).") from error
    if not start:
        raise WeightsCorrupt(f"{path} is empty; get the file again.")
    if start[8:9] == b"{":
        return "safetensors"
    # A zip archive (torch since 1.6), or protocol 2 and later of the plain pickle before it.
    if start.startswith(b"PK\x03\x04") or (start[0] == 0x80 and start[1:2] in b"\2\3\4\5"):
        return "pickle"
    if start[0] == 0x08:  # field 1 of ONNX's ModelProto, ir_version, which is never left out
        return "onnx"
    raise WeightsForeign(
        f"{path} is no file of weights; it must be .ckpt, .pt, .safetensors or .onnx."
    )


def _read_safetensors(path: Path) -> tuple[State, dict[str, str]]:
    metadata = store.read_metadata(path)
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, metadata  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise WeightsCorrupt(f"{path} is damaged ({error}); get the file again.") from error


def _read_pickle(path: Path) -> State:
    try:
        # As an open file: given a path, torch would go by its suffix.
        with path.open("rb") as file, warnings.catch_warnings():
            # What an old file makes torch warn of, its reader can do nothing about.
            warnings.simplefilter("ignore")
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "truncated" in str(error) or "Ran out of input" in str(error):
            raise _truncated(path) from error
        raise WeightsForeign(
            f"{path} holds more than plain tensors, so it is not safe to open, and nothing in it "
            "was run; ask whoever made it for a .safetensors file or a plain state dict."
        ) from error
    # A damaged pickle makes torch raise nearly anything.
    except Exception as error:
        raise _truncated(path) from error
    for _ in _WRAPPERS:
        inner = [content[key] for key in _WRAPPERS if _is_dict(content) and key in content]
        if not inner or not _is_dict(inner[0]):
            break
        content = inner[0]
    if not _is_dict(content) or not content:
        raise WeightsForeign(f"{path} holds no state dict, so it is not MODNet's.")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise WeightsForeign(
                f"{path} is not a state dict of MODNet's: {str(key)[:60]!r} is no tensor."
            )
    return dict(content)


def _is_dict(value: object) -> bool:
    return isinstance(value, Mapping)


def _truncated(path: Path) -> WeightsCorrupt:
    return WeightsCorrupt(f"{path} is truncated or damaged; get the file again.")


def _read_onnx(path: Path) -> State:
    """Official keys for the official export's tensors.

    Its exporter folded the backbone's batch norms into the convolutions before them and gave
    both numbers for names, and it transposed the SE block's two matrices.
    """
    try:
        graph = onnx_file.parse(path.read_bytes())
    except onnx_file.OnnxFormatError as error:
        raise WeightsCorrupt(
            f"{path} is no whole ONNX file ({error}); get the file again."
        ) from error
    state = {name: _tensor(array) for name, array in graph.initializers.items() if "." in name}
    convolutions: list[tuple[Tensor, Tensor | None]] = []
    matrices: list[Tensor] = []
    for node in graph.nodes:
        names = [name for name in node.inputs[1:] if name not in state]
        arrays = [_tensor(graph.initializers[n]) for n in names if n in graph.initializers]
        if node.op_type == "Conv" and arrays:
            convolutions.append((arrays[0], arrays[1] if len(arrays) > 1 else None))
        elif node.op_type == "MatMul" and len(arrays) == 1 and arrays[0].dim() == 2:
            matrices.append(arrays[0])
    if convolutions:
        state |= _unfolded_backbone(path, convolutions)
    for index, matrix in enumerate(matrices):
        # A third would get a name that the network does not have, and be refused for it.
        state[f"lr_branch.se_block.fc.{2 * index}.weight"] = matrix.T.contiguous()
    if not state:
        raise WeightsForeign(f"{path} is an ONNX file, but not MODNet's.")
    return state


def _tensor(array: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))


def _unfolded_backbone(path: Path, convolutions: list[tuple[Tensor, Tensor | None]]) -> State:
    """Batch norms that do nothing but add the bias which their convolution cannot hold."""
    for name in backbones.names():
        with torch.device("meta"):
            layers = list(backbones.create(name).named_modules())
        convs = [(key, m) for key, m in layers if isinstance(m, nn.Conv2d)]
        norms = [(key, m) for key, m in layers if isinstance(m, nn.BatchNorm2d)]
        if [m.weight.shape for _, m in convs] != [weight.shape for weight, _ in convolutions]:
            continue
        state: State = {}
        for (conv, _), (norm, module), (weight, bias) in zip(
            convs, norms, convolutions, strict=True
        ):
            channels = weight.shape[0]
            state[f"{_BACKBONE}{conv}.weight"] = weight
            state[f"{_BACKBONE}{norm}.weight"] = torch.ones(channels)
            state[f"{_BACKBONE}{norm}.bias"] = torch.zeros(channels) if bias is None else bias
            state[f"{_BACKBONE}{norm}.running_mean"] = torch.zeros(channels)
            # The norm divides by sqrt(variance + eps), which is to be 1.
            state[f"{_BACKBONE}{norm}.running_var"] = torch.full((channels,), 1 - module.eps)
        return state
    raise WeightsForeign(
        f"{path} is an ONNX file, but its {len(convolutions)} unnamed convolutions are not those "
        "of a backbone of MODNet's."
    )


# -- keys, and the network -----------------------------------------------------------------------


def _official_keys(path: Path, state: State) -> State:
    """Without a prefix, and with the backbone under `backbone.` only."""
    while prefix := next((p for p in _PREFIXES if all(k.startswith(p) for k in state)), None):
        state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
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
        f"{len(keys)} {what} ({_some(keys)})"
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


def _some(keys: Sequence[str]) -> str:
    """Three of them. A foreign file may have written anything into its keys."""
    shown = [repr(key[:80])[1:-1] for key in keys[:3]]
    return ", ".join(shown if len(keys) <= 3 else [*shown, "..."])


def _holds_numbers(tensor: Tensor, own: Tensor) -> bool:
    floats = tensor.dtype in _FLOATS if own.is_floating_point() else not tensor.is_floating_point()
    return tensor.layout == torch.strided and tensor.device.type == "cpu" and floats
