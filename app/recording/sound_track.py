"""The sound of one recorded file: what sounded at the clip's times, coded beside the pictures."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from app.outputs.disk import is_disk_error
from app.recording.timeline import Timeline
from app.sound.base import PCM, RATE, Sound

if TYPE_CHECKING:
    from av.container import OutputContainer

log = logging.getLogger(__name__)

_CHUNK = 1024  # samples; AAC's frame
# Where there is no sound for so long, in seconds, and for longer than it is late by itself, it is
# silence: the pictures must not wait.
_MISSING = 1.0
_SPARE = 0.3


class LiveTrack:
    """One audio stream. Used by the thread that writes the pictures; see video_file.SoundTrack."""

    def __init__(
        self,
        sound: Sound,
        timeline: Timeline,
        output: OutputContainer,
        *,
        codec: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sound = sound
        self._timeline = timeline
        self._output = output
        self._codec = codec
        self._clock = clock
        self._stream: AudioStream | None = None
        self._at = 0  # samples of the clip that are written

    def open(self) -> bool:
        channels = self._sound.channels
        try:
            stream = self._output.add_stream(
                self._codec, rate=RATE, layout="mono" if channels == 1 else "stereo"
            )
        except (av.error.FFmpegError, ValueError) as error:
            log.warning("the sound cannot be coded: %s", error)
            return False
        assert isinstance(stream, AudioStream)
        stream.codec_context.bit_rate = 96_000 if channels == 1 else 160_000
        self._stream = stream
        return True

    def advance(self, until: float | None) -> None:
        now = self._clock()
        # What sounded in the last moments is still on its way through the sound card.
        missing = max(_MISSING, self._sound.late + _SPARE)
        there = max(self._sound.available, now - missing)
        clip = self._timeline.length(there)
        end = clip if until is None else min(until, clip)
        while self._stream is not None and (self._at + _CHUNK) / RATE <= end:
            self._encode(self._piece(_CHUNK))

    def finish(self, until: float | None = None) -> None:
        if self._stream is None:
            return
        end = self._timeline.length(self._clock()) if until is None else until
        for _, moment in self._timeline.moments(end - _CHUNK / RATE, end)[-1:]:
            self._sound.wait(moment, self._sound.late + _SPARE)
        while (left := round(end * RATE) - self._at) > 0 and self._stream is not None:
            self._encode(self._piece(min(left, _CHUNK)))
        if self._stream is not None:
            self._mux(lambda stream: self._output.mux(stream.encode(None)))
        self._stream = None

    def close(self) -> None:
        self._stream = None

    def _piece(self, samples: int) -> PCM:
        """The clip's next samples: from both sides of a pause, where one is in between."""
        begins, ends = self._at / RATE, (self._at + samples) / RATE
        pieces = []
        left = samples
        for moment, until in self._timeline.moments(begins, ends):
            count = min(left, round((until - moment) * RATE))
            pieces.append(self._sound.read(moment, count))
            left -= count
        if left:
            pieces.append(np.zeros((left, self._sound.channels), np.int16))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _encode(self, pcm: PCM) -> None:
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(pcm.reshape(1, -1)),
            format="s16",
            layout="mono" if self._sound.channels == 1 else "stereo",
        )
        frame.sample_rate = RATE
        frame.pts = self._at
        frame.time_base = Fraction(1, RATE)
        self._at += len(pcm)
        self._mux(lambda stream: self._output.mux(self._wanted(stream.encode(frame))))

    def _wanted(self, packets: list[av.Packet[AudioStream]]) -> list[av.Packet[AudioStream]]:
        # Matroska has no negative times but for Opus: it would shift the pictures to make room for
        # the silence that an AAC encoder starts with.
        if self._codec == "aac" and self._output.format.name == "matroska":
            return [packet for packet in packets if packet.pts is None or packet.pts >= 0]
        return packets

    def _mux(self, do: Callable[[AudioStream], None]) -> None:
        """Broken sound ends the sound; a disk that refuses is raised."""
        assert self._stream is not None
        try:
            do(self._stream)
        except (av.error.FFmpegError, ValueError) as error:
            if is_disk_error(error):
                raise
            log.warning("the sound of a recording ends early: %s", error)
            self._stream = None
