"""The processes of a run: one, or as many as torchrun started, on one machine or several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from app.engines.torch_engine import pick_device

_T = TypeVar("_T")


@dataclass(frozen=True)
class Processes:
    """rank: which one this is, from 0 on; world: how many there are; device: this one's."""

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this one validates, stores and tells."""
        return self.rank == 0

    def same(self, module: nn.Module) -> None:
        """Everywhere the first one's weights."""
        if self.world > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, 0)

    def mean(self, value: Tensor) -> float:
        """Over all processes: all see the same number, and stop together where it is none."""
        if self.world > 1:
            value = value.detach().clone()
            dist.all_reduce(value)
        return value.item() / self.world

    def gathered(self, value: _T) -> list[_T]:
        """Everybody's, by rank."""
        if self.world == 1:
            return [value]
        everybody: list[_T] = [value] * self.world
        dist.all_gather_object(everybody, value)
        return everybody


@contextmanager
def started(device: str) -> Iterator[Processes]:
    """As torchrun says in the environment; one process where it says nothing.

    device: as for an engine; "auto" gives each process of a machine a GPU of its own. Raises
    EngineUnavailable.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = pick_device(device)
    if chosen.type == "cuda" and chosen.index is None:
        chosen = torch.device(chosen.type, int(os.environ.get("LOCAL_RANK", "0")))
    if world == 1:
        yield Processes(0, 1, chosen)
        return
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), world, chosen)
    finally:
        dist.destroy_process_group()
