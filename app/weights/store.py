"""What lies in the weights folder, and whether it is whole."""

from __future__ import annotations

import contextlib
import difflib
import errno
import hashlib
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from app import places
from app.errors import (
    DiskFull,
    InputError,
    MattecamError,
    OutputError,
    OutputExists,
    UsageError,
    WeightsCorrupt,
    WeightsError,
    WeightsForeign,
    WeightsMissing,
)
from app.system.files import SHARED_FILE, atomic_file, expanded
from app.system.text import printable
from app.weights import header, history, manifest
from app.weights.history import History
from app.weights.manifest import Entry

DEFAULT = "mattecam-webcam"  # comes with the program
PLAIN = "modnet-photographic"  # for `--plain`, and what our own models began as
SUFFIX = ".safetensors"
OWN_PREFIX = "mattecam-"

Origin = Literal["released", "own", "imported", "file"]
State = Literal["present", "missing", "corrupt"]

_CHUNK = 1 << 20


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights that is there and whole.

    name: what the user may call it; the file's name for a path.
    sha256: of the whole file, lower-case hex: it identifies the weights, e.g. in a cache.
    origin: "released" (in the manifest), "own" (came with the program), "imported" or "file".
    """

    name: str
    path: Path
    sha256: str
    bytes: int
    origin: Origin
    licence: str = "unknown"
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """One line of `weights list`. `problem` is a sentence where `state` is "corrupt"."""

    name: str
    title: str
    state: State
    path: Path
    bytes: int
    licence: str
    origin: Origin
    default: bool = False
    problem: str | None = None
    history: History | None = None


def sha256_of(path: Path) -> str:
    """Streams the file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check(entry: Entry, path: Path | None = None) -> None:
    """Raises WeightsMissing or WeightsCorrupt unless the entry's file is there, bit for bit."""
    path = entry.path if path is None else path
    again = f"fetch it again: {entry.fetch_command}"
    if not _exists(path):
        raise WeightsMissing(f"{entry.name} is not in {path.parent}; run: {entry.fetch_command}")
    with _readable(path):
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "is no ordinary file"
            raise WeightsCorrupt(f"{path} {what}; move it away and {again}")
        size = path.stat().st_size
        if size != entry.bytes:
            what = "truncated" if size < entry.bytes else "too long"
            raise WeightsCorrupt(f"{path} is {what} ({size:,} of {entry.bytes:,} bytes); {again}")
        if sha256_of(path) != entry.sha256:
            raise WeightsCorrupt(
                f"{path} was changed (its SHA-256 is not the released one); {again}"
            )


def read_metadata(path: Path, *, verify: bool = True) -> dict[str, str]:
    """What a .safetensors file says of itself.

    verify: reads the tensors through, too, for their checksum: 20 ms and more.
    Raises WeightsCorrupt where the header is broken, the file is truncated, or the tensors are
    not those whose checksum the header holds.
    """
    broken = WeightsCorrupt(f"{path} is truncated or damaged; import or fetch it again.")
    check_readable(path)
    with _readable(path), path.open("rb") as file:
        size = path.stat().st_size
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= size - 8:
            raise broken
        if length > header.LONGEST:
            raise WeightsForeign(
                f"{path} is not MODNet's: it has {length:,} bytes of names, and at most "
                f"{header.LONGEST:,} can be MODNet's."
            )
        try:
            metadata = header.parse(file.read(length), size - 8 - length)
        except header.HeaderError as error:
            raise broken from error
        if verify and "data_sha256" in metadata:
            digest = hashlib.sha256()
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
            if digest.hexdigest() != metadata["data_sha256"]:
                raise broken
    return metadata


def folders() -> Sequence[Path]:
    """Where .safetensors files are looked for: the user's folder, then the program's own."""
    return tuple(dict.fromkeys((places.weights(), places.manifest().parent)))


def find_imported(name: str) -> Path | None:
    """The .safetensors file of that name, where there is one. `name` may be anything."""
    if not name or any(separator in name for separator in "/\\:\0"):
        return None
    candidates = (folder / f"{name}{SUFFIX}" for folder in folders())
    return next((path for path in candidates if _exists(path) and path.is_file()), None)


def resolve(name_or_file: str) -> WeightsFile:
    """The weights of that name, or in that file; names come first, so write ./NAME for a file.

    A released file is checked against its SHA-256 each time. Raises WeightsMissing (also for a
    name that nothing has), WeightsCorrupt, or WeightsError where the file cannot be read.
    """
    listed = manifest.read()
    entry = listed.find(name_or_file)
    if entry is not None:
        check(entry)
        return _released(entry, entry.path)
    path = find_imported(name_or_file)
    if path is not None:
        metadata = read_metadata(path)
        return WeightsFile(
            name=name_or_file,
            path=path,
            sha256=sha256_of(path),
            bytes=path.stat().st_size,
            origin=_origin(path),
            licence=metadata.get("licence", "unknown"),
            metadata=metadata,
        )
    # Not Path.expanduser(), which raises for a ~name that is nobody's.
    path = expanded(name_or_file)
    if not name_or_file or not _exists(path):
        raise WeightsMissing(_unknown(name_or_file))
    return read_file(path)


def read_file(path: Path) -> WeightsFile:
    """The weights in a file of the user's, recognised where they are released ones.

    Raises WeightsMissing, WeightsCorrupt, or WeightsError where the file cannot be read.
    """
    check_readable(path)
    with _readable(path):
        size = path.stat().st_size
        if size == 0:
            raise WeightsCorrupt(f"{path} is empty; get the file again.")
        sha256 = sha256_of(path)
    listed = manifest.read()
    entry = listed.with_sha256(sha256)
    if entry is not None:
        return _released(entry, path)
    for entry in listed.weights:
        if _exists(entry.path) and path.samefile(entry.path):
            check(entry)
    return WeightsFile(path.name, path, sha256, size, "file")


def check_readable(path: Path) -> None:
    """Raises WeightsMissing or WeightsError unless `path` is an ordinary file: reading ends."""
    with _readable(path):
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, ValueError) as error:  # ValueError: a NUL byte in the name
            raise WeightsMissing(f"There is no file {printable(str(path))}.") from error
        if stat.S_ISDIR(mode):
            raise WeightsError(f"{path} is a folder, not a file of weights; name the file in it.")
        if not stat.S_ISREG(mode):
            raise WeightsError(f"{path} is no ordinary file; copy what it gives into a file first.")


def imported_path(name: str) -> Path:
    """Where weights that are imported under this name lie, or will lie."""
    return places.weights() / f"{name}{SUFFIX}"


def status() -> list[Status]:
    """Everything there is and could be: released weights first, then .safetensors files.

    Every present file is read through (its SHA-256), so this takes about 30 ms for each.
    """
    lines = []
    for entry in manifest.read().weights:
        state: State = "present"
        problem: str | None = None
        try:
            check(entry)
        except WeightsMissing:
            state = "missing"
        except MattecamError as error:
            state, problem = "corrupt", str(error)
        lines.append(
            Status(
                name=entry.name,
                title=entry.title,
                state=state,
                path=entry.path,
                bytes=entry.bytes if problem is None else _size(entry.path),
                licence=entry.licence,
                origin="released",
                default=entry.name == DEFAULT,
                problem=problem,
            )
        )
    seen: set[str] = {line.name for line in lines}
    for folder in folders():
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if path.stem in seen:
                continue
            seen.add(path.stem)
            lines.append(_status_of_imported(path))
    return lines


def _status_of_imported(path: Path) -> Status:
    metadata: dict[str, str] = {}
    problem = None
    try:
        metadata = read_metadata(path)
    except MattecamError as error:
        problem = str(error)
    source = metadata.get("source_file")
    title = metadata.get("title") or (f"imported from {source}" if source else "-")
    return Status(
        name=path.stem,
        title=printable(title),
        state="present" if problem is None else "corrupt",
        path=path,
        bytes=_size(path),
        licence=printable(metadata.get("licence", "unknown")),
        origin=_origin(path),
        default=path.stem == DEFAULT,
        problem=problem,
        history=history.read(metadata),
    )


def history_of(name: str) -> History | None:
    """Of weights in the list, None where they tell of none or are not there. Cheap."""
    path = find_imported(name)
    if path is None or manifest.read().find(name) is not None:
        return None
    try:
        return history.read(read_metadata(path, verify=False))
    except MattecamError:
        return None  # whoever wants to run them is told what is wrong with them


def place_released(entry: Entry, file: Path) -> Path:
    """Copies the user's own copy of a released file to where a fetched one would lie.

    Raises WeightsCorrupt where it is not that file, OutputError or DiskFull where the weights
    folder does not take it.
    """
    check(entry, file)
    target = entry.path
    if target.exists() and target.samefile(file):
        return target
    with _readable(file), file.open("rb") as source, writing(target) as copy:
        shutil.copyfileobj(source, copy, _CHUNK)
    return target


def place(file: Path, name: str) -> str:
    """Copies a .safetensors file into the list under a name that is free; the name.

    Raises OutputExists, OutputError or DiskFull.
    """
    target = imported_path(name)
    if target.exists():
        raise OutputExists(f"There are weights called {name} already; choose another name.")
    with _readable(file), file.open("rb") as source, writing(target) as copy:
        shutil.copyfileobj(source, copy, _CHUNK)
    return name


@contextlib.contextmanager
def writing(target: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name `target` only when it is whole and on the disk.

    Where the body raises, nothing is left. Raises OutputError or DiskFull.
    """
    try:
        # Weights are no secret, and other users may share the folder.
        with atomic_file(target, mode=SHARED_FILE) as file:
            yield file
    except OSError as error:
        raise output_error(target, error) from error


def output_error(target: Path, error: OSError) -> OutputError:
    """`error`, met while writing `target`, in a sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"The disk is full: {target} could not be written. Free some space and try again."
        )
    return OutputError(
        f"{target} cannot be written ({error.strerror or error}); make the folder writable, or "
        "let MATTECAM_WEIGHTS name another one."
    )


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except IsADirectoryError as error:
        raise WeightsError(f"{path} is a folder, not a file of weights.") from error
    except PermissionError as error:
        # Windows answers "permission denied" for a folder.
        what = "is a folder" if path.is_dir() else "may not be read by you"
        raise WeightsError(f"{path} {what}; choose another file or change its rights.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}).") from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a path, or a NUL byte in it
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _origin(path: Path) -> Origin:
    return "own" if path.name.startswith(OWN_PREFIX) else "imported"


def _released(entry: Entry, path: Path) -> WeightsFile:
    return WeightsFile(entry.name, path, entry.sha256, entry.bytes, "released", entry.licence)


def known_names() -> Sequence[str]:
    """Every name that `resolve` may take, whether its file is there or not."""
    found = (path.stem for folder in folders() for path in sorted(folder.glob(f"*{SUFFIX}")))
    return tuple(dict.fromkeys((*manifest.read().names, *found)))


def _unknown(name: str) -> str:
    if name.startswith(OWN_PREFIX):
        return (
            f"{name} comes with the program and is not there any more; restore "
            f"{places.manifest().parent / name}{SUFFIX} from where you have the program, or choose "
            f"--weights {PLAIN}."
        )
    names = known_names()
    near = difflib.get_close_matches(Path(name).stem if name else "", names, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return (
        f"There is no file and are no weights called {printable(name)!r}. {hint}There are: "
        f"{', '.join(names)}."
    )


def entry_named(name: str) -> Entry:
    """The released weights of that name. Raises UsageError, naming what there is."""
    listed = manifest.read()
    entry = listed.find(name)
    if entry is None:
        raise UsageError(
            f"{name!r} is nothing that can be fetched. There are: {', '.join(listed.names)}."
        )
    return entry
