"""The network learns: a handful of composites by heart, and from some what holds for others."""

from pathlib import Path

import numpy as np
import pytest
import torch

from app.modnet import weights
from app.modnet.network import MODNet
from app.training import data, objectives
from app.training.data import Sample

SIZE = (64, 64)


def handful(material: Path, *, seed: int, count: int) -> Sample:
    people = data.read_people([material / "cutouts"], [], [material / "rooms"])
    rng = np.random.default_rng(seed)
    rgb, alpha = zip(*(people.composite(rng, SIZE) for _ in range(count)), strict=True)
    return Sample(torch.cat(rgb), torch.cat(alpha))


@torch.no_grad()
def mad(network: MODNet, sample: Sample) -> float:
    return float((network.eval()(data.normalised(sample.rgb)) - sample.alpha).abs().mean())


def learn(network: MODNet, sample: Sample, *, steps: int, rate: float) -> list[float]:
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    return [
        objectives.descend(optimiser, objectives.supervised(network, sample)) for _ in range(steps)
    ]


def test_it_learns_a_handful_of_composites_by_heart_from_nothing(
    network: MODNet, material: Path
) -> None:
    sample = handful(material, seed=0, count=4)
    before = mad(network, sample)
    losses = learn(network.train(), sample, steps=60, rate=2e-3)
    assert losses[-1] < 0.25 * losses[0]
    assert mad(network, sample) < 0.35 * before


def test_it_learns_a_handful_of_composites_by_heart_from_released_weights(
    weights_file: Path, material: Path
) -> None:
    network = weights.load(weights_file).network
    sample = handful(material, seed=0, count=4)
    before = mad(network, sample)
    losses = learn(network, sample, steps=40, rate=5e-4)
    assert losses[-1] < 0.25 * losses[0]
    assert mad(network, sample) < 0.35 * before


def test_what_it_learns_holds_for_composites_that_it_has_not_seen(
    weights_file: Path, material: Path
) -> None:
    network = weights.load(weights_file).network
    people = data.read_people([material / "cutouts"], [], [material / "rooms"])
    # The last person is seen in no step.
    known, unknown = (
        data.People(group, people.backgrounds) for group in (people.cutouts[:3], people.cutouts[3:])
    )
    judged = [unknown.composite(np.random.default_rng(seed), SIZE) for seed in range(8)]
    before = np.mean([mad(network, sample) for sample in judged])
    optimiser = torch.optim.Adam(network.eval().parameters(), lr=3e-4)
    rng = np.random.default_rng(1)
    for _ in range(40):
        objectives.descend(optimiser, objectives.supervised(network, known.composite(rng, SIZE)))
    after = np.mean([mad(network, sample) for sample in judged])
    assert after < 0.6 * before


@pytest.mark.parametrize("context_block", ["se", "easpp"])
def test_no_parameter_is_left_out(context_block: str, material: Path) -> None:
    torch.manual_seed(0)
    network = MODNet(context_block=context_block).train()
    loss = objectives.supervised(network, handful(material, seed=0, count=2))
    loss.backward()
    still = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    # A bias before a norm cannot do anything.
    assert [name for name in still if not name.endswith(".bias")] == []
