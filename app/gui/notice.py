"""What the preview says in its middle while there is no picture, with the one button that helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PyQt6.QtCore import QEvent, QSize, Qt
from PyQt6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.icons import icon
from app.gui.plain import Label, words_of


@dataclass(frozen=True)
class Action:
    """A button: its words, and what it does."""

    text: str
    run: Callable[[], None]


class Notice(QFrame):
    """A card over the preview. Hidden until `say` is called."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._icon = Label()
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = Label()
        self._title.setProperty("heading", True)
        font = self._title.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        self._title.setFont(font)
        self._text = Label()
        self._text.setProperty("muted", True)
        for label in (self._title, self._text):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByMouse
        )
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setAccessibleName(self.tr("Progress"))
        self.button = QPushButton()
        self.button.setProperty("primary", True)
        self.second = QPushButton()
        for pushed in (self.button, self.second):
            pushed.setAccessibleName(self.tr("What helps"))
            pushed.setCursor(Qt.CursorShape.PointingHandCursor)
        self.button.clicked.connect(lambda: self._press(0))
        self.second.clicked.connect(lambda: self._press(1))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(self.second)
        buttons.addWidget(self.button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(28, 24, 28, 24)
        layout.setSpacing(12)
        layout.addWidget(self._icon)
        layout.addWidget(self._title)
        layout.addWidget(self._text)
        layout.addWidget(self._progress)
        layout.addLayout(buttons)
        self._actions: tuple[Action, ...] = ()
        self.hide()

    @property
    def words(self) -> str:
        """The title and the text, for tests and screen readers."""
        return f"{self._title.text()} {self._text.text()}".strip()

    def say(
        self,
        title: str,
        text: str = "",
        *,
        symbol: str = "info",
        actions: tuple[Action, ...] = (),
        progress: bool = False,
    ) -> None:
        """Shows the card. actions: at most two; the first is the one that helps."""
        self._icon.setPixmap(icon(symbol).pixmap(QSize(36, 36), self.devicePixelRatioF()))
        self._title.setText(title)
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self._actions = actions
        for button, at in ((self.button, 0), (self.second, 1)):
            button.setVisible(at < len(actions))
            if at < len(actions):
                button.setText(words_of(actions[at].text))
                button.setAccessibleName(actions[at].text)
        self._progress.setVisible(progress)
        self._progress.setRange(0, 0)
        self.show()
        self.raise_()
        self.place()

    def set_progress(self, done: float, total: float | None, text: str) -> None:
        """How far it is; without a total the bar only says that something happens."""
        self._progress.setRange(0, 1000 if total else 0)
        if total:
            self._progress.setValue(round(1000 * min(1.0, done / total)))
        self._text.setText(text)
        self._text.setVisible(True)

    def place(self) -> None:
        """Keeps the card in the middle of its parent."""
        parent = self.parentWidget()
        if parent is None:
            return
        width = max(260, min(440, parent.width() - 32))
        self.setFixedWidth(width)
        # Wrapped words: the height that they need follows from the width.
        layout = self.layout()
        height = layout.totalHeightForWidth(width) if layout is not None else -1
        self.resize(width, max(height, self.sizeHint().height()))
        self.move((parent.width() - self.width()) // 2, (parent.height() - self.height()) // 2)

    def event(self, event: QEvent | None) -> bool:
        done = super().event(event)
        # Its words may need another height once their font is known.
        if event is not None and event.type() is QEvent.Type.LayoutRequest:
            self.place()
        return done

    def _press(self, which: int) -> None:
        self._actions[which].run()
