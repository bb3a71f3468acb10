"""The network's size follows the subject, slowly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.subject.size_policy import Rung, SizePolicy, extent_of

RUNGS = (Rung(0.0, 1.0), Rung(0.5, 0.75))


def test_the_extent_is_the_share_of_the_picture() -> None:
    alpha = np.zeros((10, 20), np.float32)
    alpha[:, :5] = 0.9
    assert extent_of(alpha) == pytest.approx(0.25)


def test_the_first_matte_decides_at_once() -> None:
    assert SizePolicy(RUNGS).factor(0.8, at=0.0) == 0.75
    assert SizePolicy(RUNGS).factor(0.2, at=0.0) == 1.0


def test_who_leans_in_for_a_moment_changes_nothing() -> None:
    policy = SizePolicy(RUNGS)
    factors = [policy.factor(0.9 if 30 <= n < 40 else 0.3, at=n / 30) for n in range(90)]
    assert set(factors) == {1.0}


def test_who_comes_near_and_stays_changes_it_once() -> None:
    policy = SizePolicy(RUNGS)
    factors = [policy.factor(0.3 if n < 30 else 0.9, at=n / 30) for n in range(300)]
    assert factors[0] == 1.0
    assert factors[-1] == 0.75
    assert np.count_nonzero(np.diff(factors)) == 1


def test_swaying_about_the_bound_never_changes_it() -> None:
    policy = SizePolicy(RUNGS)
    factors = [policy.factor(0.5 + 0.04 * np.sin(n / 20), at=n / 30) for n in range(3000)]
    assert np.count_nonzero(np.diff(factors)) == 0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=300))
def test_it_never_changes_twice_within_six_seconds(extents: list[float]) -> None:
    policy = SizePolicy(RUNGS)
    factors = [policy.factor(extent, at=n / 5) for n, extent in enumerate(extents)]
    changes = np.flatnonzero(np.diff(factors))
    assert not changes.size or np.diff(changes).min(initial=30) >= 30


def test_after_a_reset_the_next_matte_decides_at_once() -> None:
    policy = SizePolicy(RUNGS)
    policy.factor(0.2, at=0.0)
    policy.reset()
    assert policy.factor(0.8, at=0.1) == 0.75
