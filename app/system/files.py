"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

# For the user alone: pictures of them, what they said, what they use.
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
SHARED_FILE = 0o644


def expanded(path: str | Path) -> Path:
    """`path` with `~` and `~NAME` replaced by a home folder; as it is where there is none.

    Raises nothing, unlike Path.expanduser, for a name that is nobody's or holds a NUL character.
    """
    text = str(path)
    return Path(text if "\0" in text else os.path.expanduser(text))


def make_private_folder(path: Path) -> Path:
    """Makes `path` and its parents; only the user may enter `path`. Raises OSError."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # another user's, or a file system without rights
        path.chmod(PRIVATE_FOLDER)
    return path


def private_opener(path: str, flags: int) -> int:
    """The `opener` of `open` for a file that only the user may read."""
    return os.open(path, flags, PRIVATE_FILE)


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only the user may read, without waiting for the disk. Raises OSError."""
    with open(path, "wb", opener=private_opener) as file:
        file.write(content)


@contextlib.contextmanager
def atomic_file(target: Path, *, mode: int = PRIVATE_FILE) -> Iterator[IO[bytes]]:
    """A binary file that gets its name `target` when the body ends, with its data on the disk.

    Where the body raises, `target` stays as it was and nothing else is left. After a power cut
    `target` holds the former content or the new one, never a part.

    Args:
        target: replaced if it exists. Its parent is created.
        mode: the rights of the file.

    Raises:
        OSError: the folder or the disk refused.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(".part", f".{target.name[:100]}-", target.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode != PRIVATE_FILE:  # mkstemp's own
            with contextlib.suppress(OSError):
                partial.chmod(mode)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Puts the names in `folder` on the disk, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows has no descriptor of a folder
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
