"""From what the user names to a source."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from app.errors import UsageError
from app.sources.base import Source
from app.sources.pipe import STANDARD_INPUT, pipe_at


def open_source(text: str, *, rate: Fraction | float | None = None) -> Source:
    """A source, not yet entered, for a video, a picture, a folder of pictures, a pipe or `demo`.

    `-` is standard input.

    rate: pictures a second, for a folder; 25 where it is None. Raises UsageError where the rate
    makes no sense; that a file is missing or broken is said by the source when it is entered.
    """
    # Imported here: each draws in a library that only its own kind of file needs.
    path = Path(text)
    if path == STANDARD_INPUT and text != str(path):
        path = path.absolute()  # "./-" is a file of that name
    if rate is not None:
        if not 0.001 <= rate <= 1000:  # so that NaN fails too
            raise UsageError("The rate of pictures must lie between 0.001 and 1000 a second.")
        rate = Fraction(rate).limit_denominator(1_000_000)
    if text != "demo" and path != STANDARD_INPUT and os.path.isdir(path):
        from app.sources.image_file import FolderSource

        return FolderSource(path) if rate is None else FolderSource(path, rate=rate)
    if rate is not None:
        raise UsageError(
            f"--fps is for a folder of pictures; {text} brings its own times, so leave it out."
        )
    if text == "demo":
        from app.sources.demo import DemoSource

        return DemoSource()

    return open_file(path)


def file_read(text: str) -> Path:
    """The file or the folder that `open_source` reads."""
    if text == "demo" and not os.path.isdir(text):
        from app import places

        return places.assets() / "demo.mp4"
    return Path(text)


def open_file(path: Path) -> Source:
    """A source, not yet entered, for one file: a picture, an animation or a video.

    A pipe (`-` is standard input) is a video: it can be read once, and is not looked into first.
    """
    from app.sources.picture_formats import is_animation, looks_like_picture

    if pipe_at(path):
        from app.sources.video_file import VideoFileSource

        return VideoFileSource(path)
    if looks_like_picture(path):
        from app.sources.image_file import PictureSource

        return PictureSource(path)
    if is_animation(path):
        from app.sources.animation import AnimationSource

        return AnimationSource(path)

    from app.sources.video_file import VideoFileSource

    return VideoFileSource(path)
