"""A page that takes the side panel's place until the user goes back to the controls."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.icons import icon
from app.gui.plain import Label


class SidePage(QWidget):
    """A heading with the way back, and what scrolls below it. closed: back to the controls.

    top: what stands right of the heading. rows: the content, from top to bottom.
    """

    closed = pyqtSignal()

    def __init__(self, title: str, content: str, parent: QWidget | None = None) -> None:
        """content: what a screen reader calls that which scrolls."""
        super().__init__(parent)
        self.back = flat_button("back", self.tr("Back to the controls"))
        self.back.clicked.connect(self.closed)
        heading = Label(title)
        heading.setProperty("heading", True)
        self.top = QHBoxLayout()
        self.top.setContentsMargins(8, 8, 12, 8)
        self.top.setSpacing(8)
        self.top.addWidget(self.back)
        self.top.addWidget(heading, 1)
        self.rows = QVBoxLayout()
        self.rows.setSpacing(8)
        self.rows.setContentsMargins(12, 0, 12, 12)
        inner = QWidget()
        inner.setObjectName("panel")
        inner.setLayout(self.rows)
        scroll = QScrollArea()
        scroll.setAccessibleName(content)
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self.top)
        layout.addWidget(scroll, 1)

    def clear(self) -> None:
        """Takes all rows away."""
        while (item := self.rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()

    def add_heading(self, text: str) -> None:
        heading = line(text)
        heading.setProperty("heading", True)
        self.rows.addWidget(heading)


def flat_button(symbol: str, words: str) -> QToolButton:
    """A button without a frame; `words` are its tooltip and its name."""
    button = QToolButton()
    button.setIcon(icon(symbol))
    button.setProperty("flat", True)
    button.setAccessibleName(words)
    button.setToolTip(words)
    return button


def line(text: str, *, muted: bool = False) -> Label:
    """Words that wrap and can be marked."""
    label = Label(text)
    label.setWordWrap(True)
    label.setProperty("muted", muted)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
