"""Files that prove that they are whole: a checksum follows the content.

The content comes first, so that it can be used as it was read. The checksum also covers a key that
is not stored: content that was written for another key is as good as damaged.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from app.system.files import atomic_file

_MAGIC = b"mattecam"
_TRAILER = len(_MAGIC) + hashlib.sha256().digest_size


class FileDamaged(Exception):
    """The file is torn, was changed, or belongs to another key."""


def write_checked(path: Path, parts: Iterable[bytes | memoryview], *, key: str) -> None:
    """Writes `parts` one after the other, whole or not at all; see `atomic_file`.

    Args:
        path: replaced if it exists; who has the former file open goes on with that.
        parts: the content.
        key: what the content was made for and with.

    Raises:
        OSError: the folder or the disk refused.
    """
    digest = hashlib.sha256()
    with atomic_file(path) as file:
        for part in parts:
            file.write(part)
            digest.update(part)
        digest.update(key.encode())
        file.write(_MAGIC + digest.digest())


def read_checked(path: Path, *, key: str) -> bytes:
    """The content that was written for `key`, in memory of its own.

    Raises:
        FileDamaged: it is not what was written, or was written for another key.
        OSError: there is no such file, or it cannot be read.
    """
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size - _TRAILER
        content = file.read(max(0, end))
        trailer = file.read()
    if len(content) != end or trailer[: len(_MAGIC)] != _MAGIC:
        raise FileDamaged(f"{path.name} is not whole")
    digest = hashlib.sha256(content)
    digest.update(key.encode())
    if digest.digest() != trailer[len(_MAGIC) :]:
        raise FileDamaged(f"{path.name} was changed, or written for something else")
    return content
