"""The clip that comes with the program: a source that is always there."""

from __future__ import annotations

from app import places
from app.sources.video_file import VideoFileSource


class DemoSource(VideoFileSource):
    """The demo clip. `limit`: how many frames to give at most."""

    def __init__(self, *, limit: int | None = None, threads: int = 2) -> None:
        super().__init__(places.assets() / "demo.mp4", limit=limit, threads=threads)
