"""Run by torchrun: says "equal" where this process takes the step that one process would take."""

import copy

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from app.modnet.network import MODNet
from app.training import objectives
from app.training.data import Sample
from app.training.processes import started

torch.set_num_threads(1)
with started("cpu") as processes:
    torch.manual_seed(0)
    pictures = [Sample(torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64)) for _ in range(2)]
    network = MODNet().eval()
    alone = copy.deepcopy(network)
    together = DistributedDataParallel(
        objectives.Objective(network, copy.deepcopy(network)), find_unused_parameters=True
    )
    mine = pictures[processes.rank]
    loss = together("supervised", mine.rgb, mine.alpha)
    loss.backward()
    both = torch.stack([objectives.supervised(alone, picture) for picture in pictures]).mean()
    both.backward()
    assert abs(processes.mean(loss) - both.item()) < 1e-5
    for (name, one), other in zip(network.named_parameters(), alone.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, rtol=1e-3, atol=1e-5), name
    dist.barrier()
    print("equal", flush=True)  # noqa: T201
