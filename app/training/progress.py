"""What a training run tells after a step."""

from __future__ import annotations

from dataclasses import dataclass

from app.training.choice import Verdict
from app.training.validation import Scores


@dataclass(frozen=True)
class Progress:
    """scores: where this step was validated, and began: what the run began with. best: whether it
    is the best one yet. verdict: how it compares with the reference, where kinds are validated.
    """

    step: int
    steps: int
    kind: str
    loss: float
    rate: float
    scores: Scores | None = None
    began: Scores | None = None
    best: bool = False
    verdict: Verdict | None = None
