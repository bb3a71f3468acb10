"""A video file: every picture at its own time, colours tagged, the source's sound beside them.

Whatever ends the writing (an exception, Ctrl-C, a full disk, even a killed process), what was
written until then plays: MP4 and MOV are written in fragments, which the end of the writing turns
into a plain file; Matroska and WebM can be cut anywhere.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from typing_extensions import Self

from app.errors import OutputError
from app.outputs.audio import SourceSound
from app.outputs.base import Picture
from app.outputs.disk import (
    create,
    drop_partial_box,
    is_disk_error,
    output_error,
)
from app.sources.base import ColourTags, PipedSound, SourceInfo
from app.sources.colour import BT709, BT2020, CAN_MAKE_BT2020, FULL, LIMITED, SWSCALE_MATRIX

_log = logging.getLogger(__name__)

# Fragments while writing, a plain file at the end. The header waits for the first fragment, for
# only then it can hold the edit lists that make the first times exact. A fragment begins with a
# keyframe: FFmpeg (8.1) takes the end of the last fragment for the end of the clip, which is right
# only where no picture of an earlier one is shown later; else players hide the last pictures.
_FRAGMENTS = {
    "movflags": "+hybrid_fragmented+delay_moov+frag_keyframe",
    "min_frag_duration": "900000",
    "use_editlist": "1",
    "avoid_negative_ts": "disabled",
}
_MOVIE_TIMESCALE = 48_000  # at least
_KEYFRAME_SECONDS = 2


@dataclass(frozen=True)
class Coding:
    """How a video is coded. `even`: the codec needs even sides (4:2:0 in H.264).

    tags: the only colors that it can be coded in; the source's own where it is None.
    """

    codec: str
    pixels: str
    options: dict[str, str] = field(default_factory=dict)
    even: bool = False
    tags: ColourTags | None = None


@dataclass(frozen=True)
class Container:
    """A kind of file: FFmpeg's name for it, its options, and the audio that it takes.

    coded_audio: "" where it takes none. fragmented: what breaks off is cut to its last fragment.
    timed: it is given the unit of its edit lists, as every fragmented one is.
    """

    format: str
    options: dict[str, str]
    copied_audio: frozenset[str]
    coded_audio: str
    fragmented: bool = False
    timed: bool = False


MP4 = Container(
    "mp4",
    _FRAGMENTS,
    # Not E-AC-3: its header is made from packets, and a damaged one would cost the pictures.
    frozenset(("aac", "mp3", "ac3", "alac", "opus", "flac")),
    "aac",
    fragmented=True,
)
MOV = Container(
    "mov",
    _FRAGMENTS,
    frozenset(("aac", "mp3", "ac3", "alac", "pcm_s16le", "pcm_s24le", "pcm_s16be")),
    "aac",
    fragmented=True,
)
MKV = Container(
    "matroska",
    {},
    frozenset(
        ("aac", "mp3", "mp2", "ac3", "eac3", "alac", "opus", "vorbis", "flac", "dts", "truehd")
    ),
    "libopus",
)
WEBM = Container("webm", {}, frozenset(("opus", "vorbis")), "libopus")


def h264(*, quality: int, preset: str) -> Coding:
    """`quality` is x264's CRF: 18 cannot be told from the source, 23 is small."""
    options = {"preset": preset, "crf": str(quality)}
    return Coding("libx264", "yuv420p", options, even=True)


def vp9(*, quality: int, alpha: bool) -> Coding:
    options = {
        "deadline": "realtime",
        "cpu-used": "6",
        "row-mt": "1",
        "crf": str(quality),
        "b": "0",
        # libvpx cannot have these two with alpha, nor while it must keep up.
        "auto-alt-ref": "0",
        "lag-in-frames": "0",
    }
    return Coding("libvpx-vp9", "yuva420p" if alpha else "yuv420p", options)


def prores() -> Coding:
    return Coding("prores_ks", "yuva444p10le", {"profile": "4444", "alpha_bits": "16"})


class SoundTrack(Protocol):
    """The sound beside the pictures, written by the thread that writes these."""

    def open(self) -> bool:
        """Adds its stream to the container, whose header is not written yet. False: no sound."""

    def advance(self, until: float | None) -> None:
        """Writes what sounds before `until` seconds, never further. Raises what the disk said."""

    def finish(self, until: float | None = None) -> None:
        """Likewise, up to its own end where `until` is None, and ends the stream."""

    def close(self) -> None: ...


class VideoFileOutput:
    """Writes one video file. Raises OutputExists, DiskFull or OutputError with a sentence.

    size: (width, height) of the video; a picture of another size is fitted into it.
    info: of the source: rate, unit of the times, colour tags and audio are taken from it.
    threads: for coding. Memory does not grow with the length of the clip.
    make_sound: makes another sound than the source's own, from the container.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int],
        info: SourceInfo,
        container: Container,
        coding: Coding,
        force: bool = False,
        threads: int = 2,
        make_sound: Callable[[OutputContainer], SoundTrack] | None = None,
    ) -> None:
        self.path = path
        self.accepts_alpha = coding.pixels.startswith("yuva")
        self._size = size
        self._info = info
        self._kind = container
        self._coding = coding
        self._threads = threads
        self._tags = coding.tags or _tags_to_write(info.colour)
        self._time_base = info.time_base
        self._force = force
        self._failure: OSError | None = None
        self._reformatter = VideoReformatter()
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._make_sound = make_sound or self._source_sound
        self._has_sound = make_sound is not None or info.audio is not None
        self._audio: SoundTrack | None = None
        self._last_ticks: int | None = None
        self._told_of_times = False
        width, height = size
        self._coded_size = (
            (width + width % 2, height + height % 2) if coding.even else (width, height)
        )

    def __enter__(self) -> Self:
        self._create()
        try:
            self._open_container(with_audio=self._has_sound and bool(self._kind.coded_audio))
        except BaseException:
            self._discard()
            raise
        if self._has_sound and not self._kind.coded_audio:
            _log.warning("%s: %s holds no sound; it is left out.", self.path, self._kind.format)
        if self._coded_size != self._size:
            _log.warning(
                "%s: H.264 needs even sides, so %dx%d is written as %dx%d with its edge repeated.",
                self.path,
                *self._size,
                *self._coded_size,
            )
        return self

    def write(self, picture: Picture, *, index: int, captured_at: float) -> None:
        stream, container = self._stream, self._container
        if stream is None or container is None:
            raise ValueError(f"{self.path} is not open")
        ticks = round(Fraction(captured_at) / self._time_base)
        if self._last_ticks is not None and ticks <= self._last_ticks:
            if not self._told_of_times:
                _log.warning(
                    "%s: the source's times stand still or go back; they are mended.", self.path
                )
                self._told_of_times = True
            ticks = self._last_ticks + 1
        frame = self._coded(picture)
        frame.pts = ticks
        frame.time_base = self._time_base
        frame.duration = max(1, round(1 / self._info.rate / self._time_base))
        try:
            if self._audio is not None:
                self._audio.advance(captured_at)
            container.mux(self._timed(stream.encode(frame)))
        except av.error.FFmpegError as error:
            raise self._broken_off(error) from error
        self._last_ticks = ticks

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._finish(cut_short=error is not None)
        except OutputError as failure:
            # What ended the work already is the more important thing to say.
            if error is None:
                raise
            _log.warning("%s", failure)

    def _finish(self, *, cut_short: bool) -> None:
        container, stream = self._container, self._stream
        if container is None or stream is None:
            return
        if self._last_ticks is None:
            self._discard()
            return
        try:
            container.mux(self._timed(stream.encode(None)))
            if self._audio is not None:
                end = float(self._last_ticks * self._time_base) if cut_short else None
                self._audio.finish(end)
        except av.error.FFmpegError as failure:
            raise self._broken_off(failure) from failure
        self._close()
        if self._failure is not None:
            raise self._broken_off(self._failure)

    def _timed(self, packets: list[Packet[VideoStream]]) -> list[Packet[VideoStream]]:
        """The last frame is shown as long as the source says; any other until the next comes."""
        if self._info.last_shown is not None:
            for packet in packets:
                packet.duration = round(Fraction(self._info.last_shown) / packet.time_base)
        return packets

    def _close(self) -> None:
        """Writes the trailer and lets everything go. An error is remembered, not raised."""
        container = self._container
        self._container = self._stream = None
        if self._audio is not None:
            self._audio.close()
            self._audio = None
        if container is not None:
            try:
                container.close()
            except av.error.FFmpegError as failure:
                self._remember(failure)
        self._release()

    def _create(self) -> None:
        create(self.path, force=self._force)

    def _url(self) -> str:
        # By its name, not as a Python file: Ctrl-C inside a callback from FFmpeg would be lost.
        return f"file:{self.path}"

    def _release(self) -> None:
        """Lets go what `_create()` took."""

    def _remember(self, failure: Exception) -> None:
        if self._failure is None:
            # FFmpeg uses numbers of the system for its own affairs: only the disk's are kept.
            number = getattr(failure, "errno", 0) if is_disk_error(failure) else 0
            reason = getattr(failure, "strerror", None) or str(failure)
            self._failure = OSError(number, reason)

    def _mend(self) -> float | None:
        """Leaves of a broken-off file what plays: its seconds, or None where that is nothing."""
        seconds = None
        try:
            if self._kind.fragmented:
                drop_partial_box(self.path)
            seconds = _playable_seconds(self.path)
            if seconds is None:
                self.path.unlink()
        except OSError as error:
            _log.warning("%s could not be mended: %s.", self.path, error.strerror or error)
        return seconds

    def _broken_off(self, error: Exception) -> OutputError:
        """Ends the file where it is. FFmpeg writes nothing more to a file that has failed."""
        self._remember(error)
        assert self._failure is not None
        self._close()
        seconds = self._mend()
        there = (
            "Too little was written to be played."
            if seconds is None
            else f"Its first {seconds:.1f} s were written and can be played."
        )
        return output_error(self.path, self._failure, written=there)

    def _discard(self) -> None:
        self._close()
        self.path.unlink(missing_ok=True)

    def _open_container(self, *, with_audio: bool) -> None:
        options = dict(self._kind.options)
        if self._kind.fragmented or self._kind.timed:
            # An edit list says when a track begins, in this unit: in FFmpeg's default, 1/1000 s,
            # a late start would be rounded.
            unit = self._time_base.denominator
            options["movie_timescale"] = str(unit * -(-_MOVIE_TIMESCALE // unit))
        container = av.open(self._url(), "w", format=self._kind.format, container_options=options)
        self._container = container
        self._stream = self._add_video(container)
        if with_audio:
            self._audio = self._make_sound(container)
            if not self._audio.open():
                self._audio = None
        try:
            container.start_encoding()
        except (av.error.FFmpegError, ValueError) as error:
            if is_disk_error(error):
                raise self._broken_off(error) from error
            self._retry_without_audio(error)

    def _source_sound(self, container: OutputContainer) -> SourceSound:
        assert self._info.audio is not None
        return SourceSound(
            self._info.audio,
            container,
            copied=self._kind.copied_audio,
            coded_as=self._kind.coded_audio,
        )

    def _retry_without_audio(self, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or str(error)
        if self._audio is None:
            width, height = self._coded_size
            raise OutputError(
                f"{self.path} cannot be started as {self._coding.codec} at {width}x{height}: "
                f"{reason}. Another ending or a smaller picture may work."
            ) from error
        audio = self._info.audio
        name = audio.name if isinstance(audio, PipedSound) else audio or self.path
        _log.warning("The sound of %s cannot be kept: %s.", name, reason)
        self._audio.close()
        self._audio = None
        self._container = self._stream = None
        self._open_container(with_audio=False)

    def _add_video(self, container: OutputContainer) -> VideoStream:
        coding, tags = self._coding, self._tags
        rate = self._info.rate.limit_denominator(100_000)
        stream = container.add_stream(coding.codec, rate=rate, options=dict(coding.options))
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{coding.codec} is no video codec")
        stream.width, stream.height = self._coded_size
        stream.pix_fmt = coding.pixels
        context = stream.codec_context
        context.time_base = self._time_base
        context.thread_count = self._threads
        context.gop_size = max(1, min(250, round(rate * _KEYFRAME_SECONDS)))
        context.colorspace = tags.matrix
        context.color_primaries = tags.primaries
        context.color_trc = tags.transfer
        context.color_range = FULL if tags.full_range else LIMITED
        if self.accepts_alpha and self._kind.format in ("webm", "matroska"):
            stream.metadata["alpha_mode"] = "1"
        return stream

    def _coded(self, picture: Picture) -> VideoFrame:
        """The picture in the codec's own pixels: fitted, padded, converted and tagged."""
        if picture.ndim == 2:
            # swscale itself is off by up to 4 where it makes 4:2:0 of grey.
            picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = fit_inside(picture, self._size)
        extra = self._coded_size[0] - self._size[0], self._coded_size[1] - self._size[1]
        if any(extra):
            picture = np.pad(picture, [(0, extra[1]), (0, extra[0]), (0, 0)], mode="edge")
        tags = self._tags
        coded = self._reformatter.reformat(
            VideoFrame.from_ndarray(
                np.ascontiguousarray(picture), "rgba" if picture.shape[2] == 4 else "rgb24"
            ),
            format=self._coding.pixels,
            src_color_range=FULL,
            dst_colorspace=SWSCALE_MATRIX[tags.matrix],
            dst_color_range=FULL if tags.full_range else LIMITED,
            threads=1,
        )
        # Set after the conversion: asked for in it, they would be converted to as well.
        coded.colorspace = tags.matrix
        coded.color_primaries = tags.primaries
        coded.color_trc = tags.transfer
        return coded


def _playable_seconds(path: Path) -> float | None:
    """How long a file plays that was broken off; None where not one picture is whole."""
    first = last = None
    try:
        with av.open(f"file:{path}") as container:
            for packet in container.demux(video=0):
                if packet.size and packet.pts is not None:
                    last = packet.pts * packet.time_base
                    first = last if first is None else first
    except (av.error.FFmpegError, IndexError):
        pass  # the torn end: what came before it counts
    return None if first is None or last is None else float(last - first)


def fit_inside(picture: Picture, size: tuple[int, int]) -> Picture:
    """The whole picture, as large as fits, in the middle of black (or of nothing, with alpha)."""
    width, height = size
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner = (
        max(1, min(width, round(picture.shape[1] * scale))),
        max(1, min(height, round(picture.shape[0] * scale))),
    )
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.zeros((height, width, *picture.shape[2:]), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        picture, inner, interpolation=how
    )
    return canvas


def _tags_to_write(colour: ColourTags | None) -> ColourTags:
    """The source's own tags where its matrix can be written, else BT.709."""
    if colour is None or colour.matrix not in SWSCALE_MATRIX:
        return BT709
    # PyAV before 18, the last one for Python 3.10, converts to BT.2020 with another matrix.
    if colour.matrix in BT2020 and not CAN_MAKE_BT2020:
        return BT709
    # BT.2020 with constant luminance cannot be made; its sibling has the same coefficients.
    matrix = 9 if colour.matrix == 10 else colour.matrix
    return ColourTags(matrix, colour.primaries, colour.transfer, colour.full_range)


def default_threads() -> int:
    """For coding: enough to keep up, few enough to leave the network its cores."""
    return max(1, min(4, (os.cpu_count() or 1)))
