"""The pace of one live run: which network size is in use, and when another one is to be."""

from __future__ import annotations

from app.modnet.preprocess import NetworkSize
from app.pace.controller import Controller, Load
from app.pace.ladder import cost, ladder
from app.settings import LiveSettings
from app.stats import Stats

# After a network was opened, its first mattes are late for reasons of their own, in seconds.
_GRACE = 1.0


class Pace:
    """Not for two threads at once.

    size: what the network that is opened next is to have.
    """

    def __init__(self, settings: LiveSettings) -> None:
        self._rate = settings.quality.rate
        finest = NetworkSize.parse(settings.size)
        self._sizes = ladder(finest) if self._rate is not None else (finest,)
        self._controller = Controller([cost(size) for size in self._sizes])
        self._since: float | None = None
        self._given_up = len(self._sizes) == 1

    @property
    def size(self) -> NetworkSize:
        return self._sizes[self._controller.place]

    def opened(self, now: float) -> None:
        """A network of `size` is in use from now on."""
        self._since = now + _GRACE
        self._controller.settled()

    def failed(self, in_use: NetworkSize) -> None:
        """A network of `size` could not be opened: the one in use stays, for good."""
        self._given_up = True
        if in_use in self._sizes:
            self._controller.place = self._sizes.index(in_use)

    def look(self, stats: Stats, in_flight: int, source_rate: float | None, now: float) -> bool:
        """Whether a network of another `size` is to be opened."""
        if self._given_up or self._rate is None or self._since is None or now < self._since:
            return False
        rate = min(self._rate, source_rate or self._rate)
        refining = stats.times_since("refine", self._since)
        blending = stats.times_since("composite", self._since)
        load = Load(
            matting=stats.times_since("matting", self._since),
            composing=[sum(both) for both in zip(refining, blending, strict=False)],
            in_flight=in_flight,
            rate=rate,
        )
        place = self._controller.place
        return self._controller.look(load, now) != place
