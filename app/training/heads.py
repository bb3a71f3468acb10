"""The S and D heads that the released ONNX weights lack: two small layers, fitted anew.

Only conv_lr and conv_hr learn; everything that makes the matte stays as it is, bit for bit. What
was fitted lies beside the weights as NAME.heads; that of modnet-photographic comes with the
program, so that SOC starts from heads that have seen true alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import safetensors.torch
import torch
import torch.nn.functional as F

from app.errors import WeightsCorrupt
from app.modnet import beside_file, weights
from app.modnet.network import MODNet, Prediction
from app.modnet.state_dict import State
from app.modnet.weights import TRAINING_HEADS
from app.training import losses, objectives
from app.training.data import Sample, normalised
from app.weights import beside, store

SUFFIX = ".heads"
STEPS = 220
_RATE = 1e-2
_PREFIXES = tuple(f"{head}." for head in TRAINING_HEADS)


@dataclass(frozen=True)
class Consistency:
    """Of the heads, means over the pictures that they were judged on.

    semantic: |s_p - G(alpha_p)|; detail: |d_p - alpha_p| in the band around alpha_p's edge. The
    others are differences from the true alpha, in S's resolution and in the band around the true
    edge: of s_p, of G(alpha_p), of d_p and of alpha_p. Where S or D errs less than the matte, it
    has something to teach.
    """

    semantic: float
    detail: float
    semantic_error: float
    matte_error_small: float
    detail_error: float
    matte_error_band: float


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
def consistency(network: MODNet, samples: Sequence[Sample]) -> Consistency:
    """How the heads, the matte and the samples' alpha agree. Raises ZeroDivisionError for none."""
    network = network.eval()
    sums = [0.0] * 6
    for sample in samples:
        found = network.predict_all(normalised(sample.rgb))
        radius = losses.band_radius(*found.matte.shape[2:])
        own, true = (losses.unknown_band(alpha, radius) for alpha in (found.matte, sample.alpha))
        small, true_small = map(losses.semantic_target, (found.matte, sample.alpha))
        differences = (
            (found.semantic - small).abs().mean(),
            losses.mean_inside(own, (found.detail - found.matte).abs()),
            (found.semantic - true_small).abs().mean(),
            (small - true_small).abs().mean(),
            losses.mean_inside(true, (found.detail - sample.alpha).abs()),
            losses.mean_inside(true, (found.matte - sample.alpha).abs()),
        )
        sums = [total + float(one) for total, one in zip(sums, differences, strict=True)]
    return Consistency(*(total / len(samples) for total in sums))


def load(chosen: store.WeightsFile) -> tuple[MODNet, bool]:
    """The network, ready to learn, and whether its training heads are still to be fitted.

    Heads that the file lacks are those fitted to it earlier, where there are any. Raises what
    `weights.load` raises.
    """
    loaded = weights.load(chosen.path)
    if not loaded.missing_heads:
        return loaded.network, False
    fitted = shipped_heads(chosen.sha256)
    if fitted is None:
        # Imported: another file, but it says of which one it is a copy.
        fitted = shipped_heads(chosen.metadata.get("source_sha256", ""))
    if fitted is None:
        return loaded.network, True
    put_in(loaded.network, fitted)
    return loaded.network, False


def shipped_heads(weights_sha256: str) -> State | None:
    """The heads that lie beside the weights of this SHA-256; None where there are none.

    Raises WeightsCorrupt.
    """
    found = beside.find(SUFFIX, weights_sha256)
    if found is None:
        return None
    return beside_file.load(found.path, remedy="remove it, or run: python main.py weights heads")


def put_in(network: MODNet, fitted: State) -> None:
    """Raises WeightsCorrupt where they are another network's."""
    own = head_state(network)
    if {key: value.shape for key, value in own.items()} != {
        key: value.shape for key, value in fitted.items()
    }:
        raise WeightsCorrupt(
            "The fitted heads are another network's; remove them, or run: python main.py weights "
            "heads"
        )
    for key, value in own.items():
        value.copy_(fitted[key])


def head_state(network: MODNet) -> State:
    """The two heads' tensors under their official keys, the network's own."""
    return {key: value for key, value in network.state_dict().items() if key.startswith(_PREFIXES)}


def to_bytes(network: MODNet, metadata: Mapping[str, str]) -> bytes:
    """The content of a .heads file; `metadata` needs weights_sha256."""
    tensors = {key: value.detach().contiguous() for key, value in head_state(network).items()}
    return safetensors.torch.save(tensors, dict(metadata))


def _heads(network: MODNet) -> list[torch.nn.Parameter]:
    return [
        parameter for name, parameter in network.named_parameters() if name.startswith(_PREFIXES)
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
