"""Animated GIF, PNG, WebP and AVIF: every frame as browsers show it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.backgrounds import create_background
from app.errors import InputError
from app.frames import Cutout, Frame
from app.outputs.open import open_output
from app.sources.animation import AnimationSource
from app.sources.image_file import FolderSource
from app.sources.live_base import create_live_source
from app.sources.open import open_source
from app.sources.pictures import is_animation, looks_like_picture, read_picture

COLORS = [(255, 0, 0), (0, 200, 0), (0, 0, 255), (250, 250, 0)]
TIMES = [100, 300, 50, 250]  # milliseconds


def save(path: Path, colors=COLORS, times=TIMES, **options) -> Path:
    """One color a frame; of a GIF each frame but the first changes the middle only."""
    frames = [Image.new("RGB", (32, 24), color) for color in colors]
    if path.suffix == ".webp":
        options = {"lossless": True, **options}
    if path.suffix == ".avif":
        options = {"quality": 95, **options}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=times, loop=0, **options)
    return path


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "avif"])
def test_all_frames_come_with_their_times(tmp_path, suffix):
    path = save(tmp_path / f"a.{suffix}")
    assert is_animation(path)
    assert not looks_like_picture(path)
    with open_source(str(path)) as source:
        frames = list(source)
        again = list(source)
    assert source.info.frame_count == len(frames) == len(again) == 4
    assert [round(frame.captured_at, 3) for frame in frames] == [0.0, 0.1, 0.4, 0.45]
    assert source.info.duration == pytest.approx(0.7)
    assert source.info.last_shown == pytest.approx(0.25)
    for frame, color in zip(frames, COLORS, strict=True):
        assert np.abs(frame.rgb[12, 16].astype(int) - color).max() <= 6
    assert source.info.one_scene


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "avif"])
def test_a_single_frame_is_a_picture(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (8, 6), (200, 0, 0)).save(path)
    assert looks_like_picture(path)
    assert not is_animation(path)
    assert np.abs(read_picture(path).astype(int) - (200, 0, 0)).max() <= 6


@pytest.mark.parametrize("times", [[0, 0], [10, 10]])
@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_a_frame_without_a_time_is_shown_for_a_tenth_of_a_second(tmp_path, suffix, times):
    path = save(tmp_path / f"a.{suffix}", COLORS[:2], times)
    with AnimationSource(path) as source:
        assert [frame.captured_at for frame in source] == [0.0, 0.1]


def _patched_gif(path: Path, disposal: int) -> None:
    """Red, then a blue patch in the middle, then a green one at the left; clear elsewhere."""
    size = (30, 20)
    red = Image.new("RGBA", size, (255, 0, 0, 255))
    blue, green = Image.new("RGBA", size, (0, 0, 0, 0)), Image.new("RGBA", size, (0, 0, 0, 0))
    blue.paste((0, 0, 255, 255), (10, 5, 20, 15))
    green.paste((0, 255, 0, 255), (0, 0, 5, 20))
    red.save(
        path,
        save_all=True,
        append_images=[blue, green],
        duration=100,
        disposal=[1, disposal, 1],
        optimize=False,
    )


@pytest.mark.parametrize(
    ("disposal", "middle", "is_clear"),
    [(1, (0, 0, 255), False), (2, (255, 255, 255), True), (3, (255, 0, 0), False)],
)
def test_what_a_frame_leaves_behind_follows_its_disposal(tmp_path, disposal, middle, is_clear):
    path = tmp_path / "a.gif"
    _patched_gif(path, disposal)
    with AnimationSource(path) as source:
        frames = list(source)
    assert frames[1].rgb[10, 15].tolist() == [0, 0, 255]
    assert frames[1].rgb[2, 2].tolist() == [255, 0, 0]
    assert frames[2].rgb[10, 15].tolist() == list(middle)
    assert (frames[2].rgba is not None and frames[2].rgba[10, 15, 3] == 0) == is_clear


@pytest.mark.parametrize("blend", [0, 1])
def test_a_png_blends_as_it_says(tmp_path, blend):
    path = tmp_path / "a.png"
    red = Image.new("RGBA", (16, 16), (255, 0, 0, 255))
    patch = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    patch.paste((0, 0, 255, 255), (4, 4, 8, 8))
    red.save(path, save_all=True, append_images=[patch], duration=100, blend=blend)
    with AnimationSource(path) as source:
        second = list(source)[1]
    assert second.rgb[5, 5].tolist() == [0, 0, 255]
    assert second.rgb[0, 0].tolist() == ([255, 0, 0] if blend else [255, 255, 255])


def test_the_picture_beside_an_animated_png_is_not_played(tmp_path):
    path = tmp_path / "a.png"
    stand_in, *rest = [Image.new("RGB", (8, 8), color) for color in COLORS[:3]]
    stand_in.save(path, save_all=True, append_images=rest, default_image=True, duration=100)
    with AnimationSource(path) as source:
        assert [tuple(frame.rgb[0, 0]) for frame in source] == COLORS[1:3]


def test_a_converted_animation_lasts_as_long(tmp_path):
    with open_source(str(save(tmp_path / "a.webp"))) as source:
        output = open_output(tmp_path / "out.mp4", size=source.info.size, info=source.info)
        with output:
            for frame in source:
                output.write(frame.rgb, index=frame.index, captured_at=frame.captured_at)
    with av.open(str(tmp_path / "out.mp4")) as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(0.7, abs=0.011)
    assert [round(time, 2) for time in times] == [0.0, 0.1, 0.4, 0.45]


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_as_a_background_it_goes_on_and_on_in_its_own_time(tmp_path, suffix):
    path = save(tmp_path / f"a.{suffix}")
    picture, alpha = np.zeros((24, 32, 3), np.uint8), np.zeros((24, 32), np.uint8)
    seen = []
    with create_background(str(path)) as background:
        for time in (0.0, 0.2, 0.42, 0.5, 0.69, 0.71, 0.9, 1.12, 1.2, 7.05):
            behind = background.render(Cutout(Frame(picture, 0, time), alpha, picture))
            assert behind is not None
            distances = np.abs(np.array(COLORS) - behind[12, 16]).sum(axis=1)
            seen.append(int(distances.argmin()))
    assert seen == [0, 1, 2, 3, 3, 0, 1, 2, 3, 0]


def test_a_live_source_plays_it(tmp_path):
    source = create_live_source(str(save(tmp_path / "a.webp", times=[20, 20, 20, 20])))
    source.open()
    frames = [source.read() for _ in range(6)]
    source.close()
    assert [tuple(frame.rgb[0, 0]) for frame in frames if frame is not None] == [
        *COLORS,
        *COLORS[:2],
    ]


def _cut_short(path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)) for _ in range(6)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_cut_short_it_plays_what_is_whole_and_says_so(tmp_path, suffix, caplog):
    path = tmp_path / f"a.{suffix}"
    _cut_short(path)
    with open_source(str(path)) as source:
        given = len(list(source))
    assert given in (3, 4)
    assert f"a.{suffix} ends early" in caplog.text


@pytest.mark.parametrize("suffix", ["webp", "avif"])
def test_cut_short_where_nothing_is_whole_it_is_one_sentence(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    _cut_short(path)
    with (
        pytest.raises(InputError, match=rf"Not one frame of .*a\.{suffix} can be decoded"),
        open_source(str(path)),
    ):
        pass


def test_of_an_animation_in_a_folder_the_first_frame_is_taken_and_that_is_said(tmp_path, caplog):
    save(tmp_path / "a.gif")
    with FolderSource(tmp_path, rate=Fraction(25)) as source:
        frames = list(source)
    assert [tuple(frame.rgb[0, 0]) for frame in frames] == [COLORS[0]]
    assert "a.gif is an animation; its first frame is taken." in caplog.text
