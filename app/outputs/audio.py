"""The source's sound beside the new pictures: copied where the container takes it, else coded anew.

Broken sound never costs the pictures: it ends there, with a warning in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from app.outputs.disk import is_disk_error
from app.sources.video_file import clock_origin, open_container

_log = logging.getLogger(__name__)

_MAX_FAILURES = 50


class AudioTrack:
    """One audio stream of `path` on its way into `output`, never further ahead than asked.

    copied: the codecs that are taken as they are; every other becomes `coded_as`.
    """

    def __init__(
        self, path: Path, output: OutputContainer, *, copied: frozenset[str], coded_as: str
    ) -> None:
        self._path = path
        self._output = output
        self._copied = copied
        self._coded_as = coded_as
        self._input: InputContainer | None = None
        self._packets: Iterator[tuple[Fraction, Packet[AudioStream]]] | None = None
        self._next: tuple[Fraction, Packet[AudioStream]] | None = None
        self._last_dts: int | None = None
        self._from: AudioStream | None = None
        self._to: AudioStream | None = None
        self._copies = True
        self._origin = Fraction(0)
        self._failures = 0
        self._filter: BitStreamFilterContext | None = None

    def open(self) -> bool:
        """Adds the stream to the output, whose header is not written yet. False: no sound."""
        try:
            self._input = open_container(self._path)
            stream = self._input.streams.best("audio")
            if not isinstance(stream, AudioStream) or stream.codec_context is None:
                raise ValueError("it is coded in a way that cannot be decoded")
            self._from = stream
            self._origin = clock_origin(self._input)
            self._packets = self._read()
            self._next = next(self._packets, None)
            if self._next is None:
                raise ValueError("it is empty")
            self._copies = _codec(stream) in self._copied and not self._too_late_to_copy()
            if self._copies:
                self._to = self._output.add_stream_from_template(stream)
                if _codec(stream) == "aac" and self._is_mp4 and not stream.codec_context.extradata:
                    # AAC as in MPEG-TS. FFmpeg's muxer puts the filter in by itself, but not
                    # where the header is delayed.
                    self._filter = BitStreamFilterContext("aac_adtstoasc", stream)
            else:
                self._to = self._add_coded(stream)
        except (av.error.FFmpegError, ValueError) as error:
            self._give_up(error)
            return False
        return True

    def _too_late_to_copy(self) -> bool:
        # MP4's header for AC-3 is made from its first packet, and is written within a second.
        assert self._from is not None
        assert self._next is not None
        return self._is_mp4 and _codec(self._from) == "ac3" and self._next[0] > 0.5

    @property
    def _is_mp4(self) -> bool:
        return self._output.format.name in ("mp4", "mov")

    def _add_coded(self, stream: AudioStream) -> AudioStream:
        context = stream.codec_context
        layout = "mono" if context.layout.nb_channels == 1 else "stereo"
        opus = self._coded_as == "libopus"
        rate = 48000 if opus or context.rate not in _AAC_RATES else context.rate
        coded = self._output.add_stream(self._coded_as, rate=rate, layout=layout)
        if not isinstance(coded, AudioStream):
            raise TypeError(f"{self._coded_as} is no audio codec")
        coded.codec_context.bit_rate = 64_000 if layout == "mono" else 128_000
        return coded

    def advance(self, until: float | None) -> None:
        """Writes what sounds before `until` seconds; all that is left where it is None.

        Raises what the disk said; everything else ends the sound only.
        """
        while self._packets is not None:
            try:
                if self._next is None:
                    self._next = next(self._packets, None)
                if self._next is None:
                    self._finish()
                    return
                time, packet = self._next
                if until is not None and time > until:
                    return
                self._next = None
                self._write(packet)
            except av.error.InvalidDataError as error:
                self._failures += 1
                if self._failures > _MAX_FAILURES:
                    self._give_up(error)
            except (av.error.FFmpegError, ValueError) as error:
                if is_disk_error(error):
                    raise
                self._give_up(error)

    def finish(self, until: float | None = None) -> None:
        """The pictures are at their end: writes the rest, up to `until`, and ends the stream."""
        self.advance(until)
        if self._packets is not None:
            try:
                self._finish()
            except av.error.FFmpegError as error:
                if is_disk_error(error):
                    raise
                self._give_up(error)

    def close(self) -> None:
        self._packets = self._next = None
        if self._input is not None:
            self._input.close()
            self._input = None

    def _read(self) -> Iterator[tuple[Fraction, Packet[AudioStream]]]:
        assert self._input is not None
        assert self._from is not None
        failures = 0
        packets = self._input.demux(self._from)
        while True:
            try:
                packet = next(packets, None)
            except av.error.InvalidDataError:
                failures += 1
                if failures > _MAX_FAILURES:
                    raise
                packets = self._input.demux(self._from)
                continue
            if packet is None or packet.size == 0:
                return
            if packet.pts is None and packet.dts is None:
                continue
            base = packet.time_base
            start = packet.pts if packet.pts is not None else packet.dts
            assert start is not None
            yield start * base - self._origin, packet

    def _write(self, packet: Packet[AudioStream]) -> None:
        assert self._to is not None
        if not self._copies:
            self._encode(packet.decode())
            return
        shift = round(self._origin / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - shift
        assert packet.dts is not None
        if self._last_dts is not None and packet.dts <= self._last_dts:
            return  # a muxer refuses time that stands still
        if self._drops_priming and packet.dts < 0:
            return
        self._last_dts = packet.dts
        base = packet.time_base
        for whole in [packet] if self._filter is None else self._filter.filter(packet):
            whole.time_base = base
            whole.stream = self._to
            self._output.mux_one(whole)

    def _encode(self, frames: Sequence[AudioFrame]) -> None:
        assert self._to is not None
        for frame in frames:
            if frame.pts is not None and frame.time_base:
                frame.pts -= round(self._origin / frame.time_base)
            self._output.mux(self._to.encode(frame))

    @property
    def _drops_priming(self) -> bool:
        # Matroska has no negative times but for Opus: it would shift the pictures to make room
        # for the silence that an AAC encoder starts with.
        assert self._from is not None
        return self._output.format.name in (
            "matroska",
            "webm",
        ) and self._from.codec_context.name not in ("opus", "libopus")

    def _finish(self) -> None:
        if not self._copies and self._to is not None and self._from is not None:
            self._encode(self._from.codec_context.decode(None))
            self._output.mux(self._to.encode(None))
        self.close()

    def _give_up(self, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or error
        _log.warning("The sound of %s is left out or ends early: %s.", self._path, reason)
        self.close()


def _codec(stream: AudioStream) -> str:
    # The codec's own name: the decoder's may be another ("mp3float" for "mp3").
    return stream.codec_context.codec.canonical_name


_AAC_RATES = frozenset((8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000))
