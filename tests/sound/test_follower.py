"""A card's clock that runs away from the system's, and callbacks that come late."""

from __future__ import annotations

import numpy as np
import pytest

from app.sound.base import RATE
from app.sound.follower import CardClock, Follower

BLOCK = 960


def clicks(rate: float, seconds: int, *, jitter: float, seed: int = 1) -> list[float]:
    """How many seconds each click is off, where a card of `rate` hears one each second."""
    rng = np.random.default_rng(seed)
    follower = Follower(RATE, 1)
    card = np.zeros(round(rate * seconds), np.float32)
    true = np.arange(1, seconds) + 0.5
    card[np.round(true * rate).astype(int)] = 0.9
    heard = []
    for at in range(0, len(card) - BLOCK, BLOCK):
        late = rng.exponential(jitter) + (0.08 if rng.random() < 0.002 else 0.0)
        pcm = follower.push(card[at : at + BLOCK, None], 100.0 + at / rate + late)
        begins = follower.moment - len(pcm) / RATE
        loud = np.flatnonzero(pcm[:, 0] > 8000)
        if len(loud):
            heard.append(begins + loud[np.argmax(pcm[loud, 0])] / RATE - 100.0)
    return [h - true[np.argmin(np.abs(true - h))] for h in heard]


@pytest.mark.parametrize("parts_per_million", [-300, 0, 40, 500])
def test_a_card_that_runs_away_is_kept_within_ten_milliseconds(parts_per_million: int) -> None:
    off = clicks(RATE * (1 + parts_per_million * 1e-6), 40, jitter=0.003)
    assert len(off) == 39
    assert max(map(abs, off)) < 0.010


@pytest.mark.soak
def test_ten_minutes_end_within_ten_milliseconds() -> None:
    off = clicks(RATE * (1 + 200e-6), 600, jitter=0.003)
    assert len(off) == 599
    assert max(map(abs, off[-60:])) < 0.010


def test_a_tone_comes_out_as_it_went_in() -> None:
    follower = Follower(RATE, 2)
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32) * 0.5
    both = np.stack((tone, -tone), axis=1)
    out = np.concatenate(
        [follower.push(both[at : at + BLOCK], at / RATE) for at in range(0, RATE, BLOCK)]
    )
    middle = out[4000:-4000].astype(float) / 32767
    phases = np.arange(4000, len(out) - 4000) / RATE
    assert np.abs(middle[:, 0] - 0.5 * np.sin(2 * np.pi * 1000 * phases)).max() < 2e-3
    assert np.array_equal(middle[:, 0], -middle[:, 1])


def test_a_card_of_another_rate_is_resampled() -> None:
    follower = Follower(44_100, 1)
    tone = np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100).astype(np.float32)[:, None]
    out = np.concatenate(
        [follower.push(tone[at : at + 882], at / 44_100) for at in range(0, 44_100, 882)]
    )
    assert abs(len(out) - RATE) < 20
    spectrum = np.abs(np.fft.rfft(out[:24_000, 0]))
    assert abs(np.argmax(spectrum) * 2 - 440) <= 2


def test_after_a_gap_the_clock_is_set_anew() -> None:
    clock = CardClock(RATE)
    for number in range(200):
        clock.block(number * 0.02, BLOCK)
    jumps = [clock.block(9.0 + number * 0.02, BLOCK) for number in range(60)]
    assert any(jumped for _, _, jumped in jumps)
    assert jumps[-1][0] == pytest.approx(9.0 + 59 * 0.02, abs=0.005)


def test_one_late_callback_does_not_move_the_clock() -> None:
    clock = CardClock(RATE)
    for number in range(500):
        clock.block(number * 0.02, BLOCK)
    begins, _, jumped = clock.block(500 * 0.02 + 0.3, BLOCK)
    assert not jumped
    assert begins == pytest.approx(10.0, abs=1e-4)
    assert clock.block(501 * 0.02, BLOCK)[0] == pytest.approx(10.02, abs=1e-3)
