"""From a sound card's clock to the clock of the pictures.

A card that says 48,000 samples a second gives 47,995 or 48,010: over ten minutes that is a tenth of
a second. So the times at which its blocks arrive are smoothed, and the sound is resampled to as
many samples a second as time.monotonic() has.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import numpy.typing as npt

from app.sound.base import PCM, RATE

_GATHER = 0.3  # seconds until the first sample's moment is known well enough
_WINDOW = 0.6  # seconds of arrivals that are looked at
# Some sound servers give two seconds at once, of which only the last is on time. So a pause between
# two blocks counts as no more than this many seconds: the last of before is still looked at.
_PAUSE = 0.1
_WIDTH = 0.02  # the loop's bandwidth in Hz
_BEND = 0.005  # what the loop may do to the pitch, and the most that a card's rate is off by
_OUTLIER = 0.02  # seconds: more says nothing of the card's rate
# So far off for so long, both in seconds, is no jitter: sound was lost, or the system slept.
_LOST, _LOST_FOR = 0.06, 0.5
_TAPS = 16
_PHASES = 1024


class CardClock:
    """Says when a card's samples sounded.

    A block may come late, never early. So of the blocks of late, the one that came soonest says
    where all are; and a delay-locked loop of second order follows that (F. Adriaensen, "Using a
    DLL to filter time", Linux Audio Conference 2005).
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self.seconds_per_sample = 1.0 / rate
        self._end: float | None = None  # when the last block ended
        # Of the blocks of late: when it came, samples until then, and `_busy` then.
        self._recent: deque[tuple[float, int, float]] = deque()
        self._samples = 0
        self._began: float | None = None
        self._busy = 0.0  # seconds in which blocks came
        self._off_since: float | None = None

    def block(
        self, arrived: float, samples: int, inside: float = 0.0
    ) -> tuple[float, float, bool] | None:
        """(begin, end, jumped) of the last `samples`; None while it is not known yet.

        arrived: the moment at which the last of them was there. inside: seconds that the sound had
        spent in the card by then. The first answer is for all samples since the beginning.
        jumped: the clock was set anew, so `begin` is not where the last block ended.
        """
        if self._began is None:
            self._began = arrived
        soonest = self._soonest(arrived, samples) - inside
        if self._end is None:
            if arrived - self._began < _GATHER:
                return None
            self._end = soonest
            return soonest - self._samples * self.seconds_per_sample, soonest, True
        length = samples / self._rate
        began, expected = self._end, self._end + samples * self.seconds_per_sample
        error = soonest - expected
        if self._is_lost(error):
            self._end = soonest
            return soonest - samples * self.seconds_per_sample, soonest, True
        omega = 2 * math.pi * _WIDTH * length
        most = _BEND * length
        self._end = expected + max(-most, min(most, math.sqrt(2) * omega * error))
        near = max(-_OUTLIER, min(_OUTLIER, error))
        per_sample = self.seconds_per_sample + omega * omega * near / samples
        nominal = 1.0 / self._rate
        self.seconds_per_sample = max(nominal * (1 - _BEND), min(nominal * (1 + _BEND), per_sample))
        return began, self._end, False

    def _soonest(self, arrived: float, samples: int) -> float:
        """When the last sample was there at the latest, by all that came of late."""
        if self._recent:
            self._busy += max(0.0, min(_PAUSE, arrived - self._recent[-1][0]))
        self._samples += samples
        self._recent.append((arrived, self._samples, self._busy))
        while self._recent[0][2] < self._busy - _WINDOW:
            self._recent.popleft()
        return min(
            at + (self._samples - until) * self.seconds_per_sample for at, until, _ in self._recent
        )

    def _is_lost(self, error: float) -> bool:
        if abs(error) < _LOST:
            self._off_since = None
        elif self._off_since is None:
            self._off_since = self._busy
        elif self._busy - self._off_since > _LOST_FOR:
            self._off_since = None
            return True
        return False


class Follower:
    """Takes a card's blocks, gives `RATE` samples for each second of time.monotonic().

    moment: when the first sample that `push` gives next sounds.
    """

    def __init__(self, rate: float, channels: int) -> None:
        self.moment = 0.0
        self._clock = CardClock(rate)
        self._channels = channels
        self._table = _sinc_table(min(1.0, RATE / rate))
        self._waiting: list[npt.NDArray[np.float32]] = []
        self._tail: npt.NDArray[np.float32] = np.zeros((0, channels), np.float32)
        self._map: list[tuple[float, float, int]] = []  # begin, end, samples of what `_tail` holds

    @property
    def card_rate(self) -> float:
        """Samples a second that the card really gives, as far as it is known."""
        return 1.0 / self._clock.seconds_per_sample

    def push(self, block: npt.NDArray[np.float32], arrived: float, *, inside: float = 0.0) -> PCM:
        """block: float32 (n, channels) in [-1, 1]; arrived, inside: see CardClock.block.

        int16 (m, channels), from `moment` on; nothing in the first moments. After a gap in the
        sound `moment` has jumped.
        """
        place = self._clock.block(arrived, len(block), inside)
        self._waiting.append(block)
        if place is None:
            return np.zeros((0, self._channels), np.int16)
        block = np.concatenate(self._waiting)
        self._waiting = []
        start, end, jumped = place
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
