"""The source's sound beside the new pictures: every track that can be decoded, with its language.

Each is copied where the container takes its codec, else coded again, with its channels. Broken
sound never costs the pictures: it ends there, with a warning in the log.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from app.outputs.audio_stream import SoundStream, can_decode, track_name
from app.outputs.disk import is_disk_error
from app.sources.base import PipedSound
from app.sources.clock import AnyPacket, presentation_time
from app.sources.container import (
    clock_for,
    clock_origin,
    demux,
    find_video_stream,
    name_of,
    open_container,
)

_log = logging.getLogger(__name__)

_MAX_FAILURES = 50
# Packets that are looked at for the beginning of every track.
_MOST_AHEAD = 2000
_TRIED = 4  # of one track, until one can be decoded


class SourceSound:
    """The sound tracks of `source` on their way into `output`, never further ahead than asked.

    copied: the codecs that are taken as they are; every other becomes `coded_as`.
    """

    def __init__(
        self,
        source: Path | PipedSound,
        output: OutputContainer,
        *,
        copied: frozenset[str],
        coded_as: str,
    ) -> None:
        self._source = source
        self._name = source.name if isinstance(source, PipedSound) else name_of(source)
        self._output = output
        self._copied = copied
        self._coded_as = coded_as
        self._input: InputContainer | None = None  # ours to close
        self._packets: Iterator[AnyPacket] | None = None
        self._ahead: deque[AnyPacket] = deque()
        self._tracks: dict[int, SoundStream] = {}
        self._origin = Fraction(0)

    def open(self) -> bool:
        """Adds the tracks to the output, whose header is not written yet. False: no sound."""
        try:
            streams = self._open_source()
            first = self._look_ahead(streams)
            usable = [stream for stream in streams if self._is_usable(stream, first)]
            if not usable:
                raise ValueError(
                    "none of it can be decoded" if any(first.values()) else "it is empty"
                )
            for stream in usable:
                packets = first[stream.index]
                start = presentation_time(packets[0]) if packets else None
                self._add(stream, Fraction(0) if start is None else start - self._origin)
        except (av.error.FFmpegError, ValueError) as error:
            self._give_up(error)
            return False
        if not self._tracks:
            self.close()
            return False
        self._set_default(streams)
        return True

    def advance(self, until: float | None) -> None:
        """Writes what sounds before `until` seconds; all that is left where it is None.

        Raises what the disk said; everything else ends the sound only.
        """
        while self._packets is not None:
            try:
                packet = self._ahead.popleft() if self._ahead else next(self._packets, None)
            except (av.error.FFmpegError, ValueError) as error:
                self._give_up(error)
                return
            if packet is None:
                if not isinstance(self._source, PipedSound) or self._source.has_ended:
                    self._finish()
                return
            time = presentation_time(packet)
            if until is not None and time is not None and time - self._origin > until:
                self._ahead.appendleft(packet)
                return
            track = self._tracks.get(packet.stream_index)
            if track is not None and time is not None and packet.size:
                self._write(track, packet)

    def finish(self, until: float | None = None) -> None:
        """The pictures are at their end: writes the rest, up to `until`, and ends the tracks."""
        self.advance(until)
        if self._packets is not None:
            self._finish()

    def close(self) -> None:
        self._packets = None
        self._ahead.clear()
        self._tracks.clear()
        if self._input is not None:
            self._input.close()
            self._input = None

    def _open_source(self) -> list[AudioStream]:
        if isinstance(self._source, PipedSound):
            self._source.is_taken = True
            self._origin = self._source.origin
            self._packets = _taken(self._source.packets)
            return list(self._source.container.streams.audio)
        self._input = container = open_container(self._source)
        self._origin = clock_origin(container)
        streams = list(container.streams.audio)
        pictures = find_video_stream(container)
        clock = clock_for(container, pictures, streams)
        read = streams if pictures is None else [pictures, *streams]
        mended = clock.mend(demux(container, read, lambda: None, _MAX_FAILURES))
        sounds = {stream.index for stream in streams}
        self._packets = (packet for packet in mended if packet.stream_index in sounds)
        return streams

    def _look_ahead(self, streams: list[AudioStream]) -> dict[int, list[AnyPacket]]:
        """The first packets of each stream, by its index; they stay to be written."""
        first: dict[int, list[AnyPacket]] = {stream.index: [] for stream in streams}
        assert self._packets is not None
        while len(self._ahead) < _MOST_AHEAD and any(len(few) < _TRIED for few in first.values()):
            packet = next(self._packets, None)
            if packet is None:
                break
            self._ahead.append(packet)
            few = first[packet.stream_index]
            if packet.size and len(few) < _TRIED:
                few.append(packet)
        return first

    def _is_usable(self, stream: AudioStream, first: dict[int, list[AnyPacket]]) -> bool:
        packets = first[stream.index]
        if isinstance(self._source, PipedSound) and not packets:
            # What has not come yet cannot be tried.
            return stream.codec_context is not None and bool(stream.codec_context.sample_rate)
        if packets and can_decode(stream, packets):
            return True
        if len(first) > 1:
            why = "cannot be decoded" if packets else "is empty"
            _log.warning("The %s of %s %s and is left out.", track_name(stream), self._name, why)
        return False

    def _add(self, stream: AudioStream, start: Fraction) -> None:
        track = SoundStream(
            stream,
            self._output,
            origin=self._origin,
            copied=self._copied,
            coded_as=self._coded_as,
        )
        try:
            track.open(start)
        except (av.error.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            _log.warning("The %s of %s is left out: %s.", track_name(stream), self._name, reason)
            return
        self._tracks[stream.index] = track

    def _set_default(self, streams: list[AudioStream]) -> None:
        """Some track that is played by itself, where the source's own cannot be kept."""
        tracks = list(self._tracks.values())
        was = {stream.index for stream in streams if stream.disposition & 1}
        if was and not was & self._tracks.keys():
            tracks[0].be_default()

    def _write(self, track: SoundStream, packet: Packet[AudioStream]) -> None:
        try:
            track.write(packet)
        except av.error.InvalidDataError as error:
            track.failures += 1
            if track.failures > _MAX_FAILURES:
                self._end(track, error)
        except (av.error.FFmpegError, ValueError) as error:
            if is_disk_error(error):
                raise
            self._end(track, error)

    def _finish(self) -> None:
        for track in list(self._tracks.values()):
            try:
                track.finish()
            except (av.error.FFmpegError, ValueError) as error:
                if is_disk_error(error):
                    raise
                self._end(track, error)
        self.close()

    def _end(self, track: SoundStream, error: Exception) -> None:
        """Lets one track go, and all of the sound with the last one."""
        if len(self._tracks) == 1:
            self._give_up(error)
            return
        reason = getattr(error, "strerror", None) or error
        _log.warning("The %s of %s ends early: %s.", track.name, self._name, reason)
        del self._tracks[track.index]

    def _give_up(self, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or error
        _log.warning("The sound of %s is left out or ends early: %s.", self._name, reason)
        self.close()


def _taken(packets: deque[AnyPacket]) -> Iterator[AnyPacket]:
    """Never ends: what has not come yet may come later."""
    while True:
        yield packets.popleft() if packets else None  # type: ignore[misc]
