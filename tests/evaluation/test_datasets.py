"""Sets on the disk, and what is said where they are not whole."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.errors import InputError
from app.evaluation.datasets import (
    FrameClip,
    VideoClip,
    find_clips,
    find_stills,
    read_alpha,
    read_rgba,
)

RATE = Fraction(25)


def picture(path: Path, *, size: tuple[int, int] = (32, 24), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, 128 if mode == "L" else None).save(path)
    return path


def video(path: Path, values: list[int], *, size: tuple[int, int] = (32, 24)) -> Path:
    """A grey clip, lossless."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "gray"
        for value in values:
            grey = np.full((size[1], size[0]), value, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "gray")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("folder", ["alpha", "matte", "pha"])
def test_pictures_are_matched_by_stem(tmp_path: Path, folder: str) -> None:
    for name in ("b", "a"):
        picture(tmp_path / "image" / f"{name}.jpg")
        picture(tmp_path / folder / f"{name}.png", mode="L")
    (tmp_path / "image" / "notes.txt").write_text("no picture")
    (tmp_path / "image" / "._a.jpg").write_bytes(b"what macOS leaves")
    stills = find_stills(tmp_path)
    assert [still.name for still in stills] == ["a", "b"]
    pair = stills[0].pair()
    assert pair.frame.size == (32, 24)
    assert pair.truth.shape == (24, 32)
    assert pair.truth.dtype == np.uint8


def _no_alpha(root: Path) -> None:
    picture(root / "image" / "a.png")
    picture(root / "image" / "b.png")
    picture(root / "alpha" / "a.png", mode="L")


def _no_image(root: Path) -> None:
    picture(root / "image" / "a.png")
    picture(root / "alpha" / "a.png", mode="L")
    picture(root / "alpha" / "b.png", mode="L")


def _empty(root: Path) -> None:
    (root / "image").mkdir()
    (root / "alpha").mkdir()


def _twice(root: Path) -> None:
    picture(root / "image" / "a.png")
    picture(root / "image" / "a.jpg")
    picture(root / "alpha" / "a.png", mode="L")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_no_alpha, ("b.png has no alpha", "is missing")),
        (_no_image, ("b.png has no picture", "is missing")),
        (_empty, ("hold no picture",)),
        (_twice, ("same stem",)),
        (lambda root: None, ("image/", "alpha/")),
        (lambda root: picture(root / "image" / "a.png"), ("no set of pictures",)),
    ],
)
def test_a_set_that_is_not_whole_says_what_is_missing(
    tmp_path: Path, make: Callable[[Path], object], words: tuple[str, ...]
) -> None:
    make(tmp_path)
    with pytest.raises(InputError) as caught:
        find_stills(tmp_path)
    for word in words:
        assert word in str(caught.value)


def test_a_folder_that_is_not_there_or_a_file_is_said_so(tmp_path: Path) -> None:
    for find in (find_stills, find_clips):
        with pytest.raises(InputError, match="is not there"):
            find(tmp_path / "nowhere")
        with pytest.raises(InputError, match="is a file"):
            find(picture(tmp_path / "a.png"))


def test_sizes_that_differ_are_said_with_both(tmp_path: Path) -> None:
    picture(tmp_path / "image" / "a.png")
    picture(tmp_path / "alpha" / "a.png", size=(32, 25), mode="L")
    (still,) = find_stills(tmp_path)
    with pytest.raises(InputError, match=r"32x24.*32x25"):
        still.pair()


def test_a_true_alpha_is_grey_deep_grey_or_an_alpha_channel(tmp_path: Path) -> None:
    values = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(values).save(tmp_path / "l.png")
    Image.fromarray(np.repeat(values[..., None], 3, 2)).save(tmp_path / "rgb.png")
    Image.fromarray(values.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    rgba = np.full((8, 8, 4), 90, np.uint8)
    rgba[..., 3] = values
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    for name in ("l", "rgb", "deep", "rgba"):
        assert np.array_equal(read_alpha(tmp_path / f"{name}.png"), values), name


def test_a_picture_with_colours_is_no_alpha(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), "orange").save(tmp_path / "a.png")
    with pytest.raises(InputError, match="colours"):
        read_alpha(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"hello", "not a picture"), (None, "damaged")]
)
def test_an_unreadable_alpha_is_a_sentence(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "a.png"
    if content is None:
        rng = np.random.default_rng(0)
        Image.fromarray(rng.integers(0, 256, (64, 64), np.uint8)).save(path)
        content = path.read_bytes()[:1000]
    path.write_bytes(content)
    for read in (read_alpha, read_rgba):
        with pytest.raises(InputError, match=words):
            read(path)


def test_only_a_picture_with_transparency_is_a_foreground(tmp_path: Path) -> None:
    picture(tmp_path / "rgb.png")
    picture(tmp_path / "rgba.png", mode="RGBA")
    assert read_rgba(tmp_path / "rgb.png") is None
    rgba = read_rgba(tmp_path / "rgba.png")
    assert rgba is not None
    assert rgba.shape == (24, 32, 4)


def test_a_clip_is_a_folder_with_com_and_pha(tmp_path: Path) -> None:
    for clip in ("two", "one"):
        for index in range(3):
            picture(tmp_path / clip / "com" / f"{index:04d}.jpg")
            picture(tmp_path / clip / "pha" / f"{index:04d}.png", mode="L")
    clips = find_clips(tmp_path)
    assert [clip.name for clip in clips] == ["one", "two"]
    assert clips[0].frame_count == 3
    pairs = list(clips[0].pairs(limit=2, rate=RATE))
    assert [pair.frame.index for pair in pairs] == [0, 1]
    assert [pair.frame.captured_at for pair in pairs] == [0.0, 0.04]
    # One of them alone is a set, too.
    (alone,) = find_clips(tmp_path / "one")
    assert alone == clips[0]


def test_the_layout_of_robust_video_matting_is_read(tmp_path: Path) -> None:
    for clip in ("0000", "0001"):
        picture(tmp_path / "com" / clip / "0000.png")
        picture(tmp_path / "pha" / clip / "0000.png", mode="L")
    clips = find_clips(tmp_path)
    assert [clip.name for clip in clips] == ["0000", "0001"]
    assert all(isinstance(clip, FrameClip) for clip in clips)


@pytest.mark.parametrize("name", ["a.alpha.mkv", "a_alpha.mkv", "a.pha.mkv", "a_pha.avi"])
def test_a_clip_is_a_video_with_its_alpha_beside_it(tmp_path: Path, name: str) -> None:
    video(tmp_path / "a.mkv", [10, 20, 30])
    video(tmp_path / name, [0, 128, 255])
    (clip,) = find_clips(tmp_path)
    assert clip == VideoClip("a", tmp_path / "a.mkv", tmp_path / name)
    assert clip.frame_count == 3
    pairs = list(clip.pairs(limit=None, rate=RATE))
    assert [int(pair.truth[5, 5]) for pair in pairs] == [0, 128, 255]
    assert [int(pair.frame.rgb[5, 5, 0]) for pair in pairs] == [10, 20, 30]
    assert [pair.frame.captured_at for pair in pairs] == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize(("frames", "alphas"), [(3, 2), (2, 3)])
def test_a_video_and_its_alpha_must_be_equally_long(
    tmp_path: Path, frames: int, alphas: int
) -> None:
    video(tmp_path / "a.mkv", [0] * frames)
    video(tmp_path / "a.alpha.mkv", [0] * alphas)
    (clip,) = find_clips(tmp_path)
    with pytest.raises(InputError, match="ends after 2 frames"):
        list(clip.pairs(limit=None, rate=RATE))
    assert len(list(clip.pairs(limit=2, rate=RATE))) == 2


def test_a_video_and_its_alpha_must_have_one_size(tmp_path: Path) -> None:
    video(tmp_path / "a.mkv", [0])
    video(tmp_path / "a.alpha.mkv", [0], size=(16, 24))
    (clip,) = find_clips(tmp_path)
    with pytest.raises(InputError, match=r"32x24.*16x24"):
        list(clip.pairs(limit=None, rate=RATE))


def _lonely_video(root: Path) -> None:
    video(root / "a.mkv", [0])


def _lonely_alpha(root: Path) -> None:
    video(root / "a.alpha.mkv", [0])


def _two_alphas(root: Path) -> None:
    for name in ("a.mkv", "a.alpha.mkv", "a_pha.mkv"):
        video(root / name, [0])


def _no_truth(root: Path) -> None:
    picture(root / "clip" / "com" / "0.png")


def _no_frames(root: Path) -> None:
    picture(root / "clip" / "pha" / "0.png", mode="L")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_lonely_video, "no alpha video beside it; call it a.alpha.mkv"),
        (_lonely_alpha, "no video beside it"),
        (_two_alphas, "2 alpha videos"),
        (_no_truth, "no folder pha/"),
        (_no_frames, "no folder com/"),
        (lambda root: None, "no clip with known alpha"),
    ],
)
def test_clips_that_are_not_whole_say_what_is_missing(
    tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    make(tmp_path)
    with pytest.raises(InputError, match=words):
        find_clips(tmp_path)
