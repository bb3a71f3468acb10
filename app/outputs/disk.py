"""Writing to a disk that may be full: what is left then, and how it is said."""

from __future__ import annotations

import errno
from pathlib import Path

from app.errors import DiskFull, OutputError, OutputExists

_FULL = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name))
# What a disk answers. FFmpeg uses the system's other numbers (EPERM, EINVAL) for its own affairs.
_DISK = _FULL | {errno.EFBIG, errno.EIO, errno.EROFS}


def is_disk_error(error: BaseException) -> bool:
    """Whether the disk refused, rather than FFmpeg."""
    return isinstance(error, OSError) and error.errno in _DISK


def output_error(path: Path, error: OSError, *, written: str = "") -> OutputError:
    """The sentence for a failed write. `written` says what is there nevertheless."""
    tail = f" {written}" if written else ""
    if error.errno in _FULL:
        return DiskFull(f"The disk is full: {path} could not be finished.{tail} Make room for it.")
    if error.errno == errno.EFBIG:  # FAT32 ends at 4 GB
        return DiskFull(
            f"{path} has become as large as a file may be there.{tail} Write it elsewhere."
        )
    if isinstance(error, FileExistsError):
        return OutputExists(f"{path} is there already; add --force to replace it.")
    if isinstance(error, PermissionError):
        return OutputError(f"{path} may not be written by this user; choose another place.")
    return OutputError(f"{path} cannot be written: {error.strerror or error}.{tail}")


def make_parent(path: Path) -> None:
    """Makes the folder that `path` lies in. Raises OutputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {path.parent} cannot be made: {error.strerror or error}."
        ) from None


def create(path: Path, *, force: bool) -> None:
    """An empty file, and the folder that it lies in.

    Raises OutputExists where it is there already and `force` is not given, else OutputError.
    """
    make_parent(path)
    try:
        open(path, "wb" if force else "xb").close()
    except OSError as error:
        raise output_error(path, error) from None


def drop_partial_box(path: Path) -> None:
    """Cuts an MP4 or MOV that broke off while it was written back to its last whole box.

    Every box that is whole then makes a valid fragmented file; many players stop at a torn one.
    """
    size = path.stat().st_size
    end = 0
    with open(path, "r+b") as file:
        while end + 8 <= size:
            file.seek(end)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8 or end + length > size:
                break
            # A moof without the mdat that it describes is torn, too.
            if head[4:8] == b"moof":
                file.seek(end + length)
                data = int.from_bytes(file.read(4).ljust(4, b"\0"), "big")
                if data < 8 or end + length + data > size:
                    break
            end += length
        file.truncate(end)
