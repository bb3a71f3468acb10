"""A training run as a test wants it: seconds long, and told in a TOML file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from app.modnet import weights
from app.modnet.network import MODNet


def random_weights(path: Path) -> Path:
    torch.manual_seed(0)
    weights.save_safetensors(MODNet(), path, metadata={"licence": "CC0"})
    return path


def written(path: Path, text: str, **changes: Any) -> Path:
    """A configuration: `changes` come before `text`, which may go on with tables."""
    told = {
        "out": "out",
        "sizes": [[64, 64]],
        "steps": 4,
        "checkpoint_every": 2,
        "device": "cpu",
        **changes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*(f"{k} = {json.dumps(v)}" for k, v in told.items()), text]))
    return path


SUPERVISED = """
[supervised]
cutouts = ["material/cutouts"]
pairs = ["material/pairs"]
rooms = ["material/rooms"]
"""


def losses(out: Path) -> list[float]:
    """Of each step, as the run wrote them down: every bit of them."""
    lines = (out / "history.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]
