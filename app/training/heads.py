"""The S and D heads that the released ONNX weights lack: two small layers, fitted anew.

Only conv_lr and conv_hr learn; everything that makes the matte stays as it is, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from app.modnet.network import MODNet, Prediction
from app.modnet.weights import TRAINING_HEADS
from app.training import losses, objectives
from app.training.data import Sample, normalised

STEPS = 220
_RATE = 1e-2


@dataclass(frozen=True)
class Consistency:
    """How well the heads agree with the matte, means over what they were judged on.

    semantic: |s_p - G(alpha_p)|; detail: |d_p - alpha_p| in the band.
    """

    semantic: float
    detail: float


def recover_heads(
    network: MODNet,
    draw: Callable[[], Sample],
    *,
    steps: int = STEPS,
    progress: Callable[[int], None] = lambda step: None,
) -> None:
    """Fits the heads of `network` in place to the samples that `draw` gives.

    Where there is no true alpha, the samples hold the network's own matte.
    """
    learning = _heads(network)
    before = {parameter: parameter.requires_grad for parameter in network.parameters()}
    network.eval().requires_grad_(False)
    for parameter in learning:
        parameter.requires_grad_(True)
    optimiser = torch.optim.Adam(learning, lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=_RATE / 50)
    try:
        for step in range(steps):
            sample = draw()
            prediction = _predict_heads(network, sample)
            band = losses.unknown_band(sample.alpha, losses.band_radius(*sample.alpha.shape[2:]))
            loss = losses.SEMANTIC_WEIGHT * losses.semantic_loss(
                prediction.semantic, sample.alpha
            ) + losses.DETAIL_WEIGHT * losses.detail_loss(prediction.detail, sample.alpha, band)
            objectives.descend(optimiser, loss)
            schedule.step()
            progress(step + 1)
    finally:
        for parameter, wanted in before.items():
            parameter.requires_grad_(wanted)


@torch.no_grad()
def consistency(network: MODNet, samples: list[Sample]) -> Consistency:
    """Of the heads with the network's own matte. `samples` bring the pictures."""
    semantic = detail = 0.0
    for sample in samples:
        found = network.eval().predict_all(normalised(sample.rgb))
        band = losses.unknown_band(found.matte, losses.band_radius(*found.matte.shape[2:]))
        semantic += float((found.semantic - losses.semantic_target(found.matte)).abs().mean())
        detail += float(losses.detail_regulariser(found.detail, found.matte, band))
    return Consistency(semantic / len(samples), detail / len(samples))


def _heads(network: MODNet) -> list[torch.nn.Parameter]:
    return [
        parameter
        for name, parameter in network.named_parameters()
        if name.startswith(tuple(f"{head}." for head in TRAINING_HEADS))
    ]


def _predict_heads(network: MODNet, sample: Sample) -> Prediction:
    """Without the F branch, and without gradients through what is frozen."""
    image = normalised(sample.rgb)
    with torch.no_grad():
        lr8x, enc2x, enc4x = network.lr_branch(image)
        hr2x = network.hr_branch(image, enc2x, enc4x, lr8x)
    return Prediction(
        semantic=network.lr_branch.semantic(lr8x),
        detail=network.hr_branch.detail(image, hr2x),
        matte=F.interpolate(lr8x[:, :1], size=image.shape[2:]),
    )
