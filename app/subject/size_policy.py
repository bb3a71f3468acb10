"""How large the network's input should be for the person that is seen.

The network was trained on people who fill a part of the picture. A head that fills all of it is
seen better on a smaller input, a small figure on a larger one. The policy says a factor on the
side of the network's input; it changes seldom, and never because a person sways.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.frames import Alpha

_INSIDE = 0.5
# The factor follows what was seen over so many seconds, and holds for at least so many; twice as
# long each time that a change is taken back soon, for at most so many.
_CALM, _HOLD, _LONGEST_HOLD = 1.5, 6.0, 120.0


def extent_of(alpha: Alpha) -> float:
    """How much of the picture the person fills, 0 to 1; `alpha` is float32 (h, w).

    The share of the pixels that are a person: it does not jump when an arm is raised, as the
    height of a box around them does.
    """
    return float(np.count_nonzero(alpha > _INSIDE)) / alpha.size


@dataclass(frozen=True)
class Rung:
    """From this extent on, this factor. margin: the extent must be so far beyond it to change."""

    extent: float
    factor: float
    margin: float = 0.05


# Measured (docs/quality-options.md): nearer than this, a smaller input costs the least.
RUNGS: Sequence[Rung] = (Rung(0.0, 1.0), Rung(0.7, 8 / 9))


class SizePolicy:
    """Extents in, one factor out, with hysteresis. Used from one thread at a time."""

    def __init__(self, rungs: Sequence[Rung] = RUNGS) -> None:
        """rungs: by rising extent; the first has extent 0."""
        self._rungs = tuple(rungs)
        self._mean: float | None = None
        self._rung = 0
        self._at = 0.0
        self._changed_at: float | None = None
        self._hold = _HOLD

    def reset(self) -> None:
        """Another source: the next extent counts at once."""
        self._mean = self._changed_at = None
        self._hold = _HOLD

    def factor(self, extent: float, *, at: float) -> float:
        """The factor after a matte of `extent`, 0 to 1, seen at `at` (seconds, rising)."""
        if self._mean is None:
            self._mean, self._at = extent, at
            self._rung = self._beyond(extent, margin=0.0)
            return self._rungs[self._rung].factor
        step, self._at = max(0.0, at - self._at), at
        self._mean += min(1.0, step / _CALM) * (extent - self._mean)
        since = math.inf if self._changed_at is None else at - self._changed_at
        wanted = self._beyond(self._mean, margin=1.0)
        if wanted != self._rung and since >= self._hold:
            # The person may look larger at the other size, so that it would go on for ever.
            soon = since < 2 * self._hold
            self._hold = min(2 * self._hold, _LONGEST_HOLD) if soon else _HOLD
            self._rung, self._changed_at = wanted, at
        return self._rungs[self._rung].factor

    def _beyond(self, extent: float, *, margin: float) -> int:
        """The rung for an extent; the present one as long as it is within its margins."""
        rung = self._rung if margin else 0
        while rung + 1 < len(self._rungs):
            above = self._rungs[rung + 1]
            if extent < above.extent + margin * above.margin:
                break
            rung += 1
        while rung > 0 and extent < self._rungs[rung].extent - margin * self._rungs[rung].margin:
            rung -= 1
        return rung
