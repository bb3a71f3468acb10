"""A training run: steps of several kinds, validated, and stored so that it goes on where it ended.

In the folder `out`: best.safetensors (the state that validated best, or the last one where nothing
validates), checkpoint.pt (everything a resumed run needs), history.jsonl (a line a step).
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from app.errors import UsageError
from app.modnet import weights
from app.modnet.network import MODNet
from app.outputs.read_files import refuse_to_overwrite
from app.training import board, checkpoint, data, heads, material, objectives, running_mean
from app.training.config import TrainingConfig
from app.training.processes import Processes, started
from app.training.progress import Progress
from app.training.start import starting_network
from app.training.validation import Excerpt, Scores, read_excerpts, validate
from app.weights import store

BEST, CHECKPOINT, HISTORY = "best.safetensors", "checkpoint.pt", "history.jsonl"


def run(config: TrainingConfig, progress: Callable[[Progress], None] = lambda done: None) -> Path:
    """To the end, from the checkpoint where there is one; the path of the best state.

    Raises what reading the material and the weights raises, TrainingDiverged, OutputError,
    DiskFull; what was stored before stays.
    """
    if config.tensorboard:
        board.check()
    refuse_to_overwrite(
        [config.out / name for name in (BEST, CHECKPOINT, HISTORY)], config.files_read()
    )
    with started(config.device) as processes, contextlib.ExitStack() as stack:
        going = _Run(config, processes)
        show: board.Show | None = None
        if config.tensorboard and processes.leads:
            folder = config.out / "tensorboard"
            show = stack.enter_context(board.open_board(folder, going.excerpts))
        for done in going.steps():
            if show is not None:
                show(done, going.kept)
            if processes.leads:
                progress(done)
    return config.out / BEST


def rate_at(config: TrainingConfig, step: int) -> float:
    """The paper's schedule: a step down after every so many steps."""
    turns = step // config.decay_every if config.decay_every else 0
    return config.rate * config.decay**turns


class _Run:
    """One process's part of a run."""

    def __init__(self, config: TrainingConfig, processes: Processes) -> None:
        self.config = config
        self._processes = processes
        device = processes.device
        if config.precision == "float16" and device.type != "cuda":
            raise UsageError(
                f'precision = "float16" is for CUDA, and this runs on {device}; choose "bfloat16".'
            )
        self._material = material.read(config)
        self.excerpts: Sequence[Excerpt] = ()
        if config.validation is not None and processes.leads:
            self.excerpts = read_excerpts(config.validation.clips, config.validation.frames)
        # Every process draws other pictures, but all draw the same kind at the same step.
        self._rng = np.random.default_rng([config.seed, processes.rank])
        stored = checkpoint.read(config.out / CHECKPOINT, config)
        network, missing_heads = starting_network(config)
        network = network.to(device)
        if stored is None and missing_heads and config.heads:
            self._fit_heads(network)
        processes.same(network)
        self.network = network
        self._teacher = copy.deepcopy(network).eval().requires_grad_(False)
        self._mean = copy.deepcopy(self._teacher) if config.average else None
        self._optimiser = _optimiser(_learning(network, config), config)
        self._scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "float16")
        self._step = 0
        self._best: float | None = None
        self._began: Scores | None = None
        self._history: list[dict[str, Any]] = []
        if stored is not None:
            self._resume(stored)
        elif self.excerpts:
            self._began = validate(self.kept, self.excerpts)
        objective: torch.nn.Module = objectives.Objective(network, self._teacher)
        if processes.world > 1:
            objective = DistributedDataParallel(objective, find_unused_parameters=True)
        self._objective = objective

    @property
    def kept(self) -> MODNet:
        """What is validated and stored as the best: the running mean where there is one."""
        return self._mean or self.network

    def steps(self) -> Iterator[Progress]:
        config = self.config
        while self._step < config.steps:
            done = self._one()
            if self._step % config.refresh == 0:
                self._teacher.load_state_dict(self.network.state_dict())
            if self._step % config.checkpoint_every == 0 or self._step == config.steps:
                self._store()
            yield done

    def _one(self) -> Progress:
        config, device = self.config, self._processes.device
        # Validating and showing pictures puts the norms at rest.
        self.network.train(config.train_norms)
        rate = rate_at(config, self._step)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        batch = self._material.draw(
            self._rng, step=self._step, rank=self._processes.rank, device=device
        )
        dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(config.precision)
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            loss = self._objective(batch.kind, batch.rgb, batch.alpha)
        value = objectives.descend(
            self._optimiser,
            loss,
            clip=config.clip,
            value=self._processes.mean(loss),
            scaler=self._scaler,
        )
        self._step += 1
        if self._mean is not None:
            running_mean.update(self._mean, self.network, keep=self.config.average, step=self._step)
        done = Progress(self._step, config.steps, batch.kind, value, rate)
        return self._judged(done) if self._processes.leads else done

    def _judged(self, done: Progress) -> Progress:
        """Validates where it is time to, keeps the best state, and writes the step down."""
        config = self.config
        last = done.step == config.steps
        entry: dict[str, Any] = {"step": done.step, "kind": done.kind, "loss": done.loss}
        if not self.excerpts or config.validation is None:
            done = replace(done, best=last)
        elif last or done.step % config.validation.every == 0:
            scores = validate(self.kept, self.excerpts)
            best = self._best is None or scores.mad < self._best
            done = replace(done, scores=scores, began=self._began, best=best)
            entry |= {"mad": scores.mad, "dtssd": scores.dtssd, "by_clip": scores.by_clip}
        if done.best:
            self._keep()
            self._best = done.scores.mad if done.scores is not None else None
        self._history.append(entry)
        return done

    def _fit_heads(self, network: MODNet) -> None:
        # A stream of its own: with heads that were fitted before, the run is the same.
        rng = np.random.default_rng([self.config.seed, 1, self._processes.rank])
        device = self._processes.device

        def draw() -> data.Sample:
            if self._material.people is not None:
                rgb, alpha = self._material.sample(rng)
                return data.Sample(rgb.to(device), alpha.to(device))
            rgb = self._material.unlabelled(rng).to(device)
            with torch.no_grad():
                return data.Sample(rgb, network(data.normalised(rgb)))

        heads.recover_heads(network, draw, steps=self.config.heads)

    def _keep(self) -> None:
        config = self.config
        described = {
            "title": config.title or f"trained from {config.weights}",
            "licence": config.licence,
            "parent": config.weights,
            "training": json.dumps(
                {"steps": self._step, "seed": config.seed, "shares": self._material.shares}
            ),
        }
        weights.save_safetensors(self.kept, config.out / BEST, metadata=described)

    def _store(self) -> None:
        generators = self._processes.gathered(self._rng.bit_generator.state)
        if not self._processes.leads:
            return
        state = {
            "network": self.network.state_dict(),
            "teacher": self._teacher.state_dict(),
            "mean": None if self._mean is None else self._mean.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "rng": generators,
            "step": self._step,
            "best": self._best,
            "began": None if self._began is None else asdict(self._began),
            "history": self._history,
        }
        checkpoint.write(self.config.out / CHECKPOINT, self.config, state)
        with store.writing(self.config.out / HISTORY) as file:
            file.write("".join(json.dumps(line) + "\n" for line in self._history).encode())

    def _resume(self, stored: dict[str, Any]) -> None:
        self.network.load_state_dict(stored["network"])
        self._teacher.load_state_dict(stored["teacher"])
        if self._mean is not None:
            self._mean.load_state_dict(stored["mean"])
        self._optimiser.load_state_dict(stored["optimiser"])
        self._scaler.load_state_dict(stored.get("scaler", {}))
        generators = stored["rng"]
        if len(generators) != self._processes.world:
            raise UsageError(
                f"{self.config.out / CHECKPOINT} is of a run in {len(generators)} processes, and "
                f"these are {self._processes.world}; start as many, or remove it."
            )
        self._rng.bit_generator.state = generators[self._processes.rank]
        self._step, self._best = stored["step"], stored["best"]
        self._history = stored["history"]
        began = stored.get("began")
        self._began = None if began is None else Scores(**began)


def _learning(network: MODNet, config: TrainingConfig) -> list[torch.nn.Parameter]:
    """What the configuration lets learn; everything else stands still. Raises UsageError."""
    for part in config.learn:
        if not any(name.startswith(part) for name, _ in network.named_parameters()):
            known = sorted({".".join(n.split(".")[:2]) for n, _ in network.named_parameters()})
            raise UsageError(f"learn names {part!r}, and MODNet has {', '.join(known)}.")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not config.learn or name.startswith(config.learn))
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def _optimiser(
    parameters: list[torch.nn.Parameter], config: TrainingConfig
) -> torch.optim.Optimizer:
    if config.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr=config.rate, momentum=0.9)
    return torch.optim.Adam(parameters, lr=config.rate, betas=(0.9, 0.99))
