"""Colour, transparent, original, and how a background is chosen by its text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from app.backgrounds import Background, create_background
from app.backgrounds.blur import Blur
from app.backgrounds.color import Color, parse_color
from app.backgrounds.image import Image
from app.backgrounds.original import Original
from app.backgrounds.transparent import Transparent
from app.backgrounds.video import Video
from app.errors import InputError, MattecamError, OptionError
from app.frames import Cutout, Frame


def cutout(width: int = 8, height: int = 6) -> Cutout:
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Cutout(Frame(rgb, 0, 0.0), np.zeros((height, width), np.uint8), rgb)


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("#00b140", (0, 177, 64)),
        ("#0b4", (0, 187, 68)),
        ("green", (0, 128, 0)),
        ("Green", (0, 128, 0)),
        ("0,177,64", (0, 177, 64)),
        (" 0, 177 ,64 ", (0, 177, 64)),
        ("rgb(0, 177, 64)", (0, 177, 64)),
        ("#00b140ff", (0, 177, 64)),
    ],
)
def test_a_colour_may_be_written_in_every_usual_way(text: str, color: tuple[int, int, int]) -> None:
    assert parse_color(text) == color
    background = create_background(f"color:{text}")
    assert isinstance(background, Color)
    with background:
        picture = background.render(cutout())
    assert (picture == color).all()


@pytest.mark.parametrize("text", ["greeen", "#12", "0,177", "0,177,256", "-1,0,0", "rgb(300,0,0)"])
def test_what_is_no_colour_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(OptionError, match="is no colour; write #00b140"):
        create_background(f"color:{text}")


def test_the_colour_is_painted_once_for_each_size() -> None:
    background = create_background("color")
    first = background.render(cutout())
    assert background.render(cutout()) is first
    other = background.render(cutout(9, 6))
    assert other is not None
    assert other.shape == (6, 9, 3)


def test_transparent_gives_no_picture_and_original_the_frames_own() -> None:
    item = cutout()
    assert create_background("transparent").render(item) is None
    assert create_background("original").render(item) is item.frame.rgb


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("blur", Blur),
        ("blur:25", Blur),
        ("color:#00b140", Color),
        ("transparent", Transparent),
        ("original", Original),
        ("image:beach.jpg", Image),
        ("image:beach.jpg,fit=contain", Image),
        ("video:waves.mp4", Video),
        ("beach.jpg", Image),
        ("some where/beach, left.JPG", Image),
        ("beach.jpg,fit=contain,fill=black", Image),
        ("beach.jpg, fill=black, fit=stretch", Image),
        ("C:\\pictures\\beach.jpg", Image),
        ("C:\\clips\\waves.mp4,fit=stretch", Video),
        ("waves.webm", Video),
    ],
)
def test_a_text_names_a_background_or_a_file(spec: str, kind: type) -> None:
    assert type(create_background(spec)) is kind


def test_a_file_is_known_by_what_it_holds(tmp_path: Path) -> None:
    Pillow.new("RGB", (4, 4)).save(tmp_path / "picture.of.something", "PNG")
    (tmp_path / "clip").write_bytes(b"\0\0\0\x18ftypisom")
    assert isinstance(create_background(str(tmp_path / "picture.of.something")), Image)
    assert isinstance(create_background(str(tmp_path / "clip")), Video)


def test_a_file_called_like_a_background_needs_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Pillow.new("RGB", (4, 4)).save("blur", "PNG")
    assert isinstance(create_background("blur"), Blur)
    assert isinstance(create_background("./blur"), Image)


@pytest.mark.parametrize("spec", ["beach.jpg", "waves.mp4", "C:\\x.jpg", "image:beach", "video:b"])
def test_a_missing_file_is_named_when_it_is_opened(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    background = create_background(spec)
    with pytest.raises(InputError) as raised:
        background.open()
    assert str(raised.value).startswith(f"There is no file {spec.partition('e:')[2] or spec}"[:17])
    background.close()


def test_a_path_that_leads_nowhere_is_not_taken_for_a_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no file .*nothing; check the path"):
        create_background(str(tmp_path / "nothing"))
    with pytest.raises(InputError, match="is a folder"):
        create_background(str(tmp_path))


def test_a_misspelt_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(OptionError) as raised:
        create_background("blurr:25")
    for name in ("blur", "color", "image", "original", "transparent", "video", "or give the path"):
        assert name in str(raised.value)


def test_a_wrong_option_names_the_part_and_the_option() -> None:
    with pytest.raises(OptionError, match="blur: radius is 100; it must be from 1 to 99"):
        create_background("blur:100")
    with pytest.raises(OptionError, match="image: fit is 'crop'; it must be cover or contain or"):
        create_background("beach.jpg,fit=crop")


@given(st.text())
def test_any_text_is_a_background_or_is_refused_in_a_sentence(text: str) -> None:
    try:
        background = create_background(text)
    except (OptionError, InputError) as error:
        assert str(error).endswith(".")  # noqa: PT017
    else:
        assert isinstance(background, Background)


def test_a_name_that_is_too_long_for_a_file_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="There is no file"):
        create_background("/" + "x" * 5000)


def test_a_home_of_a_name_with_a_nul_is_answered_by_a_sentence() -> None:
    with pytest.raises(MattecamError):
        create_background("~\0nobody/x")
