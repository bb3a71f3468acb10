"""Before and after, side by side below the preview, and the two buttons that decide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QPointF, QRect, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QImage, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.plain import Label
from app.gui.preview import letterbox
from app.gui.side_page import flat_button

VIEWS = ("composite", "matte")
_CAPTION = 20  # logical pixels above each picture


class Comparison(QWidget):
    """Hidden until `show_folder`. kept, discarded: what the user decides."""

    kept = pyqtSignal()
    discarded = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("comparison")
        self.pair = _Pair((self.tr("Before"), self.tr("After")))
        self._folder: Path | None = None
        self._numbers: Sequence[str] = ()
        self._at = 0
        self._view = VIEWS[0]
        views = QButtonGroup(self)
        self.views: dict[str, QToolButton] = {}
        row = QHBoxLayout()
        row.setSpacing(0)
        words = {"composite": self.tr("Composite"), "matte": self.tr("Matte")}
        for view, place in zip(VIEWS, ("first", "last"), strict=True):
            button = QToolButton()
            button.setText(words[view])
            button.setAccessibleName(words[view])
            button.setCheckable(True)
            button.setProperty("segment", place)
            button.clicked.connect(lambda _=False, chosen=view: self._look_at(chosen))
            views.addButton(button)
            self.views[view] = button
            row.addWidget(button)
        self.views[VIEWS[0]].setChecked(True)
        self.previous = flat_button("back", self.tr("The frame before"))
        self.next = flat_button("right", self.tr("The next frame"))
        self.previous.clicked.connect(lambda: self._step(-1))
        self.next.clicked.connect(lambda: self._step(1))
        self.place = Label()
        self.place.setProperty("muted", True)
        self.discard_button = QPushButton(self.tr("Discard"))
        self.discard_button.setToolTip(self.tr("Forget the adapted model; everything stays."))
        self.keep_button = QPushButton(self.tr("Keep"))
        self.keep_button.setToolTip(self.tr("Use the adapted model; you can go back."))
        for pushed in (self.discard_button, self.keep_button):
            pushed.setAccessibleName(pushed.text())
        self.keep_button.setProperty("primary", True)
        self.discard_button.clicked.connect(self.discarded)
        self.keep_button.clicked.connect(self.kept)
        row.addSpacing(12)
        for widget in (self.previous, self.place, self.next):
            row.addWidget(widget)
            row.addSpacing(4)
        row.addStretch(1)
        row.addWidget(self.discard_button)
        row.addSpacing(8)
        row.addWidget(self.keep_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(8)
        layout.addWidget(self.pair, 1)
        layout.addLayout(row)
        self.hide()

    @property
    def count(self) -> int:
        """How many frames there are to look at."""
        return len(self._numbers)

    def show_folder(self, folder: Path, *, mirror: bool) -> None:
        """folder: as app/training/comparison.py writes it. mirror: as the preview is."""
        self._folder = folder
        self._numbers = sorted({file.name.partition("-")[0] for file in folder.glob("*.jpg")})
        self._at = 0
        self.pair.mirror = mirror
        self._refresh()
        self.show()

    def close_folder(self) -> None:
        self.hide()
        self._folder, self._numbers = None, ()
        self.pair.show_images((QImage(), QImage()))

    def _look_at(self, view: str) -> None:
        self._view = view
        self._refresh()

    def _step(self, by: int) -> None:
        if self._numbers:
            self._at = (self._at + by) % len(self._numbers)
            self._refresh()

    def _refresh(self) -> None:
        if self._folder is None or not self._numbers:
            self.place.setText(self.tr("no pictures"))
            return
        start = self._folder / self._numbers[self._at]
        images = tuple(QImage(f"{start}-{when}-{self._view}.jpg") for when in ("before", "after"))
        self.pair.show_images(images)
        words = self.tr("Frame {0} of {1}").format(self._at + 1, len(self._numbers))
        self.place.setText(words)
        self.pair.setAccessibleDescription(words)


class _Pair(QWidget):
    """Two pictures, as large as they fit, with a word above each."""

    def __init__(self, captions: Sequence[str]) -> None:
        super().__init__()
        self._captions = tuple(captions)
        self._images: Sequence[QImage] = ()
        self.mirror = False
        self.setMinimumHeight(120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Before and after, side by side"))

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(640, 240)

    def show_images(self, images: Sequence[QImage]) -> None:
        self._images = tuple(image.mirrored(self.mirror, False) for image in images)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        width = (self.width() - 8) // 2
        outer = QSize(width, max(1, self.height() - _CAPTION))
        for at, (caption, image) in enumerate(zip(self._captions, self._images, strict=False)):
            left = at * (width + 8)
            words = QRect(left, 0, width, _CAPTION)
            painter.drawText(words, Qt.AlignmentFlag.AlignCenter, caption)
            if not image.isNull():
                inner = letterbox(outer, (image.width(), image.height()))
                inner.translate(left, _CAPTION)
                scaled = image.scaled(
                    inner.size() * self.devicePixelRatioF(),
                    Qt.AspectRatioMode.IgnoreAspectRatio,
                    Qt.TransformationMode.SmoothTransformation,
                )
                scaled.setDevicePixelRatio(self.devicePixelRatioF())
                painter.drawImage(QPointF(inner.topLeft()), scaled)
