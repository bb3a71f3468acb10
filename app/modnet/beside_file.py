"""Tensors out of a file that lies beside weights: statistics, reaches, heads."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from app.errors import MattecamError, WeightsCorrupt
from app.weights import store


def load(path: Path, *, remedy: str) -> dict[str, Tensor]:
    """float32 tensors, each number finite, and int64 ones: what norms count.

    Args:
        remedy: the end of the sentence "... is damaged; ".

    Raises:
        WeightsCorrupt: the file holds something else.
    """
    broken = WeightsCorrupt(f"{path} is damaged; {remedy}")
    try:
        # Its header is checked before anything is read by it.
        store.read_metadata(path)
        tensors = safetensors.torch.load_file(path)
    except (MattecamError, MemoryError) as error:
        raise broken from error
    # safetensors does not promise what it raises for a file that changes under it.
    except Exception as error:
        raise broken from error
    for tensor in tensors.values():
        if tensor.dtype == torch.int64:
            continue
        if tensor.dtype != torch.float32 or not bool(torch.isfinite(tensor).all()):
            raise broken
    return tensors
