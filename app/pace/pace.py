"""The pace of one live run: which network size is in use, and when another one is to be."""

from __future__ import annotations

from app.modnet.preprocess import NetworkSize
from app.pace.controller import FEWEST, Controller, Load
from app.pace.ladder import cost, ladder
from app.settings import LiveSettings
from app.stats import Stats

# After a network was opened, its first mattes are late for reasons of their own, in seconds.
_GRACE = 1.0
# What coding 720p took of the two cores, where 0.12 to 0.18 of a core were measured.
_FOR_AN_ENCODER = 0.1


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
        self._trial: float | None = None
        self._was_tried = False

    @property
    def size(self) -> NetworkSize:
        return self._sizes[self._controller.place]

    @property
    def wants_trial(self) -> bool:
        """Whether the network that is opened next should be tried out; see `tried`."""
        return not (self._was_tried or self._given_up)

    def tried(self, seconds: float | None, in_flight: int, source_rate: float | None) -> bool:
        """Whether a network of another `size` is to be opened before the first frame comes.

        seconds: what a frame took in a trial, None where there was none. Where the source's rate
        is not known yet, `look` decides later. So a machine that is too slow for the finest size
        does not begin with late frames.
        """
        if seconds is None:
            return False
        self._trial, self._was_tried = seconds, True
        return self._decide_by_trial(in_flight, source_rate)

    def _decide_by_trial(self, in_flight: int, source_rate: float | None) -> bool:
        if self._trial is None or self._rate is None or source_rate is None:
            return False
        times, self._trial = [self._trial] * FEWEST, None
        before = self._controller.place
        load = Load(times, (), in_flight, min(self._rate, source_rate))
        return self._controller.begin(load) != before

    def opened(self, now: float) -> None:
        """A network of `size` is in use from now on."""
        self._since = now + _GRACE
        self._controller.settled()

    def failed(self, in_use: NetworkSize) -> None:
        """A network of `size` could not be opened: the one in use stays, for good."""
        self._given_up = True
        if in_use in self._sizes:
            self._controller.place = self._sizes.index(in_use)

    def look(
        self,
        stats: Stats,
        in_flight: int,
        source_rate: float | None,
        now: float,
        *,
        recording: bool = False,
    ) -> bool:
        """Whether a network of another `size` is to be opened.

        recording: whether an encoder works beside the network.
        """
        if self._given_up or self._rate is None or self._since is None:
            return False
        rate = min(self._rate, source_rate or self._rate)
        if self._decide_by_trial(in_flight, source_rate):
            return True
        if now < self._since:
            return False
        refining = stats.times_since("refine", self._since)
        blending = stats.times_since("composite", self._since)
        load = Load(
            matting=stats.times_since("matting", self._since),
            composing=[sum(both) for both in zip(refining, blending, strict=False)],
            in_flight=in_flight,
            rate=rate,
            set_aside=_FOR_AN_ENCODER if recording else 0.0,
        )
        place = self._controller.place
        return self._controller.look(load, now) != place
