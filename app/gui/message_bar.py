"""The bar under the menu: what happened, what it means, and the one button that helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from app.gui.icons import icon
from app.gui.notice import Action

Level = Literal["info", "warn", "bad"]
_SYMBOLS: dict[Level, str] = {"info": "info", "warn": "warning", "bad": "error"}


@dataclass(frozen=True)
class Message:
    """key: what it is about, such as "source" or "output:pipewire": a newer one on the same thing
    takes its place, and `MessageBar.settle` takes it away."""

    key: str
    text: str
    level: Level = "info"
    action: Action | None = None


class MessageBar(QFrame):
    """Shows one message at a time, the gravest, and of these the newest; hidden without any.

    Emits `changed` with the text that is shown now.
    """

    changed = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self._icon = QLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._more = QLabel()
        self._more.setProperty("muted", True)
        self.button = QPushButton()
        self.button.setAccessibleName(self.tr("What helps"))
        self.button.clicked.connect(self._press)
        self.close_button = QToolButton()
        self.close_button.setIcon(icon("close"))
        self.close_button.setProperty("flat", True)
        self.close_button.setToolTip(self.tr("Hide this message"))
        self.close_button.setAccessibleName(self.tr("Hide this message"))
        self.close_button.clicked.connect(self._dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 8, 8, 8)
        layout.setSpacing(12)
        layout.addWidget(self._icon)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._more)
        layout.addWidget(self.button)
        layout.addWidget(self.close_button)
        self._messages: dict[str, Message] = {}
        self.hide()

    @property
    def text(self) -> str:
        """What is shown now; empty where the bar is hidden."""
        shown = self._shown()
        return "" if shown is None else shown.text

    def post(self, message: Message) -> None:
        self._messages.pop(message.key, None)
        self._messages[message.key] = message
        self._refresh()

    def settle(self, key: str) -> None:
        """What the message was about is over."""
        if self._messages.pop(key, None) is not None:
            self._refresh()

    def has(self, key: str) -> bool:
        return key in self._messages

    def _shown(self) -> Message | None:
        order = {"info": 0, "warn": 1, "bad": 2}
        found = None
        for message in self._messages.values():
            if found is None or order[message.level] >= order[found.level]:
                found = message
        return found

    def _refresh(self) -> None:
        shown = self._shown()
        self.setVisible(shown is not None)
        if shown is not None:
            self.setProperty("level", shown.level)
            symbol = icon(_SYMBOLS[shown.level])
            self._icon.setPixmap(symbol.pixmap(QSize(20, 20), self.devicePixelRatioF()))
            self._text.setText(shown.text)
            self.setAccessibleName(shown.text)
            more = len(self._messages) - 1
            self._more.setText(self.tr("{0} more").format(more) if more else "")
            self.button.setVisible(shown.action is not None)
            if shown.action is not None:
                self.button.setText(shown.action.text)
                self.button.setAccessibleName(shown.action.text)
            restyle(self)
        self.changed.emit(self.text)

    def _press(self) -> None:
        shown = self._shown()
        if shown is not None and shown.action is not None:
            # First away with it: the action may post the next one about the same thing.
            self.settle(shown.key)
            shown.action.run()

    def _dismiss(self) -> None:
        shown = self._shown()
        if shown is not None:
            self.settle(shown.key)


def restyle(widget: QWidget) -> None:
    """Has the style sheet look at the widget's properties again."""
    style = widget.style()
    if style is not None:
        style.unpolish(widget)
        style.polish(widget)
    widget.update()
