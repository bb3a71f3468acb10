"""Finds MODNet's tensors in what a file holds, whatever they are wrapped in."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from torch import Tensor

from app.modnet import pickle_file

log = logging.getLogger(__name__)

State = dict[str, Tensor]

# What stands before the name of a branch: `module.` of DataParallel, `model.` of Lightning.
_BRANCH = re.compile(r"(?P<prefix>.*?)(?P<branch>lr_branch|hr_branch|f_branch)\.")
# A running average of the weights: what training programs keep for inference.
_AVERAGE = re.compile(r"(^|[._])(ema|swa|average|averaged|shadow)([._]|$)")
_BACKBONE_AGAIN = "lr_branch.backbone."


@dataclass(frozen=True)
class _Found:
    where: str
    state: State

    @property
    def rank(self) -> tuple[int, bool]:
        """How much of a MODNet it is; among equals an average comes first."""
        keys = {
            key.replace(_BACKBONE_AGAIN, "backbone.")
            for key in self.state
            if not key.endswith(".num_batches_tracked")
        }
        return len(keys), _AVERAGE.search(self.where) is not None


def find(content: object) -> State:
    """The tensors of the MODNet in `content`, under the names that they have in the network.

    Wrappers (`state_dict`, `net`, `ema`), prefixes (`module.`, `model.`) and what is no tensor are
    left out. Where there are several, the most complete counts, and among equals a running average.
    Where there is none, the tensors of the outermost table that has any; empty without any.
    """
    best: _Found | None = None
    first: State = {}
    for where, table in pickle_file.tables(content):
        tensors = {key: value for key, value in table.items() if isinstance(value, Tensor)}
        first = first or tensors
        prefixes = {match["prefix"] for key in tensors if (match := _BRANCH.match(key))}
        if "" in prefixes:  # what else is in it does not belong there, and is told
            prefixes = {""}
        for prefix in sorted(prefixes):
            own = {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
            found = _Found(f"{where}.{prefix}".strip("."), own)
            if best is None or found.rank > best.rank:
                best = found
    if best is None:
        return first
    log.info("MODNet's tensors are in %r", best.where)
    return best.state
