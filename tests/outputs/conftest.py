"""What the outputs are given, and how their files are read back: with PyAV itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.sources.base import SourceInfo


@dataclass
class ReadBack:
    """A written file. times: seconds of every frame; audio: float (n,), from `audio_start`."""

    times: list[Fraction]
    frames: list[av.VideoFrame]
    audio_codec: str | None
    audio_start: float
    audio: np.ndarray
    audio_rate: int


def _read_sound(path: Path) -> ReadBack:
    samples, codec_name, start, rate = [], None, 0.0, 0
    with av.open(str(path)) as container:
        if container.streams.audio:
            stream = container.streams.audio[0]
            codec_name = stream.codec_context.codec.canonical_name
            rate = stream.codec_context.rate
            resampler = av.AudioResampler("flt", "mono")
            for number, frame in enumerate(container.decode(stream)):
                if number == 0:
                    start = float(frame.pts * frame.time_base)
                for part in resampler.resample(frame):
                    samples.append(part.to_ndarray()[0])
    audio = np.concatenate(samples) if samples else np.zeros(0, np.float32)
    return ReadBack([], [], codec_name, start, audio, rate)


def _read_back(path: Path, *, codec: str | None = None) -> ReadBack:
    back = _read_sound(path)
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        decoder = av.CodecContext.create(codec, "r") if codec else video.codec_context
        for packet in container.demux(video):
            back.frames += decoder.decode(packet if packet.size else None)
        back.times = [
            frame.pts * Fraction(frame.time_base or video.time_base) for frame in back.frames
        ]
    return back


@pytest.fixture
def read_sound() -> Callable[..., ReadBack]:
    return _read_sound


@pytest.fixture
def read_back() -> Callable[..., ReadBack]:
    return _read_back


@pytest.fixture
def info() -> SourceInfo:
    """Of a clip of 64x48 at 25 frames a second, without sound, from pictures."""
    return SourceInfo(size=(64, 48), rate=Fraction(25), time_base=Fraction(1, 25))


@pytest.fixture
def noise() -> Callable[[int], np.ndarray]:
    """uint8 (48, 64, 3), another one for every number: hard to compress."""
    return lambda seed: np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8)


@pytest.fixture
def make_audio(tmp_path: Path) -> Callable[..., Path]:
    def make(
        name: str,
        codec: str,
        *,
        seconds: float = 2.0,
        clicks: tuple[float, ...] = (),
        start: float = 0.0,
        rate: int = 48000,
        layout: str = "mono",
    ) -> Path:
        """A file with sound only: silence with bursts of 1 kHz, 10 ms long, at `clicks`."""
        path = tmp_path / name
        t = np.arange(round(seconds * rate)) / rate
        wave = np.zeros_like(t)
        for click in clicks:
            inside = (t >= click) & (t < click + 0.01)
            wave[inside] = 0.8 * np.sin(2 * np.pi * 1000 * (t[inside] - click) + 0.8)
        channels = 1 if layout == "mono" else 2
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, layout=layout)
            block = 4800
            for at in range(0, len(t), block):
                part = np.repeat(wave[None, at : at + block], channels, 0).astype(np.float32)
                frame = av.AudioFrame.from_ndarray(part, "fltp", layout)
                frame.sample_rate = rate
                frame.pts = at + round(start * rate)
                frame.time_base = Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make
