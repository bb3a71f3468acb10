"""Files that lie beside weights and count for exactly one file of weights, in safetensors' format.

They hold the SHA-256 of that file as `weights_sha256`: other weights do not take them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.errors import MattecamError
from app.weights import store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BesideFile:
    """sha256: of the file itself, to tell it from another in caches."""

    path: Path
    sha256: str
    metadata: Mapping[str, str]


def find(suffix: str, weights_sha256: str) -> BesideFile | None:
    """The one with this suffix for these weights, the user's own first; None where there is none.

    A damaged one is left out, and the log says so.
    """
    for folder in store.folders():
        for path in sorted(folder.glob(f"*{suffix}")):
            try:
                metadata = store.read_metadata(path)
                if metadata.get("weights_sha256") == weights_sha256:
                    return BesideFile(path, store.sha256_of(path), metadata)
            except (MattecamError, OSError) as error:
                log.warning("%s is left out: %s", path.name, error)
    return None


def path_for(suffix: str, name: str) -> Path:
    """Where the one of the weights of this name is stored."""
    return store.imported_path(name).with_name(f"{name}{suffix}")
