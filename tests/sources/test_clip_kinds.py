"""Clips as phones, browsers and editors write them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.errors import InputError
from app.outputs.open import open_output
from app.sources.video_file import VideoFileSource

MAGENTA, GREEN = (255, 0, 255), (0, 200, 0)


def read(path: Path):
    with VideoFileSource(path) as clip:
        return clip, list(clip)


def plain(grey: int, size: tuple[int, int] = (64, 48)) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), grey, np.uint8), "rgb24")


def write(path: Path, codec: str, frames, *, pixels="yuv420p", rate=25, options=None, **container):
    """`frames`: pairs of ticks (1/`rate`) and frames."""
    with av.open(str(path), "w", **container) as output:
        stream = output.add_stream(codec, rate=rate, options=options or {})
        for number, (ticks, frame) in enumerate(frames):
            if number == 0:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, pixels
            frame = frame.reformat(format=pixels)
            frame.pts, frame.time_base = ticks, Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def half_hidden() -> av.VideoFrame:
    """Left magenta under alpha 0, right an opaque green."""
    rgba = np.zeros((32, 64, 4), np.uint8)
    rgba[:, :32, :3], rgba[:, 32:, :3], rgba[:, 32:, 3] = MAGENTA, GREEN, 255
    return av.VideoFrame.from_ndarray(rgba, "rgba")


ALPHA = {
    "a.webm": ("libvpx-vp9", "yuva420p"),
    "b.webm": ("libvpx", "yuva420p"),
    "a.mov": ("prores_ks", "yuva444p10le"),
    "b.mov": ("png", "rgba"),
    "c.mov": ("qtrle", "argb"),
}


def make_transparent(folder: Path, name: str) -> Path:
    codec, pixels = ALPHA[name]
    options = {"libvpx": {"auto-alt-ref": "0"}, "libvpx-vp9": {"auto-alt-ref": "0"}}
    path = folder / name
    with av.open(str(path), "w") as output:
        extra = {"profile": "4444"} if codec == "prores_ks" else options.get(codec, {})
        stream = output.add_stream(codec, rate=25, options=extra)
        stream.width, stream.height, stream.pix_fmt = 64, 32, pixels
        if path.suffix == ".webm":
            stream.metadata["alpha_mode"] = "1"
        for number in range(3):
            frame = half_hidden().reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ALPHA)
def test_the_hidden_colors_of_a_clip_are_never_shown(tmp_path, name):
    _, frames = read(make_transparent(tmp_path, name))
    assert len(frames) == 3
    for frame in frames:
        assert frame.rgba is not None
        assert frame.rgba[..., 3][16, [8, 56]].tolist() == [0, 255]
        for picture in (frame.rgb, frame.rgba[..., :3]):
            # No magenta, also not where the two halves meet.
            assert not ((picture[..., 0] > 180) & (picture[..., 1] < 90)).any()
        assert frame.rgb[16, 8].tolist() == [255, 255, 255]
        assert np.abs(frame.rgb[16, 56].astype(int) - GREEN).max() <= 4


def test_a_clip_whose_size_changes_is_read_whole(tmp_path):
    path = tmp_path / "a.webm"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for part, size in enumerate(((64, 48), (96, 64))):
            coder = av.CodecContext.create("libvpx", "w")
            coder.width, coder.height = size
            coder.pix_fmt, coder.time_base = "yuv420p", Fraction(1, 25)
            packets = []
            for number in range(5):
                frame = plain(60 + 100 * part, size).reformat(format="yuv420p")
                frame.pts, frame.time_base = part * 5 + number, Fraction(1, 25)
                packets += coder.encode(frame)
            for packet in packets + coder.encode(None):
                packet.stream = stream
                output.mux(packet)
    clip, frames = read(path)
    assert [frame.size for frame in frames] == [(64, 48)] * 5 + [(96, 64)] * 5
    assert clip.info.size == (64, 48)
    assert [frame.captured_at for frame in frames] == pytest.approx([n / 25 for n in range(10)])


def test_a_recording_of_a_browser_has_no_length_and_is_read_whole(tmp_path):
    ticks = [0, 33, 67, 100, 900, 933, 4000]  # a tab that slept
    frames = [(time, plain(40 + 20 * number)) for number, time in enumerate(ticks)]
    path = write(tmp_path / "a.webm", "libvpx", frames, rate=1000, container_options={"live": "1"})
    clip, given = read(path)
    assert [frame.captured_at for frame in given] == [time / 1000 for time in ticks]
    assert clip.info.audio is None


def test_an_edit_list_hides_what_was_cut_away(tmp_path):
    frames = [(number - 5, plain(20 + 10 * number)) for number in range(20)]
    path = write(
        tmp_path / "a.mp4",
        "libx264",
        frames,
        options={"bf": "0", "crf": "1", "g": "50"},
        container_options={"use_editlist": "1", "avoid_negative_ts": "disabled"},
    )
    _, given = read(path)
    assert [frame.captured_at for frame in given] == pytest.approx([n / 25 for n in range(15)])
    assert int(given[0].rgb.mean()) == pytest.approx(70, abs=2)


def test_a_stream_that_begins_in_the_middle_begins_with_its_first_whole_picture(tmp_path):
    frames = [(number, plain(20 + 4 * number)) for number in range(50)]
    whole = write(tmp_path / "a.ts", "libx264", frames, options={"g": "20", "bf": "0", "crf": "1"})
    with av.open(str(whole)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole.read_bytes()[places[5] :])
    _, given = read(cut)
    assert len(given) == 30
    assert int(given[0].rgb.mean()) == pytest.approx(20 + 4 * 20, abs=2)
    assert np.diff([frame.captured_at for frame in given]) == pytest.approx(np.full(29, 0.04))


def test_the_cover_of_a_clip_is_not_the_clip(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        cover = output.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 320, 240, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        cover.metadata["filename"], cover.metadata["mimetype"] = "cover.jpg", "image/jpeg"
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture = plain(200, (320, 240)).reformat(format="yuvj420p")
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        for packet in [*cover.encode(picture), *cover.encode(None)]:
            output.mux(packet)
        for number in range(5):
            frame = plain(90).reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    clip, frames = read(path)
    assert clip.info.size == (64, 48)
    assert len(frames) == 5


def test_dolby_vision_without_a_base_picture_is_refused(tmp_path):
    path = write(tmp_path / "a.mp4", "libx264", [(0, plain(90))])
    content = path.read_bytes().replace(b"avc1", b"dva1")
    path.write_bytes(content)
    with pytest.raises(InputError, match="Dolby Vision"):
        read(path)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov", ".webm"])
@pytest.mark.parametrize("full_range", [False, True])
def test_what_is_written_is_what_its_tags_say(tmp_path, ending, full_range, make_clip, bars):
    source = make_clip("s.mp4", [bars], matrix=1, full_range=full_range, pixels="yuv444p")
    with VideoFileSource(source) as clip:
        path = tmp_path / f"o{ending}"
        with open_output(path, size=clip.info.size, info=clip.info) as output:
            output.write(bars, index=0, captured_at=0.0)
    _, frames = read(path)
    assert np.abs(frames[0].rgb.astype(int) - bars)[8:-8, 16::32].max() <= 6
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert frame.colorspace == 1
        assert frame.color_range == (2 if full_range else 1)
