"""What a run needs to go on exactly where it stopped, in one file that is whole or not there."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from app.errors import InputError
from app.training.config import TrainingConfig
from app.weights import store

# May differ between a run and the one that goes on from it.
_MAY_DIFFER = {
    "steps",
    "out",
    "checkpoint_every",
    "tensorboard",
    "validation",
    "keep",
    "blend",
    "title",
    "licence",
    "device",
}
_EXPLAINED = 3


def write(path: Path, config: TrainingConfig, state: Mapping[str, Any]) -> None:
    """Tensors, numbers, text, and lists and dicts of them. Raises OutputError, DiskFull."""
    # By way of memory: torch turns a full disk into an error of its own.
    content = io.BytesIO()
    torch.save({"config": _fingerprint(config), **state}, content)
    with store.writing(path) as file:
        file.write(content.getbuffer())


def read(path: Path, config: TrainingConfig) -> dict[str, Any] | None:
    """None where there is none. Raises InputError: damaged, or of another configuration."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            found: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        stored = json.loads(found["config"])
    # A damaged file makes torch raise nearly anything.
    except Exception as error:
        raise InputError(f"{path} is damaged; remove it to begin anew.") from error
    now = json.loads(_fingerprint(config))
    # What a later version can be told besides had its default then.
    before = json.loads(_fingerprint(TrainingConfig(out=config.out))) | stored
    differs = sorted(key for key in now if now[key] != before[key])
    if differs:
        raise InputError(
            f"{path} belongs to another configuration (it differs in "
            f"{', '.join(differs[:_EXPLAINED])}); name another `out`, or remove it."
        )
    return found


def _fingerprint(config: TrainingConfig) -> str:
    return config.model_dump_json(exclude=_MAY_DIFFER)
