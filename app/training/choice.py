"""The rule by which the state that ships is chosen. Written down before the run: docs/training.md.

Of each item the ratio of its error to that of the reference (the released weights) is taken, for
MAD, for the gross part and, of clips, for dtSSD, each with a little added so that an error of
nearly nothing does not decide. An item's ratio is their geometric mean; a kind's is that of its
items; the state's is that of the kinds, so that every kind counts alike.

A state is admissible where no kind is worse than the reference by more than 3%, which is chance,
and at most one item in twenty has a MAD more than 15% above it. Whichever breaks fewer of these
comes first; among equals the lower of mean ratio x (worst item's ratio) ^ 1/4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ItemScores = Mapping[str, float]
# Added to an error before the ratio is taken: x 1e3, x 1e3, x 1e2.
_FLOOR = {"mad": 1.0, "gross": 0.5, "dtssd": 0.3}
KIND_WORSE, WORSE, ONE_IN = 1.03, 1.15, 20
_WORST_POWER = 0.25


@dataclass(frozen=True, order=True)
class Merit:
    """Lower is better.

    Attributes:
        violations: kinds that are worse than the reference by more than 3%, and items beyond one
            in twenty.
        value: the mean ratio, and a part of the worst item's.
    """

    violations: int
    value: float


@dataclass(frozen=True)
class Verdict:
    """How a state compares with the reference.

    Attributes:
        merit: what the rule compares.
        kinds: the ratio of each kind.
        mean: of the kinds, geometric.
        worst: the item with the largest ratio, and that ratio.
        worse: how many items have a MAD more than 15% above the reference's.
    """

    merit: Merit
    kinds: dict[str, float]
    mean: float
    worst: tuple[str, float]
    worse: int


def judge(scores: Mapping[str, ItemScores], reference: Mapping[str, ItemScores]) -> Verdict:
    """Items are named KIND/ITEM, and are the same in both; at least one."""
    ratios = {name: _item_ratio(scores[name], reference[name]) for name in reference}
    by_kind: dict[str, list[float]] = {}
    for name, ratio in ratios.items():
        by_kind.setdefault(name.split("/")[0], []).append(ratio)
    kinds = {kind: _geometric(values) for kind, values in by_kind.items()}
    mean = _geometric(list(kinds.values()))
    worst = max(ratios.items(), key=lambda item: item[1])
    worse = sum(_ratio("mad", scores[name], reference[name]) > WORSE for name in reference)
    allowed = len(reference) // ONE_IN
    violations = max(0, worse - allowed) + sum(ratio > KIND_WORSE for ratio in kinds.values())
    return Verdict(Merit(violations, mean * worst[1] ** _WORST_POWER), kinds, mean, worst, worse)


def means(scores: Mapping[str, ItemScores]) -> tuple[float, float]:
    """(MAD, dtSSD), each the mean over kinds of the means of their items; dtSSD 0 without clips."""
    found = []
    for metric in ("mad", "dtssd"):
        by_kind: dict[str, list[float]] = {}
        for name, one in scores.items():
            if metric in one:
                by_kind.setdefault(name.split("/")[0], []).append(one[metric])
        kinds = [sum(values) / len(values) for values in by_kind.values()]
        found.append(sum(kinds) / len(kinds) if kinds else 0.0)
    return found[0], found[1]


def _item_ratio(scores: ItemScores, reference: ItemScores) -> float:
    return _geometric([_ratio(metric, scores, reference) for metric in reference])


def _ratio(metric: str, scores: ItemScores, reference: ItemScores) -> float:
    floor = _FLOOR[metric]
    return (scores[metric] + floor) / (reference[metric] + floor)


def _geometric(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))
