from __future__ import annotations

import shutil
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.errors import OutputExists
from app.outputs.open import open_output
from app.outputs.video_file import fit_inside
from app.sources.base import ColourTags
from app.sources.colour import CAN_MAKE_BT2020
from app.sources.video_file import VideoFileSource

ENDINGS = [".mp4", ".mkv", ".mov", ".webm"]
BARS = np.array(
    [
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255),
        (255, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 30, 60),
    ],
    np.uint8,
)  # fmt: skip


@pytest.fixture
def bars() -> np.ndarray:
    """uint8 (64, 320, 3): ten vertical colour bars, 32 pixels each."""
    return np.repeat(np.repeat(BARS[None], 64, 0), 32, 1)


def write(path, pictures, *, info, times=None, **options):
    size = options.pop("size", None) or (pictures[0].shape[1], pictures[0].shape[0])
    with open_output(path, size=size, info=info, **options) as output:
        for index, picture in enumerate(pictures):
            at = index / 25 if times is None else float(times[index])
            output.write(picture, index=index, captured_at=at)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_as_many_frames_come_out_as_went_in(tmp_path, info, noise, read_back, ending):
    path = write(tmp_path / f"a{ending}", [noise(i) for i in range(60)], info=info)
    assert read_back(path).times == [Fraction(i, 25) for i in range(60)]


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_opencv_counts_the_frames_and_reads_them(tmp_path, info, noise, ending):
    path = write(tmp_path / f"a{ending}", [noise(i) for i in range(60)], info=info)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 60
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    assert count == 60


def test_the_finished_mp4_is_a_plain_one(tmp_path, info, noise):
    path = write(tmp_path / "a.mp4", [noise(i) for i in range(60)], info=info)
    content = path.read_bytes()
    boxes, at = [], 0
    while at < len(content):
        boxes.append(content[at + 4 : at + 8])
        at += int.from_bytes(content[at : at + 4], "big")
    assert at == len(content)
    assert boxes.count(b"moov") == 1
    assert b"moof" not in boxes


def test_reordered_frames_keep_the_count_and_the_rate(tmp_path, info, read_back):
    # Something smooth that moves: here the coder does reorder.
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.integers(0, 255, (48, 256, 3), np.uint8), (9, 9), 0)
    pictures = [np.ascontiguousarray(texture[:, i : i + 64]) for i in range(61)]
    path = write(tmp_path / "a.mp4", pictures, info=info)
    with av.open(str(path)) as container:
        packets = [packet.pts for packet in container.demux(video=0) if packet.size]
        assert container.streams.video[0].average_rate == 25
        assert container.duration == pytest.approx(61 / 25 * 1e6, abs=1000)
    assert packets != sorted(packets)
    assert read_back(path).times == [Fraction(i, 25) for i in range(61)]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(start=0, steps=[1, 599], scale=600)  # the last frame was hidden by the edit list
@example(start=1, steps=[1], scale=600)
@given(
    start=st.integers(0, 40_000),
    steps=st.lists(st.integers(1, 30_000), min_size=1, max_size=24),
    scale=st.sampled_from([600, 1000, 11_988, 12_800, 30_000, 90_000]),
)
def test_any_times_survive_exactly_in_mp4(tmp_path, info, noise, read_back, start, steps, scale):
    ticks = [start]
    for step in steps:
        ticks.append(ticks[-1] + step)
    times = [Fraction(tick, scale) for tick in ticks]
    info = replace(info, time_base=Fraction(1, scale))
    pictures = [noise(i) for i in range(len(times))]
    path = write(tmp_path / "a.mp4", pictures, info=info, times=times, force=True)
    assert read_back(path).times == times


@pytest.mark.parametrize("ending", [".mkv", ".webm"])
def test_times_survive_to_the_millisecond_in_matroska(tmp_path, info, noise, read_back, ending):
    times = [Fraction(t, 90_000) for t in (45_000, 48_003, 51_006, 99_000, 99_777, 300_000)]
    info = replace(info, time_base=Fraction(1, 90_000))
    path = write(tmp_path / f"a{ending}", [noise(i) for i in range(6)], info=info, times=times)
    for got, want in zip(read_back(path).times, times, strict=True):
        assert abs(got - want) <= Fraction(1, 2000)


def test_times_that_stand_still_or_go_back_lose_no_frame(tmp_path, info, noise, read_back, caplog):
    times = [0, 0.04, 0.04, 0.02, 0.12]
    path = write(tmp_path / "a.mp4", [noise(i) for i in range(5)], info=info, times=times)
    assert len(read_back(path).frames) == 5
    assert caplog.text.count("they are mended") == 1


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "tags",
    [
        None,
        ColourTags(1, 1, 1),
        ColourTags(6, 6, 6),
        *([ColourTags(9, 9, 14)] if CAN_MAKE_BT2020 else []),
        ColourTags(1, 1, 1, True),
    ],
)
def test_colours_are_right_and_tagged(tmp_path, info, bars, read_back, ending, tags):
    info = replace(info, colour=tags)
    path = write(tmp_path / f"a{ending}", [bars] * 3, info=info, quality=4)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        context = container.streams.video[0].codec_context
        written = (context.colorspace, context.color_primaries, context.color_trc)
        full = frame.color_range == 2
    expected = tags or ColourTags(1, 1, 1)
    if ending != ".webm":  # the VP9 decoder knows the matrix only
        assert written == (expected.matrix, expected.primaries, expected.transfer)
    assert frame.colorspace == (
        expected.matrix if expected.matrix != 6 or ending != ".webm" else frame.colorspace
    )
    assert full is expected.full_range
    rgb = frame.to_ndarray(format="rgb24")
    assert np.abs(rgb.astype(int) - bars)[8:-8, 16::32].max() <= 4


def test_opencv_sees_the_same_colours(tmp_path, info, bars):
    # OpenCV ignores the matrix tag and decodes everything as BT.601.
    info = replace(info, colour=ColourTags(6, 6, 6))
    path = write(tmp_path / "a.mp4", [bars] * 3, info=info, quality=4)
    capture = cv2.VideoCapture(str(path))
    read, bgr = capture.read()
    capture.release()
    assert read
    assert np.abs(bgr[..., ::-1].astype(int) - bars)[8:-8, 16::32].max() <= 5


def test_a_matrix_that_cannot_be_written_becomes_bt709(tmp_path, info, bars, read_back):
    info = replace(info, colour=ColourTags(8, 2, 2))
    path = write(tmp_path / "a.mp4", [bars] * 2, info=info, quality=4)
    frame = read_back(path).frames[0]
    assert frame.colorspace == 1
    rgb = frame.to_ndarray(format="rgb24")
    assert np.abs(rgb.astype(int) - bars)[8:-8, 16::32].max() <= 4


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_matte_is_grey_and_its_values_survive(tmp_path, info, read_back, ending):
    matte = np.repeat(np.array([0, 1, 64, 128, 254, 255], np.uint8), 16)[None].repeat(32, 0)
    matte = np.ascontiguousarray(matte)
    path = write(tmp_path / f"a{ending}", [matte] * 3, info=info, channels="grey", quality=4)
    rgb = read_back(path).frames[1].to_ndarray(format="rgb24").astype(int)
    assert np.abs(rgb[:, 8::16] - matte[:, 8::16, None]).max() <= 3
    assert np.ptp(rgb, axis=2).max() <= 2


@pytest.mark.parametrize(("ending", "codec"), [(".webm", "libvpx-vp9"), (".mov", None)])
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_alpha_is_true_and_straight(tmp_path, info, read_back, ending, codec, size):
    width, height = size
    picture = np.empty((height, width, 4), np.uint8)
    picture[..., :3] = 200, 60, 20  # also where it is transparent: straight, not premultiplied
    picture[..., 3] = np.linspace(0, 255, width).astype(np.uint8)
    path = write(tmp_path / f"a{ending}", [picture] * 4, info=info, channels="rgba", quality=4)
    frames = read_back(path, codec=codec).frames
    assert len(frames) == 4
    assert "yuva" in frames[2].format.name
    rgba = frames[2].to_ndarray(format="rgba").astype(int)
    assert rgba.shape == picture.shape
    assert np.abs(rgba[..., 3] - picture[..., 3]).max() <= 6
    assert np.abs(rgba[..., :3] - picture[..., :3]).max() <= 6


def test_a_webm_with_alpha_says_so(tmp_path, info):
    path = write(
        tmp_path / "a.webm", [np.zeros((48, 64, 4), np.uint8)] * 2, info=info, channels="rgba"
    )
    with av.open(str(path)) as container:
        metadata = container.streams.video[0].metadata
    assert {key.lower(): value for key, value in metadata.items()}["alpha_mode"] == "1"


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (41, 1), (51, 33)])
def test_odd_sides_are_made_even_by_repeating_the_edge(tmp_path, info, read_back, caplog, size):
    width, height = size
    picture = np.full((height, width, 3), 30, np.uint8)
    picture[:, -1] = picture[-1] = 220
    path = write(tmp_path / "a.mp4", [picture] * 2, info=info, quality=2)
    rgb = read_back(path).frames[0].to_ndarray(format="rgb24").astype(int)
    assert rgb.shape[:2] == (height + height % 2, width + width % 2)
    assert np.abs(rgb[-1] - 220).max() < 25
    assert f"{width}x{height} is written as" in caplog.text


def test_a_picture_of_another_size_is_fitted_in(tmp_path, info, read_back):
    wide = np.full((24, 64, 3), 200, np.uint8)
    path = write(
        tmp_path / "a.mp4", [np.full((48, 64, 3), 200, np.uint8), wide], info=info, quality=4
    )
    second = read_back(path).frames[1].to_ndarray(format="rgb24")
    assert second.shape == (48, 64, 3)
    assert abs(int(second[24, 32, 0]) - 200) <= 3
    assert second[3, 32, 0] <= 6
    assert second[44, 32, 0] <= 6


@given(width=st.integers(1, 90), height=st.integers(1, 90), channels=st.sampled_from([0, 3, 4]))
def test_fitting_keeps_the_canvas_and_fills_one_direction(width, height, channels):
    picture = np.full((height, width, *([channels] if channels else [])), 255, np.uint8)
    fitted = fit_inside(picture, (40, 30))
    assert fitted.shape == (30, 40, *picture.shape[2:])
    filled = fitted.reshape(30, 40, -1).min(axis=2) == 255
    assert filled.any(axis=0).all() or filled.any(axis=1).all()


def test_an_existing_file_is_left_alone_without_force(tmp_path, info, noise):
    path = tmp_path / "a.mp4"
    output = open_output(path, size=(64, 48), info=info)
    path.write_bytes(b"made meanwhile by another program")
    with pytest.raises(OutputExists, match="--force"), output:
        pass
    assert path.read_bytes() == b"made meanwhile by another program"


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_whatever_ends_the_writing_the_file_plays(tmp_path, info, noise, read_back, ending, error):
    path = tmp_path / f"a{ending}"

    def pictures():
        yield from (noise(index) for index in range(30))
        raise error

    with pytest.raises(error):
        write(path, pictures(), info=info, size=(64, 48))
    assert read_back(path).times == [Fraction(i, 25) for i in range(30)]


def test_nothing_written_leaves_no_file(tmp_path, info):
    with (
        pytest.raises(KeyboardInterrupt),
        open_output(tmp_path / "a.mp4", size=(64, 48), info=info),
    ):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_killed_process_leaves_a_file_that_plays(tmp_path, info, noise, ending):
    path, copy = tmp_path / f"a{ending}", tmp_path / f"copy{ending}"
    with open_output(path, size=(64, 48), info=info) as output:
        for index in range(400):
            output.write(noise(index), index=index, captured_at=index / 25)
        shutil.copy(path, copy)  # what would be left
    with VideoFileSource(copy) as source:
        times = [frame.captured_at for frame in source]
    assert len(times) >= 200
    assert times == [i / 25 for i in range(len(times))]
