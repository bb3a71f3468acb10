"""The pace of one live run: which network size is in use, and when another one is to be."""

from __future__ import annotations

from app.modnet.preprocess import NetworkSize, smaller
from app.pace.controller import FEWEST, Controller, Load
from app.pace.ladder import USUAL_FRAME, cost, ladder
from app.settings import LiveSettings
from app.stats import Stats

# After a network was opened, its first mattes are late for reasons of their own, in seconds: it is
# not fitted to the scene yet, and what is fitted is compiled beside it.
_GRACE = 2.5
# What coding 720p took of the two cores, where 0.12 to 0.18 of a core were measured.
_FOR_AN_ENCODER = 0.1


class Pace:
    """Not for two threads at once.

    size: what the network that is opened next is to have: what the controller allows, or what the
    subject wants where that is less.
    """

    def __init__(self, settings: LiveSettings) -> None:
        self._rate = settings.quality.rate
        finest = NetworkSize.parse(settings.size)
        self._sizes = ladder(finest) if self._rate is not None else (finest,)
        self._controller = Controller([cost(size) for size in self._sizes])
        self._subject = self._sizes[0]  # what it wants
        self._frame_size = USUAL_FRAME
        self._since: float | None = None
        self._kept: NetworkSize | None = None  # for good
        self._trial: float | None = None
        self._was_tried = False

    @property
    def size(self) -> NetworkSize:
        if self._kept is not None:
            return self._kept
        # The first of two that cost the same: what is allowed.
        return min((self._allowed, self._subject), key=lambda size: cost(size, self._frame_size))

    @property
    def _allowed(self) -> NetworkSize:
        return self._sizes[self._controller.place]

    @property
    def is_for_subject(self) -> bool:
        """Whether `size` is smaller than the machine could do, because the subject wants it."""
        return self._kept is None and self.size != self._allowed

    def follow_subject(self, factor: float, frame_size: tuple[int, int]) -> None:
        """The subject wants the finest size's sides times `factor`, which is at most 1.

        frame_size: the (width, height) of the frames.
        """
        self._subject = smaller(self._sizes[0], frame_size, factor)
        self._frame_size = frame_size

    @property
    def wants_trial(self) -> bool:
        """Whether the network that is opened next should be tried out; see `tried`."""
        return self._ladder_is_used and not self._was_tried

    @property
    def _ladder_is_used(self) -> bool:
        return len(self._sizes) > 1 and self._kept is None

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
        before = self.size
        load = Load(times, (), in_flight, min(self._rate, source_rate))
        self._controller.begin(load)
        return self.size != before

    def opened(self, now: float) -> None:
        """A network of `size` is in use from now on."""
        self._since = now + _GRACE
        self._controller.settled()

    def failed(self, in_use: NetworkSize) -> None:
        """A network of `size` could not be opened: the one in use stays, for good."""
        self._kept = in_use

    def look(
        self,
        stats: Stats,
        in_flight: int,
        source_rate: float | None,
        now: float,
        *,
        recording: bool = False,
    ) -> None:
        """Chooses by what was measured with a network of `size`.

        recording: whether an encoder works beside the network.
        """
        if not self._ladder_is_used or self._rate is None or self._since is None:
            return
        rate = min(self._rate, source_rate or self._rate)
        if self._decide_by_trial(in_flight, source_rate) or now < self._since:
            return
        refining = stats.times_since("refine", self._since)
        blending = stats.times_since("composite", self._since)
        # The controller knows nothing of the subject: it is told what its own size would cost.
        spared = cost(self._allowed, self._frame_size) / cost(self.size, self._frame_size)
        load = Load(
            matting=[time * spared for time in stats.times_since("matting", self._since)],
            composing=[sum(both) for both in zip(refining, blending, strict=False)],
            in_flight=in_flight,
            rate=rate,
            set_aside=_FOR_AN_ENCODER if recording else 0.0,
        )
        self._controller.look(load, now)
