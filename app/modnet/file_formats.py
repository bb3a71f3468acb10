"""Files of weights -> what they hold: tables of tensors, still under their files' own names.

What a file is, its first bytes decide, never its suffix.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import safetensors
import torch
from torch import Tensor, nn

from app.errors import WeightsCorrupt, WeightsError, WeightsForeign, WeightsMissing
from app.modnet import onnx_file, pickle_file
from app.modnet.backbone import backbones
from app.modnet.state_dict import State
from app.weights import store

log = logging.getLogger(__name__)

Format = Literal["onnx", "pickle", "safetensors", "torchscript"]

_BACKBONE = "backbone."
_SUFFIXES = (".ckpt", ".pt", ".pth", ".bin", ".safetensors", ".onnx")
# What other files begin with that are taken for weights, and what is wrong with them.
_OTHERS = (
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file itself; run git lfs pull"),
    (b"\x1f\x8b", "is packed with gzip; unpack it and name what was in it"),
    (b"7z\xbc\xaf", "is packed with 7-Zip; unpack it and name what was in it"),
    (b"Rar!", "is packed with RAR; unpack it and name what was in it"),
    (b"\xfd7zXZ", "is packed with xz; unpack it and name what was in it"),
    (b"<?xml", "is OpenVINO's form or other XML; name the file that it was made from"),
    (b"<", "is a web page; download the file itself"),
)


@dataclass(frozen=True)
class Content:
    """content: what app/modnet/state_dict.py finds MODNet in. metadata: of .safetensors only."""

    content: object
    format: Format
    metadata: Mapping[str, str] = field(default_factory=dict)


def read(path: Path) -> Content:
    """What is in a file of weights; in a zip with one such file, what is in that.

    Raises WeightsMissing, WeightsCorrupt (truncated or damaged) or WeightsForeign (of another kind,
    too large or not safe to open).
    """
    start = _start_of(path)
    if start[8:9] == b"{":
        return _read_safetensors(path)
    if start.startswith(b"PK\x03\x04"):
        return _read_zip(path)
    if start[0] == 0x80 and start[1:2] in b"\2\3\4\5":  # the plain pickle of torch before 1.6
        return Content(_read_pickle(path), "pickle")
    if start[0] == 0x08:  # field 1 of ONNX's ModelProto, ir_version, which is never left out
        return Content(_read_onnx(path), "onnx")
    other = next((what for magic, what in _OTHERS if start.lstrip().startswith(magic)), None)
    raise WeightsForeign(
        f"{path} {other}."
        if other
        else f"{path} is no file of weights; it must be .ckpt, .pt, .safetensors or .onnx."
    )


def _start_of(path: Path) -> bytes:
    """The first bytes of a file of a size that weights can have."""
    try:
        store.check_readable(path)
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(32)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror or error}).") from error
    if size > pickle_file.LARGEST:
        raise WeightsForeign(
            f"{path} is too large for MODNet's weights ({size / 1e6:,.0f} MB, and at most "
            f"{pickle_file.LARGEST / 1e6:.0f}); import the state dict without the rest."
        )
    if not start:
        raise WeightsCorrupt(f"{path} is empty; get the file again.")
    return start


def _read_safetensors(path: Path) -> Content:
    metadata = store.read_metadata(path)
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except MemoryError:
        raise
    # The header is right; a type of numbers that this torch lacks ends in nearly anything.
    except Exception as error:
        raise WeightsCorrupt(f"{path} is damaged ({error}); get the file again.") from error
    return Content(tensors, "safetensors", metadata)


def _read_zip(path: Path) -> Content:
    """A zip archive: torch's since 1.6, or an ordinary one."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {entry.filename: entry.file_size for entry in archive.infolist()}
            if pickle_file.is_too_large(names):
                raise WeightsForeign(
                    f"{path} unpacks to {sum(names.values()) / 1e6:,.0f} MB, more than MODNet's "
                    "weights can have."
                )
            folder = pickle_file.folder_of(names)
            if folder is None:
                return _read_packed(path, archive)
            if pickle_file.is_torchscript(names, folder):
                content = pickle_file.read_torchscript(archive, folder)
                return Content(content, "torchscript")
    except (WeightsError, MemoryError):
        raise
    except pickle_file.Unsafe as error:
        raise _unsafe(path, error) from error
    # A damaged archive makes zipfile and pickle raise nearly anything.
    except Exception as error:
        raise _unreadable(path, error) from error
    return Content(_read_pickle(path), "pickle")


def _read_packed(path: Path, archive: zipfile.ZipFile) -> Content:
    """The one file of weights in an ordinary zip."""
    inside = [
        entry
        for entry in archive.infolist()
        if PurePosixPath(entry.filename).suffix.lower() in _SUFFIXES
        and not entry.filename.startswith("__MACOSX/")
    ]
    if len(inside) != 1:
        found = some_of([entry.filename for entry in inside])
        raise WeightsForeign(
            f"{path} is a zip archive "
            + (f"with several files of weights ({found})" if inside else "without weights in it")
            + "; unpack it and name one file."
        )
    suffix = PurePosixPath(inside[0].filename).suffix
    with tempfile.TemporaryDirectory(prefix="mattecam-") as folder:
        unpacked = Path(folder) / f"unpacked{suffix}"
        with archive.open(inside[0]) as source, unpacked.open("wb") as target:
            shutil.copyfileobj(source, target)
        with unpacked.open("rb") as file:
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(unpacked) as inner:
                    if pickle_file.folder_of(dict.fromkeys(inner.namelist(), 0)) is None:
                        raise WeightsForeign(
                            f"{path} is a zip archive in a zip archive; unpack it and name a file."
                        )
        try:
            return read(unpacked)
        except WeightsError as error:
            # In the words of the file that the user knows.
            told = str(error).replace(str(unpacked), f"{path} ({inside[0].filename[:80]})")
            raise type(error)(told) from error


def _read_pickle(path: Path) -> object:
    try:
        return pickle_file.read(path)
    except MemoryError as error:
        raise WeightsForeign(
            f"{path} asks for more memory than there is; it is damaged, or not weights of MODNet."
        ) from error
    except pickle_file.Unsafe as error:
        raise _unsafe(path, error) from error
    # A damaged pickle makes torch raise nearly anything.
    except Exception as error:
        raise _unreadable(path, error) from error


def _unsafe(path: Path, error: pickle_file.Unsafe) -> WeightsForeign:
    return WeightsForeign(
        f"{path} holds more than plain tensors ({str(error)[:80]!r}), so it is not safe to open, "
        "and nothing in it was run; ask whoever made it for a .safetensors file or a plain state "
        "dict."
    )


def _unreadable(path: Path, error: Exception) -> WeightsError:
    """Whether the file is damaged, or of a kind that is not known: the archive's checksums say."""
    try:
        with zipfile.ZipFile(path) as archive:
            whole = archive.testzip() is None
    except Exception:
        log.debug("%s is no whole archive", path, exc_info=True)
        whole = False
    if not whole:
        return _truncated(path)
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
    return WeightsForeign(
        f"{path} is whole, but its tensors cannot be read ({reason}); ask for a .safetensors file "
        "or a plain state dict."
    )


def _truncated(path: Path) -> WeightsCorrupt:
    return WeightsCorrupt(f"{path} is truncated or damaged; get the file again.")


def _read_onnx(path: Path) -> State:
    """Official keys for the official export's tensors.

    Its exporter folded the backbone's batch norms into the convolutions before them and gave
    both numbers for names, and it transposed the SE block's two matrices.
    """
    try:
        graph = onnx_file.parse(path.read_bytes(), folder=path.parent)
    except onnx_file.OnnxElsewhere as error:
        raise WeightsMissing(f"{path}: {error}.") from error
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


def some_of(keys: Sequence[str]) -> str:
    """Three of them. A foreign file may have written anything into its keys."""
    shown = [repr(key[:80])[1:-1] for key in keys[:3]]
    return ", ".join(shown if len(keys) <= 3 else [*shown, "..."])
