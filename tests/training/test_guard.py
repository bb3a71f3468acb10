"""What the guard objects to, on signs made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.training import guard
from app.training.guard import Signs

BEFORE = Signs(
    l_cons=0.2, flicker=1.0, area=0.3, jumps=0.01, uncertain=0.05, elsewhere=0.0, apart=5.0
)
BETTER = replace(BEFORE, l_cons=0.1, flicker=0.9, jumps=0.008, uncertain=0.04, apart=4.0)


def test_what_is_better_in_everything_is_kept_and_has_merit() -> None:
    assert guard.objection(BEFORE, BETTER) is None
    assert guard.merit(BEFORE, BETTER) > 0


def test_consistency_must_improve() -> None:
    for l_cons in (BEFORE.l_cons, 2 * BEFORE.l_cons, float("nan")):
        assert guard.objection(BEFORE, replace(BETTER, l_cons=l_cons)) is not None


@pytest.mark.parametrize(
    ("worse", "word"),
    [
        ({"area": 0.0}, "large"),
        ({"area": 0.01}, "large"),
        ({"area": 0.95}, "large"),
        ({"flicker": 4.0}, "flicker"),
        ({"jumps": 0.1}, "jump"),
        ({"uncertain": 0.5}, "neither person nor background"),
        ({"elsewhere": 0.2}, "other people"),
        ({"apart": 5.0}, "no closer"),
        ({"apart": 4.9}, "no closer"),
        ({"apart": float("nan")}, "no closer"),
    ],
)
def test_each_way_to_go_astray_is_refused_with_its_reason(
    worse: dict[str, float], word: str
) -> None:
    objection = guard.objection(BEFORE, replace(BETTER, **worse))
    assert objection is not None
    assert word in objection
    assert objection.endswith(".")


def test_a_cure_that_changes_the_area_is_let_pass() -> None:
    """A matte that fails has a third too much, or too little."""
    for area in (0.7, 1.4):
        before = replace(BEFORE, agreed=BEFORE.area * area)
        assert guard.objection(before, replace(BETTER, area=BEFORE.area * area)) is None


def test_what_no_other_look_takes_for_the_person_is_none() -> None:
    """A chair that is taken along makes everything else look better."""
    larger = replace(BETTER, area=BEFORE.area * 1.1)
    objection = guard.objection(replace(BEFORE, agreed=BEFORE.area * 0.97), larger)
    assert objection is not None
    assert "leaves out" in objection


def test_more_of_the_same_gain_is_worth_more() -> None:
    for more in (
        replace(BETTER, jumps=0.004),
        replace(BETTER, uncertain=0.02),
        replace(BETTER, apart=3.0),
    ):
        assert guard.merit(BEFORE, more) > guard.merit(BEFORE, BETTER)


def test_closeness_to_what_the_looks_agree_on_counts_most() -> None:
    closer = replace(BETTER, apart=1.0)
    calmer = replace(BETTER, jumps=0.0, uncertain=0.0)
    assert guard.merit(BEFORE, closer) > guard.merit(BEFORE, calmer)


def test_an_empty_picture_has_nobody() -> None:
    assert guard.nobody(replace(BEFORE, area=0.0))
    assert not guard.nobody(BEFORE)


def test_on_a_still_and_perfect_clip_there_is_nothing_to_gain() -> None:
    still = Signs(l_cons=0.1, flicker=0.0, area=0.3, jumps=0.0, uncertain=0.0)
    after = replace(still, l_cons=0.05)
    assert "no closer" in str(guard.objection(still, after))
    assert guard.merit(still, after) == 0
