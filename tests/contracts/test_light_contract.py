"""What every registered touch of light must do, a new one included on arrival."""

from __future__ import annotations

import numpy as np
import pytest

from app.light.base import LightTouch, light_touches
from tests.contracts.parts import ALPHAS, cutout, frame

NAMES = light_touches.names()


@pytest.fixture(params=NAMES)
def touch(request: pytest.FixtureRequest) -> LightTouch:
    return light_touches.create(request.param)


@pytest.mark.parametrize("kind", ALPHAS)
def test_the_result_is_a_picture_of_the_same_size(touch: LightTouch, kind: str) -> None:
    item, behind = cutout(kind), frame(9).rgb
    given = [array.copy() for array in (item.foreground, behind, item.alpha, item.frame.rgb)]
    result = touch.touch(item.foreground, behind, item)
    assert result.dtype == np.uint8
    assert result.shape == item.frame.rgb.shape
    after = (item.foreground, behind, item.alpha, item.frame.rgb)
    assert all(map(np.array_equal, given, after)), "an input was written to"


def test_after_a_reset_it_knows_nothing_of_before(touch: LightTouch) -> None:
    items = [cutout(index=index) for index in range(4)]
    behind = frame(9).rgb
    first = [touch.touch(item.foreground, behind, item).copy() for item in items]
    touch.touch(items[0].foreground, frame(30).rgb, items[0])
    touch.reset()
    second = [touch.touch(item.foreground, behind, item).copy() for item in items]
    assert all(map(np.array_equal, first, second))
