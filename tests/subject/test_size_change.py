"""Another network size is taken up without a jump."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from app.frames import Alpha, Frame, Matte
from app.subject.size_change import SizeChange

RATE = 30
FINE, COARSE = (288, 512), (256, 448)


def ellipse(shape: tuple[int, int], radius: float) -> Alpha:
    """A person with a soft edge, the same at any grid but for the grid's own coarseness."""
    rows, columns = shape
    x = np.linspace(-1.78, 1.78, columns, dtype=np.float32)
    y = np.linspace(-1, 1, rows, dtype=np.float32)
    return np.clip((radius - np.hypot(x[None, :], y[:, None])) * 12 + 0.5, 0, 1)


def still() -> np.ndarray:
    return np.full((360, 640, 3), 90, np.uint8)


def noisy(index: int) -> np.ndarray:
    noise = np.random.default_rng(index).normal(0, 3, (360, 640, 3))
    return np.clip(90 + noise, 0, 255).astype(np.uint8)


def shown(alphas: list[Alpha], pictures: list[np.ndarray]) -> list[Matte]:
    change = SizeChange()
    return [
        change.through(Matte(Frame(picture, index, index / RATE), alpha))
        for index, (alpha, picture) in enumerate(zip(alphas, pictures, strict=True))
    ]


def steps(mattes: list[Matte]) -> list[float]:
    """The largest step of a pixel from frame to frame, at one size."""
    large = [cv2.resize(m.alpha, (640, 360), interpolation=cv2.INTER_LINEAR) for m in mattes]
    return [float(np.abs(b - a).max()) for a, b in itertools.pairwise(large)]


@pytest.mark.parametrize(("first", "then"), [(FINE, COARSE), (COARSE, FINE)])
@pytest.mark.parametrize("camera", ["clean", "noisy"])
def test_where_nothing_moves_no_pixel_jumps(
    first: tuple[int, int], then: tuple[int, int], camera: str
) -> None:
    alphas = [ellipse(first, 0.6)] * 5 + [ellipse(then, 0.65)] * 25
    pictures = [still() if camera == "clean" else noisy(index) for index in range(30)]
    without = steps([Matte(Frame(still(), 0, 0.0), alpha) for alpha in alphas])
    assert max(without) > 0.5  # the two sizes do not agree about the edge
    # Half a second at 30 frames a second: a fifteenth each, and a little for the resampling.
    assert max(steps(shown(alphas, pictures))) < 0.1 * max(without) + 0.02


def test_after_half_a_second_it_is_the_networks_own_word() -> None:
    alphas = [ellipse(FINE, 0.6)] * 5 + [ellipse(COARSE, 0.65)] * 20
    mattes = shown(alphas, [still()] * 25)
    assert [matte.alpha is alpha for matte, alpha in zip(mattes, alphas, strict=True)] == (
        [True] * 5 + [False] * 15 + [True] * 5
    )


def test_what_moves_leaves_nothing_behind() -> None:
    alphas = [ellipse(FINE, 0.6)] * 2 + [np.zeros(COARSE, np.float32)] * 2
    gone = [still(), still(), still() + np.uint8(60), still() + np.uint8(60)]
    assert shown(alphas, gone)[-1].alpha.max() == 0


def test_a_gap_in_time_takes_up_the_new_size_at_once() -> None:
    change = SizeChange()
    change.through(Matte(Frame(still(), 0, 0.0), ellipse(FINE, 0.6)))
    later = Matte(Frame(still(), 1, 2.0), ellipse(COARSE, 0.65))
    assert change.through(later) is later


def test_after_a_reset_too() -> None:
    change = SizeChange()
    change.through(Matte(Frame(still(), 0, 0.0), ellipse(FINE, 0.6)))
    change.reset()
    later = Matte(Frame(still(), 1, 1 / RATE), ellipse(COARSE, 0.65))
    assert change.through(later) is later


def test_a_second_change_within_the_first_does_not_jump_either() -> None:
    alphas = [ellipse(FINE, 0.6)] * 3 + [ellipse(COARSE, 0.65)] * 6 + [ellipse(FINE, 0.6)] * 20
    assert max(steps(shown(alphas, [still()] * len(alphas)))) < 0.12


def test_mattes_of_mirrored_pictures_are_compared_with_their_like() -> None:
    views = [ellipse(FINE, 0.6), ellipse(FINE, 0.5)], [ellipse(COARSE, 0.65), ellipse(COARSE, 0.55)]
    alphas = [views[0][index % 2] for index in range(6)]
    alphas += [views[1][index % 2] for index in range(24)]
    mattes = shown(alphas, [still()] * 30)
    for view in (mattes[::2], mattes[1::2]):
        # Two frames apart, so two fifteenths.
        assert max(steps(view)) < 0.2
