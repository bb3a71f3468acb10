"""The edge follows the picture, inside the band only."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.evaluation.metrics import flicker as metrics_flicker
from app.evaluation.metrics import from_uint8, grad, mad
from app.frames import Frame
from app.refine.guided import Guide
from app.refine.refine import enlarge
from app.temporal.motion import small_picture
from tests.refine.plainly import Plainly

RNG = np.random.default_rng(3)


def lead_once(alpha: np.ndarray, enlarged: np.ndarray, picture: np.ndarray) -> np.ndarray:
    return lead_at(Guide(), alpha, enlarged, picture, 0.0)


def lead_at(
    guide: Guide, alpha: np.ndarray, enlarged: np.ndarray, picture: np.ndarray, at: float
) -> np.ndarray:
    small = small_picture(Frame(picture, 0, at))
    led, _ = guide.lead(alpha, enlarged, picture, small=small, at=at)
    return led


def person(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a head and strands of hair of known alpha: RGB, and uint8 alpha."""
    width, height = size
    alpha = np.zeros((height, width), np.uint8)
    centre = width // 2, height // 2
    cv2.ellipse(alpha, centre, (width // 6, height // 4), 0, 0, 360, 255, -1, cv2.LINE_AA)
    for turn in np.linspace(0, 2 * np.pi, 40, endpoint=False):
        end = (
            int(centre[0] + width * 0.2 * np.cos(turn)),
            int(centre[1] + height * 0.3 * np.sin(turn)),
        )
        cv2.line(alpha, centre, end, 255, max(1, width // 400), cv2.LINE_AA)
    room = np.linspace(150, 230, width)[None, :, None] * np.array([1.0, 0.95, 0.9])
    skin = np.array([70.0, 45.0, 30.0])
    weight = alpha[..., None] / 255
    noise = RNG.normal(0, 2, (height, width, 3))
    return np.clip(weight * skin + (1 - weight) * room + noise, 0, 255).astype(np.uint8), alpha


@pytest.mark.parametrize("grid", [(512, 288), (384, 216), (320, 180)])
def test_it_beats_the_bilinear_one_on_fine_edges(grid: tuple[int, int]) -> None:
    picture, true = person((1280, 720))
    small = cv2.resize(true, grid, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    small = cv2.GaussianBlur(small, (0, 0), 1.0)  # the network is no camera
    plainly = enlarge(small, (1280, 720))
    led = lead_once(small, plainly, picture)
    truth = from_uint8(true)
    for metric in (mad, grad):
        assert metric(from_uint8(led), truth) < 0.95 * metric(from_uint8(plainly), truth)


def test_what_is_sure_is_left_alone() -> None:
    picture, true = person((640, 360))
    small = cv2.resize(true, (256, 144), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    plainly = enlarge(small, (640, 360))
    led = lead_once(small, plainly, picture)
    unsure = cv2.dilate(((small > 0.01) & (small < 0.99)).astype(np.uint8), np.ones((5, 5)))
    sure = cv2.resize(unsure, (640, 360), interpolation=cv2.INTER_LINEAR) == 0
    assert sure.any()
    assert np.array_equal(led[sure], plainly[sure])


def test_where_person_and_room_are_alike_nothing_is_invented() -> None:
    _, true = person((640, 360))
    grey = np.full((360, 640, 3), 128, np.uint8)
    small = cv2.resize(true, (256, 144), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    plainly = enlarge(small, (640, 360))
    difference = cv2.absdiff(lead_once(small, plainly, grey), plainly)
    assert difference.mean() < 4


def test_without_a_band_it_gives_back_what_it_got() -> None:
    picture = np.zeros((36, 64, 3), np.uint8)
    alpha = np.ones((9, 16), np.float32)
    plainly = enlarge(alpha, (64, 36))
    assert lead_once(alpha, plainly, picture) is plainly


def test_what_went_in_is_left_as_it_was() -> None:
    picture = RNG.integers(0, 255, (36, 64, 3), np.uint8)
    alpha = RNG.random((9, 16), np.float32)
    plainly = enlarge(alpha, (64, 36))
    before = plainly.copy(), picture.copy(), alpha.copy()
    lead_once(alpha, plainly, picture)
    for now, was in zip((plainly, picture, alpha), before, strict=True):
        assert np.array_equal(now, was)


@settings(max_examples=30)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 70)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_any_sizes_go_through(frame: tuple[int, int], grid: tuple[int, int]) -> None:
    picture = RNG.integers(0, 255, (frame[1], frame[0], 3), np.uint8)
    alpha = RNG.random((grid[1], grid[0]), np.float32)
    led = lead_once(alpha, enlarge(alpha, frame), picture)
    assert led.shape == (frame[1], frame[0])
    assert led.dtype == np.uint8


@settings(max_examples=30)
@given(
    st.tuples(st.integers(1, 200), st.integers(1, 160)),
    st.tuples(st.integers(1, 60), st.integers(1, 40)),
    st.integers(0, 2**32),
)
def test_it_is_the_plain_filter_of_any_sizes_and_pictures(
    frame: tuple[int, int], grid: tuple[int, int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    guide, plain = Guide(), Plainly()
    soft = cv2.resize(random.random((5, 6), np.float32), grid)
    room = cv2.resize(random.integers(0, 256, (7, 9, 3), np.uint8), frame)
    for index in range(3):
        noise = random.normal(0, 4, (frame[1], frame[0], 3))
        picture = np.clip(room.reshape(noise.shape) + noise, 0, 255).astype(np.uint8)
        alpha = np.clip(1.6 * soft.reshape(grid[::-1]) - 0.3, 0, 1) ** (1 + 0.1 * index)
        enlarged = enlarge(alpha.astype(np.float32), frame)
        led = lead_at(guide, alpha.astype(np.float32), enlarged, picture, index / 30)
        wanted = plain.led(alpha.astype(np.float32), enlarged, picture)
        # Half a level for rounding, and what float32 costs in a window of nearly one colour.
        assert np.abs(led - wanted).max() <= 0.9
        plain.past = enlarged.astype(float), led.astype(float)


PICTURE, TRUE = person((640, 360))


def led_over_noise(guides: list[Guide], *, every: float = 1 / 30) -> np.ndarray:
    """A still edge, as a camera with noise sees it ten times: float32 (10, H, W) in [0, 1]."""
    small = cv2.resize(TRUE, (256, 144), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    plainly = enlarge(small, (640, 360))
    camera = np.random.default_rng(11)
    led = []
    for index in range(10):
        noise = camera.normal(0, 6, PICTURE.shape)
        noisy = np.clip(PICTURE + noise, 0, 255).astype(np.uint8)
        guide = guides[index % len(guides)]
        led.append(from_uint8(lead_at(guide, small, plainly, noisy, index * every)))
    return np.stack(led)


def test_noise_makes_a_still_edge_flicker_less_than_half_as_much_as_without_a_memory() -> None:
    def flicker(led: np.ndarray) -> float:
        return float(
            np.mean([metrics_flicker(tuple(led[at : at + 3])) for at in range(len(led) - 2)])
        )

    remembered = flicker(led_over_noise([Guide()])[2:])
    forgotten = flicker(led_over_noise([Guide() for _ in range(10)])[2:])
    assert forgotten > 0
    assert remembered < 0.5 * forgotten


def test_a_gap_in_time_or_a_reset_forgets() -> None:
    fresh = led_over_noise([Guide() for _ in range(10)])
    assert np.array_equal(led_over_noise([Guide()], every=1.0), fresh)
    assert not np.array_equal(led_over_noise([Guide()]), fresh)
    guide = Guide()
    picture, true = person((640, 360))
    small = cv2.resize(true, (256, 144), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    plainly = enlarge(small, (640, 360))
    first = lead_at(guide, small, plainly, picture, 0.0)
    lead_at(guide, 1 - small, 255 - plainly, picture[::-1].copy(), 0.1)
    guide.reset()
    assert np.array_equal(lead_at(guide, small, plainly, picture, 0.2), first)


def test_an_edge_that_moves_is_led_as_if_for_the_first_time() -> None:
    picture, true = person((640, 360))
    guide = Guide()
    for index, by in enumerate((0, 60)):
        moved, truth = (np.ascontiguousarray(np.roll(one, by, axis=1)) for one in (picture, true))
        small = cv2.resize(truth, (256, 144), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        plainly = enlarge(small, (640, 360))
        led = lead_at(guide, small, plainly, moved, index / 30)
        fresh = lead_once(small, plainly, moved)
    # Where the edge is and was not.
    new = (cv2.absdiff(plainly, np.roll(plainly, -60, axis=1)) > 40) & (plainly > 40)
    assert new.any()
    assert cv2.absdiff(led, fresh)[new].mean() < 3


@settings(max_examples=20)
@given(st.lists(st.integers(0, 255), min_size=2, max_size=5))
def test_what_is_remembered_never_leaves_the_scale(values: list[int]) -> None:
    guide = Guide()
    random = np.random.default_rng(sum(values))
    for index, value in enumerate(values):
        alpha = np.clip(random.normal(value / 255, 0.1, (9, 16)), 0, 1).astype(np.float32)
        plainly = enlarge(alpha, (64, 36))
        picture = random.integers(0, 255, (36, 64, 3), np.uint8)
        led = lead_at(guide, alpha, plainly, picture, index / 30)
        # Beyond the scale it would come out at the other end.
        far = np.abs(led.astype(int) - plainly.astype(int)).max()
        assert far <= 0.55 * 255 + 2


def shoulder(jacket: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A level shoulder before books: picture, 360 rows, and the network's soft edge, 144 rows."""
    picture = np.zeros((360, 640, 3), np.uint8)
    books = np.where(np.arange(640) // 6 % 2 == 0, 25, 170)
    picture[:] = books[None, :, None]
    picture[180:] = jacket
    rows = np.arange(144, dtype=np.float32)
    alpha = np.clip((rows - 71.5) / 5 + 0.5, 0, 1)
    return picture, np.tile(alpha[:, None], (1, 256)).astype(np.float32)


def spikes(jacket: tuple[int, int, int]) -> float:
    """By how much alpha goes up and down along the shoulder, in levels."""
    picture, alpha = shoulder(jacket)
    led = lead_once(alpha, enlarge(alpha, (640, 360)), picture)
    return float(led[165:195, 60:580].astype(float).std(axis=1).max())


def test_a_dark_jacket_gets_no_spikes_from_books_that_are_partly_as_dark() -> None:
    assert spikes((25, 25, 25)) < 12


def test_where_colours_tell_nothing_alpha_stays() -> None:
    picture, alpha = shoulder((25, 25, 25))
    large = enlarge(alpha, (640, 360))
    led = lead_once(alpha, large, picture)
    assert np.abs(led.astype(float) - large).mean(axis=1).max() < 12


def test_a_jacket_of_another_colour_is_led_all_the_same() -> None:
    picture, alpha = shoulder((220, 60, 40))
    large = enlarge(alpha, (640, 360))
    led = lead_once(alpha, large, picture)
    truth = np.where(np.arange(360) >= 180, 255.0, 0.0)[:, None]
    before, after = np.abs(large - truth).mean(), np.abs(led - truth).mean()
    assert after < 0.85 * before
