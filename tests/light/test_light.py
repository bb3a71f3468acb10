"""Light wrap and colour match, and what holds for every touch of light."""

from __future__ import annotations

import numpy as np
import pytest

from app.backgrounds.color import Color
from app.compositing import Compositing
from app.frames import RGB, Composite, Cutout, Frame
from app.light.base import create_light, light_touches

HEIGHT, WIDTH = 180, 320


def person(colour: tuple[int, int, int] = (120, 100, 90), *, at: float = 0.0) -> Cutout:
    """A soft rectangle of one colour with a little texture."""
    rgb = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
    rgb[::4, ::4] += 20
    ramp = np.clip((np.arange(WIDTH) - 90) * 30, 0, 255)
    alpha = np.minimum(ramp, ramp[::-1]).astype(np.uint8)[None, :].repeat(HEIGHT, axis=0)
    return Cutout(Frame(rgb, round(at * 25), at), np.ascontiguousarray(alpha), rgb)


def behind(colour: tuple[int, int, int]) -> RGB:
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


@pytest.mark.parametrize("name", light_touches.names())
def test_every_touch_leaves_what_it_gets_alone_and_gives_uint8(name: str) -> None:
    (touch,) = create_light([name])
    cutout, room = person(), behind((250, 240, 200))
    before = cutout.foreground.copy(), room.copy()
    out = touch.touch(cutout.foreground, room, cutout)
    assert out.dtype == np.uint8
    assert out.shape == cutout.foreground.shape
    assert np.array_equal(cutout.foreground, before[0])
    assert np.array_equal(room, before[1])


@pytest.mark.parametrize("name", light_touches.names())
def test_every_touch_bears_a_frame_without_a_person(name: str) -> None:
    (touch,) = create_light([name])
    cutout = person()
    nobody = Cutout(cutout.frame, np.zeros_like(cutout.alpha), cutout.foreground)
    assert touch.touch(nobody.foreground, behind((9, 9, 9)), nobody) is nobody.foreground


@pytest.mark.parametrize("name", light_touches.names())
def test_every_touch_is_the_same_each_time(name: str) -> None:
    cutout = person()
    first, second = (
        create_light([name])[0].touch(cutout.foreground, behind((200, 80, 40)), cutout)
        for _ in range(2)
    )
    seen = cutout.alpha > 0
    assert np.array_equal(first[seen], second[seen])


def test_light_comes_around_the_edge_and_not_into_the_middle() -> None:
    (wrap,) = create_light(["wrap:1"])
    cutout = person()
    out = wrap.touch(cutout.foreground, behind((255, 255, 255)), cutout).astype(int)
    gain = (out - cutout.foreground).mean(axis=2)[HEIGHT // 2]
    assert gain[98] > 30
    assert gain[98] > gain[106] > gain[WIDTH // 2]
    assert abs(gain[WIDTH // 2]) < 1


def test_a_dark_background_gives_no_light() -> None:
    (wrap,) = create_light(["wrap:1"])
    cutout = person()
    out = wrap.touch(cutout.foreground, behind((0, 0, 0)), cutout)
    seen = cutout.alpha > 0
    assert np.array_equal(out[seen], cutout.foreground[seen])


def test_the_persons_means_move_towards_the_background() -> None:
    (match,) = create_light(["match:brightness=0.5,colour=0.5"])
    cutout = person((140, 120, 110))
    warm = match.touch(cutout.foreground, behind((90, 60, 30)), cutout)
    seen = cutout.alpha == 255
    before, after = cutout.foreground[seen].mean(axis=0), warm[seen].mean(axis=0)
    assert (after < before).all()
    assert after[0] / after[2] > before[0] / before[2] * 1.1


def test_a_strength_of_nothing_changes_nothing() -> None:
    (match,) = create_light(["match:brightness=0,colour=0"])
    cutout = person()
    out = match.touch(cutout.foreground, behind((250, 10, 10)), cutout)
    seen = cutout.alpha > 0
    assert np.array_equal(out[seen], cutout.foreground[seen])


def test_a_background_that_flashes_does_not_make_the_person_flash() -> None:
    (match,) = create_light(["match:brightness=1,colour=1"])
    levels = []
    for n in range(20):
        cutout = person(at=n / 25)
        room = behind((250, 250, 250) if n % 2 else (20, 20, 20))
        out = match.touch(cutout.foreground, room, cutout)
        levels.append(float(out[cutout.alpha == 255].mean()))
    assert max(np.abs(np.diff(levels))) < 6


def test_after_a_gap_it_starts_anew() -> None:
    (match,) = create_light(["match:brightness=1"])
    first = person(at=0.0)
    match.touch(first.foreground, behind((250, 250, 250)), first)
    later = person(at=9.0)
    fresh = create_light(["match:brightness=1"])[0]
    dark = behind((20, 20, 20))
    seen = later.alpha > 0
    continued = match.touch(later.foreground, dark, later)[seen]
    assert np.array_equal(continued, fresh.touch(later.foreground, dark, later)[seen])


def test_compositing_blends_the_touched_person_and_keeps_the_cutout() -> None:
    cutout = person()
    plain, touched = (
        _composed(cutout, light=specs) for specs in ((), ("wrap:1", "match:brightness=1"))
    )
    assert touched.cutout is cutout
    assert touched.rgb is not None
    assert plain.rgb is not None
    assert not np.array_equal(plain.rgb, touched.rgb)
    nobody = cutout.alpha == 0
    assert np.array_equal(plain.rgb[nobody], touched.rgb[nobody])


def _composed(cutout: Cutout, *, light: tuple[str, ...]) -> Composite:
    background = Color(Color.Options("#e8d080"))
    with Compositing(background, light=create_light(light)) as compositing:
        (composite,) = compositing.push(cutout)
    return composite
