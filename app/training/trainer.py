"""A training run: steps of several kinds, validated, and stored so that it goes on where it ended.

In the folder `out`: best.safetensors (the state that validated best, or the last one where nothing
validates), checkpoint.pt (everything a resumed run needs), history.jsonl (a line a step), and
states/ (those that are averaged at the end).
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator
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
from app.training import (
    averaging,
    board,
    checkpoint,
    data,
    heads,
    material,
    objectives,
    running_mean,
)
from app.training.config import TrainingConfig
from app.training.judging import Judge, Rank
from app.training.processes import Processes, started
from app.training.progress import Progress
from app.training.start import starting_network
from app.training.validation import Scores
from app.weights import store

BEST, CHECKPOINT, HISTORY = "best.safetensors", "checkpoint.pt", "history.jsonl"
STATES = "states"


def run(
    config: TrainingConfig,
    progress: Callable[[Progress], None] = lambda done: None,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """To the end, from the checkpoint where there is one; the path of the best state.

    progress: hears of each step. say: hears of what takes long besides, in a few words.
    Raises what reading the material and the weights raises, TrainingDiverged, OutputError,
    DiskFull; what was stored before stays.
    """
    if config.tensorboard:
        board.check()
    refuse_to_overwrite(
        [config.out / name for name in (BEST, CHECKPOINT, HISTORY)], config.files_read()
    )
    with started(config.device) as processes, contextlib.ExitStack() as stack:
        going = _Run(config, processes, say)
        show: board.Show | None = None
        if config.tensorboard and processes.leads:
            folder = config.out / "tensorboard"
            show = stack.enter_context(board.open_board(folder, going.judge.excerpts))
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

    def __init__(
        self, config: TrainingConfig, processes: Processes, say: Callable[[str], None]
    ) -> None:
        self.config = config
        self._say = say
        self._processes = processes
        device = processes.device
        if config.precision == "float16" and device.type != "cuda":
            raise UsageError(
                f'precision = "float16" is for CUDA, and this runs on {device}; choose "bfloat16".'
            )
        self._material = material.read(config, say)
        # Only the first process validates.
        told = config if processes.leads else config.model_copy(update={"validation": None})
        self.judge = Judge(told, say)
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
        self._best: Rank | None = None
        # (rank, step) of the states that are averaged at the end, the best first.
        self._states: list[tuple[Rank, int]] = []
        self._finished = False
        self._began: Scores | None = None
        self._history: list[dict[str, Any]] = []
        if stored is not None:
            self._resume(stored)
        elif self.judge:
            self.judge.measure_reference(say)
            say("Validating what the run begins with")
            self._began = self.judge.scores(self.kept)
        temporal = config.mix.temporal if config.mix is not None else 0.0
        objective: torch.nn.Module = objectives.Objective(network, self._teacher, temporal=temporal)
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
        if not self._finished and self._processes.leads and self.judge and config.keep:
            self._finish()

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
            loss = self._objective(batch.kind, batch.rgb, batch.alpha, batch.evidence, batch.frames)
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
        if not self.judge or config.validation is None:
            done = replace(done, best=last)
        elif last or done.step % config.validation.every == 0:
            scores = self.judge.scores(self.kept)
            rank, verdict = self.judge.rank(scores), self.judge.verdict(scores)
            best = self._best is None or rank < self._best
            done = replace(done, scores=scores, began=self._began, best=best, verdict=verdict)
            entry |= {"mad": scores.mad, "dtssd": scores.dtssd, "by_clip": scores.by_clip}
            if verdict is not None:
                entry |= {"verdict": asdict(verdict), "items": scores.items}
            if best:
                self._best = rank
            self._remember(rank)
        if done.best:
            self._keep(self.kept)
        self._history.append(entry)
        return done

    def _fit_heads(self, network: MODNet) -> None:
        # A stream of its own: with heads that were fitted before, the run is the same.
        rng = np.random.default_rng([self.config.seed, 1, self._processes.rank])
        device = self._processes.device

        def draw() -> data.Sample:
            if self._material.has_alpha:
                rgb, alpha = self._material.sample(rng)
                return data.Sample(rgb.to(device), alpha.to(device))
            rgb = self._material.unlabelled(rng).to(device)
            with torch.no_grad():
                return data.Sample(rgb, network(data.normalised(rgb)))

        heads.recover_heads(network, draw, steps=self.config.heads)

    def _remember(self, rank: Rank) -> None:
        """Keeps this state for the mean at the end, while it is among the best."""
        if not self.config.keep:
            return
        self._states = sorted([*self._states, (rank, self._step)])
        for _, step in self._states[self.config.keep :]:
            self._state_path(step).unlink(missing_ok=True)
        self._states = self._states[: self.config.keep]
        if any(step == self._step for _, step in self._states):
            weights.save_safetensors(self.kept, self._state_path(self._step), metadata={})

    def _state_path(self, step: int) -> Path:
        return self.config.out / STATES / f"{step:07d}.safetensors"

    def _finish(self) -> None:
        """The mean of the best states, and its mixtures with the start, where one is better."""
        config = self.config
        states = [weights.load(self._state_path(step)).network for _, step in self._states]
        mean = averaging.mean_of([state.state_dict() for state in states])
        start, _ = starting_network(config)
        candidates = {"the mean of the best states": mean}
        for share in config.blend:
            name = f"their mean with {share:g} of the start"
            candidates[name] = averaging.blended(mean, start.state_dict(), share)
        network = copy.deepcopy(self.kept)
        for name, state in candidates.items():
            network.load_state_dict(state)
            scores = self.judge.scores(network)
            rank, verdict = self.judge.rank(scores), self.judge.verdict(scores)
            better = self._best is None or rank < self._best
            self._say(
                f"{name[0].upper()}{name[1:]}: MAD {scores.mad:.2f}, dtSSD {scores.dtssd:.2f}"
                f"{', the best so far' if better else ''}"
            )
            entry: dict[str, Any] = {"step": self._step, "candidate": name, "rank": rank}
            if verdict is not None:
                entry |= {"verdict": asdict(verdict), "items": scores.items}
            self._history.append(entry)
            if better:
                self._best = rank
                self._keep(network)
        self._finished = True
        self._store()

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
            "states": self._states,
            "finished": self._finished,
            "reference": dict(self.judge.reference),
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
        self._step = stored["step"]
        best = stored["best"]
        # Before there were kinds it was the MAD alone.
        self._best = (0.0, best) if isinstance(best, float) else best and tuple(best)
        self._states = [(tuple(rank), step) for rank, step in stored.get("states", [])]
        self._finished = stored.get("finished", False) and self._step >= self.config.steps
        self._take_reference(stored.get("reference", {}))
        self._history = stored["history"]
        began = stored.get("began")
        self._began = None if began is None else Scores(**began)

    def _take_reference(self, stored: dict[str, dict[str, float]]) -> None:
        """The reference's scores as they were measured; anew where other items are asked for."""
        if stored.keys() == {item.name for item in self.judge.items}:
            self.judge.reference = stored
        else:
            self.judge.measure_reference(self._say)


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
