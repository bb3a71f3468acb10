"""The doctor's page: what works on this machine, what does not, and what mends it."""

from __future__ import annotations

import logging
import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PyQt6.QtCore import QSize, Qt, QUrl, pyqtSignal
from PyQt6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication
from PyQt6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.icons import icon
from app.gui.plain import Label
from app.gui.side_page import SidePage, flat_button, line
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


class DoctorPage(SidePage):
    """Looks beside Qt's thread, when it is shown."""

    _done = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Doctor"), self.tr("What the doctor found"), parent)
        self._job: Job[Sequence[Check]] | None = None
        again = flat_button("reset", self.tr("Look again"))
        again.clicked.connect(self.look)
        self.top.addWidget(again)
        self._done.connect(self._show_job)
        self.texts: list[str] = []

    def look(self) -> None:
        """Examines the machine; nothing happens while it is already being examined."""
        if self._job is not None:
            return
        self._empty()
        self.rows.addWidget(line(self.tr("Looking…"), muted=True))
        self.rows.addStretch(1)
        self._job = Job("doctor", lambda control: _examine(control), on_done=self._done.emit)
        self._job.start()

    def cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _show_job(self, job: Job[Sequence[Check]]) -> None:
        self._job = None
        self._empty()
        if job.error is not None:
            log.error("the doctor failed", exc_info=job.error)
            self.rows.addWidget(line(self.tr("The doctor failed: {0}.").format(job.error)))
        else:
            self._show_checks(job.result())
            self._show_sights()
        self.rows.addStretch(1)

    def _empty(self) -> None:
        self.texts = []
        self.clear()

    def _show_checks(self, checks: Sequence[Check]) -> None:
        section = ""
        for check in checks:
            if check.section != section:
                section = check.section
                self.add_heading(section)
            self.texts.append(f"{check.name}: {check.sentence} {check.remedy or ''}".strip())
            self.rows.addWidget(self._card(check))

    def _card(self, check: Check) -> QWidget:
        """How one thing stands, and what mends it, ready to be copied."""
        card = QFrame()
        card.setObjectName("check")
        card.setAccessibleName(check.name)
        symbol, color = _MARKS[check.state]
        mark = Label()
        size = QSize(16, 16)
        mark.setPixmap(icon(symbol, color=color).pixmap(size, self.devicePixelRatioF()))
        mark.setAccessibleName(check.state)
        mark.setAlignment(Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        name = line(check.name)
        name.setProperty("heading", True)
        words.addWidget(name)
        words.addWidget(line(check.sentence, muted=check.state == "ok"))
        row = QHBoxLayout(card)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(8)
        row.addWidget(mark)
        row.addLayout(words, 1)
        if check.remedy is not None and check.by_hand:
            words.addWidget(line(check.remedy))
        elif check.remedy is not None:
            words.addWidget(_remedy(check.remedy))
            row.addWidget(self._remedy_button(check.remedy), 0, Qt.AlignmentFlag.AlignTop)
        return card

    def _remedy_button(self, remedy: str) -> QToolButton:
        """Opens a page, copies a command."""
        button = QToolButton()
        button.setProperty("flat", True)
        if remedy.startswith("https://"):
            button.setText(self.tr("Open"))
            button.setToolTip(self.tr("Open the page that helps"))
            button.clicked.connect(lambda: QDesktopServices.openUrl(QUrl(remedy)))
        else:
            button.setText(self.tr("Copy"))
            button.setToolTip(self.tr("Copy what mends it"))
            button.clicked.connect(lambda: _to_clipboard(remedy))
        button.setAccessibleName(f"{button.toolTip()}: {remedy}")
        return button

    def _show_sights(self) -> None:
        """Which call program sees which kind of virtual camera, of the kinds of this system."""
        from app.doctor import KINDS, SIGHT_NOTES, SIGHTS

        kinds = KINDS.get(platform.system(), {})
        if not kinds:
            return
        self.add_heading(self.tr("Who sees which virtual camera"))
        table = QFrame()
        table.setObjectName("check")
        grid = QGridLayout(table)
        grid.setContentsMargins(12, 8, 12, 8)
        grid.setHorizontalSpacing(12)
        for column, name in enumerate(kinds.values(), start=1):
            grid.addWidget(line(name, muted=True), 0, column)
        cells = []
        for row, sight in enumerate(SIGHTS, start=1):
            grid.addWidget(line(sight.program), row, 0)
            for column, kind in enumerate(kinds, start=1):
                seen = getattr(sight, kind) or self.tr("no")
                cells.append(seen)
                cell = line(seen, muted=getattr(sight, kind) is None)
                cell.setAccessibleName(f"{sight.program}, {kinds[kind]}: {seen}")
                grid.addWidget(cell, row, column)
        self.rows.addWidget(table)
        for note in SIGHT_NOTES[1:]:
            mark = note.partition(" ")[0]
            if not mark.startswith("[") or any(mark in cell for cell in cells):
                self.rows.addWidget(line(note, muted=True))


def _examine(control: Control) -> Sequence[Check]:
    from app.doctor import examine

    control.check()
    return examine()


def _to_clipboard(text: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)


def _remedy(text: str) -> Label:
    label = line(text)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.LinksAccessibleByMouse
    )
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(label.font().pointSizeF() * 0.9)
    label.setFont(font)
    return label
