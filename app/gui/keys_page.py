"""The page of keys: what each does, in the order of the menus."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QHBoxLayout, QMenu, QWidget

from app.gui.plain import Label
from app.gui.side_page import SidePage, line


class KeysPage(SidePage):
    """Filled from the menus, so that no key can be missing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Keys"), self.tr("The keys and what they do"), parent)

    def fill(self, menus: Iterable[QMenu], others: Iterable[QAction] = ()) -> None:
        """others: actions that are in no menu."""
        self.clear()
        for menu in menus:
            actions = [each for each in menu.actions() if not each.shortcut().isEmpty()]
            if actions:
                self.add_heading(_words(menu.title()))
            for action in actions:
                self._add(action)
        for action in others:
            self._add(action)
        self.rows.addStretch(1)

    def _add(self, action: QAction) -> None:
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        words = _words(action.text())
        cap = Label(key)
        cap.setProperty("key", True)
        row = QWidget()
        row.setAccessibleName(f"{words}: {key}")
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(line(words), 1)
        layout.addWidget(cap)
        self.rows.addWidget(row)


def _words(text: str) -> str:
    """A menu's text without its mnemonic."""
    return text.replace("&", "").rstrip("…")
