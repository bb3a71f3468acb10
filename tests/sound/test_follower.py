"""A card's clock that runs away from the system's, and callbacks that come late."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from app.sound.arrivals import Arrivals
from app.sound.base import RATE
from app.sound.follower import CardClock, Follower
from app.sound.ring import Ring

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
        pcm = follower.push(card[at : at + BLOCK, None], 100.0 + (at + BLOCK) / rate + late)
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
        [follower.push(both[at : at + BLOCK], (at + BLOCK) / RATE) for at in range(0, RATE, BLOCK)]
    )
    middle = out[4000:-4000].astype(float) / 32767
    phases = np.arange(4000, len(out) - 4000) / RATE
    assert np.abs(middle[:, 0] - 0.5 * np.sin(2 * np.pi * 1000 * phases)).max() < 2e-3
    assert np.array_equal(middle[:, 0], -middle[:, 1])


def test_a_card_of_another_rate_is_resampled() -> None:
    follower = Follower(44_100, 1)
    tone = np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100).astype(np.float32)[:, None]
    out = np.concatenate(
        [follower.push(tone[at : at + 882], (at + 882) / 44_100) for at in range(0, 44_100, 882)]
    )
    assert abs(len(out) - RATE) < 20
    spectrum = np.abs(np.fft.rfft(out[:24_000, 0]))
    assert abs(np.argmax(spectrum) * 2 - 440) <= 2


def blocks(clock: CardClock, numbers: range, *, shift: float = 0.0) -> list[Any]:
    """What the clock says of blocks of 20 ms that are on time, `shift` seconds late."""
    return [clock.block(shift + (number + 1) * 0.02, BLOCK) for number in numbers]


def test_after_a_gap_the_clock_is_set_anew() -> None:
    clock = CardClock(RATE)
    blocks(clock, range(200))
    after = blocks(clock, range(200, 300), shift=5.0)
    assert any(jumped for _, _, jumped in after)
    assert after[-1][0] == pytest.approx(5.0 + 299 * 0.02, abs=0.002)


def test_one_late_callback_does_not_move_the_clock() -> None:
    clock = CardClock(RATE)
    blocks(clock, range(500))
    begins, _, jumped = clock.block(501 * 0.02 + 0.3, BLOCK)
    assert not jumped
    assert begins == pytest.approx(10.0, abs=1e-4)
    assert blocks(clock, range(501, 502))[0][0] == pytest.approx(10.02, abs=1e-3)


def test_two_seconds_that_come_at_once_are_put_where_they_sounded() -> None:
    clock, heard = CardClock(RATE), []
    for chunk in range(5):
        for number in range(100):
            place = clock.block(2.0 * (chunk + 1) + number * 1e-4, BLOCK)
            if place is not None:
                heard.append((place, chunk * 100 + number))
    (_, _, jumped), _ = heard[0]
    assert jumped
    assert not any(place[2] for place, _ in heard[1:])
    for (_, end, _), number in heard:
        assert end == pytest.approx((number + 1) * 0.02, abs=0.015)


def test_the_pitch_is_never_bent_by_more_than_half_a_percent() -> None:
    rng = np.random.default_rng(3)
    clock = CardClock(RATE)
    for number in range(1500):
        late = rng.exponential(0.03)  # a machine with far too much to do
        place = clock.block((number + 1) * 0.02 + late, BLOCK)
        if place is not None and not place[2]:
            begins, ends, _ = place
            assert abs((ends - begins) / 0.02 - 1) < 0.0102
            assert abs(1 / clock.seconds_per_sample / RATE - 1) <= 0.0051


def test_what_the_card_holds_back_is_taken_off() -> None:
    clock = CardClock(RATE)
    for number in range(100):
        place = clock.block((number + 1) * 0.02 + 0.04, BLOCK, 0.04)
    assert place is not None
    assert place[1] == pytest.approx(2.0, abs=1e-3)


def test_an_arrival_is_told_by_portaudios_clock_whatever_python_did() -> None:
    rng = np.random.default_rng(5)
    arrivals = Arrivals()
    off = []
    for number in range(300):
        true = 100 + number * 0.02
        late = rng.exponential(0.05)  # another thread held the interpreter
        arrived, inside = arrivals.see(true + late, current=true + 7.0, adc=0.0, length=0.02)
        off.append(arrived - true)
        assert inside == 0.0
    assert max(off[50:]) < 0.005


def test_what_a_card_holds_back_is_believed_after_a_while() -> None:
    arrivals = Arrivals()
    told = [
        arrivals.see(number * 0.02, current=number * 0.02, adc=number * 0.02 - 0.07, length=0.02)
        for number in range(1, 300)
    ]
    assert told[10][1] == 0.0
    assert told[-1][1] == pytest.approx(0.05)
    # Longer than any card takes: the driver does not know.
    assert Arrivals().see(5.0, current=5.0, adc=1e-9, length=0.02)[1] == 0.0


def test_a_ring_can_be_waited_for() -> None:
    ring = Ring(1)
    ring.write(10.0, np.ones((480, 1), np.int16))
    ring.wait(10.005, 60)  # is there already
    waits = threading.Thread(target=ring.wait, args=(10.02, 60))
    waits.start()
    ring.write(10.01, np.ones((480, 1), np.int16))
    waits.join(60)
    assert not waits.is_alive()
    ring.end()
    ring.wait(99.0, 60)  # nothing will come
