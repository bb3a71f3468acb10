"""The running mean of a network's weights: calmer than any single step, and often better."""

from __future__ import annotations

import torch

from app.modnet.network import MODNet


@torch.no_grad()
def update(mean: MODNet, network: MODNet, *, keep: float, step: int) -> None:
    """Takes `network`, as it is after so many steps, into `mean`, in place.

    keep: how much of the old mean stays at each step, in [0, 1). Buffers are not averaged: they
    become the network's.
    """
    # At the start the mean is young: it takes what it is given more readily.
    old = min(keep, step / (step + 10))
    for averaged, now in zip(mean.parameters(), network.parameters(), strict=True):
        averaged.lerp_(now, 1 - old)
    for kept, buffer in zip(mean.buffers(), network.buffers(), strict=True):
        kept.copy_(buffer)
