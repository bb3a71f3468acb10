"""Reads the pickles that hold tensors: checkpoints, whole modules and TorchScript. Nothing runs.

A pickle names classes and functions and what they are called with. Only those that build a tensor
are real here. Any other of a package is replaced by `Inert`, which keeps what it is given and does
nothing; a name of the standard library that is not on a short list (os.system, builtins.eval) ends
the reading.
"""

from __future__ import annotations

import collections
import pickle
import sys
import types
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

# What a file may hold when it is unpacked: optimizer states are three times the weights' 26 MB.
LARGEST = 400_000_000
# The pickle itself: names and shapes, no numbers.
_LARGEST_PICKLE = 16_000_000
# Mappings in mappings that are looked into.
_DEEPEST_TABLE = 5
_MOST_OBJECTS = 200_000

_STORAGES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# Of the standard library: what lies beside tensors in honest files. None of it is really made.
_HARMLESS_MODULES = frozenset(
    {"datetime", "pathlib", "pathlib._local", "typing", "decimal", "enum"}
)
_HARMLESS = frozenset(
    {
        ("_codecs", "encode"),
        ("argparse", "Namespace"),
        ("collections", "Counter"),
        ("collections", "defaultdict"),
        ("collections", "deque"),
        ("copyreg", "_reconstructor"),
        ("copy_reg", "_reconstructor"),
        ("fractions", "Fraction"),
        ("functools", "partial"),
        ("types", "SimpleNamespace"),
        ("uuid", "UUID"),
        *(
            (module, name)
            for module in ("builtins", "__builtin__")
            for name in ("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset",
                         "int", "list", "object", "range", "set", "slice", "str", "tuple", "type")
        ),
    }
)  # fmt: skip


class Unsafe(pickle.UnpicklingError):
    """The pickle asks for something that could run; the message is its name."""


class Inert:
    """Stands for an object, a class or a function that is not loaded.

    state: what its pickle sets it to. items: what it has as a mapping.
    """

    state: object
    items: dict[object, object]

    def __new__(cls, *_args: object, **_options: object) -> Inert:
        made = super().__new__(cls)
        made.state, made.items = None, {}
        return made

    def __init__(self, *_args: object, **_options: object) -> None:
        pass

    def __call__(self, *_args: object, **_options: object) -> Inert:
        return Inert()

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        self.items[key] = value

    def _take(self, *_values: object) -> None:
        pass

    append = extend = add = update = _take


def _rebuilt_from_type(function: Any, _kind: object, arguments: Any, _state: object) -> object:
    """A tensor of a subclass, or with attributes: as the plain tensor."""
    return function(*arguments)


_REAL: Mapping[tuple[str, str], object] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch", "Size"): torch.Size,
    ("torch", "device"): torch.device,
    ("torch._tensor", "_rebuild_from_type_v2"): _rebuilt_from_type,
    **{
        ("torch._utils", name): getattr(torch._utils, name)
        for name in (
            "_rebuild_parameter",
            "_rebuild_parameter_with_state",
            "_rebuild_tensor",
            "_rebuild_tensor_v2",
        )
    },
}


class TensorUnpickler(pickle.Unpickler):
    """Makes tensors and plain containers, and `Inert` of everything else."""

    def find_class(self, module: str, name: str) -> Any:
        real = _REAL.get((module, name))
        if real is not None:
            return real
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        top = module.partition(".")[0]
        standard = top in sys.stdlib_module_names or top in ("__builtin__", "copy_reg")
        if standard and module not in _HARMLESS_MODULES and (module, name) not in _HARMLESS:
            raise Unsafe(f"{module}.{name}")
        return Inert


def _load(file: IO[bytes], **options: Any) -> Any:
    return TensorUnpickler(file, **options).load()


# What `torch.load` takes in the place of the module `pickle`.
_MODULE = types.SimpleNamespace(
    __name__="tensors only", Unpickler=TensorUnpickler, load=_load, UnpicklingError=Unsafe
)


def read(path: Path) -> object:
    """What a checkpoint of torch holds: tensors, containers, numbers, text and `Inert`.

    Raises:
        Unsafe: it asks for something that could run.
        Exception: of any type, where it is damaged; torch promises nothing.
    """
    with path.open("rb") as file, warnings.catch_warnings():
        # What an old file makes torch warn of, its reader can do nothing about.
        warnings.simplefilter("ignore")
        try:
            # As an open file: given a path, torch would go by its suffix.
            return torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError:
            # Objects beside the tensors. Its own words for what is not safe change with versions.
            file.seek(0)
            return torch.load(file, map_location="cpu", weights_only=False, pickle_module=_MODULE)


def read_torchscript(archive: zipfile.ZipFile, folder: str) -> object:
    """The module in a TorchScript archive, as `Inert` whose state holds tensors and more of them.

    folder: the one in the archive that everything lies in. The program in it is not read.

    Raises:
        Unsafe, Exception: as `read`.
    """
    with archive.open(f"{folder}/data.pkl") as file:
        return _TorchScriptUnpickler(file, archive, folder).load()


class _TorchScriptUnpickler(TensorUnpickler):
    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file)
        self._archive, self._folder = archive, folder
        self._storages: dict[str, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        if name in _STORAGES:
            return _STORAGES[name]
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        kind, dtype, key, _device, _count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError(f"{kind!r} is no storage")
        if key not in self._storages:
            content = bytearray(self._archive.read(f"{self._folder}/data/{key}"))
            # torch refuses an empty buffer.
            one = torch.frombuffer(content, dtype=torch.uint8) if content else torch.empty(0)
            self._storages[key] = torch.storage.TypedStorage(  # type: ignore[no-untyped-call]
                wrap_storage=one.untyped_storage(), dtype=dtype, _internal=True
            )
        return self._storages[key]


def tables(content: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every mapping from text in `content`, from the outside in, with the keys that lead to it.

    A module, whole or of TorchScript, is a mapping from its tensors' dotted names.
    """
    waiting = collections.deque([("", content, 0)])
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_OBJECTS:
        where, one, depth = waiting.popleft()
        if id(one) in seen or depth > _DEEPEST_TABLE:
            continue
        seen.add(id(one))
        inner: Mapping[Any, object] = {}
        if isinstance(one, Inert):
            tensors = dict(_tensors_of(one))
            if tensors:
                yield where, tensors
                continue
            inner = {**one.items, **(one.state if isinstance(one.state, Mapping) else {})}
        elif isinstance(one, Mapping):
            inner = one
        named = {key: value for key, value in inner.items() if isinstance(key, str)}
        if named:
            yield where, named
        waiting.extend(
            (f"{where}.{key}".lstrip("."), value, depth + 1)
            for key, value in named.items()
            if isinstance(value, Mapping | Inert)
        )


def _tensors_of(module: Inert) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a module's state under their dotted names; those of a shared part once."""
    waiting = collections.deque([("", module)])
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_OBJECTS:
        prefix, one = waiting.popleft()
        if id(one) in seen or not isinstance(one.state, Mapping):
            continue
        seen.add(id(one))
        parts: list[tuple[Any, object]] = [*one.state.items()]
        if "_modules" in one.state:  # torch.nn.Module; a module of TorchScript has no such tables
            found = [one.state.get(kind) for kind in ("_parameters", "_buffers", "_modules")]
            parts = [
                part for table in found if isinstance(table, Mapping) for part in table.items()
            ]
        for name, value in parts:
            if isinstance(value, Tensor):
                yield f"{prefix}{name}", value.detach()
            elif isinstance(value, Inert):
                waiting.append((f"{prefix}{name}.", value))


def is_torchscript(names: Mapping[str, int], folder: str) -> bool:
    """Whether an archive's files (name -> bytes) are those of TorchScript."""
    return f"{folder}/constants.pkl" in names and f"{folder}/data.pkl" in names


def folder_of(names: Mapping[str, int]) -> str | None:
    """The folder in which an archive of torch's lies; None where it is none."""
    found = next(
        (name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")), ""
    )
    return found.partition("/")[0] or None


def is_too_large(names: Mapping[str, int]) -> bool:
    """Whether unpacking would fill the memory: what little zeros packed well become."""
    pickles = [size for name, size in names.items() if name.endswith(".pkl")]
    return sum(names.values()) > LARGEST or max(pickles, default=0) > _LARGEST_PICKLE
