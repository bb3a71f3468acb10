"""Teaches MODNet with the paper's e-ASPP block what the released weights know.

    python scripts/distil_easpp.py --cutouts FOLDER --pairs FOLDER --rooms FOLDER --clips FOLDER
        -o weights/mattecam-easpp.safetensors

Everything but the context block is taken from the weights named. The backbone and all that
follows S look at S's features only, so S is taught first, on features that were computed once: the
block and the two convolutions behind it learn to give the teacher's features at 1/8. That is cheap
enough for a processor. A few steps of the whole network on the teacher's matte close it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.modnet import weights
from app.modnet.network import ConvIBNormRelu, LRBranch, MODNet
from app.outputs.read_files import Reading, refuse_to_overwrite
from app.training import data, heads, objectives
from app.training.data import normalised
from app.weights import store

_SIZES: Sequence[data.Size] = ((512, 288), (384, 288), (288, 384))
_BATCH = 4
_BLOCK_RATE, _CONV_RATE, _WHOLE_RATE = 2e-3, 2e-4, 2e-5
# Of the rates, where an earlier call has done the rough part.
_ONWARDS = 0.5
_HELD_OUT, _LOOKS = 12, 5


@dataclass(frozen=True)
class Seen:
    """deep: the backbone's features at 1/32; wanted: the teacher's at 1/8; float16 (1, C, h, w)."""

    deep: Tensor
    wanted: Tensor


def main(arguments: Sequence[str] | None = None) -> None:
    told = _parser().parse_args(arguments)
    reads = [store.resolve(told.weights).path, *([told.start] if told.start is not None else [])]
    refuse_to_overwrite([told.out], [Reading("a file of weights", path) for path in reads])
    torch.manual_seed(0)
    chosen = store.resolve(told.weights)
    teacher, _ = heads.load(chosen)
    teacher.eval().requires_grad_(False)
    student = MODNet(backbone=teacher.backbone_name, context_block="easpp")
    student.load_state_dict(teacher.state_dict(), strict=False)
    before: list[dict[str, int]] = []
    if told.start is not None:
        earlier = weights.load(told.start)
        student = earlier.network
        before = json.loads(earlier.metadata["training"])
    people = data.read_people(told.cutouts, told.pairs, told.rooms) if told.rooms else None
    frames = data.read_frames(told.clips, stride=10, limit=20) if told.clips else None
    rng = np.random.default_rng(0)

    def draw() -> Tensor:
        size = _SIZES[int(rng.integers(len(_SIZES)))]
        if people is not None and (frames is None or rng.random() < told.composites):
            return people.composite(rng, size).rgb
        if frames is None:
            raise SystemExit("Name --rooms with people, or --clips.")
        return data.as_tensor(frames.draw_rgb(rng), size)

    began = time.monotonic()

    def keep() -> None:
        weights.save_safetensors(
            student,
            told.out,
            half=True,
            metadata={
                "title": "MODNet with the paper's e-ASPP, distilled",
                "licence": told.licence,
                "parent": chosen.name,
                "parent_sha256": chosen.sha256,
                "training": json.dumps(
                    [
                        *before,
                        {name: getattr(told, name) for name in ("pictures", "steps", "whole")},
                    ]
                ),
            },
        )

    seen = [_look(teacher, draw()) for _ in range(told.pictures + _HELD_OUT)]
    held_out, learning = seen[:_HELD_OUT], seen[_HELD_OUT:]
    _say(began, f"{len(learning)} pictures seen")
    if told.start is None:
        _scale_to(student, teacher, learning)
    share = 1.0 if told.start is None else _ONWARDS
    _teach_s(student, learning, held_out, told.steps, share, rng, began, keep)
    _teach_whole(student, teacher, draw, told.whole, began)
    keep()


@torch.no_grad()
def _look(teacher: MODNet, rgb: Tensor) -> Seen:
    s = teacher.lr_branch
    deep = s.backbone(normalised(rgb))[4]
    return Seen(deep.half(), _after(s, s.context(deep)).half())


def _after(s: LRBranch, context: Tensor) -> Tensor:
    """S's features at 1/8, from what the context block gives.

    conv_lr16x before the upsampling instead of behind it: the same, four times as cheap (see
    app/modnet/inference.py).
    """
    conv, norm, relu = cast(ConvIBNormRelu, s.conv_lr16x).layers
    assert isinstance(conv, nn.Conv2d)
    out_channels, in_channels = conv.weight.shape[:2]
    taps = conv.weight.permute(2, 3, 0, 1).reshape(-1, in_channels, 1, 1)
    products = F.pad(_up2(F.conv2d(context, taps)), (2, 2, 2, 2))
    height, width = products.shape[2] - 4, products.shape[3] - 4
    total = cast(Tensor, conv.bias).view(1, -1, 1, 1)
    for tap in range(25):
        y, x = divmod(tap, 5)
        channels = products[:, tap * out_channels : (tap + 1) * out_channels]
        total = total + channels[:, :, y : y + height, x : x + width]
    return cast(Tensor, s.conv_lr8x(_up2(relu(norm(total)))))


def _up2(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


@torch.no_grad()
def _scale_to(student: MODNet, teacher: MODNet, seen: Sequence[Seen]) -> None:
    """The block begins with channels of one size, and conv_lr16x makes up for the teacher's."""
    some = torch.cat(
        [teacher.lr_branch.context(one.deep.float()).flatten(2) for one in seen[:40]], 2
    )
    scale = some.std(dim=(0, 2)).clamp(min=1e-3)
    conv = cast(nn.Conv2d, cast(ConvIBNormRelu, student.lr_branch.conv_lr16x).layers[0])
    conv.weight.mul_(scale.view(1, -1, 1, 1))


def _teach_s(
    student: MODNet,
    seen: Sequence[Seen],
    held_out: Sequence[Seen],
    steps: int,
    share: float,
    rng: np.random.Generator,
    began: float,
    keep: Callable[[], None],
) -> None:
    s = student.lr_branch
    by_shape: dict[tuple[int, ...], list[Seen]] = {}
    for one in seen:
        by_shape.setdefault(tuple(one.deep.shape), []).append(one)
    groups = [group for group in by_shape.values() if len(group) >= _BATCH]
    spread = torch.cat([one.wanted.float().flatten(2) for one in seen[:40]], 2)
    weigh = 1 / spread.std(dim=(0, 2)).clamp(min=1e-2).view(1, -1, 1, 1)
    student.eval()
    s.context.train()
    convs = [*s.conv_lr16x.parameters(), *s.conv_lr8x.parameters()]
    optimiser = torch.optim.AdamW(
        [
            {"params": list(s.context.parameters()), "lr": _BLOCK_RATE * share},
            {"params": convs, "lr": _CONV_RATE * share},
        ],
        weight_decay=1e-4,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps + 1):
        if step % max(1, steps // _LOOKS) == 0:
            student.eval()
            with torch.no_grad():
                wrong = [
                    float(
                        ((_after(s, s.context(one.deep.float())) - one.wanted) * weigh).abs().mean()
                    )
                    for one in held_out
                ]
            _say(
                began, f"step {step}: S's features are {np.mean(wrong):.3f} standard deviations off"
            )
            keep()
            s.context.train()
        if step == steps:
            break
        group = groups[int(rng.integers(len(groups)))]
        picked = [group[int(index)] for index in rng.integers(len(group), size=_BATCH)]
        deep = torch.cat([one.deep for one in picked]).float()
        wanted = torch.cat([one.wanted for one in picked]).float()
        with torch.autocast(deep.device.type, torch.bfloat16):
            given = _after(s, s.context(deep))
        loss = F.smooth_l1_loss(given.float() * weigh, wanted * weigh)
        objectives.descend(optimiser, loss, clip=5.0)
        schedule.step()
    student.eval()


def _teach_whole(
    student: MODNet, teacher: MODNet, draw: Callable[[], Tensor], steps: int, began: float
) -> None:
    student.eval().requires_grad_(True)
    student.backbone.requires_grad_(False)
    learning = [parameter for parameter in student.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(learning, lr=_WHOLE_RATE, betas=(0.9, 0.99))
    total = 0.0
    for step in range(steps):
        rgb = draw()
        with torch.autocast(rgb.device.type, torch.bfloat16):
            loss = objectives.distillation(student, teacher, rgb)
        total += objectives.descend(optimiser, loss)
        if step % 50 == 49:
            _say(began, f"whole network, step {step + 1}: loss {total / 50:.4f}")
            total = 0.0


def _say(began: float, what: str) -> None:
    sys.stderr.write(f"{time.monotonic() - began:.0f} s: {what}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("cutouts", "pairs", "rooms", "clips"):
        parser.add_argument(f"--{name}", type=Path, nargs="*", default=[])
    parser.add_argument("--weights", default=store.PLAIN)
    parser.add_argument("--start", type=Path, help="what an earlier call has made")
    parser.add_argument("--composites", type=float, default=0.5, help="their share")
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--whole", type=int, default=150)
    parser.add_argument("--licence", default="unknown")
    parser.add_argument("-o", "--out", type=Path, required=True)
    return parser


if __name__ == "__main__":
    main()
