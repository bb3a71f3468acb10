"""Interlaced frames become progressive ones, as many as there were, by FFmpeg's `bwdif`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import av
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

# AV_FIELD_*: by which field is shown first, as FFmpeg itself reads and writes them.
_TOP_FIRST, _BOTTOM_FIRST = frozenset((2, 4)), frozenset((3, 5))
# Codecs that flag each frame themselves; of the others only the container tells.
_FLAG_FRAMES = frozenset(
    (
        "av1", "dnxhd", "dvvideo", "h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "prores",
        "vc1", "vp8", "vp9", "vvc", "wmv3",
    )
)  # fmt: skip


class Deinterlacer:
    """Frames of one pass over a stream. Frames that are progressive pass as they are.

    The filter is made for the first frame that is flagged interlaced, or for the whole stream where
    its codec has no such flags and its container says so. The rate stays: one frame for one frame.

    on_first: called once, when there is something to deinterlace.
    """

    def __init__(self, stream: VideoStream, *, on_first: Callable[[], None]) -> None:
        self._on_first: Callable[[], None] | None = on_first
        self._time_base = stream.time_base or Fraction(1, 1000)
        # PyAV before 18, the last one for Python 3.10, does not know the container's order.
        order = getattr(stream.codec_context, "field_order", 0)
        by_container = stream.codec_context.codec.canonical_name not in _FLAG_FRAMES
        self._field = (
            "tff"
            if by_container and order in _TOP_FIRST
            else "bff"
            if by_container and order in _BOTTOM_FIRST
            else None
        )
        self._graph: tuple[Graph, FilterContext, FilterContext] | None = None
        self._shape: tuple[int, int, str] | None = None

    def push(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        if self._graph is None and not frame.interlaced_frame and self._field is None:
            yield frame
            return
        shape = (frame.width, frame.height, frame.format.name)
        if self._graph is not None and shape != self._shape:
            yield from self.flush()
        if self._graph is None:
            if frame.height < 4 or frame.width < 4:
                yield frame  # too small for bwdif, and for a comb to be seen
                return
            self._graph, self._shape = self._make(frame), shape
            if self._on_first is not None:
                self._on_first()
                self._on_first = None
        if frame.time_base is None:
            frame.time_base = self._time_base
        self._graph[1].push(frame)
        yield from self._drain()

    def flush(self) -> Iterator[VideoFrame]:
        if self._graph is None:
            return
        self._graph[1].push(None)
        yield from self._drain()
        self._graph = None

    def _drain(self) -> Iterator[VideoFrame]:
        assert self._graph is not None
        while True:
            try:
                frame = self._graph[2].pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, VideoFrame)
            yield frame

    def _make(self, frame: VideoFrame) -> tuple[Graph, FilterContext, FilterContext]:
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or self._time_base,
        )
        last = source
        if self._field is not None:
            flag = graph.add("setfield", self._field)
            last.link_to(flag)
            last = flag
        filter_ = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        same = graph.add("format", frame.format.name)
        sink = graph.add("buffersink")
        last.link_to(filter_)
        filter_.link_to(same)
        same.link_to(sink)
        graph.configure()
        return graph, source, sink
