"""Painting on the preview what is always kept and what never is."""

from __future__ import annotations

from enum import Enum

from PyQt6.QtCore import QEvent, QObject, QPointF, QRect, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PyQt6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QSlider,
    QToolButton,
    QWidget,
)

from app.gui.preview import Preview

_LONG_SIDE = 960  # pixels of a painting's longer side
_UNDO = 30
_TINT = {"keep": QColor(46, 160, 67, 120), "drop": QColor(218, 54, 51, 130)}


class Brush(str, Enum):
    KEEP = "keep"
    DROP = "drop"
    ERASE = "erase"


class RegionPainter(QWidget):
    """Covers the preview while the user paints. The paintings stand for the whole frame.

    finished: emitted with the two paintings, grey QImages (None where nothing is painted), when
    the user is done. cancelled: nothing is to change.
    """

    finished = pyqtSignal(object, object)
    cancelled = pyqtSignal()

    def __init__(self, preview: Preview, *, mirrored: bool) -> None:
        """mirrored: whether the preview shows the frame flipped left to right."""
        super().__init__(preview)
        self._preview = preview
        self._mirrored = mirrored
        width, height = preview.picture_rect().width() or 16, preview.picture_rect().height() or 9
        scale = _LONG_SIDE / max(width, height)
        size = QSize(max(1, round(width * scale)), max(1, round(height * scale)))
        self._layers = {name: _blank(size) for name in ("keep", "drop")}
        self._past: list[dict[str, QImage]] = []
        self._last: QPointF | None = None
        self._at: QPointF | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName(self.tr("Paint regions"))
        self.setAccessibleDescription(
            self.tr("Drag with the mouse. Escape leaves everything as it was.")
        )
        self._build_bar()
        preview.installEventFilter(self)
        self._place()
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _build_bar(self) -> None:
        self.bar = QFrame(self)
        self.bar.setObjectName("notice")
        self.bar.setCursor(Qt.CursorShape.ArrowCursor)
        row = QHBoxLayout(self.bar)
        row.setContentsMargins(10, 8, 10, 8)
        row.setSpacing(6)
        self.brushes: dict[Brush, QToolButton] = {}
        group = QButtonGroup(self)
        for brush, words, tip in (
            (Brush.KEEP, self.tr("Keep"), self.tr("Paint what always stays with you")),
            (Brush.DROP, self.tr("Drop"), self.tr("Paint what is never shown")),
            (Brush.ERASE, self.tr("Erase"), self.tr("Take painting away")),
        ):
            button = QToolButton()
            button.setText(words)
            button.setToolTip(tip)
            button.setAccessibleName(words)
            button.setCheckable(True)
            group.addButton(button)
            self.brushes[brush] = button
            row.addWidget(button)
        self.brushes[Brush.KEEP].setChecked(True)
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(1, 40)  # hundredths of the picture's width
        self.size_slider.setValue(8)
        self.size_slider.setFixedWidth(90)
        self.size_slider.setToolTip(self.tr("The size of the brush"))
        self.size_slider.setAccessibleName(self.tr("Brush size"))
        self.size_slider.valueChanged.connect(self.update)
        row.addWidget(self.size_slider)
        self.undo_button = QPushButton(self.tr("Undo"))
        self.clear_button = QPushButton(self.tr("Clear"))
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.done_button = QPushButton(self.tr("Done"))
        self.done_button.setProperty("primary", True)
        for pushed, run in (
            (self.undo_button, self.undo),
            (self.clear_button, self.clear),
            (self.cancel_button, self.cancelled.emit),
            (self.done_button, self._finish),
        ):
            pushed.setAccessibleName(pushed.text())
            pushed.clicked.connect(run)
            row.addWidget(pushed)
        self._refresh()

    # ---- the paintings ---------------------------------------------------------------------------

    def load(self, *, keep: QImage | None, drop: QImage | None) -> None:
        """Goes on from paintings of an earlier time."""
        for name, image in (("keep", keep), ("drop", drop)):
            if image is not None and not image.isNull():
                size = self._layers[name].size()
                grey = image.convertToFormat(QImage.Format.Format_Grayscale8)
                self._layers[name] = grey.scaled(
                    size, transformMode=Qt.TransformationMode.SmoothTransformation
                )
        self._refresh()
        self.update()

    def painting(self, name: str) -> QImage | None:
        """ "keep" or "drop", grey; None where nothing is painted."""
        layer = self._layers[name]
        return None if _is_blank(layer) else layer

    @property
    def brush(self) -> Brush:
        return next(brush for brush, button in self.brushes.items() if button.isChecked())

    def undo(self) -> None:
        """Takes the last stroke back."""
        if self._past:
            self._layers = self._past.pop()
            self._refresh()
            self.update()

    def clear(self) -> None:
        self._remember()
        self._layers = {name: _blank(layer.size()) for name, layer in self._layers.items()}
        self._refresh()
        self.update()

    def _remember(self) -> None:
        self._past = [*self._past[1 - _UNDO :], dict(self._layers)]
        # Qt copies an image when it is painted on, not before.
        self._layers = {name: QImage(layer) for name, layer in self._layers.items()}

    def _finish(self) -> None:
        self.finished.emit(self.painting("keep"), self.painting("drop"))

    def _refresh(self) -> None:
        self.undo_button.setEnabled(bool(self._past))

    # ---- the mouse -------------------------------------------------------------------------------

    def _on_painting(self, at: QPointF) -> QPointF:
        """A place of the widget, on the painting."""
        rect, size = self._preview.picture_rect(), self._layers["keep"].size()
        x = (at.x() - rect.left()) / max(1, rect.width())
        y = (at.y() - rect.top()) / max(1, rect.height())
        return QPointF((1 - x if self._mirrored else x) * size.width(), y * size.height())

    def _stroke(self, start: QPointF, end: QPointF) -> None:
        size = self._layers["keep"].size()
        width = self.size_slider.value() / 100 * size.width()
        for name, layer in self._layers.items():
            color = Qt.GlobalColor.white if name == self.brush.value else Qt.GlobalColor.black
            painter = QPainter(layer)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            style, cap = Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap
            painter.setPen(QPen(QColor(color), width, style, cap))
            painter.drawLine(start, end)
            if start == end:
                painter.drawPoint(start)
            painter.end()
        self.update()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        if event is not None and event.button() is Qt.MouseButton.LeftButton:
            self._remember()
            self._last = self._on_painting(event.position())
            self._stroke(self._last, self._last)
            self._refresh()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        if event is None:
            return
        self._at = event.position()
        if self._last is not None:
            here = self._on_painting(event.position())
            self._stroke(self._last, here)
            self._last = here
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        self._last = None

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        if event is None:
            return
        if event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._finish()
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo()
        else:
            super().keyPressEvent(event)

    # ---- on the screen ---------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        rect = self._preview.picture_rect()
        for name, layer in self._layers.items():
            painter.drawImage(rect, self._tinted(layer, _TINT[name]))
        if self._at is not None and rect.contains(self._at.toPoint()):
            radius = self.size_slider.value() / 200 * rect.width()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(0, 0, 0, 160), 3))
            painter.drawEllipse(self._at, radius, radius)
            painter.setPen(QPen(QColor("white"), 1.5))
            painter.drawEllipse(self._at, radius, radius)

    def _tinted(self, layer: QImage, tint: QColor) -> QImage:
        shown = QImage(layer.size(), QImage.Format.Format_ARGB32_Premultiplied)
        shown.fill(tint)
        mask = layer.mirrored(True, False) if self._mirrored else QImage(layer)
        mask.reinterpretAsFormat(QImage.Format.Format_Alpha8)
        painter = QPainter(shown)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawImage(0, 0, mask)
        painter.end()
        return shown

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        if event is not None and event.type() is QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        self.setGeometry(QRect(0, 0, self._preview.width(), self._preview.height()))
        self.bar.adjustSize()
        x = max(0, (self.width() - self.bar.width()) // 2)
        self.bar.move(x, self.height() - self.bar.height() - 12)


def _blank(size: QSize) -> QImage:
    image = QImage(size, QImage.Format.Format_Grayscale8)
    image.fill(0)
    return image


def _is_blank(layer: QImage) -> bool:
    bits = layer.constBits()
    return bits is None or not any(bits.asstring(layer.sizeInBytes()))
