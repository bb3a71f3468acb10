"""The rule by which the state that ships is chosen, and the mean of several states."""

from __future__ import annotations

import math

import pytest
import torch

from app.training import averaging
from app.training.choice import judge, means

# Two kinds of two items; a clip has dtSSD, too.
REFERENCE = {
    "call/a": {"mad": 9.0, "gross": 3.5, "dtssd": 2.7},
    "call/b": {"mad": 9.0, "gross": 3.5, "dtssd": 2.7},
    "figure/a": {"mad": 19.0, "gross": 9.5},
    "figure/b": {"mad": 19.0, "gross": 9.5},
}


def with_mad(**ratios: float) -> dict[str, dict[str, float]]:
    """The reference with every error of an item times a ratio, floor included."""
    found = {}
    for name, scores in REFERENCE.items():
        ratio = ratios.get(name.replace("/", "_"), 1.0)
        floor = {"mad": 1.0, "gross": 0.5, "dtssd": 0.3}
        found[name] = {m: (v + floor[m]) * ratio - floor[m] for m, v in scores.items()}
    return found


def test_the_reference_itself_has_ratio_1_and_breaks_nothing() -> None:
    found = judge(REFERENCE, REFERENCE)
    assert found.mean == pytest.approx(1)
    assert found.kinds == {"call": pytest.approx(1), "figure": pytest.approx(1)}
    assert found.merit.violations == 0
    assert found.worse == 0


def test_kinds_count_alike_and_items_by_their_ratio() -> None:
    found = judge(with_mad(call_a=0.5, call_b=0.5), REFERENCE)
    assert found.kinds["call"] == pytest.approx(0.5)
    assert found.mean == pytest.approx(math.sqrt(0.5))


def test_the_worst_item_decides_as_well_as_the_mean() -> None:
    even = judge(with_mad(call_a=0.8, call_b=0.8, figure_a=0.8, figure_b=0.8), REFERENCE)
    uneven = judge(with_mad(call_a=0.5, call_b=0.72, figure_a=1.1, figure_b=0.85), REFERENCE)
    assert uneven.mean < even.mean
    assert even.merit < uneven.merit
    assert uneven.worst == ("figure/a", pytest.approx(1.1))


def test_a_kind_that_is_forgotten_outweighs_any_mean() -> None:
    forgets = judge(with_mad(call_a=0.1, call_b=0.1, figure_a=1.1, figure_b=1.1), REFERENCE)
    keeps = judge(with_mad(call_a=0.99, call_b=0.99), REFERENCE)
    assert forgets.mean < keeps.mean
    assert keeps.merit < forgets.merit


def test_one_item_in_twenty_may_be_worse() -> None:
    many = {f"call/{n}": {"mad": 9.0, "gross": 3.5} for n in range(20)}
    one = many | {"call/0": {"mad": 13.0, "gross": 3.5}}
    two = one | {"call/1": {"mad": 13.0, "gross": 3.5}}
    better = {name: {"mad": s["mad"] * 0.8, "gross": 3.5} for name, s in many.items()}
    assert judge(better | {"call/0": one["call/0"]}, many).merit.violations == 0
    assert judge(better | {n: two[n] for n in ("call/0", "call/1")}, many).merit.violations == 1


def test_an_error_of_nearly_nothing_does_not_decide() -> None:
    tiny = {"call/a": {"mad": 0.1, "gross": 0.0}}
    found = judge({"call/a": {"mad": 0.2, "gross": 0.05}}, tiny)
    assert found.mean < 1.12


def test_the_means_are_over_kinds() -> None:
    mad, dtssd = means(REFERENCE | {"figure/c": {"mad": 31.0, "gross": 1.0}})
    assert mad == pytest.approx((9 + 23) / 2)
    assert dtssd == pytest.approx(2.7)


def test_the_mean_of_states_and_a_mixture_with_the_start() -> None:
    states = [{"w": torch.full((2,), value), "n": torch.tensor(int(value))} for value in (1.0, 4.0)]
    mean = averaging.mean_of(states)
    assert mean["w"].tolist() == [2.5, 2.5]
    assert int(mean["n"]) == 4
    mixed = averaging.blended(mean, {"w": torch.zeros(2), "n": torch.tensor(0)}, 0.2)
    assert mixed["w"].tolist() == [2.0, 2.0]
