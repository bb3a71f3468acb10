"""Pauses are cut out, and nothing else is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.recording.timeline import Timeline

steps = st.lists(st.floats(0.01, 50), min_size=1, max_size=9)


@given(steps)
def test_the_clips_time_never_goes_back_and_misses_only_the_pauses(lengths: list[float]) -> None:
    timeline = Timeline()
    now, runs, recorded = 100.0, False, 0.0
    seen = []
    for length in lengths:
        runs = not runs
        (timeline.begin if runs else timeline.end)(now)
        middle = timeline.clip_time(now + length / 2)
        assert (middle is not None) == runs
        if middle is not None:
            seen.append(middle)
            assert middle == pytest.approx(recorded + length / 2, abs=1e-6)
            recorded += length
        now += length
    assert seen == sorted(seen)
    assert timeline.length(now) == pytest.approx(recorded, abs=1e-6)
    pieces = timeline.moments(0, recorded + 1) if not runs else timeline.moments(0, recorded)
    assert sum(end - begin for begin, end in pieces) == pytest.approx(recorded, abs=1e-5)
    assert all(a[1] <= b[0] + 1e-9 for a, b in itertools.pairwise(pieces))


def test_before_the_start_and_after_the_limit_there_is_no_clip() -> None:
    timeline = Timeline(limit=2)
    timeline.begin(10)
    assert timeline.clip_time(9.9) is None
    assert timeline.clip_time(11) == 1
    assert timeline.clip_time(12) is None
    assert timeline.length(50) == 2


def test_a_pause_during_the_countdown_leaves_nothing() -> None:
    timeline = Timeline()
    timeline.begin(10)
    timeline.end(8)
    assert timeline.length(12) == 0
    assert not timeline.runs
