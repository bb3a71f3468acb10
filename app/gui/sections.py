"""Panels that fold, and the row of buttons of which one is pressed."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.gui.icons import icon


class Section(QWidget):
    """A heading that folds what is below it. Emits `toggled` with whether it is open."""

    toggled = pyqtSignal(bool)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        """name: under which the state is remembered."""
        super().__init__(parent)
        self.name = name
        self.heading = QToolButton()
        self.heading.setObjectName("fold")
        self.heading.setText(title)
        self.heading.setCheckable(True)
        self.heading.setChecked(True)
        self.heading.setIcon(icon("right", checked="down"))
        self.heading.setIconSize(QSize(16, 16))
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.heading.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.heading.setAccessibleName(title)
        self.heading.setAccessibleDescription(self.tr("Shows or hides this panel"))
        self.heading.setToolTip(self.tr("Show or hide this panel"))
        self.heading.toggled.connect(self._fold)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.heading, 1)
        self._top = top
        self.body = QWidget()
        self.content = QVBoxLayout(self.body)
        self.content.setContentsMargins(4, 4, 4, 8)
        self.content.setSpacing(8)
        line = QFrame()
        line.setObjectName("divider")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.body)
        layout.addWidget(line)

    def add_to_heading(self, widget: QWidget) -> None:
        self._top.addWidget(widget)

    @property
    def is_open(self) -> bool:
        return self.heading.isChecked()

    def set_open(self, open_: bool) -> None:
        self.heading.setChecked(open_)

    def _fold(self, open_: bool) -> None:
        self.body.setVisible(open_)
        self.toggled.emit(open_)


class Segments(QWidget):
    """Buttons in a row, each for an action of one exclusive group: the menu has them, too."""

    def __init__(
        self, actions: Sequence[QAction], name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        last = len(actions) - 1
        self.buttons: list[QToolButton] = []
        for at, action in enumerate(actions):
            button = QToolButton()
            button.setDefaultAction(action)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
            button.setProperty("segment", "first" if at == 0 else "last" if at == last else "true")
            button.setAccessibleName(action.text())
            layout.addWidget(button)
            self.buttons.append(button)
