"""What every panel beside the preview is: it shows LiveSettings and asks for changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from app.settings import LiveSettings

_DEFAULTS = LiveSettings()


class Panel(QWidget):
    """changes: fields of LiveSettings to set. refused: a sentence on what cannot be."""

    changes = pyqtSignal(dict)
    refused = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(0, 0, 0, 0)
        self.box.setSpacing(8)

    def load(self) -> None:
        """The registries are there: draw what depends on them."""

    def show_settings(self, settings: LiveSettings) -> None:
        raise NotImplementedError

    def reset(self) -> None:
        """Everything here as it comes with the program."""

    def setting(self, field: str) -> Callable[[Any], None]:
        """What asks for another value of a field."""
        return lambda value: self.changes.emit({field: value})

    def resetting(self, *fields: str) -> Callable[[], None]:
        """What asks for the values that come with the program."""
        return lambda: self.changes.emit({field: getattr(_DEFAULTS, field) for field in fields})
