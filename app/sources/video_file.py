"""A video file, frame by frame, with the times, colours and orientation that it says it has."""

from __future__ import annotations

import logging
import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import cv2
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from typing_extensions import Self

from app.errors import InputError
from app.frames import RGB, Frame
from app.sources.base import ColourTags, SourceInfo
from app.sources.container import (
    MAX_PIXELS,
    MediaFile,
    clock_origin,
    leaps,
    name_of,
    rate_of,
    too_large,
    video_stream,
)
from app.sources.deinterlace import Deinterlacer
from app.sources.frame_times import in_time
from app.sources.pipe import pipe_at
from app.sources.to_rgb import ToRGB, decoder_for, pixel_aspect

_log = logging.getLogger(__name__)

_MILLISECONDS = Fraction(1, 1000)
# Types of side data that FFmpeg may have beyond those that PyAV knows.
_NEWER_TYPES = 12


class VideoFileSource:
    """Every frame of a video file, upright, in square pixels, at its own presentation time.

    start: seconds; frames before it are not given. limit: how many frames to give at most. A part
        of a clip has no audio of its own: `info.audio` is None then.
    threads: for decoding.

    May be iterated again: each time from the start. A pipe (path `-` is standard input) is read
    once: another time raises InputError.
    """

    info: SourceInfo

    def __init__(
        self, path: Path, *, start: float = 0.0, limit: int | None = None, threads: int = 2
    ) -> None:
        self.path = path
        self.skipped = 0
        self._start = start
        self._limit = limit
        self._threads = threads
        self._discarded = 0
        self._ahead: Frame | None = None
        self._frames: Generator[Frame, None, None] | None = None
        self._orientation = _Orientation()
        self._is_pipe = pipe_at(path)
        self._opened = False
        self._pipe: MediaFile | None = None
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        self._frames = self._decode()
        # The first frame is decoded here: a file without one is no source, and only a decoded
        # frame tells the size and the colours for certain.
        self._ahead = next(self._frames, None)
        if self._ahead is None:
            self.__exit__(None, None, None)
            raise InputError(
                f"Not one frame of {name_of(self.path)} can be decoded; it is damaged"
                + (f" or shorter than {self._start:g} s." if self._start else ".")
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ahead = None
        if self._frames is not None:
            self._frames.close()
            self._frames = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def __iter__(self) -> Iterator[Frame]:
        if self._ahead is None:
            if self._frames is not None:
                self._frames.close()
            self._frames = self._decode()
        else:
            first, self._ahead = self._ahead, None
            yield first
        assert self._frames is not None
        yield from self._frames

    def stem(self, index: int) -> str:
        """The name, without ending, for a picture of this frame."""
        return f"{index:05d}"

    def _decode(self) -> Generator[Frame, None, None]:
        self.skipped = 0
        if self._is_pipe and self._opened:
            raise InputError(f"{name_of(self.path)} has ended; a pipe can be read only once.")
        self._opened = True
        media = MediaFile(self.path)
        # A pipe's sound may be written after its last picture was read.
        self._pipe = media if media.pipe is not None else None
        try:
            yield from self._decode_from(media)
        finally:
            if self._pipe is None:
                media.close()

    def _decode_from(self, media: MediaFile) -> Generator[Frame, None, None]:
        container = media.container
        stream = video_stream(container, self.path)
        context = stream.codec_context
        context.thread_type = "AUTO"
        context.thread_count = self._threads
        # The decoder itself refuses what is larger, before it allocates.
        context.options = {"max_pixels": str(MAX_PIXELS)}
        time_base = stream.time_base or Fraction(1, 1000)
        origin = clock_origin(container)
        to_rgb = ToRGB(pixel_aspect(stream), self._orientation.turn_for, self.path, self._say)
        # A clock that may start again says nothing of where in the file a time is.
        if self._start > 0 and media.pipe is None and not leaps(container):
            container.seek(
                round((Fraction(self._start) + origin) / time_base), stream=stream, backward=True
            )

        index = 0
        frames = self._pictures(media, stream)
        for shown, frame in in_time(frames, time_base, rate_of(stream)):
            if frame.width * frame.height > MAX_PIXELS:
                raise InputError(too_large(self.path, frame.width, frame.height))
            time = shown - origin
            if time < Fraction(self._start) and self._start > 0:
                continue
            rgb, rgba = to_rgb(frame)
            if index == 0:
                self.info = self._describe(media, stream, to_rgb.tags, rgb)
            yield Frame(rgb, index, float(time), rgba=rgba)
            index += 1
            if index == self._limit:
                return
        declared = stream.frames
        if declared and not self._start and index + self._discarded < declared and index:
            _log.warning(
                "%s ends early: %d of %d frames could be read.",
                name_of(self.path),
                index,
                declared,
            )

    def _pictures(self, media: MediaFile, stream: VideoStream) -> Iterator[VideoFrame]:
        """Decoded frames, none of them interlaced; what cannot be decoded counts in `skipped`."""
        self._discarded = 0
        decoder = decoder_for(stream)
        deinterlace = Deinterlacer(stream, on_first=self._say_deinterlaced)
        for packet in media.pictures(stream, self._skip):
            self._discarded += packet.is_discard
            try:
                frames = decoder.decode(packet if packet.size else None)
            except av.error.FFmpegError as error:
                if isinstance(error, EOFError):
                    break
                if isinstance(error, MemoryError):
                    raise InputError(
                        f"{name_of(self.path)} needs more memory to decode than there is."
                    ) from error
                self._skip()
                _log.debug("skipped a packet of %s: %s", self.path, error)
                continue
            for frame in frames:
                yield from deinterlace.push(frame)
        yield from deinterlace.flush()

    def _skip(self) -> None:
        self.skipped += 1

    def _say(self, sentence: str) -> None:
        """Once, however often the clip is played."""
        if sentence not in self._told:
            self._told.add(sentence)
            _log.warning("%s", sentence)

    def _say_deinterlaced(self) -> None:
        self._say(
            f"{name_of(self.path)} is interlaced: it is deinterlaced (bwdif), one frame for one."
        )

    def _describe(
        self, media: MediaFile, stream: VideoStream, tags: ColourTags | None, rgb: RGB
    ) -> SourceInfo:
        container = media.container
        rate = rate_of(stream)
        duration: float | None = None
        if stream.duration is not None and stream.time_base is not None:
            duration = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            duration = container.duration / av.time_base
        if duration is not None and duration <= 0:
            duration = None
        count: int | None = stream.frames or None
        if count is None and duration is not None:
            count = max(1, round(duration * rate))
        if self._start and duration is not None:
            duration = max(0.0, duration - self._start)
            count = max(1, round(duration * rate))
        if self._limit is not None:
            count = min(count, self._limit) if count is not None else self._limit
            duration = float(count / rate)
        whole = not self._start and self._limit is None
        return SourceInfo(
            size=(rgb.shape[1], rgb.shape[0]),
            rate=rate,
            time_base=stream.time_base or Fraction(1, 1000),
            frame_count=count,
            duration=duration,
            audio=media.sound() if whole else None,
            colour=tags,
        )


@dataclass(frozen=True)
class _Turn:
    """Rows and columns exchanged first, then the picture mirrored."""

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def __call__(self, rgb: RGB) -> RGB:
        if self.transposed:
            rgb = np.asarray(cv2.transpose(rgb), dtype=np.uint8)
        if self.flip_x or self.flip_y:
            axis = -1 if self.flip_x and self.flip_y else int(self.flip_x)
            rgb = np.asarray(cv2.flip(rgb, axis), dtype=np.uint8)
        return np.ascontiguousarray(rgb)


class _Orientation:
    """How a file's pictures are turned.

    It belongs to the source, not to one pass over the file: a frame's side data and the frame hold
    each other, so that each frame that is asked for it stays in memory until the garbage collector
    comes by. A clip of eight seconds, played over and over, kept ten megabytes a minute that way.
    """

    def __init__(self) -> None:
        self._rotation: int | None = None
        self._turn = _Turn()

    def turn_for(self, frame: VideoFrame) -> _Turn:
        if frame.rotation != self._rotation:
            self._rotation = frame.rotation
            self._turn = _turn_of(frame)
        return self._turn


def _side_data(frame: VideoFrame) -> SideDataContainer:
    try:
        return cast(SideDataContainer, frame.side_data)
    except ValueError:
        # PyAV has no name for the newer types (EXIF, the views of a spatial clip), and then gives
        # none at all; FFmpeg takes them off.
        known = max(cast(int, kind.value) for kind in SideDataType)
        graph = Graph()
        last = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or _MILLISECONDS,
        )
        for kind in range(known + 1, known + 1 + _NEWER_TYPES):
            following = graph.add("sidedata", f"mode=delete:type={kind}")
            last.link_to(following)
            last = following
        last.link_to(graph.add("buffersink"))
        graph.configure()
        graph.push(frame)
        bare = graph.pull()
        assert isinstance(bare, VideoFrame)
        return cast(SideDataContainer, bare.side_data)


def _turn_of(frame: VideoFrame) -> _Turn:
    """The frame's display matrix, taken to the nearest multiple of 90 degrees, mirrored or not."""
    side_data = _side_data(frame)
    matrix = side_data.get(SideDataType.DISPLAYMATRIX)
    if matrix is None:
        return _Turn()
    # x' = a x + c y, y' = b x + d y (libavutil/display.h)
    a, b, _, c, d = struct.unpack("=5i", bytes(matrix)[:20])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return _Turn(False, a < 0, d < 0)
    return _Turn(True, c < 0, b < 0)
