"""Clips whose clock jumps: the times go on, and sound and pictures stay together."""

from __future__ import annotations

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from app.sources.frame_times import in_time
from app.sources.video_file import VideoFileSource
from tests.sources.moments import AT, copy, join, make_part

MPEG2 = {"video": "mpeg2video", "audio": "mp2"}
# Where the clock of each second begins.
JUMPS = {
    "starts again": (0, 0),
    "forward": (0, 100),
    "forward by less than a second": (0, 1.4),
    "back": (5000, 20),
    "forward and back": (0, 300, 10),
}


def assert_goes_on(moments, seconds):
    steps = np.diff(moments.times)
    assert len(moments.times) == seconds * 25
    assert steps == pytest.approx(np.full(len(steps), 0.04), abs=0.0015)
    flashes = [moments.times[0] + float(AT) + second for second in range(seconds)]
    assert moments.flashes == pytest.approx(flashes, abs=0.002)
    assert moments.beeps == pytest.approx(flashes, abs=0.045)


@pytest.mark.parametrize("offsets", JUMPS.values(), ids=JUMPS)
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_joined_transport_streams_go_on_with_their_sound(tmp_path, offsets, ending):
    parts = [make_part(tmp_path / f"{n}.ts", offset=offset) for n, offset in enumerate(offsets)]
    assert_goes_on(copy(join(tmp_path / "a.ts", *parts), tmp_path / f"o{ending}"), len(parts))


@pytest.mark.parametrize("offsets", [(0, 0), (0, 30, 0)])
def test_the_cells_of_a_dvd_go_on(tmp_path, offsets):
    parts = [
        make_part(tmp_path / f"{n}.vob", offset=offset, container="vob", **MPEG2)
        for n, offset in enumerate(offsets)
    ]
    assert_goes_on(copy(join(tmp_path / "a.vob", *parts), tmp_path / "o.mkv"), len(parts))


def test_parts_coded_in_other_ways_go_on(tmp_path):
    parts = [
        make_part(tmp_path / "0.ts", options={"bf": "0"}),
        make_part(tmp_path / "1.ts", offset=7, options={"bf": "3", "g": "50"}),
        make_part(tmp_path / "2.ts", offset=3, options={"bf": "0"}),
    ]
    assert_goes_on(copy(join(tmp_path / "a.ts", *parts), tmp_path / "o.mkv"), 3)


def test_recordings_of_a_browser_that_were_joined_go_on(tmp_path):
    part = make_part(
        tmp_path / "0.webm", container="webm", video="libvpx", audio="libopus", options={}
    )
    assert_goes_on(copy(join(tmp_path / "a.webm", part, part), tmp_path / "o.webm"), 2)


def test_a_clock_that_wraps_around_goes_on(tmp_path):
    wraps = 2**33 / 90_000
    part = make_part(tmp_path / "a.ts", offset=round((wraps - 2.0) * 25) / 25, frames=50)
    times = [frame.captured_at for frame in VideoFileSource(part).__enter__()]
    assert np.diff(times) == pytest.approx(np.full(49, 0.04), abs=0.001)


def test_joined_clips_without_sound_go_on(tmp_path):
    parts = [
        make_part(tmp_path / f"{n}.ts", offset=offset, audio=None)
        for n, offset in enumerate((0, 9, 0))
    ]
    moments = copy(join(tmp_path / "a.ts", *parts), tmp_path / "o.mp4")
    assert np.diff(moments.times) == pytest.approx(np.full(74, 0.04), abs=0.001)


def test_pictures_that_pause_while_the_sound_goes_on_stay_where_they_are(tmp_path):
    lost = range(15, 60)
    part = make_part(tmp_path / "a.ts", frames=75, drop=lost)
    moments = copy(part, tmp_path / "o.mp4")
    assert max(np.diff(moments.times)) == pytest.approx(46 * 0.04, abs=0.002)
    assert moments.beeps == pytest.approx(moments.flashes, abs=0.045)


@pytest.mark.parametrize("ending", [".mkv", ".mp4", ".webm"])
def test_a_long_pause_in_other_containers_stays(tmp_path, ending):
    codec = "libvpx" if ending == ".webm" else "libx264"
    form = {".mkv": "matroska", ".mp4": "mp4", ".webm": "webm"}[ending]
    part = make_part(
        tmp_path / f"a{ending}",
        container=form,
        video=codec,
        audio=None,
        frames=500,
        drop=range(10, 490),
        options={},
    )
    with VideoFileSource(part) as clip:
        times = [frame.captured_at for frame in clip]
    assert len(times) == 20
    assert max(np.diff(times)) == pytest.approx(481 * 0.04, abs=0.002)


def _frames(*times: int | None):
    for number, time in enumerate(times):
        frame = av.VideoFrame(16, 16, "gray")
        frame.pts, frame.time_base = time, Fraction(1, 1000)
        frame.opaque = number
        yield frame


@pytest.mark.parametrize(
    ("times", "right"),
    [
        ((0, 40, 40, 120), (0, 40, 80, 120)),  # one time was written twice
        ((0, 40, 40, 80, 120), (0, 40, 60, 80, 120)),  # no room: half way
        ((0, 40, None, None, 160), (0, 40, 80, 120, 160)),
        ((0, None, None), (0, 40, 80)),
        ((0, 40, 80, 60, 120), (0, 40, 80, 100, 120)),  # back by less than a jump
        ((500, 540, 1900), (500, 540, 1900)),  # a real pause
        ((7,) * 4, (7, 47, 87, 127)),
    ],
)
def test_times_that_are_missing_or_repeated_are_filled_in(times, right):
    given = in_time(_frames(*times), Fraction(1, 1000), Fraction(25))
    assert [float(time * 1000) for time, _ in given] == pytest.approx(right)


def test_a_clock_that_stands_still_costs_no_memory():
    given = in_time(_frames(*itertools.repeat(0, 40)), Fraction(1, 1000), Fraction(25))
    times = [float(time) for time, _ in given]
    assert times == pytest.approx([number / 25 for number in range(40)])
