"""What stands in the middle of the preview while there is no picture: why, and what helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject

from app.errors import WeightsCorrupt, WeightsMissing
from app.gui.notice import Action
from app.gui.preview import Preview
from app.gui.weights_offer import WeightsOffer

if TYPE_CHECKING:
    from app.live import Failure, State


@dataclass(frozen=True)
class Remedies:
    """What the buttons do."""

    retry: Callable[[], None]
    use_demo: Callable[[], None]
    resume: Callable[[], None]


class PictureNotice(QObject):
    """blocking: the failure that keeps the picture away, None while nothing does."""

    def __init__(self, preview: Preview, weights: WeightsOffer, remedies: Remedies) -> None:
        super().__init__(preview)
        self._preview = preview
        self._weights = weights
        self._remedies = remedies
        self.blocking: Failure | None = None

    def starting(self) -> None:
        self._preview.notice.say(self.tr("Starting…"), symbol="camera")

    def cannot_start(self, why: str) -> None:
        text = self.tr("A part of the program is missing ({0}). Install it again: make setup.")
        self._preview.notice.say(self.tr("Mattecam cannot start"), text.format(why), symbol="error")

    def picture_came(self) -> None:
        notice = self._preview.notice
        if notice.isVisible() and self.blocking is None and not self._weights.runs:
            notice.hide()

    def update(self, state: State | None, *, wanted_weights: str) -> None:
        """state: the pipeline's. wanted_weights: the name that is set, offered where missing."""
        from app.live import State as States

        if self._weights.runs:
            return
        notice, failure = self._preview.notice, self.blocking
        again = Action(self.tr("Try again"), self._remedies.retry)
        if state is States.PAUSED:
            notice.say(
                self.tr("Paused"),
                self.tr("Nothing is captured. The others see a neutral picture."),
                symbol="pause",
                actions=(Action(self.tr("Resume"), self._remedies.resume),),
            )
        elif state is States.RESTING:
            notice.say(
                self.tr("Resting"),
                self.tr("No program reads the virtual camera, so nothing is captured."),
                symbol="pause",
            )
        elif failure is not None and isinstance(failure.error, (WeightsMissing, WeightsCorrupt)):
            self._weights.offer(wanted_weights, str(failure))
        elif failure is not None and failure.where == "source" and self._preview.is_empty:
            clip = Action(self.tr("Use the demo clip"), self._remedies.use_demo)
            actions = (again, clip) if failure.retried else (clip, again)
            notice.say(self.tr("No picture"), str(failure), symbol="camera", actions=actions)
        elif failure is not None and state is States.FAILED:
            notice.say(
                self.tr("The picture has stopped"), str(failure), symbol="error", actions=(again,)
            )
        elif self._preview.is_empty:
            self.starting()
        else:
            notice.hide()
