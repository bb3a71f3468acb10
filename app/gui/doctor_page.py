"""The doctor's page: what works on this machine, what does not, and what mends it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QFontDatabase, QGuiApplication
from PyQt6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.icons import icon
from app.runtime.job import Control, Job

if TYPE_CHECKING:
    from app.doctor import Check

log = logging.getLogger(__name__)

# The drawing and its colour, which reads on light and on dark.
_MARKS = {
    "ok": ("check", "#2f9e62"),
    "warn": ("warning", "#cf8a1c"),
    "missing": ("error", "#e0555b"),
}


class DoctorPage(QWidget):
    """Looks beside Qt's thread, when it is shown. closed: back to the controls."""

    closed = pyqtSignal()
    _done = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job: Job[Sequence[Check]] | None = None
        back = QToolButton()
        back.setIcon(icon("back"))
        back.setProperty("flat", True)
        back.setAccessibleName(self.tr("Back to the controls"))
        back.setToolTip(self.tr("Back to the controls"))
        back.clicked.connect(self.closed)
        self.back = back
        title = QLabel(self.tr("Doctor"))
        title.setProperty("heading", True)
        again = QToolButton()
        again.setIcon(icon("reset"))
        again.setProperty("flat", True)
        again.setAccessibleName(self.tr("Look again"))
        again.setToolTip(self.tr("Look again"))
        again.clicked.connect(self.look)
        top = QHBoxLayout()
        top.setContentsMargins(12, 8, 12, 8)
        top.addWidget(back)
        top.addWidget(title, 1)
        top.addWidget(again)
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        self._list.setContentsMargins(12, 0, 12, 12)
        content = QWidget()
        content.setObjectName("panel")
        content.setLayout(self._list)
        scroll = QScrollArea()
        scroll.setAccessibleName(self.tr("What the doctor found"))
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(scroll, 1)
        self._done.connect(self._show_job)
        self.texts: list[str] = []

    def look(self) -> None:
        """Examines the machine; nothing happens while it is already being examined."""
        if self._job is not None:
            return
        self._clear()
        self._list.addWidget(_line(self.tr("Looking…"), muted=True))
        self._list.addStretch(1)
        self._job = Job("doctor", lambda control: _examine(control), on_done=self._done.emit)
        self._job.start()

    def cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _show_job(self, job: Job[Sequence[Check]]) -> None:
        self._job = None
        self._clear()
        if job.error is not None:
            log.error("the doctor failed", exc_info=job.error)
            self._list.addWidget(_line(self.tr("The doctor failed: {0}.").format(job.error)))
        else:
            self._show_checks(job.result())
        self._list.addStretch(1)

    def _clear(self) -> None:
        self.texts = []
        while (item := self._list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()

    def _show_checks(self, checks: Sequence[Check]) -> None:
        section = ""
        for check in checks:
            if check.section != section:
                section = check.section
                heading = _line(section)
                heading.setProperty("heading", True)
                self._list.addWidget(heading)
            self.texts.append(f"{check.name}: {check.sentence} {check.remedy or ''}".strip())
            self._list.addWidget(self._card(check))

    def _card(self, check: Check) -> QWidget:
        """How one thing stands, and what mends it, ready to be copied."""
        card = QFrame()
        card.setObjectName("check")
        card.setAccessibleName(check.name)
        symbol, color = _MARKS[check.state]
        mark = QLabel()
        size = QSize(16, 16)
        mark.setPixmap(icon(symbol, color=color).pixmap(size, self.devicePixelRatioF()))
        mark.setAccessibleName(check.state)
        mark.setAlignment(Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        name = _line(check.name)
        name.setProperty("heading", True)
        words.addWidget(name)
        words.addWidget(_line(check.sentence, muted=check.state == "ok"))
        row = QHBoxLayout(card)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(8)
        row.addWidget(mark)
        row.addLayout(words, 1)
        if check.remedy is not None:
            words.addWidget(_remedy(check.remedy))
            row.addWidget(self._copy_button(check.remedy), 0, Qt.AlignmentFlag.AlignTop)
        return card

    def _copy_button(self, remedy: str) -> QToolButton:
        copy = QToolButton()
        copy.setText(self.tr("Copy"))
        copy.setProperty("flat", True)
        copy.setToolTip(self.tr("Copy what mends it"))
        copy.setAccessibleName(self.tr("Copy what mends it: {0}").format(remedy))
        copy.clicked.connect(lambda: _to_clipboard(remedy))
        return copy


def _examine(control: Control) -> Sequence[Check]:
    from app.doctor import examine

    control.check()
    return examine()


def _to_clipboard(text: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)


def _remedy(text: str) -> QLabel:
    label = _line(text)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.LinksAccessibleByMouse
    )
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(label.font().pointSizeF() * 0.9)
    label.setFont(font)
    return label


def _line(text: str, *, muted: bool = False) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setProperty("muted", muted)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
