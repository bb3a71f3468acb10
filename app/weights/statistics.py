"""Which stored statistics of the instance norms belong to which weights.

They lie beside the weights as NAME.statistics, in the format of safetensors, and count only for
the file of weights whose SHA-256 they hold: other weights take the picture's own statistics, as
MODNet does, until `weights calibrate` measured theirs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from app.errors import MattecamError
from app.weights import store

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
    for folder in store.folders():
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                metadata = store.read_metadata(path)
                if metadata.get("weights_sha256") != weights_sha256:
                    continue
                return StatisticsFile(path, store.sha256_of(path), int(metadata["pictures"]))
            except (MattecamError, OSError, KeyError, ValueError) as error:
                log.warning("%s is left out: %s", path.name, error)
    return None


def path_for(name: str) -> Path:
    """Where the statistics of the weights of this name are stored."""
    return store.imported_path(name).with_suffix(SUFFIX)
