"""The picture, large: letterboxed, never stretched, drawn straight from the composite's own memory.

A frame is brought into the screen's pixel format once (0.4 ms at 1280x720) and then scaled by the
painter, for Qt scales 32-bit pictures three times as fast as 24-bit ones.
"""

from __future__ import annotations

import time
from collections import deque
from enum import Enum

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QPointF, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QBrush,
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PyQt6.QtWidgets import QWidget

from app.frames import RGB, Composite, Frame
from app.gui.notice import Notice
from app.views import View, show

_GRIP = 14  # logical pixels around the divider that take hold of it
_STEP = 0.02  # of the width, for an arrow key
_CHECKER = 12  # logical pixels to a square


class Mode(str, Enum):
    """What of a composite is shown."""

    COMPOSITE = "composite"
    MATTE = "matte"
    CUTOUT = "cutout"
    ORIGINAL = "original"
    SPLIT = "split"


def letterbox(outer: QSize, picture: tuple[int, int]) -> QRect:
    """The largest rectangle of the picture's shape in `outer`, in the middle of it."""
    width, height = picture
    scale = min(outer.width() / width, outer.height() / height)
    inner = QSize(max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (outer.width() - inner.width()) // 2, (outer.height() - inner.height()) // 2
    return QRect(left, top, inner.width(), inner.height())


def to_image(picture: npt.NDArray[np.uint8]) -> QImage:
    """A picture, grey (H, W), RGB (H, W, 3) or RGBA (H, W, 4), as an image of 32 bits a pixel.

    The one copy on the way to the screen.
    """
    rows, columns = picture.shape[:2]
    if picture.ndim == 2:
        kind = QImage.Format.Format_Grayscale8
    elif picture.shape[2] == 4:
        kind = QImage.Format.Format_RGBA8888
    else:
        kind = QImage.Format.Format_RGB888
    source: QImage = QImage(picture.data, columns, rows, picture.strides[0], kind)  # type: ignore[call-overload]
    if kind is QImage.Format.Format_RGBA8888:
        return source.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
    return source.convertToFormat(QImage.Format.Format_RGB32)


def image_of(view: View, composite: Composite) -> QImage:
    """What is painted for a view."""
    transparent = view is View.COMPOSITE and composite.rgb is None
    if view is not View.FOREGROUND and not transparent:
        return to_image(show(view, composite))
    # `show` also blanks the room below the transparent pixels, for files; a screen needs no such
    # care, and this is several times as fast.
    image = to_image(composite.cutout.foreground)
    alpha = composite.cutout.alpha
    kind = QImage.Format.Format_Alpha8
    mask: QImage = QImage(alpha.data, alpha.shape[1], alpha.shape[0], alpha.strides[0], kind)  # type: ignore[call-overload]
    image.setAlphaChannel(mask)
    return image


class Preview(QWidget):
    """Shows composites.

    painted: a composite that came to the screen for the first time. split_moved: the divider's new
    place, 0 to 1.
    """

    painted = pyqtSignal(object)
    split_moved = pyqtSignal(float)
    double_clicked = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(320, 180)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Preview"))
        self.setAccessibleDescription(
            self.tr("Your picture. In the split mode, the arrow keys move the divider.")
        )
        self.notice = Notice(self)
        self._mode = Mode.COMPOSITE
        self._split = 0.5
        self._mirror = False
        self._stage = QColor("#121317")
        self._composite: Composite | None = None
        self._card: QImage | None = None
        self._caption = ""
        self._drop_hint = False
        self._images: list[QImage] = []
        self._dragging = False
        self._paint_seconds: deque[float] = deque(maxlen=240)
        self._painted_at: deque[float] = deque(maxlen=240)
        self._checker: QBrush | None = None

    # What is shown

    @property
    def composite(self) -> Composite | None:
        """The one that is on the screen, or None."""
        return self._composite

    @property
    def is_empty(self) -> bool:
        """Whether nothing is shown."""
        return self._composite is None and self._card is None

    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def split(self) -> float:
        return self._split

    @property
    def frame_ms(self) -> tuple[float, float]:
        """What painting costs: milliseconds of the median frame and of the worst of 100."""
        ordered = sorted(self._paint_seconds)
        if not ordered:
            return 0.0, 0.0
        worst = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        return ordered[len(ordered) // 2] * 1e3, worst * 1e3

    @property
    def fps(self) -> float:
        """Frames that came to the screen a second, over the last two seconds."""
        now = time.monotonic()
        recent = [at for at in self._painted_at if now - at < 2.0]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 2 else 0.0

    def show_composite(self, composite: Composite) -> None:
        """Takes the newest. What was not painted in time is replaced, not queued."""
        self._composite, self._card = composite, None
        self._images = []
        self.update()

    def show_frame(self, frame: Frame) -> None:
        """A bare frame, in whatever mode: there is no matte for it."""
        self.show_picture(frame.rgb)
        self._caption = self.tr("Only you see this: there is no matte yet")

    def show_picture(self, picture: RGB) -> None:
        """A picture without a matte, whatever the mode; until the next composite."""
        self._composite, self._images = None, []
        self._card, self._caption = to_image(picture), ""
        self.update()

    def clear(self) -> None:
        """Nothing: before the first frame, and when a source went away."""
        self._composite, self._card, self._images = None, None, []
        self.update()

    def set_mode(self, mode: Mode) -> None:
        self._mode, self._images = mode, []
        self._set_cursor(over_divider=False)
        self.update()

    def set_split(self, share: float) -> None:
        self._split = min(1.0, max(0.0, share))
        self.update()

    def set_mirror(self, mirror: bool) -> None:
        self._mirror = mirror
        self.update()

    def set_stage(self, color: str) -> None:
        """The colour around the picture."""
        self._stage = QColor(color)
        self.update()

    def set_drop_hint(self, shown: bool) -> None:
        """Whether files are held over the window, and what letting go does."""
        self._drop_hint = shown
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(960, 540)

    # Painting

    def picture_rect(self) -> QRect:
        """Where the picture lies in the widget; empty where there is none."""
        size = self._picture_size()
        return QRect() if size is None else letterbox(self.size(), size)

    def _picture_size(self) -> tuple[int, int] | None:
        if self._card is not None:
            return self._card.width(), self._card.height()
        return None if self._composite is None else self._composite.cutout.frame.size

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._stage)
        rect = self.picture_rect()
        if not rect.isEmpty():
            self._paint_picture(painter, rect)
        if self._drop_hint:
            self._paint_drop_hint(painter)

    def _paint_picture(self, painter: QPainter, rect: QRect) -> None:
        began = time.perf_counter()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self._card is not None:
            self._paint_one(painter, rect, self._card)
            if self._caption and not self.notice.isVisible():
                self._label(painter, self._caption, rect, Qt.AlignmentFlag.AlignHCenter)
            return
        fresh = not self._images
        images = self._prepared()
        if self._mode is Mode.SPLIT:
            self._paint_split(painter, rect, images)
        else:
            self._paint_one(painter, rect, images[0])
        if fresh:
            self._painted_at.append(time.monotonic())
            self._paint_seconds.append(time.perf_counter() - began)
            self.painted.emit(self._composite)

    def _paint_drop_hint(self, painter: QPainter) -> None:
        area = QRectF(self.rect()).adjusted(16, 16, -16, -16)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(0, 0, 0, 120))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor("white"), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(area, 12, 12)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 1.4)
        painter.setFont(font)
        words = self.tr("Let go to use it as the background")
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, words)

    def _prepared(self) -> list[QImage]:
        """The frame's images for the mode, made when they are first painted."""
        if not self._images and self._composite is not None:
            views = {
                Mode.COMPOSITE: (View.COMPOSITE,),
                Mode.MATTE: (View.MATTE,),
                Mode.CUTOUT: (View.FOREGROUND,),
                Mode.ORIGINAL: (View.ORIGINAL,),
                Mode.SPLIT: (View.ORIGINAL, View.COMPOSITE),
            }[self._mode]
            self._images = [image_of(view, self._composite) for view in views]
        return self._images

    def _paint_one(self, painter: QPainter, rect: QRect, image: QImage) -> None:
        if image.hasAlphaChannel():
            painter.fillRect(rect, self._checkerboard())
        if not self._mirror:
            painter.drawImage(rect, image)
            return
        painter.save()
        painter.translate(2 * rect.left() + rect.width(), 0)
        painter.scale(-1, 1)
        painter.drawImage(rect, image)
        painter.restore()

    def _paint_split(self, painter: QPainter, rect: QRect, images: list[QImage]) -> None:
        x = rect.left() + round(rect.width() * self._split)
        for image, left, right in ((images[0], rect.left(), x), (images[1], x, rect.right() + 1)):
            painter.setClipRect(QRect(left, rect.top(), right - left, rect.height()))
            self._paint_one(painter, rect, image)
        painter.setClipping(False)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(0, 0, 0, 70), 4))
        painter.drawLine(x, rect.top(), x, rect.bottom())
        painter.setPen(QPen(QColor("white"), 2))
        painter.drawLine(x, rect.top(), x, rect.bottom())
        middle = QPointF(x, rect.center().y())
        painter.setBrush(QColor("white"))
        painter.setPen(QPen(QColor(0, 0, 0, 70), 1))
        painter.drawEllipse(middle, 14, 14)
        painter.setPen(QPen(QColor("#1b1f27"), 2))
        for side in (-1, 1):
            tip = middle + QPointF(side * 8, 0)
            painter.drawPolyline(
                QPolygonF([tip - QPointF(side * 4, 4), tip, tip - QPointF(side * 4, -4)])
            )
        self._label(painter, self.tr("Original"), rect, Qt.AlignmentFlag.AlignLeft)
        self._label(painter, self.tr("Composite"), rect, Qt.AlignmentFlag.AlignRight)

    def _label(self, painter: QPainter, text: str, rect: QRect, where: Qt.AlignmentFlag) -> None:
        """At the picture's top: left, right or in the middle."""
        width = self.fontMetrics().horizontalAdvance(text) + 16
        box = QRectF(rect.left() + 12, rect.top() + 12, width, 24)
        if where is Qt.AlignmentFlag.AlignRight:
            box.moveRight(rect.right() - 12)
        elif where is Qt.AlignmentFlag.AlignHCenter:
            box.moveLeft(rect.center().x() - width / 2)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 130))
        painter.drawRoundedRect(box, 6, 6)
        painter.setPen(QColor("white"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _checkerboard(self) -> QBrush:
        """The squares that stand for "nothing"."""
        if self._checker is None:
            tile = QPixmap(2 * _CHECKER, 2 * _CHECKER)
            tile.fill(QColor(204, 204, 204))
            painter = QPainter(tile)
            painter.fillRect(0, 0, _CHECKER, _CHECKER, QColor(153, 153, 153))
            painter.fillRect(_CHECKER, _CHECKER, _CHECKER, _CHECKER, QColor(153, 153, 153))
            painter.end()
            self._checker = QBrush(tile)
        return self._checker

    # The divider, and the notice in the middle

    def _over_divider(self, x: float) -> bool:
        rect = self.picture_rect()
        if self._mode is not Mode.SPLIT or rect.isEmpty() or self._card is not None:
            return False
        return abs(x - rect.left() - rect.width() * self._split) <= _GRIP

    def _set_cursor(self, *, over_divider: bool) -> None:
        shape = Qt.CursorShape.SplitHCursor if over_divider else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)

    def _move_split(self, share: float) -> None:
        self.set_split(share)
        self.split_moved.emit(self._split)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        if event is not None and event.button() is Qt.MouseButton.LeftButton:
            self._dragging = self._over_divider(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        if event is None:
            return
        x = event.position().x()
        self._set_cursor(over_divider=self._dragging or self._over_divider(x))
        if self._dragging:
            rect = self.picture_rect()
            self._move_split((x - rect.left()) / max(1, rect.width()))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        self._dragging = False

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        self.double_clicked.emit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        steps = {Qt.Key.Key_Left: -_STEP, Qt.Key.Key_Right: _STEP}
        if event is not None and self._mode is Mode.SPLIT and event.key() in steps:
            self._move_split(self._split + steps[Qt.Key(event.key())])
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.notice.place()
