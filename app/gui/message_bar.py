"""The bar under the menu: what happened, what it means, and the one button that helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PyQt6.QtCore import QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from app.gui.icons import icon
from app.gui.notice import Action
from app.gui.plain import Label, words_of

Level = Literal["info", "warn", "bad"]
_PASSING = 8000  # milliseconds
_SYMBOLS: dict[Level, str] = {"info": "info", "warn": "warning", "bad": "error"}


@dataclass(frozen=True)
class Message:
    """key: what it is about, such as "source" or "output:pipewire": a newer one on the same thing
    takes its place, and `MessageBar.settle` takes it away.

    passing: the answer to what the user has just done: shown before all others, and gone by itself
    after some seconds.
    """

    key: str
    text: str
    level: Level = "info"
    action: Action | None = None
    passing: bool = False


class MessageBar(QFrame):
    """Shows one message at a time: one that passes, else the gravest, of these the newest; hidden
    without any. A button goes through the others.

    Emits `changed` with the text that is shown now.
    """

    changed = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self._icon = Label()
        self._text = Label()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.more = QToolButton()
        self.more.setProperty("flat", True)
        self.more.setToolTip(self.tr("Show the next message"))
        self.more.setAccessibleName(self.tr("Show the next message"))
        self.more.clicked.connect(self._next)
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
        layout.addWidget(self.more)
        layout.addWidget(self.button)
        layout.addWidget(self.close_button)
        self._messages: dict[str, Message] = {}
        self._quiet = False
        self._chosen = ""  # the key of the one that the user went on to
        self._passing = QTimer(self)
        self._passing.setSingleShot(True)
        self._passing.setInterval(_PASSING)
        self._passing.timeout.connect(self._pass)
        self.hide()

    @property
    def text(self) -> str:
        """What is shown now; empty where the bar is hidden."""
        shown = self._shown()
        return "" if shown is None else shown.text

    def post(self, message: Message) -> None:
        self._messages.pop(message.key, None)
        self._messages[message.key] = message
        self._chosen = ""
        if message.passing:
            self._passing.start()
        self._refresh()

    def settle(self, key: str) -> None:
        """What the message was about is over."""
        if self._messages.pop(key, None) is not None:
            self._refresh()

    def set_quiet(self, quiet: bool) -> None:
        """Whether notes are kept back until later, as in full screen; what is wrong is not."""
        self._quiet = quiet
        self._refresh()

    def has(self, key: str) -> bool:
        return key in self._messages

    def _shown(self) -> Message | None:
        if self._chosen in self._messages:
            return self._messages[self._chosen]
        order = {"info": 0, "warn": 1, "bad": 2}
        found = None
        for message in self._messages.values():
            if self._quiet and message.level == "info" and not message.passing:
                continue
            rank = (message.passing, order[message.level])
            if found is None or rank >= (found.passing, order[found.level]):
                found = message
        return found

    def _next(self) -> None:
        keys, shown = list(self._messages), self._shown()
        if shown is not None:
            self._chosen = keys[keys.index(shown.key) - 1]  # the newest of them follows the oldest
            self._refresh()

    def _pass(self) -> None:
        if self.underMouse():
            self._passing.start()  # it may be being read
        else:
            self.end_passing()

    def end_passing(self) -> None:
        """Those that pass are over."""
        self._messages = {key: each for key, each in self._messages.items() if not each.passing}
        self._refresh()

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
            self.more.setVisible(more > 0)
            self.more.setText(self.tr("{0} more").format(more))
            self.more.setAccessibleName(self.tr("{0} more messages").format(more))
            self.button.setVisible(shown.action is not None)
            if shown.action is not None:
                self.button.setText(words_of(shown.action.text))
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
