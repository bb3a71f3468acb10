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
import av.container
import cv2
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from typing_extensions import Self

from app.errors import InputError
from app.frames import RGB, Frame
from app.sources.base import SourceInfo
from app.sources.colour import SWSCALE_MATRIX, matrix_of, tags_of
from app.sources.files import check_readable

_log = logging.getLogger(__name__)

# Twice 8K: what a header may claim before it is taken for a broken one.
MAX_PIXELS = 16384 * 8192
# Demuxing that fails this often in a row has met more than a scratch.
_MAX_FAILURES = 200
# FFmpeg shows text files as video of a terminal.
_TEXT_ART = frozenset(("ansi", "bintext", "xbin", "idf"))
_DEFAULT_RATE = Fraction(25)
_MILLISECONDS = Fraction(1, 1000)
# Types of side data that FFmpeg may have beyond those that PyAV knows.
_NEWER_TYPES = 12


class VideoFileSource:
    """Every frame of a video file, upright, in square pixels, at its own presentation time.

    start: seconds; frames before it are not given. limit: how many frames to give at most. A part
        of a clip has no audio of its own: `info.audio` is None then.
    threads: for decoding.

    May be iterated again: each time from the start.
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

    def __enter__(self) -> Self:
        self._frames = self._decode()
        # The first frame is decoded here: a file without one is no source, and only a decoded
        # frame tells the size and the colours for certain.
        self._ahead = next(self._frames, None)
        if self._ahead is None:
            raise InputError(
                f"Not one frame of {self.path} can be decoded; the file is damaged"
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
        container = _open(self.path)
        try:
            yield from self._decode_from(container)
        finally:
            container.close()

    def _decode_from(self, container: InputContainer) -> Generator[Frame, None, None]:
        stream = _video_stream(container, self.path)
        context = stream.codec_context
        context.thread_type = "AUTO"
        context.thread_count = self._threads
        # The decoder itself refuses what is larger, before it allocates.
        context.options = {"max_pixels": str(MAX_PIXELS)}
        time_base = stream.time_base or Fraction(1, 1000)
        rate = _rate(stream)
        origin = clock_origin(container)
        pixel_aspect = _pixel_aspect(stream)
        to_rgb = _ToRGB(pixel_aspect, self._orientation)
        if self._start > 0:
            container.seek(
                round((Fraction(self._start) + origin) / time_base), stream=stream, backward=True
            )

        index, last = 0, None
        for frame in self._pictures(container, stream):
            if frame.width * frame.height > MAX_PIXELS:
                raise InputError(_too_large(self.path, frame.width, frame.height))
            time = _presentation_time(frame, time_base, last, rate) - origin
            last = time + origin
            if time < Fraction(self._start) and self._start > 0:
                continue
            rgb = to_rgb(frame)
            if index == 0:
                self.info = self._describe(container, stream, frame, rgb)
            yield Frame(rgb, index, float(time))
            index += 1
            if index == self._limit:
                return
        declared = stream.frames
        if declared and not self._start and index + self._discarded < declared and index:
            _log.warning(
                "%s ends early: %d of %d frames could be read.", self.path, index, declared
            )

    def _pictures(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Decoded frames; what cannot be decoded is counted in `skipped`."""
        self._discarded = failures = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.InvalidDataError:
                # The demuxer's generator is dead after this; the file itself may go on.
                self.skipped += 1
                failures += 1
                if failures > _MAX_FAILURES:
                    return
                packets = container.demux(stream)
                continue
            except av.error.FFmpegError as error:
                raise InputError(
                    f"{self.path} cannot be read any further: {error.strerror}."
                ) from error
            if packet is None:
                return
            self._discarded += packet.is_discard
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                if isinstance(error, EOFError):
                    return
                if isinstance(error, MemoryError):
                    raise InputError(
                        f"{self.path} needs more memory to decode than there is."
                    ) from error
                self.skipped += 1
                _log.debug("skipped a packet of %s: %s", self.path, error)
                continue
            failures = 0
            yield from (frame for frame in frames if isinstance(frame, VideoFrame))

    def _describe(
        self, container: InputContainer, stream: VideoStream, frame: VideoFrame, rgb: RGB
    ) -> SourceInfo:
        rate = _rate(stream)
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
            audio=self.path if container.streams.audio and whole else None,
            colour=tags_of(frame),
        )


def open_container(path: Path) -> InputContainer:
    """The file through FFmpeg, as a local file and nothing else. Raises av.error.FFmpegError."""
    # "file:" because FFmpeg reads a name such as "a:b.mp4" as the protocol "a"; and a playlist
    # must not make it fetch what it names.
    return av.open(
        f"file:{path}",
        options={"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)},
        metadata_errors="replace",
    )


def clock_origin(container: InputContainer) -> Fraction:
    """Seconds at which the file's clock starts, where the format lets it start anywhere.

    Broadcast formats (MPEG-TS, MPEG-PS) start at any hour of their sender's clock; everywhere else
    a first time that is not 0 means something, and is kept.
    """
    if container.format.name in ("mpegts", "mpeg") and container.start_time is not None:
        return Fraction(container.start_time, av.time_base)
    return Fraction(0)


def _open(path: Path) -> InputContainer:
    check_readable(path)
    try:
        return open_container(path)
    except (av.error.FFmpegError, ValueError, UnicodeError) as error:
        _log.debug("FFmpeg says of %s: %s", path, error)
        raise InputError(
            f"{path} is not a video that can be read, or it is damaged or incomplete."
        ) from error


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    # The cover of an album is a "video" stream, too.
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        has = "only sound" if container.streams.audio else "no pictures"
        raise InputError(f"{path} holds {has}; a video is needed.")
    best = container.streams.best("video")
    stream = next((stream for stream in streams if stream is best), streams[0])
    context = stream.codec_context
    if context is None:
        raise InputError(f"{path} is coded in a way that this FFmpeg cannot decode.")
    if context.name in _TEXT_ART:
        raise InputError(f"{path} is a text, not a video.")
    if context.width * context.height > MAX_PIXELS:
        raise InputError(_too_large(path, context.width, context.height))
    return stream


def _too_large(path: Path, width: int, height: int) -> str:
    return (
        f"{path} claims pictures of {width}x{height}, which is more than can be handled; "
        "the file is damaged, or must be scaled down first."
    )


def _rate(stream: VideoStream) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and Fraction(1, 1000) < rate <= 1000:
            return Fraction(rate)
    return _DEFAULT_RATE


def _presentation_time(
    frame: VideoFrame, time_base: Fraction, last: Fraction | None, rate: Fraction
) -> Fraction:
    base = frame.time_base or time_base
    if frame.pts is not None:
        return frame.pts * base
    if frame.dts is not None and (last is None or frame.dts * base > last):
        return frame.dts * base
    return Fraction(0) if last is None else last + 1 / rate


def _pixel_aspect(stream: VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio
    # Beyond these it is a broken header, not an anamorphic lens.
    return aspect if aspect and Fraction(1, 4) <= aspect <= 4 else Fraction(1)


class _ToRGB:
    """Decoded frames -> upright RGB in square pixels, with the tagged matrix and range."""

    def __init__(self, pixel_aspect: Fraction, orientation: _Orientation) -> None:
        self._aspect = pixel_aspect
        self._reformatter = VideoReformatter()
        self._orientation = orientation

    def __call__(self, frame: VideoFrame) -> RGB:
        width, height = frame.width, frame.height
        # Made larger rather than smaller, so that no detail is lost.
        if self._aspect > 1:
            width = max(1, round(width * self._aspect))
        elif self._aspect < 1:
            height = max(1, round(height / self._aspect))
        matrix = None
        if not frame.format.is_rgb:
            size = (frame.width, frame.height)
            matrix = SWSCALE_MATRIX[matrix_of(int(frame.colorspace), size)]
        turn = self._orientation.turn_for(frame)
        picture = self._reformatter.reformat(
            frame, width, height, "rgb24", src_colorspace=matrix, threads=1
        )
        return turn(np.asarray(picture.to_ndarray(), dtype=np.uint8))


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
