"""Folders for what nobody should find later, such as pictures that are learned from."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

_PREFIX = "mattecam-"
Purpose = Literal["adapt", "bench", "evaluate", "wheel"]
_NAME = re.compile(rf"{_PREFIX}(?:{'|'.join(get_args(Purpose))})-(\d+)-\w+$")


def make_temporary_folder(purpose: Purpose) -> Path:
    """A new folder that only this user may enter. Who makes it deletes it.

    Its name says which process made it, so that `remove_stale` can delete it where that process
    was killed. Raises OSError.
    """
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{purpose}-{os.getpid()}-"))


@contextlib.contextmanager
def temporary_folder(purpose: Purpose) -> Iterator[Path]:
    """The same, deleted at the end of the body. Raises OSError."""
    folder = make_temporary_folder(purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_stale() -> None:
    """Deletes this user's temporary folders whose process was killed. Never raises."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            if _is_ours(folder) and not _is_in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return mine and bool(_NAME.match(folder.name)) and folder.is_dir() and not folder.is_symlink()


def _is_in_use(folder: Path) -> bool:
    number = _NAME.match(folder.name)
    if number is None:
        return False
    import psutil

    try:
        # Another program may have got the number since.
        return psutil.Process(int(number[1])).create_time() <= folder.stat().st_mtime + 1
    except (psutil.Error, OSError, OverflowError):
        return False
