"""One sound track on its way into a file: copied, or coded again with the same channels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet

_log = logging.getLogger(__name__)

_AAC_RATES = frozenset((8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000))
# By the number of channels, best first: what AAC and Opus can both be coded with.
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
# The languages that QuickTime knows by another code of ISO 639-2 than other containers.
_QUICKTIME_LANGUAGES = {
    "cze": "ces",
    "fre": "fra",
    "mkd": "mac",
    "msa": "may",
    "rum": "ron",
    "slo": "slk",
    "swe": "sve",
    "eus": "baq",
    "cym": "wel",
    "deu": "ger",
    "nld": "dut",
    "zho": "chi",
    "ell": "gre",
    "isl": "ice",
    "sqi": "alb",
    "fas": "per",
}
_BITS_A_CHANNEL = 64_000
# Seconds between where a decoded frame is and where it should be that are not mended.
_TOLERANCE = Fraction(1, 50)
# What a silence may last: more is a broken clock.
_LONGEST_SILENCE = 24 * 3600


class SoundStream:
    """Raises av.error.FFmpegError and ValueError from everything that it does.

    origin: seconds at which the source's clock starts.
    """

    def __init__(
        self,
        stream: AudioStream,
        output: OutputContainer,
        *,
        origin: Fraction,
        copied: frozenset[str],
        coded_as: str,
    ) -> None:
        self.failures = 0
        self.index = stream.index
        self.name = track_name(stream)
        self._from = stream
        self._output = output
        self._origin = origin
        self._copied = copied
        self._coded_as = coded_as
        self._to: AudioStream | None = None
        self._copies = True
        self._last_dts: int | None = None
        self._filter: BitStreamFilterContext | None = None
        self._encoder: _Encoder | None = None

    def open(self, start: Fraction) -> None:
        """Adds the stream to the output. start: seconds of the first packet."""
        codec = codec_of(self._from)
        # MP4's header for AC-3 is made from its first packet, and is written within a second.
        too_late = self._is_mp4 and codec == "ac3" and start > Fraction(1, 2)
        # AAC as in MPEG-TS: Matroska's header is completed by going back to it.
        bare = codec == "aac" and not self._from.codec_context.extradata
        too_early = bare and self._is_matroska and self._output.name.startswith("pipe:")
        self._copies = codec in self._copied and not (too_late or too_early)
        if self._copies:
            self._to = self._output.add_stream_from_template(self._from)
            if bare and self._is_mp4:
                # FFmpeg's muxer puts the filter in by itself, but not where the header is delayed.
                self._filter = BitStreamFilterContext("aac_adtstoasc", self._from)
        else:
            self._to = self._add_coded()
            self._encoder = _Encoder(self._to, self._output)
        for key in ("language", "title", "handler_name"):
            value = self._from.metadata.get(key)
            if value and key == "language" and self._output.format.name == "mov":
                value = _QUICKTIME_LANGUAGES.get(value, value)
            if value:
                self._to.metadata[key] = value
        self._to.disposition = self._from.disposition

    def be_default(self) -> None:
        """Before the header is written: a player plays this track by itself."""
        assert self._to is not None
        self._to.disposition = self._to.disposition | av.stream.Disposition.default

    def write(self, packet: Packet[AudioStream]) -> None:
        assert self._to is not None
        if self._encoder is not None:
            for frame in packet.decode():
                self._encoder.push(frame, self._origin)
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

    def finish(self) -> None:
        if self._encoder is not None:
            for frame in self._from.codec_context.decode(None):
                self._encoder.push(frame, self._origin)
            self._encoder.finish()

    @property
    def _is_mp4(self) -> bool:
        return self._output.format.name in ("mp4", "mov")

    @property
    def _is_matroska(self) -> bool:
        return self._output.format.name in ("matroska", "webm")

    @property
    def _drops_priming(self) -> bool:
        # Matroska has no negative times but for Opus: it would shift the pictures to make room
        # for the silence that an AAC encoder starts with.
        return self._is_matroska and self._from.codec_context.name not in ("opus", "libopus")

    def _add_coded(self) -> AudioStream:
        context = self._from.codec_context
        opus = self._coded_as == "libopus"
        rate = 48000 if opus or context.rate not in _AAC_RATES else context.rate
        layout = self._layout(context.layout.nb_channels, rate)
        coded = self._output.add_stream(self._coded_as, rate=rate, layout=layout)
        if not isinstance(coded, AudioStream):
            raise TypeError(f"{self._coded_as} is no audio codec")
        coded.codec_context.bit_rate = _BITS_A_CHANNEL * coded.codec_context.layout.nb_channels
        return coded

    def _layout(self, channels: int, rate: int) -> str:
        """The channels to code with: all of them, where the codec can."""
        layout = _LAYOUTS.get(channels, "stereo")
        if channels <= 2 or _takes(self._coded_as, layout, rate):
            return layout
        _log.warning("The %s has %d channels; it is mixed to stereo.", self.name, channels)
        return "stereo"


class _Encoder:
    """Decoded frames, at their own times, coded without gap or overlap."""

    def __init__(self, to: AudioStream, output: OutputContainer) -> None:
        self._to = to
        self._output = output
        context = to.codec_context
        self._rate = context.sample_rate
        # Packed: PyAV reads past the planes of a planar frame of eight channels.
        self._format = context.format.packed.name
        self._layout = context.layout.name
        self._resampler: AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self._start: int | None = None  # of everything, in samples of the output
        self._samples = 0  # so many were given to the encoder

    def push(self, frame: AudioFrame, origin: Fraction) -> None:
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        time: Fraction | None = None
        if frame.pts is not None and frame.time_base:
            time = frame.pts * Fraction(frame.time_base) - origin
        if self._resampler is None or shape != self._shape:
            self._drain()
            self._resampler = AudioResampler(self._format, self._layout, self._rate)
            self._shape = shape
        frame.pts = None  # the samples are counted here
        for part in self._resampler.resample(frame):
            self._place(part, time)
            time = None

    def finish(self) -> None:
        self._drain()
        self._output.mux(self._to.encode(None))

    def _drain(self) -> None:
        if self._resampler is not None:
            for part in self._resampler.resample(None):
                self._encode(part)

    def _place(self, part: AudioFrame, time: Fraction | None) -> None:
        """Encodes `part` so that it sounds at `time`: after a silence, or without what is late."""
        if self._start is None:
            self._start = round((time or 0) * self._rate)
        if time is None:
            self._encode(part)
            return
        late = self._start + self._samples - round(time * self._rate)
        if late > _TOLERANCE * self._rate:
            rest = part.samples - late
            if rest <= 0:
                return
            channels = part.layout.nb_channels
            part = _like(part, np.ascontiguousarray(part.to_ndarray()[:, late * channels :]))
        elif -late > _TOLERANCE * self._rate:
            if -late > _LONGEST_SILENCE * self._rate:
                raise ValueError("its clock is broken")
            self._silence(part, -late)
        self._encode(part)

    def _silence(self, like: AudioFrame, samples: int) -> None:
        dtype = like.to_ndarray().dtype
        while samples > 0:
            block = min(samples, self._rate)
            quiet = np.zeros((1, block * like.layout.nb_channels), dtype)
            self._encode(_like(like, quiet))
            samples -= block

    def _encode(self, frame: AudioFrame) -> None:
        frame.pts = (self._start or 0) + self._samples
        frame.time_base = Fraction(1, self._rate)
        self._samples += frame.samples
        self._output.mux(self._to.encode(frame))


def _like(frame: AudioFrame, samples: npt.NDArray[Any]) -> AudioFrame:
    """Other samples, (1, N * channels), in the form of a packed frame."""
    made = AudioFrame.from_ndarray(samples, frame.format.name, frame.layout.name)
    made.sample_rate = frame.sample_rate
    return made


def can_decode(stream: AudioStream, packets: Sequence[Packet[AudioStream]]) -> bool:
    """Whether one of the first packets is what its codec says. Leaves the decoder as it was."""
    context = stream.codec_context
    if context is None:
        return False
    failures = 0
    for packet in packets:
        try:
            packet.decode()
        except av.error.FFmpegError:
            failures += 1
    if context.is_open:
        context.flush_buffers()
    return failures < len(packets)


def track_name(stream: AudioStream) -> str:
    """For a sentence: "sound track 2 (deu)"."""
    language = stream.metadata.get("language", "und")
    number = stream.container.streams.audio.index(stream) + 1
    return f"sound track {number}" + ("" if language == "und" else f" ({language})")


def codec_of(stream: AudioStream) -> str:
    # The codec's own name: the decoder's may be another ("mp3float" for "mp3").
    return stream.codec_context.codec.canonical_name


def _takes(codec: str, layout: str, rate: int) -> bool:
    context = AudioCodecContext.create(codec, "w")
    assert isinstance(context, AudioCodecContext)
    context.layout = layout
    context.sample_rate = rate
    formats = context.codec.audio_formats
    context.format = formats[0].name if formats else "fltp"
    try:
        context.open()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
