"""Writing to a disk that may be full: one file object that remembers, and the sentences."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

from app.errors import DiskFull, OutputError, OutputExists

# EFBIG: the largest file that the file system (FAT32: 4 GB) or a quota allows.
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT)) if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


def output_error(path: Path, error: OSError, *, written: str = "") -> OutputError:
    """The sentence for a failed write. `written` says what is there nevertheless."""
    tail = f" {written}" if written else ""
    if error.errno in _FULL:
        return DiskFull(f"The disk is full: {path} could not be finished.{tail} Make room for it.")
    if error.errno == errno.EFBIG:
        return DiskFull(
            f"{path} has become as large as its file system allows.{tail} Write it elsewhere."
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


class WatchedFile:
    """A new file for FFmpeg's muxer to write to. After the first failed write it takes no more.

    FFmpeg may go on writing after an error (a trailer, a patched header), which would damage
    what is safely on the disk. `error` is the first failure.
    """

    def __init__(self, path: Path, *, force: bool) -> None:
        self.path = path
        self.error: OSError | None = None
        self._force = force
        self._file: BinaryIO | None = None

    def open(self) -> None:
        """Raises OutputExists where the file is there and `force` is not given, OutputError."""
        make_parent(self.path)
        try:
            self._file = open(self.path, "wb" if self._force else "xb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise output_error(self.path, error) from None

    @property
    def file(self) -> BinaryIO:
        if self._file is None:
            raise ValueError(f"{self.path} is not open")
        return self._file

    # What PyAV looks for in a file object.

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        if self.error is not None:
            raise self.error
        left = memoryview(data)
        try:
            while left:
                # A raw file may take a part only: just before the disk is full, it does.
                left = left[self.file.write(left) :]
        except OSError as error:
            self.error = error
            raise
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def close(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            file.close()
        except OSError as error:  # network file systems report a full disk only here
            self.error = self.error or error


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


def has_pictures(path: Path) -> bool:
    """Whether an MP4 or MOV holds a header and at least some media."""
    boxes = set()
    size, at = path.stat().st_size, 0
    with open(path, "rb") as file:
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            boxes.add(head[4:8])
            length = int.from_bytes(head[:4], "big")
            at += int.from_bytes(head[8:16], "big") if length == 1 else max(length, 8)
    return {b"moov", b"mdat"} <= boxes
