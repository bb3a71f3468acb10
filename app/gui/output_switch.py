"""The switch of one output: off, starting, on air, lost."""

from __future__ import annotations

from enum import Enum

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QPushButton, QWidget

from app.gui.icons import icon
from app.gui.message_bar import restyle


class OnAir(str, Enum):
    OFF = "off"
    STARTING = "starting"
    ON_AIR = "on-air"
    LOST = "lost"


class OutputSwitch(QPushButton):
    """Emits `switched` with what the user wants. It shows what is, not what is wanted."""

    switched = pyqtSignal(bool)

    def __init__(self, name: str, title: str, tooltip: str, parent: QWidget | None = None) -> None:
        """name: the registered output, which is its spec with the options that it comes with."""
        super().__init__(parent)
        self.setObjectName("switch")
        self.name = name
        self.title = title
        self._tooltip = tooltip
        self.on_air = OnAir.OFF
        self.usable = True  # False where something has to be installed first
        self.setIcon(icon("broadcast"))
        self.setAccessibleName(title)
        self.clicked.connect(lambda: self.switched.emit(self.on_air is OnAir.OFF))
        self.show_state(OnAir.OFF)

    def show_state(self, on_air: OnAir, detail: str = "") -> None:
        """detail: where the pictures go, or why they do not."""
        self.on_air = on_air
        state = {
            OnAir.OFF: self.tr("off"),
            OnAir.STARTING: self.tr("starting…"),
            OnAir.ON_AIR: self.tr("on air"),
            OnAir.LOST: self.tr("lost, retrying…"),
        }[on_air]
        self.setText(f"\N{EN SPACE}{self.title}: {state}")
        self.setToolTip(f"{self._tooltip}\n{detail}".strip())
        self.setAccessibleDescription(f"{state}. {detail}".strip())
        self.setProperty("state", on_air.value)
        restyle(self)
