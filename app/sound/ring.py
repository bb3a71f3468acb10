"""The last seconds of sound, by the moments at which they sounded."""

from __future__ import annotations

import threading
import time

import numpy as np

from app.sound.base import PCM, RATE

SECONDS = 15.0  # more than a recording may fall behind


class Ring:
    """Written by one thread, read by any. A gap is silence."""

    def __init__(self, channels: int, seconds: float = SECONDS) -> None:
        self.channels = channels
        self._lock = threading.Condition()
        self._samples: PCM = np.zeros((round(seconds * RATE), channels), np.int16)
        self._origin = 0.0  # the moment of sample 0
        self._written = 0  # samples since the origin
        self._begun = False
        self._over = False

    @property
    def available(self) -> float:
        """The moment until which there is sound; minus infinity before the first."""
        with self._lock:
            return self._available

    def wait(self, moment: float, timeout: float) -> None:
        """Until there is sound up to `moment`, or `timeout` seconds are over, or nothing comes."""
        until = time.monotonic() + timeout
        with self._lock:
            while self._available < moment and not self._over:
                left = until - time.monotonic()
                if left <= 0:
                    return
                self._lock.wait(left)

    def end(self, over: bool = True) -> None:
        """Nothing comes any more, for now: nobody needs to wait."""
        with self._lock:
            self._over = over
            self._lock.notify_all()

    def write(self, moment: float, pcm: PCM) -> None:
        with self._lock:
            if not self._begun:
                self._origin, self._begun = moment, True
            at = round((moment - self._origin) * RATE)
            if at > self._written:
                gap = min(at - self._written, len(self._samples))
                self._put(at - gap, np.zeros((gap, self.channels), np.int16))
            elif at < self._written:
                pcm = pcm[self._written - at :]  # heard already
                at = self._written
            self._put(at, pcm[-len(self._samples) :])
            self._written = at + len(pcm)
            self._lock.notify_all()

    def read(self, moment: float, samples: int) -> PCM:
        """int16 (samples, channels) from `moment` on; silence where there is none, or no more."""
        read = np.zeros((samples, self.channels), np.int16)
        with self._lock:
            if not self._begun:
                return read
            first = round((moment - self._origin) * RATE)
            begin = max(first, self._written - len(self._samples), 0)
            end = min(first + samples, self._written)
            if end > begin:
                places = np.arange(begin, end) % len(self._samples)
                read[begin - first : end - first] = self._samples[places]
        return read

    @property
    def _available(self) -> float:
        return self._origin + self._written / RATE if self._begun else float("-inf")

    def _put(self, at: int, pcm: PCM) -> None:
        self._samples[np.arange(at, at + len(pcm)) % len(self._samples)] = pcm
