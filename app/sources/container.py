"""An open file or pipe of FFmpeg's: its stream of pictures, its packets on one clock."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from app.errors import InputError, MattecamError
from app.sources.base import PipedSound
from app.sources.clock import AnyPacket, ContinuousClock
from app.sources.files import check_readable
from app.sources.joined_mp4 import refuse_joined
from app.sources.pipe import Pipe, open_pipe, pipe_at

_log = logging.getLogger(__name__)

# Twice 8K: what a header may claim before it is taken for a broken one.
MAX_PIXELS = 16384 * 8192
# Demuxing that fails this often in a row has met more than a scratch.
_MAX_FAILURES = 200
# FFmpeg shows text files as video of a terminal.
_TEXT_ART = frozenset(("ansi", "bintext", "xbin", "idf"))
_DEFAULT_RATE = Fraction(25)
# Packets of a pipe's sound that are kept while nobody has asked for it.
_MOST_UNTAKEN = 5000
_MOST_AHEAD = 300
_TS_DISCONT = 0x0200  # AVFMT_TS_DISCONT
# Dolby Vision that holds no picture for other players (profile 5), by the MP4 sample entry.
_DOLBY_TAGS = frozenset(("dvh1", "dvhe", "dva1", "dvav"))


class MediaFile:
    """A file's pictures and sound. Close it in the thread that opened it.

    pipe: what it is read from where that can be read only once.
    """

    def __init__(self, path: Path) -> None:
        """Raises InputError."""
        self.path = path
        self.pipe: Pipe | None = None
        if pipe_at(path):
            self.pipe = open_pipe(path)
        else:
            check_readable(path)
            refuse_joined(path)
        try:
            self.container = open_container(path) if self.pipe is None else _through(self.pipe)
        except MattecamError:
            if self.pipe is not None:
                self.pipe.close()
            raise
        # The library's contract: a container, or the file cannot be read. It raises FFmpegError,
        # ValueError and UnicodeError.
        except Exception as error:
            if self.pipe is not None:
                self.pipe.close()
                self.pipe.raise_failure()
            _log.debug("FFmpeg says of %s: %s", path, error)
            raise InputError(
                f"{name_of(path)} is not a video that can be read, or it is damaged or incomplete."
            ) from error
        except BaseException:
            if self.pipe is not None:
                self.pipe.close()
            raise
        self._piped: PipedSound | None = None
        if self.pipe is not None and self.container.streams.audio:
            self._piped = PipedSound(
                name_of(path), self.container, clock_origin(self.container), deque()
            )

    def sound(self) -> Path | PipedSound | None:
        """Where the sound beside the pictures is read from; None where there is none."""
        if not self.container.streams.audio:
            return None
        return self.path if self._piped is None else self._piped

    def close(self) -> None:
        if self._piped is not None:
            self._piped.packets.clear()
        self.container.close()
        if self.pipe is not None:
            self.pipe.close()

    def pictures(
        self, stream: VideoStream, on_failure: Callable[[], None]
    ) -> Iterator[Packet[VideoStream]]:
        """The packets of `stream`, on one clock. Raises InputError where reading ends for good."""
        sounds = self.container.streams.audio
        # What a clock that leaps is compared with. A pipe's sound is read here or never.
        beside = sounds if leaps(self.container) or self.pipe is not None else ()
        packets = self._demux(stream, beside, on_failure)
        if self._piped is not None:
            packets = _from_all(packets, {sound.index for sound in sounds})
        for packet in packets:
            # Not `stream_index`: it is 0 in the packet that ends a stream and empties its decoder.
            if packet.stream.index == stream.index:
                yield packet
            elif self._piped is not None and packet.size:
                self._piped.packets.append(packet)
                if not self._piped.is_taken and len(self._piped.packets) > _MOST_UNTAKEN:
                    self._piped.packets.popleft()
        if self._piped is not None:
            self._piped.has_ended = True

    def _demux(
        self,
        stream: VideoStream,
        sounds: Sequence[AudioStream],
        on_failure: Callable[[], None],
    ) -> Iterator[AnyPacket]:
        clock = clock_for(self.container, stream, sounds)
        try:
            packets = demux(self.container, (stream, *sounds), on_failure, _MAX_FAILURES)
            yield from clock.mend(packets)
        except av.error.InvalidDataError:
            return
        except av.error.FFmpegError as error:
            raise InputError(
                f"{name_of(self.path)} cannot be read any further: {error.strerror}."
            ) from error
        except MattecamError:
            raise
        except Exception as error:  # of what the library has no name for, such as new side data
            _log.debug("%s", name_of(self.path), exc_info=True)
            raise InputError(f"{name_of(self.path)} cannot be read any further.") from error
        finally:
            if self.pipe is not None:
                self.pipe.raise_failure()


def _from_all(packets: Iterator[AnyPacket], streams: set[int]) -> Iterator[AnyPacket]:
    """The same packets, those of sound first where `streams` begin late.

    Whether sound can be decoded, and how it is written, is known from its first packet.
    """
    missing, held = set(streams), list[AnyPacket]()
    for packet in packets:
        held.append(packet)
        missing.discard(packet.stream_index)
        if not missing or len(held) > _MOST_AHEAD:
            break
    held.sort(key=lambda packet: packet.stream_index not in streams)
    yield from held
    yield from packets


def demux(
    container: InputContainer,
    streams: Sequence[Stream],
    on_failure: Callable[[], None],
    most: int,
) -> Iterator[AnyPacket]:
    """Packets in the order of the file; broken stretches are left out, each with `on_failure()`.

    Raises av.error.InvalidDataError after `most` failures in a row.
    """
    failures = 0
    packets: Iterator[AnyPacket] = container.demux(*streams)
    while True:
        try:
            packet = next(packets, None)
        except av.error.InvalidDataError:
            on_failure()
            failures += 1
            if failures > most:
                raise
            # The generator is dead after this; the file itself may go on.
            packets = container.demux(*streams)
            continue
        if packet is None:
            return
        failures = 0
        yield packet


def open_container(path: Path) -> InputContainer:
    """The file through FFmpeg, as a local file and nothing else. Raises av.error.FFmpegError."""
    # "file:" because FFmpeg reads a name such as "a:b.mp4" as the protocol "a"; and a playlist
    # must not make it fetch what it names.
    return av.open(
        f"file:{path}",
        options={"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)},
        metadata_errors="replace",
    )


def _through(pipe: Pipe) -> InputContainer:
    return av.open(
        pipe.for_ffmpeg(),
        "r",
        options={"protocol_whitelist": "", "max_pixels": str(MAX_PIXELS)},
        metadata_errors="replace",
        buffer_size=1 << 18,
    )


def clock_for(
    container: InputContainer, pictures: VideoStream | None, sounds: Sequence[AudioStream]
) -> ContinuousClock:
    return ContinuousClock(
        pictures,
        sounds,
        leaps=leaps(container),
        is_program_stream=container.format.name == "mpeg",
        rate=_DEFAULT_RATE if pictures is None else rate_of(pictures),
    )


def leaps(container: InputContainer) -> bool:
    """Whether the format's clock is a broadcaster's, which may start again at any time."""
    return bool(int(container.format.flags) & _TS_DISCONT)


def clock_origin(container: InputContainer) -> Fraction:
    """Seconds at which the file's clock starts, where the format lets it start anywhere.

    Broadcast formats (MPEG-TS, MPEG-PS) start at any hour of their sender's clock; everywhere else
    a first time that is not 0 means something, and is kept.
    """
    if container.format.name in ("mpegts", "mpeg") and container.start_time is not None:
        return Fraction(container.start_time, av.time_base)
    return Fraction(0)


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream that a player would show. Raises InputError with what is there instead."""
    name = name_of(path)
    stream = find_video_stream(container)
    if stream is None:
        has = "only sound" if container.streams.audio else "no pictures"
        raise InputError(f"{name} holds {has}; a video is needed.")
    context = stream.codec_context
    if context is None:
        raise InputError(f"{name} is coded in a way that this FFmpeg cannot decode.")
    if context.name in _TEXT_ART:
        raise InputError(f"{name} is a text, not a video.")
    if context.width * context.height > MAX_PIXELS:
        raise InputError(too_large(path, context.width, context.height))
    if context.codec_tag in _DOLBY_TAGS and int(context.color_trc) in (0, 2):
        raise InputError(
            f"{name} is Dolby Vision without a picture for other players (profile 5), which cannot"
            " be decoded to right colors; export it as HDR10, HLG or SDR first."
        )
    return stream


def find_video_stream(container: InputContainer) -> VideoStream | None:
    """The best stream of pictures that is not the cover of an album; decodable ones first."""
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
        and not stream.disposition & Disposition.timed_thumbnails
    ]
    best: Any = container.streams.best("video")
    decodable = [stream for stream in streams if _has_decoder(stream)]
    for among in (decodable, streams):
        if among:
            return next((stream for stream in among if stream is best), among[0])
    return None


def _has_decoder(stream: Stream) -> bool:
    return stream.codec_context is not None


def rate_of(stream: VideoStream) -> Fraction:
    """Frames a second, nominal."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and Fraction(1, 1000) < rate <= 1000:
            return Fraction(rate)
    return _DEFAULT_RATE


def too_large(path: Path, width: int, height: int) -> str:
    return (
        f"{name_of(path)} claims pictures of {width}x{height}, which is more than can be handled; "
        "the file is damaged, or must be scaled down first."
    )


def name_of(path: Path) -> str:
    """For a sentence."""
    return "Standard input" if str(path) == "-" else str(path)
