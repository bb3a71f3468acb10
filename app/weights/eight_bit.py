"""Which stored 8-bit form belongs to which weights.

They lie beside the weights as NAME.int8 and count only for the file of weights that they were
measured with: other weights run in floating point until `weights quantise` made theirs.
"""

from __future__ import annotations

from app.weights import beside

SUFFIX = ".int8"


def find(weights_sha256: str) -> beside.BesideFile | None:
    """The form of these weights, the user's own first; None where there is none."""
    return beside.find(SUFFIX, weights_sha256)
