"""What is to be recorded, and under which names."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import OutputError, OutputExists, UsageError
from app.outputs.pipes import is_stream
from app.recording.formats import crf_of, format_of
from app.views import View

WHAT = (View.COMPOSITE, View.MATTE, View.FOREGROUND, View.ORIGINAL)
_ALPHA = View.FOREGROUND
_LONGEST = 120  # letters of a name, so that its words and its number still fit
_UNFIT = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


@dataclass(frozen=True)
class Plan:
    """One file for each view.

    quality: a word or a CRF as a number. seconds, megabytes: where it ends by itself; None: it
    does not. countdown: seconds until it begins. mirror: flipped left to right.
    """

    files: Mapping[View, Path]
    quality: str = "good"
    encoder: str = "auto"
    seconds: float | None = None
    megabytes: float | None = None
    countdown: float = 0.0
    mirror: bool = False

    def check(self) -> None:
        """Raises UsageError, OptionError, OutputExists or OutputError; makes nothing."""
        crf_of(self.quality)
        for view, path in self.files.items():
            if is_stream(path):
                raise UsageError(
                    f"{path} is a pipe, and a recording goes back to its beginning; name a file."
                )
            form = format_of(path)
            if view is _ALPHA and not form.alpha:
                raise UsageError(
                    f"{path}: {path.suffix} cannot be transparent, which the foreground is; "
                    "choose .webm, .mov or a folder."
                )
            try:
                taken = path.exists() and not (path.is_dir() and not any(path.iterdir()))
            except OSError as error:  # a name that is too long, or a folder that may not be read
                raise OutputError(
                    f"{path} cannot be recorded to: {error.strerror or error}. Choose another name."
                ) from None
            if taken:
                raise OutputExists(f"{path} is there already; name another file to record to.")
            _check_folder(path)


def _check_folder(path: Path) -> None:
    """Raises OutputError where the folder, or the nearest that is there, takes no file."""
    for folder in path.absolute().parents:
        if folder.exists():
            if not folder.is_dir():
                raise OutputError(f"{folder} is a file, so {path} cannot lie in it.")
            if not os.access(folder, os.W_OK | os.X_OK):
                raise OutputError(
                    f"Nothing may be written to {folder} by this user; choose another folder to "
                    "record to."
                )
            return


def files_for(path: Path, views: Sequence[View]) -> dict[View, Path]:
    """`path` for the first view; for each other one, its word before the ending.

    `talk.mp4` gives `talk.mp4` and `talk-matte.mp4`. The foreground needs an ending that can be
    transparent: `talk-foreground.webm` stands beside `talk.mp4`.
    """
    files: dict[View, Path] = {}
    for view in dict.fromkeys(views):
        named = path if not files else path.with_name(f"{path.stem}-{view.value}{path.suffix}")
        if files and view is _ALPHA and not format_of(named).alpha:
            named = named.with_suffix(".webm")
        files[view] = named
    return files


def views_of(words: Sequence[str]) -> list[View]:
    """Raises UsageError."""
    try:
        views = [View(word) for word in words]
    except ValueError:
        views = []
    if not views or any(view not in WHAT for view in views):
        known = ", ".join(view.value for view in WHAT)
        raise UsageError(f"What is recorded is {', '.join(words)!r}; it may be {known}.")
    return views


def free_name(folder: Path, pattern: str, ending: str, views: Sequence[View]) -> Path:
    """A path that no file of these views has taken. Raises UsageError.

    pattern: as time.strftime takes it; what a file name cannot hold becomes a hyphen.
    """
    try:
        stem = time.strftime(pattern)
    except ValueError:
        raise UsageError(f"The name pattern {pattern!r} cannot be used; try %Y-%m-%d.") from None
    stem = _UNFIT.sub("-", stem).strip(". ")[:_LONGEST] or "Mattecam"
    if not ending:
        stem = stem.replace(".", "-")  # what follows a point would be taken for an ending
    number = 1
    while True:
        path = folder / f"{stem}{'' if number == 1 else f' ({number})'}{ending}"
        if not any(taken.exists() for taken in files_for(path, views).values()):
            return path
        number += 1
