"""A training run: steps of several kinds, validated, and stored so that it goes on where it ended.

In the folder `out`: best.safetensors (the state that validated best, or the last one where nothing
validates), checkpoint.pt (everything a resumed run needs), history.jsonl (a line a step).
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from app.errors import InputError
from app.modnet import weights
from app.modnet.network import MODNet
from app.training import data, heads, objectives
from app.training.config import TrainingConfig
from app.training.validation import Excerpt, Scores, read_excerpts, validate
from app.weights import store

BEST, CHECKPOINT, HISTORY = "best.safetensors", "checkpoint.pt", "history.jsonl"


@dataclass(frozen=True)
class Progress:
    """After a step. scores: where this step was validated; best: whether it is the best one yet."""

    step: int
    steps: int
    kind: str
    loss: float
    scores: Scores | None = None
    best: bool = False


@dataclass
class _Material:
    """What there is to learn from; shares: kind -> how often."""

    people: data.People | None
    soc: data.Frames | None
    distil: data.Frames | None
    shares: dict[str, float]

    def draw(
        self, kind: str, rng: np.random.Generator, sizes: Sequence[data.Size]
    ) -> tuple[Tensor, Tensor | None]:
        size = sizes[int(rng.integers(len(sizes)))]
        if kind == "supervised":
            assert self.people is not None
            sample = self.people.composite(rng, size)
            return sample.rgb, sample.alpha
        frames = self.soc if kind == "soc" else self.distil
        assert frames is not None
        rgb = frames.draw_rgb(rng)
        return data.as_tensor(rgb, data.size_like(rgb, size[0] * size[1])), None


class Trainer:
    """One run. Raises what reading its material raises; use `run`."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self._material = _read(config)
        self._excerpts: Sequence[Excerpt] = (
            read_excerpts(config.validation.clips, config.validation.frames)
            if config.validation
            else ()
        )
        self._step = 0
        self._best: float | None = None
        self._mean: MODNet | None = None
        self._history: list[dict[str, Any]] = []

    def run(self, progress: Callable[[Progress], None] = lambda done: None) -> Path:
        """To the end, from the checkpoint where there is one; the path of the best state.

        Raises TrainingDiverged, OutputError, DiskFull; what was stored before stays.
        """
        with _processes() as (rank, world):
            return self._run(rank, world, progress)

    def _run(self, rank: int, world: int, progress: Callable[[Progress], None]) -> Path:
        config = self.config
        torch.manual_seed(config.seed)
        # Every process draws other pictures, but all draw the same kind at the same step.
        rng = np.random.default_rng([config.seed, rank])
        network, missing = _start(config)
        teacher = copy.deepcopy(network).eval().requires_grad_(False)
        stored = self._stored()
        if stored is None and missing and config.heads:
            self._fit_heads(network, rng)
            teacher.load_state_dict(network.state_dict())
        network.requires_grad_(True).train(config.train_norms)
        self._mean = copy.deepcopy(network).eval().requires_grad_(False) if config.average else None
        optimiser = _optimiser(network, config)
        if stored is not None:
            network.load_state_dict(stored["network"])
            teacher.load_state_dict(stored["teacher"])
            if self._mean is not None:
                self._mean.load_state_dict(stored["mean"])
            optimiser.load_state_dict(stored["optimiser"])
            rng.bit_generator.state = stored["rng"][rank]
            self._step, self._best = stored["step"], stored["best"]
            self._history = stored["history"]
        objective: torch.nn.Module = objectives.Objective(network, teacher)
        if world > 1:
            objective = DistributedDataParallel(objective, find_unused_parameters=True)
        with _board(config, rank) as board:
            while self._step < config.steps:
                done = self._one(objective, network, optimiser, rng, rank)
                if self._step % config.refresh == 0:
                    teacher.load_state_dict(network.state_dict())
                if self._step % config.checkpoint_every == 0 or self._step == config.steps:
                    self._store(network, teacher, optimiser, rng, rank, world)
                if rank == 0:
                    board(done)
                    progress(done)
        return config.out / BEST

    def _one(
        self,
        objective: torch.nn.Module,
        network: MODNet,
        optimiser: torch.optim.Optimizer,
        rng: np.random.Generator,
        rank: int,
    ) -> Progress:
        config = self.config
        kind = _kind(self._material.shares, config.seed, self._step)
        rgb, alpha = self._material.draw(kind, rng, config.sizes)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16"):
            loss = objective(kind, rgb, alpha)
        value = objectives.descend(optimiser, loss, clip=config.clip)
        self._step += 1
        self._average(network)
        scores, best = None, False
        if rank == 0:
            last = self._step == config.steps
            if self._excerpts and config.validation:
                if last or self._step % config.validation.every == 0:
                    scores = validate(self._mean or network, self._excerpts)
                    network.train(config.train_norms)
                    best = self._best is None or scores.mad < self._best
                    self._best = scores.mad if best else self._best
            else:
                best = last
            if best:
                self._keep(self._mean or network)
            entry: dict[str, Any] = {"step": self._step, "kind": kind, "loss": value}
            if scores is not None:
                entry |= {"mad": scores.mad, "dtssd": scores.dtssd, "by_clip": scores.by_clip}
            self._history.append(entry)
        return Progress(self._step, config.steps, kind, value, scores, best)

    @torch.no_grad()
    def _average(self, network: MODNet) -> None:
        if self._mean is None:
            return
        # At the start the mean is young: it takes what it is given more readily.
        old = min(self.config.average, self._step / (self._step + 10))
        for mean, now in zip(self._mean.parameters(), network.parameters(), strict=True):
            mean.lerp_(now, 1 - old)
        for kept, buffer in zip(self._mean.buffers(), network.buffers(), strict=True):
            kept.copy_(buffer)

    def _fit_heads(self, network: MODNet, rng: np.random.Generator) -> None:
        material, sizes = self._material, self.config.sizes

        def draw() -> data.Sample:
            if material.people is not None:
                return material.people.composite(rng, sizes[0])
            kind = "soc" if material.soc is not None else "distil"
            rgb, _ = material.draw(kind, rng, sizes)
            with torch.no_grad():
                return data.Sample(rgb, network(data.normalised(rgb)))

        heads.recover_heads(network, draw, steps=self.config.heads)

    def _keep(self, network: MODNet) -> None:
        config = self.config
        described = {
            "title": config.title or f"trained from {config.weights}",
            "licence": config.licence,
            "parent": config.weights,
            "training": json.dumps(
                {"steps": self._step, "seed": config.seed, "shares": self._material.shares}
            ),
        }
        weights.save_safetensors(network, config.out / BEST, metadata=described)

    def _stored(self) -> dict[str, Any] | None:
        path = self.config.out / CHECKPOINT
        if not path.is_file():
            return None
        try:
            found: dict[str, Any] = torch.load(path, weights_only=False)
        except Exception as error:
            raise InputError(f"{path} is damaged; remove it to begin anew.") from error
        if found["config"] != self._fingerprint():
            raise InputError(
                f"{path} belongs to another configuration; name another `out`, or remove it."
            )
        return found

    def _fingerprint(self) -> str:
        """What must be the same for a run to go on; it may be made longer."""
        return self.config.model_dump_json(
            exclude={"steps", "out", "checkpoint_every", "tensorboard", "validation"}
        )

    def _store(
        self,
        network: MODNet,
        teacher: MODNet,
        optimiser: torch.optim.Optimizer,
        rng: np.random.Generator,
        rank: int,
        world: int,
    ) -> None:
        states: list[Any] = [None] * world
        if world > 1:
            dist.all_gather_object(states, rng.bit_generator.state)
        else:
            states = [rng.bit_generator.state]
        if rank != 0:
            return
        out = self.config.out
        with store.writing(out / CHECKPOINT) as file:
            torch.save(
                {
                    "config": self._fingerprint(),
                    "network": network.state_dict(),
                    "teacher": teacher.state_dict(),
                    "mean": None if self._mean is None else self._mean.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "rng": states,
                    "step": self._step,
                    "best": self._best,
                    "history": self._history,
                },
                file,
            )
        with store.writing(out / HISTORY) as file:
            file.write("".join(json.dumps(line) + "\n" for line in self._history).encode())


def _read(config: TrainingConfig) -> _Material:
    people = soc = distil = None
    shares = {}
    if config.supervised is not None:
        part = config.supervised
        people = data.read_people(part.cutouts, part.pairs, part.rooms)
        shares["supervised"] = part.share
    if config.soc is not None:
        soc = data.read_frames(config.soc.clips, stride=config.soc.stride, limit=config.soc.limit)
        shares["soc"] = config.soc.share
    if config.distil is not None:
        other = config.distil
        distil = data.read_frames(other.clips, stride=other.stride, limit=other.limit)
        shares["distil"] = other.share
    return _Material(people, soc, distil, shares)


def _start(config: TrainingConfig) -> tuple[MODNet, bool]:
    """The network to begin with, and whether it lacks the training heads."""
    if config.weights == "none":
        torch.manual_seed(config.seed)
        return MODNet(context_block=config.context_block), False
    loaded, missing_heads = heads.load(store.resolve(config.weights))
    if loaded.context_block == config.context_block:
        return loaded, missing_heads
    # The other context block has nothing to inherit; everything else has.
    network = MODNet(context_block=config.context_block)
    network.load_state_dict(loaded.state_dict(), strict=False)
    return network, missing_heads


def _optimiser(network: MODNet, config: TrainingConfig) -> torch.optim.Optimizer:
    if config.optimiser == "sgd":
        return torch.optim.SGD(network.parameters(), lr=config.rate, momentum=0.9)
    return torch.optim.Adam(network.parameters(), lr=config.rate, betas=(0.9, 0.99))


def _kind(shares: dict[str, float], seed: int, step: int) -> str:
    """Which kind of picture this step looks at: the same in every process and after a resume."""
    names = sorted(shares)
    total = sum(shares.values())
    chances = [shares[name] / total for name in names]
    return str(np.random.default_rng([seed, 7919, step]).choice(names, p=chances))


@contextmanager
def _processes() -> Iterator[tuple[int, int]]:
    """(rank, processes), as torchrun started them; one where it did not."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield 0, 1
        return
    dist.init_process_group("gloo")
    try:
        yield dist.get_rank(), world
    finally:
        dist.destroy_process_group()


@contextmanager
def _board(config: TrainingConfig, rank: int) -> Iterator[Callable[[Progress], None]]:
    """TensorBoard's log, where it is asked for."""
    if not config.tensorboard or rank != 0:
        yield lambda done: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError("TensorBoard is not installed: pip install tensorboard") from error
    with SummaryWriter(str(config.out / "tensorboard")) as writer:

        def write(done: Progress) -> None:
            writer.add_scalar(f"loss/{done.kind}", done.loss, done.step)
            if done.scores is not None:
                writer.add_scalar("validation/mad", done.scores.mad, done.step)
                writer.add_scalar("validation/dtssd", done.scores.dtssd, done.step)

        yield write
