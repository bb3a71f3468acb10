"""SOC: the network taught by what its own branches disagree on (Ke et al., AAAI 2022, sec. 3.5).

On a picture without alpha S knows where the person is and D knows the edge; F is pulled towards
both, and S towards F. A frozen copy keeps D from forgetting. As in the official code the norms'
running statistics stay as they are, and the copy is renewed now and then.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from app.modnet.network import MODNet
from app.training import objectives
from app.training.data import Sample

RATE = 1e-5
BETAS = (0.9, 0.99)


class SOC:
    """One network that learns from pictures without alpha; `network` is changed in place.

    refresh: after so many steps the frozen copy is taken anew; None keeps the first one.
    """

    def __init__(self, network: MODNet, *, rate: float = RATE, refresh: int | None = None) -> None:
        self.network = network.eval().requires_grad_(True)
        self._teacher = copy.deepcopy(network).requires_grad_(False)
        self._optimiser = torch.optim.Adam(network.parameters(), lr=rate, betas=BETAS)
        self._refresh = refresh
        self.steps = 0

    def step(self, rgb: Tensor) -> float:
        """One picture, float32 (1, 3, H, W) in [0, 1]; the loss. Raises TrainingDiverged."""
        found = objectives.soc(self.network, self._teacher, rgb)
        loss = objectives.descend(self._optimiser, found.consistency + found.regulariser)
        self.steps += 1
        if self._refresh is not None and self.steps % self._refresh == 0:
            self._teacher.load_state_dict(self.network.state_dict())
        return loss

    def learn(self, sample: Sample) -> float:
        """A step towards a picture's alpha, as in supervised training; the loss."""
        loss = objectives.descend(self._optimiser, objectives.supervised(self.network, sample))
        self.steps += 1
        return loss

    def remember(self, teacher: MODNet, rgb: Tensor) -> float:
        """A step back towards what `teacher` makes of a picture; the loss."""
        loss = objectives.descend(
            self._optimiser, objectives.distillation(self.network, teacher, rgb)
        )
        self.steps += 1
        return loss
