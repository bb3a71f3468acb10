"""Several sound tracks: those that can be decoded are kept, with language and channels."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.outputs.open import open_output

ENDINGS = [".mp4", ".mkv", ".mov", ".webm"]


def make_sound(
    path: Path,
    languages: list[str],
    *,
    codec: str = "aac",
    layout: str = "mono",
    seconds: float = 1.0,
    gap: tuple[float, float] | None = None,
) -> Path:
    """One track a language, each a tone of its own; silent packets are missing within `gap`."""
    with av.open(str(path), "w") as container:
        streams = []
        for number, language in enumerate(languages):
            stream = container.add_stream(codec, rate=48000, layout=layout)
            stream.metadata["language"] = language
            stream.disposition = 1 if number == 0 else 0
            streams.append(stream)
        channels = streams[0].codec_context.layout.nb_channels
        for at in range(0, round(seconds * 48000), 4800):
            if gap and gap[0] <= at / 48000 < gap[1]:
                continue
            for number, stream in enumerate(streams):
                t = (np.arange(4800) + at) / 48000
                wave = 0.5 * np.sin(2 * np.pi * 500 * (number + 1) * t)
                values = np.repeat(wave.astype(np.float32), channels)[None]
                frame = av.AudioFrame.from_ndarray(values, "flt", layout)
                frame.sample_rate, frame.pts, frame.time_base = 48000, at, Fraction(1, 48000)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


def write(path: Path, info, audio: Path) -> Path:
    with open_output(path, size=(64, 48), info=replace(info, audio=audio)) as output:
        for index in range(25):
            picture = np.zeros((48, 64, 3), np.uint8)
            output.write(picture, index=index, captured_at=index / 25)
    return path


def tone(path: Path, track: int) -> int:
    """The track's tone in Hz, to 100."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", 48000)
        parts = [
            part.to_ndarray()[0]
            for frame in container.decode(audio=track)
            for part in resampler.resample(frame)
        ]
    values = np.concatenate(parts)[9600:28800]
    return round(int(np.abs(np.fft.rfft(values)).argmax()) * 2.5 / 100) * 100


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_track_is_kept_with_its_language(tmp_path, info, ending):
    path = write(tmp_path / f"o{ending}", info, make_sound(tmp_path / "a.mkv", ["eng", "deu"]))
    with av.open(str(path)) as container:
        tracks = container.streams.audio
        languages = [track.metadata.get("language") for track in tracks]
        defaults = [bool(track.disposition & 1) for track in tracks]
    assert languages == ["eng", "ger" if ending == ".mov" else "deu"]  # ISO 639-2/B in QuickTime
    assert defaults == [True, False]
    assert [tone(path, 0), tone(path, 1)] == [500, 1000]


def spoil(path: Path, track: int) -> Path:
    """Makes noise of the packets of one track."""
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        packets = [(p.pos, p.size) for p in container.demux(stream) if p.size]
    rng = np.random.default_rng(1)
    for place, size in packets:
        content[place : place + size] = bytes(rng.integers(0, 256, size, np.uint8))
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_track_that_cannot_be_decoded_is_left_out_and_said(tmp_path, info, ending, caplog):
    audio = spoil(make_sound(tmp_path / "a.mp4", ["eng", "deu"], codec="ac3"), 0)
    path = write(tmp_path / f"o{ending}", info, audio)
    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 1
        assert container.streams.audio[0].disposition & 1  # played by itself, as the other was
    assert tone(path, 0) == 1000
    assert "sound track 1 (eng)" in caplog.text
    assert "is left out" in caplog.text


def test_a_track_of_an_unknown_codec_is_left_out_and_said(tmp_path, info, caplog):
    audio = make_sound(tmp_path / "a.mp4", ["eng", "eng"])
    content = bytearray(audio.read_bytes())
    for name, other in ((b"mp4a", b"apac"), (b"esds", b"dapa")):  # of the last track
        place = content.rfind(name)
        content[place : place + 4] = other
    audio.write_bytes(content)
    path = write(tmp_path / "o.mp4", info, audio)
    assert tone(path, 0) == 500
    assert "sound track 2 (eng)" in caplog.text


@pytest.mark.parametrize(
    ("ending", "codec"), [(".webm", "ac3"), (".mp4", "flac"), (".mov", "flac")]
)
@pytest.mark.parametrize("layout", ["5.1", "5.1(side)", "quad", "7.1"])
def test_channels_are_kept_where_the_sound_is_coded_again(tmp_path, info, ending, codec, layout):
    if codec == "ac3" and layout == "7.1":
        pytest.skip("AC-3 has no 7.1")
    name = {"ac3": "a.mkv", "flac": "a.flac"}[codec]
    audio = make_sound(tmp_path / name, ["und"], codec=codec, layout=layout)
    path = write(tmp_path / f"o{ending}", info, audio)
    with av.open(str(path)) as container:
        channels = container.streams.audio[0].codec_context.layout.nb_channels
    assert channels == {"5.1": 6, "5.1(side)": 6, "quad": 4, "7.1": 8}[layout]


@pytest.mark.parametrize("layout", ["mono", "5.1", "7.1"])
@pytest.mark.parametrize("ending", [".webm", ".mkv", ".mp4"])
def test_a_gap_in_the_sound_stays_a_gap(tmp_path, info, ending, layout, read_sound):
    audio = make_sound(tmp_path / "a.wav", ["und"], codec="pcm_s16le", layout=layout)
    gapped = tmp_path / "gap.mkv"
    with av.open(str(audio)) as old, av.open(str(gapped), "w") as new:
        stream = new.add_stream_from_template(old.streams.audio[0])
        for packet in old.demux(audio=0):
            if packet.size and not 0.3 <= packet.pts * packet.time_base < 0.7:
                packet.stream = stream
                new.mux(packet)
    back = read_sound(write(tmp_path / f"o{ending}", info, gapped))
    loud = np.abs(back.audio) > 0.05
    at = lambda second: round((second - back.audio_start) * back.audio_rate)  # noqa: E731
    assert loud[at(0.05) : at(0.25)].mean() > 0.8
    assert loud[at(0.4) : at(0.65)].mean() < 0.02
    assert loud[at(0.75) : at(0.95)].mean() > 0.8
