"""Which stored 8-bit form belongs to which weights.

They lie beside the weights as NAME.int8 and count only for the file of weights that they were
measured with: other weights run in floating point until `weights quantise` made theirs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from app.weights import beside, store

SUFFIX = ".int8"


def find(weights_sha256: str) -> beside.BesideFile | None:
    """The form of these weights, the user's own first; None where there is none."""
    return beside.find(SUFFIX, weights_sha256)


def place(model: Path, name: str) -> str:
    """Copies weights into the list under a name that is free, and the form beside them, if any.

    Gives the name. Raises OutputExists, OutputError or DiskFull.
    """
    placed = store.place(model, name)
    form = model.with_suffix(SUFFIX)
    if form.is_file():
        with store.writing(beside.path_for(SUFFIX, placed)) as copy, form.open("rb") as source:
            shutil.copyfileobj(source, copy)
    return placed
