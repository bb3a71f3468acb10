"""Names of files and devices, and weights' metadata, as plain text in the window.

Qt guesses: a QLabel or a tooltip whose text looks like HTML is shown as HTML, and `<img src=...>`
in a file's name then loads that file. In buttons and menus an `&` is a mark, not a character.
"""

from __future__ import annotations

import html

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QHelpEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QLabel,  # noqa: TID251
    QMenu,
    QToolTip,
    QWidget,
)

from app.plain_text import readable


class Label(QLabel):
    """A label that shows its text as it is, but for characters that would act."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)

    def setText(self, text: str | None) -> None:  # noqa: N802
        super().setText(shown(text or ""))


def shown(text: str) -> str:
    """`text` for a label, a list or a combo box; it may have lines."""
    return readable(text, keep="\n\t")


def words_of(text: str) -> str:
    """`text` for a button or a menu: one line, and an `&` is an `&`."""
    return readable(text).replace("&", "&&")


class PlainToolTips(QObject):
    """Sits before every widget from `install` to `remove`: a tooltip is plain text."""

    def install(self) -> None:
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def remove(self) -> None:
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        if not isinstance(event, QHelpEvent) or event.type() is not QEvent.Type.ToolTip:
            return False
        if not isinstance(watched, QWidget):
            return False
        tip = _tip_at(watched, event)
        plain = plain_tip(tip)
        if plain == tip:
            return False
        QToolTip.showText(event.globalPos(), plain, watched)
        return True


def plain_tip(tip: str) -> str:
    """What makes QToolTip show the characters of `tip`: without a `<` it never guesses HTML."""
    tip = shown(tip)
    if "<" not in tip:
        return tip
    return f'<p style="white-space: pre-wrap">{html.escape(tip)}</p>'


def _tip_at(widget: QWidget, event: QHelpEvent) -> str:
    parent = widget.parent()
    if isinstance(parent, QAbstractItemView) and parent.viewport() is widget:
        return str(parent.indexAt(event.pos()).data(Qt.ItemDataRole.ToolTipRole) or "")
    if isinstance(widget, QMenu):
        action = widget.actionAt(event.pos())
        return "" if action is None else action.toolTip()
    return widget.toolTip()
