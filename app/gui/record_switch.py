"""The record button: off, or its time, size and what was dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt6.QtWidgets import QPushButton, QWidget

from app.gui.icons import icon
from app.gui.message_bar import restyle

if TYPE_CHECKING:
    from app.recording.recorder import Figures


class RecordSwitch(QPushButton):
    """Looks like an output's switch; red while it records."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("switch")
        self.setIcon(icon("record"))
        self.show_figures(None)

    def show_figures(self, figures: Figures | None) -> None:
        """None: nothing is recorded."""
        self.setText("\N{EN SPACE}" + self._words(figures))
        self.setAccessibleName(self.tr("Record"))
        self.setAccessibleDescription(self._words(figures))
        if figures is not None and figures.sound and figures.sound_problem is None:
            words = self.tr("Sound: {0}, moved by {1} ms to meet the picture")
            tip = words.format(figures.sound, round(1e3 * figures.delay))
        else:
            tip = self.tr("Record to a file, as the Recording panel says (R)")
        self.setToolTip(tip)
        state = "off" if figures is None else "starting"
        if figures is not None and figures.state.value == "recording":
            state = "lost" if figures.dropped else "on-air"
        self.setProperty("state", state)
        self.setIcon(icon("record" if figures is None else "stop"))
        restyle(self)

    def _words(self, figures: Figures | None) -> str:
        if figures is None:
            return self.tr("Record")
        if figures.state.value == "counting down":
            return self.tr("Record in {0}…").format(int(figures.countdown) + 1)
        if figures.state.value == "finishing":
            return self.tr("Finishing…")
        words = f"{clock(figures.seconds)} · {megabytes(figures.bytes)}"
        if figures.state.value == "paused":
            words += " · " + self.tr("paused")
        if figures.dropped:
            words += " · " + self.tr("{0} dropped").format(figures.dropped)
        return words


def clock(seconds: float) -> str:
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def megabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
