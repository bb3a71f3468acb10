from __future__ import annotations

import gc
import itertools
import logging
import os
import struct
import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import InputError
from app.frames import Frame
from app.sources.colour import CAN_MAKE_BT2020
from app.sources.video_file import VideoFileSource


def read(path: Path, **options) -> tuple[VideoFileSource, list[Frame]]:
    with VideoFileSource(path, **options) as source:
        return source, list(source)


def noise(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    width, height = size
    return [rng.integers(0, 255, (height, width, 3), np.uint8) for _ in range(count)]


def greys(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Plain pictures whose grey tells which one they are."""
    return [np.full((size[1], size[0], 3), 20 + 5 * place, np.uint8) for place in range(count)]


@pytest.fixture
def corner() -> np.ndarray:
    """Upright: red in the top left corner, green in the top right one."""
    picture = np.zeros((48, 96, 3), np.uint8)
    picture[:16, :32] = 255, 0, 0
    picture[:16, 64:] = 0, 255, 0
    return picture


def test_a_clip_is_read_whole_and_described(make_clip):
    source, frames = read(make_clip("a.mp4", noise(10)))
    info = source.info
    assert [frame.index for frame in frames] == list(range(10))
    assert info.size == (64, 48)
    assert info.rate == 25
    assert info.frame_count == 10
    assert info.duration == pytest.approx(0.4)
    assert info.audio is None
    assert source.skipped == 0
    for frame in frames:
        assert frame.rgb.flags.c_contiguous
        assert frame.rgb.dtype == np.uint8


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_a_variable_rate_and_a_late_start_survive(make_clip, name):
    times = [500, 533, 600, 1000, 1017, 1900, 2500]
    _, frames = read(make_clip(name, noise(7), times=times, time_base=Fraction(1, 1000)))
    assert [frame.captured_at for frame in frames] == [time / 1000 for time in times]


def test_frames_come_in_the_order_in_which_they_are_shown(make_clip):
    _, frames = read(make_clip("a.mp4", greys(30), options={"crf": "5", "bf": "3"}))
    assert [round((int(frame.rgb.mean()) - 20) / 5) for frame in frames] == list(range(30))


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, *([9] if CAN_MAKE_BT2020 else [])])
def test_colours_are_decoded_as_they_are_tagged(make_clip, bars, matrix, full_range):
    source, frames = read(
        make_clip("a.mp4", [bars], matrix=matrix, full_range=full_range, pixels="yuv444p")
    )
    error = np.abs(frames[0].rgb.astype(int) - bars)[8:-8, 16::32]
    assert error.max() <= 3
    assert source.info.colour is not None
    assert source.info.colour.matrix == matrix
    assert source.info.colour.full_range is full_range


@pytest.mark.parametrize(("height", "matrix"), [(64, 6), (720, 1)])
def test_an_untagged_clip_is_bt601_where_small_and_bt709_where_hd(make_clip, bars, height, matrix):
    picture = np.tile(bars, (-(-height // 64), 1, 1))[:height]
    source, frames = read(make_clip("a.mkv", [picture], matrix=matrix, tagged=False))
    assert np.abs(frames[0].rgb.astype(int) - picture)[8:-8, 16::32].max() <= 3
    assert source.info.colour is not None
    assert source.info.colour.matrix == matrix


@pytest.mark.parametrize("pixels", ["yuv422p", "yuv444p", "yuv420p10le"])
def test_other_pixel_formats_are_decoded(make_clip, bars, pixels):
    _, frames = read(make_clip("a.mp4", [bars], matrix=1, pixels=pixels))
    assert np.abs(frames[0].rgb.astype(int) - bars)[8:-8, 16::32].max() <= 3


@pytest.mark.parametrize("mirror", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_pixels_are_turned_upright_for_all_eight_orientations(make_clip, corner, degrees, mirror):
    def turned(picture: np.ndarray) -> np.ndarray:
        # The display matrix asks for a counter-clockwise turn, then for the mirror.
        picture = np.rot90(picture, degrees // 90)
        picture = picture[:, ::-1] if mirror[0] else picture
        return picture[::-1] if mirror[1] else picture

    path = make_clip("a.mp4", [corner] * 2, rotation=(degrees, *mirror), matrix=6)
    source, frames = read(path)
    expected = turned(corner)
    assert source.info.size == (expected.shape[1], expected.shape[0])
    assert np.abs(frames[1].rgb.astype(int) - expected).mean() < 4
    assert frames[1].rgb.flags.c_contiguous


def test_a_phones_rotation_is_the_one_that_ffmpeg_reports(make_clip, corner):
    path = make_clip("a.mp4", [corner], rotation=(90, False, False), matrix=6)
    with av.open(str(path)) as container:
        reported = next(container.decode(video=0)).rotation
    _, frames = read(path)
    assert reported == 90
    assert np.abs(frames[0].rgb.astype(int) - np.rot90(corner)).mean() < 4


@pytest.mark.parametrize(("aspect", "size"), [(Fraction(2), (128, 48)), (Fraction(1, 2), (64, 96))])
def test_pixels_are_made_square(make_clip, aspect, size):
    source, frames = read(make_clip("a.mp4", greys(2), pixel_aspect=aspect))
    assert source.info.size == size
    assert frames[0].size == size


def test_an_odd_size_is_kept(make_clip):
    picture = np.full((33, 51, 3), 99, np.uint8)
    source, frames = read(make_clip("a.webm", [picture] * 2, codec="libvpx-vp9"))
    assert source.info.size == (51, 33)
    assert frames[0].rgb.shape == (33, 51, 3)


def test_an_animated_gif_is_a_clip(make_clip):
    source, frames = read(make_clip("a.gif", greys(6), codec="gif", pixels="rgb8"))
    assert len(frames) == 6
    assert source.info.colour is None


def test_the_audio_is_named(make_clip):
    path = make_clip("a.mp4", greys(5), audio=True)
    source, _ = read(path)
    assert source.info.audio == path


def test_a_part_of_a_clip_is_given(make_clip):
    path = make_clip("a.mp4", greys(30), options={"g": "5"}, audio=True)
    source, frames = read(path, start=0.5, limit=4)
    assert [frame.captured_at for frame in frames] == [0.52, 0.56, 0.6, 0.64]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert abs(int(frames[0].rgb.mean()) - (20 + 5 * 13)) <= 2
    assert source.info.frame_count == 4
    assert source.info.audio is None


def test_a_clip_can_be_read_again_from_its_start(make_clip):
    with VideoFileSource(make_clip("a.mp4", greys(5))) as source:
        first = [frame.captured_at for frame in source]
        part = [frame.captured_at for frame in itertools.islice(source, 2)]
        assert [frame.captured_at for frame in source] == first
    assert part == first[:2]


def test_frames_are_let_go_as_soon_as_nobody_holds_them(make_clip):
    gc.disable()  # what is held by a cycle alone would stay
    try:
        with VideoFileSource(make_clip("a.mp4", greys(20), rotation=(90, False, False))) as source:
            frames = iter(source)
            for _ in range(5):
                held = next(frames)
            trace = weakref.ref(held.rgb)
            del held
            next(frames)
            assert trace() is None
    finally:
        gc.enable()


def test_reading_a_clip_again_leaves_no_frame_behind(make_clip):
    gc.collect()
    gc.disable()  # what is held by a cycle alone would stay
    try:
        with VideoFileSource(make_clip("a.mp4", greys(5), rotation=(90, False, False))) as source:
            list(source)
            gc.collect()
            for _ in range(3):
                assert len(list(source)) == 5
            decoded = [kept for kept in gc.get_objects() if type(kept) is av.VideoFrame]
            assert decoded == []
            assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_corrupt_stretch_in_the_middle_costs_only_what_it_covers(make_clip):
    path = make_clip("a.mp4", noise(40), codec="mpeg4", options={"g": "4", "b": "900000"})
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux() if packet.size]
    for place in places[18:20]:
        content[place : place + 400] = bytes(400)
    path.write_bytes(content)
    source, frames = read(path)
    assert source.skipped >= 1
    assert len(frames) + source.skipped >= 39
    assert frames[-1].captured_at == pytest.approx(39 / 25)


def test_a_truncated_file_gives_what_is_there_and_says_so(make_clip, caplog):
    path = make_clip("a.mp4", noise(40), options={"g": "4", "movflags": "faststart"})
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux() if packet.size]
    # The header stands at the end of this file: moved to the front by writing it anew.
    front = path.with_name("front.mp4")
    with (
        av.open(str(path)) as old,
        av.open(str(front), "w", options={"movflags": "faststart"}) as new,
    ):
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    content = front.read_bytes()
    front.write_bytes(content[: len(content) * 6 // 10])
    with caplog.at_level(logging.WARNING):
        _, frames = read(front)
    assert 10 < len(frames) < 40
    assert len(places) == 40
    assert "of 40 frames could be read" in caplog.text


def test_a_file_cut_before_its_header_is_one_sentence(make_clip):
    path = make_clip("a.mp4", noise(40))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"a\.mp4 is not a video .* incomplete"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.mp4", b"", "is empty"),
        ("notes.txt", b"These are only words.\n" * 50, "not a video|is a text"),
        ("notes.ans", b"These are only words.\n" * 50, "not a video|is a text"),
        ("words.mp4", b"These are only words.\n" * 50, "not a video"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", "not a video"),
    ],
)
def test_what_is_no_video_is_one_sentence_that_names_it(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        read(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(InputError, match=r"There is no file .*gone\.mp4"):
        read(tmp_path / "gone.mp4")
    with pytest.raises(InputError, match="is a folder"):
        read(tmp_path)


def test_a_name_that_no_file_can_have_is_one_sentence():
    with pytest.raises(InputError, match="no file name"):
        read(Path("a\0b.mp4"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_file_without_permission_is_one_sentence(make_clip):
    path = make_clip("a.mp4", greys(2))
    path.chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)  # root may read everything
    try:
        with pytest.raises(InputError, match="may not be read"):
            read(path)
    finally:
        if was == 0:
            os.seteuid(0)


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no colon in a name")
def test_a_name_that_ffmpeg_takes_for_a_protocol_is_a_file(make_clip, tmp_path):
    path = make_clip("a.mp4", greys(3)).rename(tmp_path / "http:b.mp4")
    _, frames = read(path)
    assert len(frames) == 3


def test_a_file_with_only_sound_says_so(tmp_path):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="holds only sound"):
        read(path)


def test_a_header_that_claims_a_giant_picture_is_one_sentence(tmp_path):
    # An AVI of raw pictures: the header alone says how large they are.
    size = struct.pack("<ii", 100_000, 100_000)
    header = struct.pack("<I", 40) + size + struct.pack("<HH4sIiiII", 1, 24, b"MJPG", 0, 0, 0, 0, 0)
    strh = (
        b"vids"
        + b"MJPG"
        + struct.pack("<IHHIIIIIIIIhhhh", 0, 0, 0, 0, 1, 25, 0, 9, 0, 0, 0, *[0] * 4)
    )
    avih = struct.pack("<14I", 40000, 0, 0, 16, 9, 0, 1, 0, 100_000, 100_000, 0, 0, 0, 0)

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body

    strl = chunk(b"LIST", b"strl" + chunk(b"strh", strh) + chunk(b"strf", header))
    hdrl = chunk(b"LIST", b"hdrl" + chunk(b"avih", avih) + strl)
    movi = chunk(b"LIST", b"movi" + chunk(b"00dc", b"\xff\xd8\xff\xe0" + bytes(60)) * 9)
    path = tmp_path / "giant.avi"
    path.write_bytes(chunk(b"RIFF", b"AVI " + hdrl + movi))
    with pytest.raises(InputError, match=r"giant\.avi"):
        read(path)


@pytest.fixture
def small_file(make_clip) -> bytes:
    return make_clip("s.mp4", noise(8, (32, 32)), options={"g": "3", "crf": "30"}).read_bytes()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=12))
def test_a_damaged_file_gives_frames_or_a_sentence_and_never_anything_else(
    small_file, tmp_path, damage
):
    content = bytearray(small_file)
    for place, value in damage:
        content[int(place * len(content))] = value
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    sentence = ""
    frames: list[Frame] = []
    try:
        _, frames = read(path)
    except InputError as error:
        sentence = str(error)
    assert frames or "damaged.mp4" in sentence
