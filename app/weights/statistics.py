"""Which stored statistics of the instance norms belong to which weights.

They lie beside the weights as NAME.statistics, and count only for the file of weights that they
were taken from: other weights take the picture's own statistics, as MODNet does, until
`weights calibrate` measured theirs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from app.weights import beside

log = logging.getLogger(__name__)

SUFFIX = ".statistics"


@dataclass(frozen=True)
class StatisticsFile:
    """sha256: of the file, to tell it from another in caches. pictures: how many were measured."""

    path: Path
    sha256: str
    pictures: int


def find(weights_sha256: str) -> StatisticsFile | None:
    """The statistics taken from these weights, the user's own first; None where there are none."""
    found = beside.find(SUFFIX, weights_sha256)
    if found is None:
        return None
    try:
        return StatisticsFile(found.path, found.sha256, int(found.metadata["pictures"]))
    except (KeyError, ValueError):  # not told, or no whole number
        log.warning("%s is left out: it does not say how many pictures it has seen", found.path)
        return None


def path_for(name: str) -> Path:
    """Where the statistics of the weights of this name are stored."""
    return beside.path_for(SUFFIX, name)
