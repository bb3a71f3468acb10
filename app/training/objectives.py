"""What one step of training asks of a network, for each kind of picture."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from app.errors import MattecamError
from app.modnet.network import MODNet
from app.training import losses
from app.training.data import Labelled, Sample, normalised

# The official SOC's scales: L_cons's semantic part has 100, its detail part and L_dd have 1.
SEMANTIC_SCALE = 100.0


class TrainingDiverged(MattecamError):
    """The loss is no number any more."""


class SOCLoss(NamedTuple):
    """L_cons and L_dd as they weigh in."""

    consistency: Tensor
    regulariser: Tensor


def supervised(network: MODNet, sample: Sample) -> Tensor:
    """The paper's loss of a picture with true alpha."""
    prediction = network.predict_all(normalised(sample.rgb))
    band = losses.unknown_band(sample.alpha, losses.band_radius(*sample.alpha.shape[2:]))
    return losses.supervised_loss(prediction, sample.alpha, band, sample.rgb).total


def labelled(network: MODNet, batch: Labelled, *, temporal: float = 0.0) -> Tensor:
    """The loss of pictures whose alpha is only true by so much, and of sequences of them.

    temporal: the weight of the temporal loss.
    """
    prediction = network.predict_all(normalised(batch.rgb))
    band = losses.unknown_band(batch.alpha, losses.band_radius(*batch.alpha.shape[2:]))
    found = losses.evidence_loss(prediction, batch.alpha, batch.evidence, band, batch.rgb)
    exact = batch.evidence[:, 1:]
    moved = losses.temporal_loss(prediction.matte, batch.alpha, exact, batch.frames)
    return found.total + temporal * moved


def soc(network: MODNet, teacher: MODNet, rgb: Tensor) -> SOCLoss:
    """The self-supervised loss of a picture without alpha; `teacher` is the frozen copy."""
    image = normalised(rgb)
    with torch.no_grad():
        remembered = teacher.predict_all(image)
    prediction = network.predict_all(image)
    band = losses.unknown_band(remembered.matte, losses.band_radius(*image.shape[2:]))
    return SOCLoss(
        losses.consistency_loss(prediction, band, semantic_scale=SEMANTIC_SCALE),
        losses.detail_regulariser(prediction.detail, remembered.detail, band),
    )


def distillation(network: MODNet, teacher: MODNet, rgb: Tensor) -> Tensor:
    """The paper's loss with the teacher's matte for the truth."""
    with torch.no_grad():
        alpha = teacher(normalised(rgb))
    return supervised(network, Sample(rgb, alpha))


class Objective(nn.Module):
    """The network with its losses around it, so that DistributedDataParallel can hold both."""

    def __init__(self, network: MODNet, teacher: MODNet, *, temporal: float = 0.0) -> None:
        """temporal: the weight of the temporal loss of sequences."""
        super().__init__()
        self.network = network
        self._temporal = temporal
        # Hidden from parameters(): it never learns, and is no part of what processes agree on.
        self._teacher = [teacher]

    @property
    def teacher(self) -> MODNet:
        return self._teacher[0]

    def forward(
        self,
        kind: str,
        rgb: Tensor,
        alpha: Tensor | None = None,
        evidence: Tensor | None = None,
        frames: int = 1,
    ) -> Tensor:
        """kind: "supervised" (with alpha), "mix" or "looks" (with evidence), "soc" or "distil"."""
        if evidence is not None:
            assert alpha is not None
            batch = Labelled(rgb, alpha, evidence, frames)
            return labelled(self.network, batch, temporal=self._temporal)
        if kind == "supervised":
            assert alpha is not None
            return supervised(self.network, Sample(rgb, alpha))
        if kind == "distil":
            return distillation(self.network, self.teacher, rgb)
        found = soc(self.network, self.teacher, rgb)
        return found.consistency + found.regulariser


def descend(
    optimiser: torch.optim.Optimizer,
    loss: Tensor,
    *,
    clip: float = 1.0,
    value: float | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> float:
    """One step down with the gradient's norm clipped; the loss. Raises TrainingDiverged.

    value: of the loss, where it is known; with several processes it is the mean over them. scaler:
    for float16, whose small gradients would vanish. Where the loss is no number nothing is changed.
    """
    value = loss.item() if value is None else value
    if not math.isfinite(value):
        raise TrainingDiverged(
            "The training left the numbers (its loss is not finite); choose a smaller rate."
        )
    scaler = scaler or torch.amp.GradScaler(loss.device.type, enabled=False)
    optimiser.zero_grad()
    scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    scaler.unscale_(optimiser)
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, clip)
    scaler.step(optimiser)
    scaler.update()
    return value


@torch.no_grad()
def consistency(network: MODNet, pictures: list[Tensor]) -> float:
    """L_cons over pictures, float32 (1, 3, H, W) in [0, 1]; the mean, nothing learned."""
    total = 0.0
    for rgb in pictures:
        image = normalised(rgb)
        prediction = network.eval().predict_all(image)
        band = losses.unknown_band(prediction.matte, losses.band_radius(*image.shape[2:]))
        total += losses.consistency_loss(prediction, band).item()
    return total / len(pictures)
