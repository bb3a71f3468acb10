"""The clip that comes with the program, and the script that makes it."""

from __future__ import annotations

import itertools
from types import ModuleType

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from app import places
from tests.scripts.loading import script_named

CLIP = places.assets() / "demo.mp4"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_named("make_demo_clip")


def test_the_clip_is_hd_at_30_frames_a_second_and_lasts_6_seconds_or_more():
    with av.open(str(CLIP)) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == (1280, 720)
        assert video.average_rate == 30
        assert video.codec_context.name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"
        times = [frame.time for frame in container.decode(video)]
    assert len(times) >= 6 * 30
    assert np.allclose(np.diff(times), 1 / 30, atol=1e-3)


def test_the_clip_says_that_its_colours_are_bt709_in_limited_range():
    with av.open(str(CLIP)) as container:
        context = container.streams.video[0].codec_context
        assert context.colorspace == Colorspace.ITU709
        assert context.color_primaries == ColorPrimaries.BT709
        assert context.color_trc == ColorTrc.BT709
        assert context.color_range == ColorRange.MPEG


def test_the_clip_has_sound_as_long_as_its_pictures():
    with av.open(str(CLIP)) as container:
        audio, video = container.streams.audio[0], container.streams.video[0]
        seconds = float(video.duration * video.time_base)
        assert audio.codec_context.name == "aac"
        assert float(audio.duration * audio.time_base) == pytest.approx(seconds, abs=0.05)
        track = np.concatenate([frame.to_ndarray() for frame in container.decode(audio)], axis=1)
    assert 0.02 < np.sqrt(np.mean(track**2)) < 0.3
    assert np.abs(track).max() < 1


def test_the_clip_is_small_enough_to_ship():
    assert CLIP.stat().st_size <= 1_500_000


def test_the_same_frame_is_made_every_time(script: ModuleType):
    first = script.frame(95)
    script.frame(3)
    assert first.shape == (720, 1280, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, script.frame(95))
    assert np.array_equal(script.sound(), script.sound())


def test_the_clip_is_the_one_that_the_script_makes(script: ModuleType):
    with av.open(str(CLIP)) as container:
        for index, coded in enumerate(container.decode(video=0)):
            if index in (0, 10):
                # The tags say how to read it: BT.709, limited range.
                shown = coded.to_ndarray(format="rgb24").astype(np.float32)
                made = script.frame(index).astype(np.float32)
                assert np.abs(shown - made).mean() < 4
                assert np.abs((shown - made).mean(axis=(0, 1))).max() < 2.5
            if index == 10:
                break


def test_the_sitter_moves_and_the_light_changes(script: ModuleType):
    frames = [script.frame(index)[::8, ::8].astype(np.float32) for index in (0, 40, 95, 150)]
    for earlier, later in itertools.pairwise(frames):
        assert np.abs(later - earlier).mean() > 5
    brightness = [frame.mean() for frame in frames]
    assert max(brightness) - min(brightness) > 8


def test_there_are_no_black_bars(script: ModuleType):
    picture = script.frame(60)
    for edge in (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:]):
        assert edge.reshape(-1, 3).max(axis=1).mean() > 30
