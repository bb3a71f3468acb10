"""Interlaced clips are deinterlaced, progressive ones are left alone."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.sources.colour import CAN_MAKE_BT2020
from app.sources.video_file import VideoFileSource

SIZE = (128, 64)


def field(number: int) -> np.ndarray:
    """The picture of one moment: a white bar that moves by six pixels a field."""
    picture = np.full((SIZE[1], SIZE[0], 3), 16, np.uint8)
    left = 10 + 6 * number
    picture[:, left : left + 20] = 220
    return picture


def woven(number: int, top_first: bool) -> np.ndarray:
    first, second = field(2 * number), field(2 * number + 1)
    picture = (first if top_first else second).copy()
    picture[1::2] = (second if top_first else first)[1::2]
    return picture


def make(
    path: Path, codec: str, options: dict[str, str], *, top_first: bool, order: int = 0
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv422p10le" if codec == "v210" else "yuv420p"
        if order:
            stream.codec_context.field_order = order
        for number in range(8):
            frame = av.VideoFrame.from_ndarray(woven(number, top_first), "rgb24")
            # By way of 4:4:4, so that chroma of two fields is not mixed.
            frame = frame.reformat(format="yuv444p").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def combs(rgb: np.ndarray) -> float:
    """How much each row differs from both its neighbours alike."""
    rows = rgb[..., 1].astype(int)
    above, here, below = rows[:-2], rows[1:-1], rows[2:]
    return float(np.minimum(np.abs(here - above), np.abs(here - below)).mean())


@pytest.mark.parametrize("top_first", [True, False], ids=["top first", "bottom first"])
def test_interlaced_h264_is_deinterlaced_and_said(tmp_path, top_first, caplog):
    options = {"x264-params": "tff=1" if top_first else "bff=1", "crf": "5"}
    path = make(tmp_path / "a.mp4", "libx264", options, top_first=top_first)
    with VideoFileSource(path) as clip:
        frames = list(clip)
        again = list(clip)
    assert [frame.captured_at for frame in frames] == pytest.approx(
        [number / 25 for number in range(8)]
    )
    assert len(again) == 8
    assert combs(woven(3, top_first)) > 15
    assert max(combs(frame.rgb) for frame in frames) < 4
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} is interlaced: it is deinterlaced (bwdif), one frame for one."
    ]


def test_the_field_that_comes_first_is_shown(tmp_path):
    path = make(
        tmp_path / "a.mp4", "libx264", {"x264-params": "bff=1", "crf": "5"}, top_first=False
    )
    with VideoFileSource(path) as clip:
        middle = list(clip)[4].rgb[32, :, 1]
    bright = np.flatnonzero(middle > 128)
    assert bright.min() == pytest.approx(10 + 6 * 8, abs=2)


@pytest.mark.skipif(not CAN_MAKE_BT2020, reason="PyAV before 18 does not tell the field order")
def test_fields_that_only_the_container_knows_of_are_deinterlaced(tmp_path, caplog):
    path = make(tmp_path / "a.mov", "v210", {}, top_first=True, order=2)
    with VideoFileSource(path) as clip:
        assert max(combs(frame.rgb) for frame in clip) < 4
    assert "is interlaced" in caplog.text


def test_progressive_pictures_are_not_touched(tmp_path, caplog):
    path = make(tmp_path / "a.mp4", "libx264", {"crf": "1"}, top_first=True)
    with VideoFileSource(path) as clip:
        frames = list(clip)
    assert combs(frames[3].rgb) > 10  # what looks woven, and is said to be a picture
    assert not caplog.records


def test_frames_are_let_go_after_the_filter(tmp_path):
    path = make(tmp_path / "a.mp4", "libx264", {"x264-params": "tff=1", "crf": "5"}, top_first=True)
    with VideoFileSource(path) as clip:
        part = list(itertools.islice(clip, 3))
        assert [frame.index for frame in part] == [0, 1, 2]
        assert len(list(clip)) == 8
