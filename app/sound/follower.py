"""From a sound card's clock to the clock of the pictures.

A card that says 48,000 samples a second gives 47,995 or 48,010: over ten minutes that is a tenth of
a second. So the times at which its blocks arrive are smoothed, and the sound is resampled to as
many samples a second as time.monotonic() has.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from app.sound.base import PCM, RATE

_SETTLING = 3.0  # seconds in which the loop is quick
_QUICK, _STEADY = 0.5, 0.03  # its bandwidth, in Hz
_OUTLIER = 0.02  # seconds: a late callback must not pull the clock along
# So far off for so long, both in seconds, is no jitter: sound was lost, or the system slept.
_LOST, _LOST_FOR = 0.06, 0.5
_TAPS = 16
_PHASES = 1024


class CardClock:
    """Says when a card's samples sounded: a delay-locked loop of second order.

    After F. Adriaensen, "Using a DLL to filter time", Linux Audio Conference 2005.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self.seconds_per_sample = 1.0 / rate
        self._end: float | None = None  # when the last block ended, smoothed
        self._heard = 0.0  # seconds since the loop began
        self._lost = 0.0

    def block(self, begins: float, samples: int) -> tuple[float, float, bool]:
        """(begin, end, jumped) of a block of `samples`, smoothed; `begins`: as it was measured.

        jumped: the clock was set anew, so `begin` is not where the last block ended.
        """
        length = samples / self._rate
        if self._end is None:
            return self._set(begins, samples, jumped=True)
        error = begins - self._end
        self._lost = self._lost + length if abs(error) > _LOST else 0.0
        if self._lost > _LOST_FOR:
            return self._set(begins, samples, jumped=True)
        if self._heard > _SETTLING:
            error = max(-_OUTLIER, min(_OUTLIER, error))
        width = _QUICK if self._heard < _SETTLING else _STEADY
        omega = 2 * math.pi * width * length
        began = self._end
        self._end = (
            began + samples * self.seconds_per_sample + min(1.0, math.sqrt(2) * omega) * error
        )
        self.seconds_per_sample += min(1.0, omega * omega) * error / samples
        self._heard += length
        return began, max(self._end, began + length / 2), False

    def _set(self, begins: float, samples: int, *, jumped: bool) -> tuple[float, float, bool]:
        self.seconds_per_sample = 1.0 / self._rate
        self._heard = self._lost = 0.0
        self._end = begins + samples * self.seconds_per_sample
        return begins, self._end, jumped


class Follower:
    """Takes a card's blocks, gives `RATE` samples for each second of time.monotonic().

    moment: when the first sample that `push` gives next sounds.
    """

    def __init__(self, rate: float, channels: int) -> None:
        self.moment = 0.0
        self._clock = CardClock(rate)
        self._channels = channels
        self._table = _sinc_table(min(1.0, RATE / rate))
        self._tail: npt.NDArray[np.float32] = np.zeros((0, channels), np.float32)
        self._map: list[tuple[float, float, int]] = []  # begin, end, samples of what `_tail` holds

    @property
    def card_rate(self) -> float:
        """Samples a second that the card really gives, as far as it is known."""
        return 1.0 / self._clock.seconds_per_sample

    def push(self, block: npt.NDArray[np.float32], begins: float) -> PCM:
        """block: float32 (n, channels) in [-1, 1]; begins: the measured moment of its first sample.

        int16 (m, channels), from `moment` on. After a gap in the sound `moment` has jumped.
        """
        start, end, jumped = self._clock.block(begins, len(block))
        if jumped:
            self.moment = start
            half = _TAPS // 2
            self._tail = np.zeros((half, self._channels), np.float32)
            spacing = (end - start) / len(block)
            self._map = [(start - half * spacing, start, half)]
        self._map.append((start, end, len(block)))
        self._tail = np.concatenate((self._tail, block))
        times = np.array([self._map[0][0], *(piece[1] for piece in self._map)])
        places = np.cumsum([0, *(piece[2] for piece in self._map)])
        # The last taps need samples that are still to come.
        last = float(np.interp(len(self._tail) - _TAPS / 2, places, times))
        count = max(0, math.floor((last - self.moment) * RATE))
        moments = self.moment + np.arange(count) / RATE
        at = np.interp(moments, times, places)
        given = self._interpolate(at)
        self.moment += count / RATE
        self._forget(float(np.interp(self.moment, times, places)))
        return given

    def _interpolate(self, at: npt.NDArray[np.float64]) -> PCM:
        whole = np.floor(at).astype(np.intp)
        phase = ((at - whole) * _PHASES).astype(np.intp)
        first = whole - _TAPS // 2 + 1
        reach = first[:, None] + np.arange(_TAPS)
        taken = self._tail[np.clip(reach, 0, len(self._tail) - 1)]
        mixed = np.einsum("ntc,nt->nc", taken, self._table[phase])
        return np.asarray(np.clip(np.rint(mixed * 32767), -32768, 32767), np.int16)

    def _forget(self, at: float) -> None:
        """Lets go of the blocks before the taps of position `at`."""
        gone = 0
        while len(self._map) > 1 and gone + self._map[0][2] < at - _TAPS:
            gone += self._map[0][2]
            del self._map[0]
        self._tail = self._tail[gone:]


def _sinc_table(cutoff: float) -> npt.NDArray[np.float32]:
    """(phases, taps): windowed sinc, each row sums to 1. cutoff: 1 is the card's own Nyquist."""
    offsets = np.arange(_TAPS) - (_TAPS // 2 - 1)
    distance = offsets[None, :] - np.arange(_PHASES)[:, None] / _PHASES
    window = np.cos(np.clip(distance / _TAPS, -0.5, 0.5) * math.pi) ** 2
    table = np.sinc(distance * cutoff) * window
    return np.asarray(table / table.sum(axis=1, keepdims=True), np.float32)
