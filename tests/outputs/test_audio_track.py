from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from app.outputs.open import open_output

CLICKS = (0.48, 1.2)
ENDINGS = [".mp4", ".mkv", ".mov", ".webm"]
# File, encoder: what sources really bring.
CODECS = [
    ("a.m4a", "aac"),
    ("a.mp3", "libmp3lame"),
    ("a.webm", "libopus"),
    ("a.mkv", "flac"),
    ("a.wav", "pcm_s16le"),
    ("a.ac3", "ac3"),
]


def write(path, info, *, seconds=2.0, flashes=CLICKS, start=0.0):
    """A clip that is white for the frames that begin at `flashes`, else black."""
    with open_output(path, size=(64, 48), info=info) as output:
        for index in range(round(seconds * 25)):
            at = start + index / 25
            white = any(abs(at - flash) < 0.001 for flash in flashes)
            picture = np.full((48, 64, 3), 255 if white else 0, np.uint8)
            output.write(picture, index=index, captured_at=at)
    return path


def flashes_in(back):
    return [
        float(time)
        for time, frame in zip(back.times, back.frames, strict=True)
        if frame.to_ndarray(format="gray").mean() > 128
    ]


def clicks_in(back):
    loud = np.abs(back.audio) > 0.25
    onsets = [at for at in np.flatnonzero(loud) if not loud[max(0, at - 4800) : at].any()]
    return [back.audio_start + at / back.audio_rate for at in onsets]


@pytest.fixture
def sound_of(read_sound):
    return lambda path: clicks_in(read_sound(path))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("name", "codec"), CODECS)
def test_sound_and_picture_stay_together(
    tmp_path, info, make_audio, read_back, name, codec, ending, sound_of
):
    audio = make_audio(name, codec, clicks=CLICKS)
    expected = sound_of(audio)  # some encoders begin a little late themselves
    assert expected == pytest.approx(CLICKS, abs=0.03)
    back = read_back(write(tmp_path / f"out{ending}", replace(info, audio=audio)))
    assert len(back.frames) == 50
    assert flashes_in(back) == pytest.approx(CLICKS)
    assert clicks_in(back) == pytest.approx(expected, abs=0.02)  # half a frame
    assert back.audio.size / back.audio_rate == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("name", "codec", "ending", "written"),
    [
        ("a.m4a", "aac", ".mp4", "aac"),
        ("a.m4a", "aac", ".webm", "opus"),
        ("a.webm", "libopus", ".webm", "opus"),
        ("a.webm", "libopus", ".mp4", "opus"),
        ("a.wav", "pcm_s16le", ".mp4", "aac"),
        ("a.wav", "pcm_s16le", ".mov", "pcm_s16le"),
        ("a.mkv", "flac", ".mkv", "flac"),
    ],
)
def test_audio_is_copied_where_the_container_takes_it(
    tmp_path, info, make_audio, read_back, name, codec, ending, written
):
    source = make_audio(name, codec, clicks=CLICKS, layout="stereo")
    path = write(tmp_path / f"out{ending}", replace(info, audio=source))
    assert read_back(path).audio_codec == written
    if ending == ".mp4" and written == "aac" and codec == "aac":

        def packets(file):
            with av.open(str(file)) as container:
                return [bytes(p) for p in container.demux(audio=0) if p.size]

        assert packets(path) == packets(source)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("seconds", [0.5, 6.0])
def test_audio_may_be_shorter_or_longer_than_the_pictures(
    tmp_path, info, make_audio, read_back, ending, seconds
):
    info = replace(info, audio=make_audio("a.m4a", "aac", seconds=seconds))
    back = read_back(write(tmp_path / f"out{ending}", info))
    assert len(back.frames) == 50
    assert back.audio.size / back.audio_rate == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_late_start_of_the_pictures_is_kept_beside_the_audio(
    tmp_path, info, make_audio, read_back, ending
):
    info = replace(info, audio=make_audio("a.m4a", "aac", clicks=CLICKS))
    back = read_back(write(tmp_path / f"out{ending}", info, start=0.4, seconds=1.4))
    assert float(back.times[0]) == pytest.approx(0.4)
    assert flashes_in(back) == pytest.approx(CLICKS)
    assert clicks_in(back) == pytest.approx(CLICKS, abs=0.02)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
def test_a_late_start_of_the_audio_is_kept_beside_the_pictures(
    tmp_path, info, make_audio, read_back, ending
):
    audio = make_audio("a.mkv", "aac", clicks=(0.18, 0.9), start=0.3)
    back = read_back(write(tmp_path / f"out{ending}", replace(info, audio=audio)))
    assert flashes_in(back) == pytest.approx(CLICKS)
    assert clicks_in(back) == pytest.approx(CLICKS, abs=0.025)


def test_surround_codecs_that_begin_late_do_not_cost_the_pictures(
    tmp_path, info, make_audio, read_back
):
    audio = make_audio("a.mkv", "ac3", clicks=(0.5,), start=3.0)
    back = read_back(write(tmp_path / "out.mp4", replace(info, audio=audio), seconds=5))
    assert len(back.frames) == 125
    assert clicks_in(back) == pytest.approx([3.5], abs=0.02)


def test_a_broadcast_clock_is_counted_from_its_start(tmp_path, info, make_audio, read_back):
    source = tmp_path / "a.ts"
    plain = make_audio("a.m4a", "aac", clicks=CLICKS)
    with av.open(str(plain)) as old, av.open(str(source), "w", format="mpegts") as new:
        stream = new.add_stream_from_template(old.streams.audio[0])
        for packet in old.demux(audio=0):
            if packet.size:
                shift = round(1000 / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = stream
                new.mux(packet)
    back = read_back(write(tmp_path / "out.mp4", replace(info, audio=source)))
    # The packet with the encoder's priming is what the clock starts with here: 21 ms.
    assert clicks_in(back) == pytest.approx(CLICKS, abs=0.03)


def test_interrupted_writing_cuts_the_audio_where_the_pictures_end(
    tmp_path, info, make_audio, read_back
):
    info = replace(info, audio=make_audio("a.m4a", "aac", seconds=20))
    path = tmp_path / "out.mp4"

    def break_off():
        with open_output(path, size=(64, 48), info=info) as output:
            for index in range(50):
                output.write(np.zeros((48, 64, 3), np.uint8), index=index, captured_at=index / 25)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    back = read_back(path)
    assert len(back.frames) == 50
    assert back.audio.size / back.audio_rate == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("ending", ENDINGS)
def test_audio_that_is_no_audio_costs_only_the_audio(tmp_path, info, read_back, caplog, ending):
    broken = tmp_path / "broken.m4a"
    broken.write_bytes(b"no audio at all")
    back = read_back(write(tmp_path / f"out{ending}", replace(info, audio=broken)))
    assert len(back.frames) == 50
    assert back.audio_codec is None
    assert "broken.m4a is left out" in caplog.text


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.mp3", "libmp3lame")])
def test_damaged_audio_never_costs_a_picture(
    tmp_path, info, make_audio, read_back, ending, name, codec
):
    audio = make_audio(name, codec, clicks=CLICKS)
    content = bytearray(audio.read_bytes())
    rng = np.random.default_rng(1)
    for place in rng.integers(600, len(content) // 2, 300):
        content[place] = rng.integers(256)
    audio.write_bytes(content)
    path = write(tmp_path / f"out{ending}", replace(info, audio=audio))
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == 50


def test_a_long_clip_with_audio_is_interleaved(tmp_path, info, make_audio):
    info = replace(info, audio=make_audio("a.m4a", "aac", seconds=12))
    path = write(tmp_path / "out.mkv", info, seconds=12)
    latest = {"video": Fraction(0), "audio": Fraction(0)}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                latest[packet.stream.type] = packet.pts * packet.time_base
                assert abs(latest["video"] - latest["audio"]) < 2
