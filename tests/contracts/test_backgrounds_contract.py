"""What every registered background must do, a new one included on arrival."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from app.backgrounds import Background, backgrounds
from app.frames import Alpha8, Cutout, Frame
from app.registry import NoOptions, make_options

NAMES = backgrounds.names()
SIZES = [(1, 1), (1, 7), (7, 1), (33, 57), (57, 33), (1280, 720)]

ALPHAS: dict[str, Callable[[int, int], Alpha8]] = {
    "nobody": lambda width, height: np.zeros((height, width), np.uint8),
    "all person": lambda width, height: np.full((height, width), 255, np.uint8),
    "soft": lambda width, height: np.ascontiguousarray(
        np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8), (height, width))
    ),
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A picture and a clip; a background that needs a file takes the one that it reads."""
    folder = tmp_path_factory.mktemp("samples")
    picture = folder / "picture.png"
    levels = np.random.default_rng(0).integers(0, 256, (40, 70, 3), dtype=np.uint8)
    Pillow.fromarray(levels).save(picture)
    clip = folder / "clip.mkv"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 70, 40, "bgr0"
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(np.roll(levels, number, 1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return [picture, clip]


@pytest.fixture
def make(samples: list[Path]) -> Callable[[str], Background]:
    def made(name: str) -> Background:
        factory = backgrounds.entry(name).factory
        readable = [path for path in samples if factory.reads(path)]
        return backgrounds.create_from_spec(f"{name}:{readable[0]}" if readable else name)

    return made


def cutout(size: tuple[int, int], alpha: str, *, index: int = 0) -> Cutout:
    width, height = size
    rgb = np.random.default_rng(index).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Cutout(Frame(rgb, index, index / 25), ALPHAS[alpha](width, height), rgb.copy())


def test_there_are_backgrounds() -> None:
    expected = {"blur", "color", "image", "original", "transparent", "video"}
    assert expected <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_title_and_a_default_within_its_bounds(name: str) -> None:
    entry = backgrounds.entry(name)
    fields = dataclasses.fields(entry.options)
    given = {}
    for field in fields:
        assert field.metadata.get("title"), field.name
        if field.default is dataclasses.MISSING:
            assert field is fields[0], "only the option that NAME:VALUE sets may be required"
            given[field.name] = Path("a file")
        else:
            given[field.name] = field.default
    assert make_options(entry, given) == entry.options(**given)


@pytest.mark.parametrize("name", NAMES)
def test_options_are_frozen(name: str) -> None:
    options = backgrounds.entry(name).options
    if options is not NoOptions:
        assert options.__dataclass_params__.frozen


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_a_render_is_a_picture_of_the_frames_size_or_nothing(
    name: str, size: tuple[int, int], alpha: str, make: Callable[[str], Background]
) -> None:
    item = cutout(size, alpha)
    before = [array.copy() for array in (item.frame.rgb, item.alpha, item.foreground)]
    with make(name) as background:
        picture = background.render(item)
    if picture is not None:
        assert picture.shape == (size[1], size[0], 3)
        assert picture.dtype == np.uint8
        assert picture.flags.c_contiguous
    after = (item.frame.rgb, item.alpha, item.foreground)
    assert all(map(np.array_equal, before, after)), "the input was written to"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same_again_after_a_reset(name: str, make: Callable[[str], Background]) -> None:
    items = [cutout((64, 48), "soft", index=index) for index in range(7)]
    with make(name) as background:
        # Copies: a render's array need not outlive the frame.
        first = [np.copy(background.render(item)) for item in items]
        background.reset()
        second = [np.copy(background.render(item)) for item in items]
    assert all(map(np.array_equal, first, second))


@pytest.mark.parametrize("name", NAMES)
def test_a_change_of_size_in_the_middle_is_followed(
    name: str, make: Callable[[str], Background]
) -> None:
    with make(name) as background:
        for index, size in enumerate([(64, 48), (48, 64), (64, 48)]):
            picture = background.render(cutout(size, "soft", index=index))
            assert picture is None or picture.shape == (size[1], size[0], 3)


@pytest.mark.parametrize("name", NAMES)
def test_it_closes_twice_unopened_and_opens_again(
    name: str, make: Callable[[str], Background]
) -> None:
    background = make(name)
    background.close()
    item = cutout((16, 9), "soft")
    pictures = []
    for _ in range(2):
        background.open()
        pictures.append(np.copy(background.render(item)))
        background.close()
        background.close()
    assert np.array_equal(*pictures)
