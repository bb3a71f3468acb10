"""The mean of several states of one run, and mixtures of it with what the run began with.

Averaged checkpoints lie flatter than any of them (Izmailov et al., "Averaging weights leads to
wider optima", UAI 2018), and a mixture with the starting weights keeps what fine-tuning forgets
(Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

State = Mapping[str, Tensor]


def mean_of(states: Sequence[State]) -> dict[str, Tensor]:
    """The plain mean of at least one; integers are taken from the last."""
    return {
        key: torch.stack([state[key] for state in states]).mean(dim=0)
        if last.is_floating_point()
        else last.clone()
        for key, last in states[-1].items()
    }


def blended(state: State, start: State, share: float) -> dict[str, Tensor]:
    """`share` of `start` and the rest of `state`."""
    return {
        key: torch.lerp(value, start[key], share) if value.is_floating_point() else value.clone()
        for key, value in state.items()
    }
