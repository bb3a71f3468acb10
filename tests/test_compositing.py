"""The blend, and the step that owns the background."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.backgrounds import Background, create_background
from app.compositing import Compositing, blend
from app.edge_colours import EdgeColours
from app.errors import InputError
from app.frames import RGB, Alpha8, Cutout, Frame
from app.pool import PicturePool
from app.runs import Runs


def exact(foreground: RGB, background: RGB, alpha: Alpha8) -> np.ndarray:
    share = alpha[..., None] / 255.0
    return share * foreground + (1 - share) * background


def pixels(foreground: int, background: int) -> tuple[RGB, RGB, Alpha8]:
    """One colour over another with every alpha there is."""
    shape = (16, 16, 3)
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    return np.full(shape, foreground, np.uint8), np.full(shape, background, np.uint8), alpha


_shapes = st.tuples(st.integers(1, 150), st.integers(1, 9))


@st.composite
def _pictures(draw: st.DrawFn) -> tuple[RGB, RGB, Alpha8]:
    rows, columns = draw(_shapes)
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    foreground, background = generator.integers(0, 256, (2, rows, columns, 3), dtype=np.uint8)
    # Often extreme, so that strips without a person and boxes inside of a strip occur.
    alpha = draw(
        hnp.arrays(np.uint8, (rows, columns), elements=st.sampled_from([0, 1, 127, 128, 254, 255]))
    )
    return foreground, background, alpha


@given(_pictures())
def test_the_blend_is_less_than_one_off_and_exact_at_both_ends(
    pictures: tuple[RGB, RGB, Alpha8],
) -> None:
    foreground, background, alpha = pictures
    before = [picture.copy() for picture in pictures]
    blended = blend(*pictures)
    assert blended.dtype == np.uint8
    assert blended.flags.c_contiguous
    assert np.abs(blended - exact(*pictures)).max() < 1
    assert np.array_equal(blended[alpha == 255], foreground[alpha == 255])
    assert np.array_equal(blended[alpha == 0], background[alpha == 0])
    assert all(map(np.array_equal, pictures, before))
    assert not any(np.shares_memory(blended, picture) for picture in pictures)


def test_every_pair_of_colours_stays_within_one_and_between_the_two() -> None:
    levels = np.arange(256, dtype=np.uint8)
    for value in range(256):
        alpha = np.full((256, 256), value, np.uint8)
        foreground = np.repeat(np.repeat(levels[:, None], 256, 1)[..., None], 3, 2)
        background = np.ascontiguousarray(foreground.transpose(1, 0, 2))
        blended = blend(foreground, background, alpha)
        assert np.abs(blended - exact(foreground, background, alpha)).max() < 1
        assert (blended >= np.minimum(foreground, background)).all()
        assert (blended <= np.maximum(foreground, background)).all()


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_a_brighter_foreground_never_makes_the_blend_darker(a: int, b: int, behind: int) -> None:
    low, background, alpha = pixels(min(a, b), behind)
    high = np.full_like(low, max(a, b))
    assert (blend(low, background, alpha) <= blend(high, background, alpha)).all()


@given(st.integers(0, 255), st.integers(0, 255))
def test_more_alpha_is_more_foreground(foreground: int, background: int) -> None:
    steps = np.diff(
        blend(*pixels(foreground, background))[..., 0].ravel().astype(int)
        * (1 if foreground >= background else -1)
    )
    # Two roundings: it may fall back by one level.
    assert steps.min() >= -1


@given(_pictures())
def test_a_picture_over_itself_stays_as_it_is(pictures: tuple[RGB, RGB, Alpha8]) -> None:
    assert np.array_equal(blend(pictures[0], pictures[0], pictures[2]), pictures[0])


@pytest.mark.parametrize("shape", [(1, 1), (1, 997), (997, 1), (64, 3), (65, 3), (720, 1280)])
def test_any_size_can_be_blended(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(1)
    foreground, background = generator.integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    alpha = generator.integers(0, 256, shape, dtype=np.uint8)
    error = blend(foreground, background, alpha) - exact(foreground, background, alpha)
    assert np.abs(error).max() < 1


@given(_pictures(), st.integers(0, 2**32))
def test_colours_of_an_edge_are_blended_as_the_whole_picture_of_them_would_be(
    pictures: tuple[RGB, RGB, Alpha8], seed: int
) -> None:
    foreground, background, alpha = pictures
    runs = Runs.between(alpha)
    pixels = np.random.default_rng(seed).integers(0, 256, (1, runs.pixels, 3), np.uint8)
    colours = EdgeColours(foreground, alpha=alpha, runs=runs, pixels=pixels, pool=PicturePool())
    before = foreground.copy()
    wanted = blend(colours.whole, background, alpha)
    assert np.array_equal(blend(colours, background, alpha), wanted)
    # Another alpha has its edge elsewhere.
    other = alpha[::-1].copy()
    wanted = blend(colours.whole, background, other)
    assert np.array_equal(blend(colours, background, other), wanted)
    assert np.array_equal(foreground, before)
    assert np.array_equal(runs.take(colours.whole), pixels)
    assert colours.whole is colours.whole


class Scripted(Background):
    """A background that writes down what is done to it."""

    def __init__(self, grey: int = 0, *, broken: bool = False) -> None:
        self.calls: list[str] = []
        self._grey, self._broken = grey, broken

    def open(self) -> None:
        self.calls.append("open")
        if self._broken:
            raise InputError("There is no file beach.jpg; check the name.")

    def close(self) -> None:
        self.calls.append("close")

    def reset(self) -> None:
        self.calls.append("reset")

    def render(self, cutout: Cutout) -> RGB:
        return np.full_like(cutout.frame.rgb, self._grey)


def cutout(alpha: int = 0) -> Cutout:
    rgb = np.full((4, 6, 3), 200, np.uint8)
    return Cutout(Frame(rgb, 0, 0.0), np.full((4, 6), alpha, np.uint8), rgb)


def test_the_step_opens_resets_and_closes_its_background() -> None:
    background = Scripted()
    with Compositing(background) as step:
        step.reset()
        assert background.calls == ["open", "reset"]
        assert list(step.flush()) == []
    step.close()
    assert background.calls == ["open", "reset", "close", "close"]


def test_each_cutout_gives_one_composite_that_holds_it() -> None:
    item = cutout(alpha=51)
    with Compositing(Scripted(100)) as step:
        (composite,) = step.push(item)
    assert composite.cutout is item
    assert composite.rgb is not None
    assert np.array_equal(composite.rgb, np.full((4, 6, 3), 120, np.uint8))


def test_a_transparent_background_leaves_the_picture_out() -> None:
    with Compositing(create_background("transparent")) as step:
        (composite,) = step.push(cutout())
    assert composite.rgb is None


def test_a_swap_takes_the_new_background_and_closes_the_old_one() -> None:
    old, new = Scripted(1), Scripted(2)
    with Compositing(old) as step:
        step.swap(new)
        (composite,) = step.push(cutout())
        assert old.calls == ["open", "close"]
    assert composite.rgb is not None
    assert (composite.rgb == 2).all()
    assert new.calls == ["open", "close"]


def test_a_background_that_cannot_be_opened_leaves_the_former_one_in_place() -> None:
    old = Scripted(1)
    with Compositing(old) as step:
        with pytest.raises(InputError):
            step.swap(Scripted(2, broken=True))
        (composite,) = step.push(cutout())
        assert old.calls == ["open"]
    assert composite.rgb is not None
    assert (composite.rgb == 1).all()


def test_a_swap_before_opening_opens_nothing() -> None:
    new = Scripted()
    step = Compositing(Scripted())
    step.swap(new)
    assert new.calls == []
    with step:
        assert new.calls == ["open"]
