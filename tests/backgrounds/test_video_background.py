"""A clip behind the person: in time, over and over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backgrounds import create_background
from app.backgrounds.base import Background
from app.backgrounds.video import _Loop
from app.errors import InputError
from app.frames import Cutout, Frame
from app.sources.base import SourceInfo

SIZE = (16, 8)


def write_clip(path: Path, times: list[Fraction], *, base: Fraction = Fraction(1, 600)) -> None:
    """A lossless clip of one grey level a frame: frame n is 10 n."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "bgr0"
        stream.time_base = base
        for number, time in enumerate(times):
            rgb = np.full((SIZE[1], SIZE[0], 3), 10 * number, np.uint8)
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.time_base = base
            picture.pts = int(time / base)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Five frames at 10 a second: half a second."""
    path = tmp_path / "clip.mkv"
    write_clip(path, [Fraction(number, 10) for number in range(5)])
    return path


def at(seconds: float, size: tuple[int, int] = SIZE) -> Cutout:
    rgb = np.zeros((size[1], size[0], 3), np.uint8)
    return Cutout(Frame(rgb, 0, seconds), np.zeros((size[1], size[0]), np.uint8), rgb)


def numbers(background: Background, times: list[float]) -> list[int]:
    shown = []
    for time in times:
        picture = background.render(at(time))
        assert picture is not None
        assert len(np.unique(picture)) == 1
        shown.append(int(picture[0, 0, 0]) // 10)
    return shown


def test_the_first_frame_that_is_rendered_is_the_clips_beginning(clip: Path) -> None:
    with create_background(str(clip)) as background:
        assert numbers(background, [1234.5, 1234.6, 1234.7]) == [0, 1, 2]


def test_a_clip_of_the_sources_own_rate_loses_and_repeats_nothing_at_the_loop(clip: Path) -> None:
    with create_background(str(clip)) as background:
        shown = numbers(background, [7 + number / 10 for number in range(23)])
    assert shown == [number % 5 for number in range(23)]


def test_a_faster_source_repeats_frames(clip: Path) -> None:
    with create_background(str(clip)) as background:
        shown = numbers(background, [number / 30 for number in range(30)])
    assert shown == [number // 3 % 5 for number in range(30)]


def test_a_slower_source_skips_frames(clip: Path) -> None:
    with create_background(str(clip)) as background:
        assert numbers(background, [number / 5 for number in range(8)]) == [0, 2, 4, 1, 3, 0, 2, 4]


def test_a_gap_of_many_loops_is_jumped_over(clip: Path) -> None:
    with create_background(str(clip)) as background:
        assert numbers(background, [0.0, 1000.2, 90000.4]) == [0, 2, 4]


def test_a_reset_starts_the_clip_over(clip: Path) -> None:
    with create_background(str(clip)) as background:
        assert numbers(background, [0.0, 0.3]) == [0, 3]
        background.reset()
        assert numbers(background, [0.4, 0.5]) == [0, 1]


def test_time_that_runs_backwards_starts_the_clip_over(clip: Path) -> None:
    with create_background(str(clip)) as background:
        assert numbers(background, [5.0, 5.3, 2.0, 2.1, 2.3, 2.2]) == [0, 3, 0, 1, 3, 2]


def test_a_clip_of_variable_rate_keeps_its_own_times(tmp_path: Path) -> None:
    path = tmp_path / "variable.mkv"
    write_clip(path, [Fraction(0), Fraction(1, 10), Fraction(6, 10)])
    with create_background(str(path)) as background:
        # 0.6 s to the last frame, which lasts as long as the others do on average: 0.9 s.
        shown = numbers(background, [0, 0.1, 0.3, 0.5, 0.6, 0.8, 0.91, 1.01])
    assert shown == [0, 1, 1, 1, 2, 2, 0, 1]


def test_a_clip_of_one_frame_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "one.mkv"
    write_clip(path, [Fraction(0)])
    with create_background(str(path)) as background:
        assert numbers(background, [0.0, 0.1, 100.0]) == [0, 0, 0]


def test_an_unchanged_frame_is_not_fitted_again(clip: Path) -> None:
    with create_background(f"video:{clip}") as background:
        first = background.render(at(0.0, (32, 32)))
        assert background.render(at(0.05, (32, 32))) is first
        other = background.render(at(0.06, (8, 4)))
        assert other is not None
        assert other.shape == (4, 8, 3)


def test_it_opens_again_after_closing(clip: Path) -> None:
    background = create_background(str(clip))
    for _ in range(2):
        with background:
            assert numbers(background, [3.0, 3.1]) == [0, 1]
        background.close()


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("These are notes.")
    background = create_background(str(path))
    with pytest.raises(InputError, match=r"notes\.mp4"):
        background.open()
    background.close()


def test_a_clip_that_was_cut_off_plays_what_there_is(clip: Path, tmp_path: Path) -> None:
    whole = clip.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) * 3 // 4])
    with create_background(str(cut)) as background:
        shown = numbers(background, [number / 10 for number in range(12)])
    length = max(shown) + 1
    assert 1 < length < 5
    assert shown == [number % length for number in range(12)]


class ScriptedClip:
    """A source of frames at given times that breaks off where it is told to."""

    skipped = 0

    def __init__(self, times: list[float], *, breaks_after: int | None = None) -> None:
        self.info = SourceInfo(size=SIZE, rate=Fraction(10), time_base=Fraction(1, 1000))
        self.times = times
        self.breaks_after = breaks_after
        self.given = 0

    def __iter__(self) -> Iterator[Frame]:
        for number, time in enumerate(self.times):
            if number == self.breaks_after:
                raise InputError("clip.mkv cannot be read any further: the disk was pulled out.")
            self.given += 1
            yield Frame(np.full((1, 1, 3), number, np.uint8), number, time)


def test_a_clip_that_breaks_plays_on_with_what_was_good_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = _Loop(ScriptedClip([0.0, 0.1, 0.2, 0.3], breaks_after=2))
    with caplog.at_level(logging.WARNING):
        shown = [loop.at(number / 10).index for number in range(8)]
    assert shown == [0, 1, 0, 1, 0, 1, 0, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "The background clip stops early: clip.mkv cannot be read any further: "
        "the disk was pulled out."
    ]


def test_a_clip_that_cannot_be_read_again_keeps_its_last_good_frame() -> None:
    source = ScriptedClip([0.0, 0.1, 0.2])
    loop = _Loop(source)
    assert loop.at(0.2).index == 2
    source.breaks_after = 0
    assert [loop.at(seconds).index for seconds in (0.3, 0.4, 7.0)] == [2, 2, 2]


def test_nothing_is_decoded_beyond_one_frame_ahead() -> None:
    source = ScriptedClip([number / 10 for number in range(100)])
    loop = _Loop(source)
    assert source.given == 2
    assert loop.at(1.0).index == 10
    assert source.given == 12


@settings(max_examples=60)
@given(
    intervals=st.lists(st.integers(5, 200), min_size=1, max_size=8),
    steps=st.lists(st.integers(0, 900), min_size=1, max_size=20),
    start=st.integers(0, 5000),
)
def test_the_frame_shown_is_always_that_of_the_time_modulo_the_length(
    intervals: list[int], steps: list[int], start: int
) -> None:
    # All in milliseconds, off the tolerance by half a one.
    times = np.cumsum([0, *intervals[:-1]]) * 5
    length = times[-1] + (times[-1] / (len(times) - 1) if len(times) > 1 else 100)
    loop = _Loop(ScriptedClip([(start + time) / 1000 for time in times]))
    now = 0.0
    for step in steps:
        now += step * 2.5 if step % 2 else step
        phase = (now + 2) % length
        if min(abs(phase - time) for time in (*times, length)) < 1e-3:
            continue  # exactly between two frames: either is right
        expected = int(np.searchsorted(times, phase, side="right")) - 1
        assert loop.at(now / 1000).index == expected
