"""From what the user names to the two training heads in a file beside the weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from app.errors import UsageError
from app.modnet import weights
from app.modnet.network import MODNet
from app.training import data, heads
from app.training.data import Sample, Size, normalised
from app.weights import beside, store

# What a live run and a training run look at, and portraits.
SIZES: Sequence[Size] = ((512, 288), (448, 256), (384, 288), (288, 384))
_JUDGED = 12


@dataclass(frozen=True)
class Recovered:
    """path: the .heads file. before, after: on pictures that were drawn apart."""

    path: Path
    taught_by: str
    before: heads.Consistency
    after: heads.Consistency

    def as_json(self) -> dict[str, object]:
        return {
            "heads": str(self.path),
            "taught_by": self.taught_by,
            "before": {key: round(value, 5) for key, value in asdict(self.before).items()},
            "after": {key: round(value, 5) for key, value in asdict(self.after).items()},
        }


def recover(
    chosen: store.WeightsFile,
    *,
    people: data.People | None,
    frames: data.Frames | None,
    steps: int = heads.STEPS,
    seed: int = 0,
    licence: str = "unknown",
    progress: Callable[[int], None] = lambda step: None,
) -> Recovered:
    """Fits both heads of `chosen` and writes them beside it.

    people: where they are given, their true alpha teaches; else the network's own alpha on
    `frames` does, and the heads say what F says already. Raises UsageError where there is
    neither, WeightsError, OutputError, TrainingDiverged.
    """
    if people is None and frames is None:
        raise UsageError(
            "There is nothing to fit the heads on; name people with alpha and rooms (--cutouts or "
            "--pairs, and --rooms), or clips (--clips)."
        )
    network = weights.load(chosen.path).network
    draw = _true_alpha(people) if people is not None else _own_matte(network, frames)
    judged_rng = np.random.default_rng([seed, 1])
    judged = [draw(judged_rng) for _ in range(_JUDGED)]
    before = heads.consistency(network, judged)
    rng = np.random.default_rng(seed)
    heads.recover_heads(network, lambda: draw(rng), steps=steps, progress=progress)
    after = heads.consistency(network, judged)
    taught_by = "true alpha" if people is not None else "the network's own alpha"
    name = Path(chosen.name).stem if chosen.origin == "file" else chosen.name
    target = beside.path_for(heads.SUFFIX, name)
    described = {
        "weights_sha256": chosen.sha256,
        "weights": chosen.name,
        "taught_by": taught_by,
        "licence": licence,
        "steps": str(steps),
        "seed": str(seed),
        "consistency": json.dumps({key: round(value, 5) for key, value in asdict(after).items()}),
    }
    with store.writing(target) as file:
        file.write(heads.to_bytes(network, described))
    return Recovered(target, taught_by, before, after)


_Draw = Callable[[np.random.Generator], Sample]


def _true_alpha(people: data.People) -> _Draw:
    return lambda rng: people.draw(rng, _size(rng))


def _own_matte(network: MODNet, frames: data.Frames | None) -> _Draw:
    assert frames is not None
    seen = frames

    def draw(rng: np.random.Generator) -> Sample:
        rgb = seen.draw_rgb(rng)
        width, height = _size(rng)
        tensor = data.as_tensor(rgb, data.size_like(rgb, width * height))
        with torch.no_grad():
            return Sample(tensor, network(normalised(tensor)))

    return draw


def _size(rng: np.random.Generator) -> Size:
    return SIZES[int(rng.integers(len(SIZES)))]
