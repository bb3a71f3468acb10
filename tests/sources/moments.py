"""Clips with one white flash and one beep at the same moment, to see whether both stay together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from app.outputs.open import open_output
from app.sources.video_file import VideoFileSource

RATE, SOUND_RATE = 25, 48_000
AT = Fraction(2, 5)  # seconds of flash and beep in a part of one second


def make_part(
    path: Path,
    *,
    offset: float = 0.0,
    container: str = "mpegts",
    video: str = "libx264",
    audio: str | None = "aac",
    drop: Sequence[int] = (),
    frames: int = RATE,
    options: dict[str, str] | None = None,
) -> Path:
    """`frames` pictures, without those numbered in `drop`, at a clock that begins at `offset`."""
    coded = {"g": "12", "bf": "2"} if options is None else options
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(video, rate=RATE, options=coded)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = None if audio is None else output.add_stream(audio, rate=SOUND_RATE, layout="mono")
        if sound is not None:
            sound.codec_context.format = "fltp" if audio in ("aac", "libopus") else "s16"
        for number in range(frames):
            if number not in drop:
                flash = number == round(AT * RATE)
                picture = np.full((48, 64, 3), 235 if flash else 16, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = number + round(offset * RATE), Fraction(1, RATE)
                output.mux(stream.encode(frame))
            if sound is not None:
                step = SOUND_RATE // RATE
                t = (np.arange(step) + number * step) / SOUND_RATE
                beep = 0.7 * np.sin(2 * np.pi * 1000 * t) * ((t >= AT) & (t < AT + 0.04))
                piece = av.AudioFrame.from_ndarray(beep[None].astype(np.float32), "fltp", "mono")
                piece.sample_rate = SOUND_RATE
                piece.pts = number * step + round(offset * SOUND_RATE)
                piece.time_base = Fraction(1, SOUND_RATE)
                output.mux(sound.encode(piece))
        output.mux(stream.encode(None))
        if sound is not None:
            output.mux(sound.encode(None))
    return path


def join(path: Path, *parts: Path) -> Path:
    """The parts, one after another, byte by byte."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@dataclass
class Moments:
    """Seconds of what was written: every frame, and each flash and beep."""

    times: list[float]
    flashes: list[float]
    beeps: list[float]


def copy(source: Path, target: Path) -> Moments:
    """Reads `source` and writes `target`, as a conversion does, and looks at what came out."""
    with VideoFileSource(source) as clip:
        output = open_output(target, size=clip.info.size, info=clip.info, force=True)
        with output:
            for frame in clip:
                output.write(frame.rgb, index=frame.index, captured_at=frame.captured_at)
    return look(target)


def look(path: Path) -> Moments:
    times, bright, loud = [], [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            times.append(float(frame.time))
            if frame.to_ndarray(format="gray").mean() > 120:
                bright.append(float(frame.time))
    with av.open(str(path)) as container:
        if container.streams.audio:
            resampler = av.AudioResampler("flt", "mono")
            for piece in container.decode(audio=0):
                start = float(piece.time)
                for part in resampler.resample(piece):
                    above = np.flatnonzero(np.abs(part.to_ndarray()[0]) > 0.2)
                    loud += [start + above[0] / part.sample_rate] if above.size else []
    return Moments(times, _apart(bright), _apart(loud))


def _apart(times: list[float]) -> list[float]:
    return [time for place, time in enumerate(times) if not place or time - times[place - 1] > 0.2]
