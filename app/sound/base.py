"""What a source of sound promises to whoever records it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

PCM = npt.NDArray[np.int16]  # (samples, channels)

RATE = 48_000  # samples a second, of everything that is recorded


class Sound(Protocol):
    """Sound on time.monotonic()'s clock, the pictures' own, `RATE` samples a second of it."""

    channels: int

    @property
    def description(self) -> str:
        """Where it comes from, for the user."""

    @property
    def problem(self) -> str | None:
        """Why there is none any more, one sentence; None while all is well."""

    @property
    def available(self) -> float:
        """The moment until which there is sound."""

    @property
    def late(self) -> float:
        """Seconds after which it is there, at the most, as far as it is known."""

    def wait(self, moment: float, timeout: float) -> None:
        """Until there is sound up to `moment`, or there will be none, or the time is up."""

    def read(self, moment: float, samples: int) -> PCM:
        """int16 (samples, channels) from `moment` on; silence where there is none (any more)."""
