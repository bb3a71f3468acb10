"""The backgrounds to choose from: the kinds as buttons, pictures and videos as thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QMimeData, QModelIndex, QRect, QRectF, QSize, Qt, QUrl, pyqtSignal
from PyQt6.QtGui import (
    QAction,
    QContextMenuEvent,
    QDropEvent,
    QIcon,
    QImage,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPainterPath,
    QPalette,
    QPen,
    QPixmap,
    QResizeEvent,
    QStandardItem,
    QStandardItemModel,
)
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app import places
from app.gui.icons import icon
from app.plain_text import readable

SPEC = Qt.ItemDataRole.UserRole + 1
MOVES = Qt.ItemDataRole.UserRole + 2  # whether it is a video
BROKEN = Qt.ItemDataRole.UserRole + 3  # why it cannot be used; empty where it can
SAMPLE = "sample/"  # a spec in the settings: the samples may lie elsewhere tomorrow
_TILE = QSize(96, 54)
_GAP = 8


def samples() -> Sequence[str]:
    """The specs of the pictures that come with the program."""
    folder = places.assets() / "backgrounds"
    return [f"{SAMPLE}{path.name}" for path in sorted(folder.glob("*.jpg"))]


def resolved(spec: str) -> str:
    """The spec as `create_background` takes it."""
    if spec.startswith(SAMPLE):
        return f"image:{places.assets() / 'backgrounds' / spec.removeprefix(SAMPLE)}"
    return spec


def title_of(spec: str) -> str:
    """A short name for tooltips and screen readers."""
    name = Path(spec.removeprefix(SAMPLE).partition(":")[2] or spec).stem
    return readable(name.replace("-", " ").replace("_", " ").capitalize())


def local_files(mime: QMimeData | None) -> list[Path]:
    """The files that were dropped; addresses of other machines are passed over."""
    urls: list[QUrl] = [] if mime is None else mime.urls()
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]


class _Tile(QStyledItemDelegate):
    """A rounded thumbnail; the chosen one has a ring, a video a mark."""

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        if painter is None:
            return
        palette = option.palette
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        box = QRectF(0, 0, _TILE.width(), _TILE.height())
        box.moveCenter(QRectF(option.rect).center())
        shape = QPainterPath()
        shape.addRoundedRect(box, 6, 6)
        painter.fillPath(shape, palette.color(QPalette.ColorRole.AlternateBase))
        image = index.data(Qt.ItemDataRole.DecorationRole)
        painter.setClipPath(shape)
        if isinstance(image, QPixmap) and not image.isNull():
            painter.drawPixmap(box, image, QRectF(image.rect()))
        else:
            broken = bool(index.data(BROKEN))
            mark = icon("warning" if broken else "image", role=QPalette.ColorRole.PlaceholderText)
            mark.paint(painter, _centred(box, 24))
        painter.setClipping(False)
        if index.data(MOVES):
            badge = QRectF(box.right() - 24, box.bottom() - 24, 20, 20)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(Qt.GlobalColor.black)
            painter.setOpacity(0.6)
            painter.drawEllipse(badge)
            painter.setOpacity(1.0)
            _paint_white(painter, _centred(badge, 12))
        state = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(palette.color(QPalette.ColorRole.Accent), 3))
            painter.drawRoundedRect(box.adjusted(-1.5, -1.5, 1.5, 1.5), 7, 7)
        elif state & (QStyle.StateFlag.State_HasFocus | QStyle.StateFlag.State_MouseOver):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(palette.color(QPalette.ColorRole.PlaceholderText), 1))
            painter.drawRoundedRect(box, 6, 6)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        return QSize(_TILE.width() + _GAP, _TILE.height() + _GAP)


def _centred(box: QRectF, side: int) -> QRect:
    middle = box.center().toPoint()
    return QRect(middle.x() - side // 2, middle.y() - side // 2, side, side)


def _paint_white(painter: QPainter, box: QRect) -> None:
    """A play mark."""
    path = QPainterPath()
    path.moveTo(box.left() + 3, box.top() + 1)
    path.lineTo(box.right(), box.center().y() + 0.5)
    path.lineTo(box.left() + 3, box.bottom())
    path.closeSubpath()
    painter.fillPath(path, Qt.GlobalColor.white)


class Gallery(QListView):
    """The thumbnails. All of it is in the list's own model; the settings get `specs()`.

    chosen: the user chose a spec. changed: one was added, removed or moved. dropped: files came
    from elsewhere.
    """

    chosen = pyqtSignal(str)
    changed = pyqtSignal()
    dropped = pyqtSignal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gallery")
        self.setAccessibleName(self.tr("Backgrounds"))
        self.setAccessibleDescription(
            self.tr("Arrow keys choose, Delete removes, Ctrl with an arrow key moves.")
        )
        self._model = QStandardItemModel(self)
        self.setModel(self._model)
        self.setItemDelegate(_Tile(self))
        # A wrapped list, not the icon mode: only here does a drag change the order.
        self.setViewMode(QListView.ViewMode.ListMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setGridSize(QSize(_TILE.width() + _GAP, _TILE.height() + _GAP))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDragDropOverwriteMode(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)
        self.remove_action = QAction(icon("trash"), self.tr("Remove from the gallery"), self)
        self.remove_action.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))
        self.remove_action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.remove_action.triggered.connect(self.remove_current)
        self.earlier_action = QAction(self.tr("Move forward"), self)
        self.earlier_action.setShortcut(QKeySequence("Ctrl+Left"))
        self.earlier_action.triggered.connect(lambda: self.move_current(-1))
        self.later_action = QAction(self.tr("Move back"), self)
        self.later_action.setShortcut(QKeySequence("Ctrl+Right"))
        self.later_action.triggered.connect(lambda: self.move_current(1))
        for action in (self.remove_action, self.earlier_action, self.later_action):
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            self.addAction(action)
        self._fit_height()

    # Content

    def specs(self) -> list[str]:
        return [self._model.index(row, 0).data(SPEC) for row in range(self._model.rowCount())]

    def add(self, spec: str, *, moves: bool = False) -> None:
        """At the end; nothing happens where it is there already."""
        if spec in self.specs():
            return
        item = QStandardItem()
        item.setData(spec, SPEC)
        item.setData(moves, MOVES)
        item.setData("", BROKEN)
        title = title_of(spec)
        item.setToolTip(title)
        item.setData(title, Qt.ItemDataRole.AccessibleTextRole)
        item.setDropEnabled(False)
        item.setEditable(False)
        self._model.appendRow(item)
        self._fit_height()

    def set_thumbnail(self, spec: str, image: QImage) -> None:
        item = self._item(spec)
        if item is not None:
            item.setData(QPixmap.fromImage(image), Qt.ItemDataRole.DecorationRole)
            item.setData("", BROKEN)
            item.setToolTip(title_of(spec))

    def set_broken(self, spec: str, why: str) -> None:
        """It stays, with the reason on hover: the disk may be plugged in again."""
        item = self._item(spec)
        if item is not None:
            item.setData(why, BROKEN)
            item.setToolTip(why)

    def select(self, spec: str | None) -> None:
        """Shows what is in use; None where it is not in the gallery."""
        item = None if spec is None else self._item(spec)
        if item is None:
            self.clearSelection()
        else:
            self.setCurrentIndex(item.index())

    def remove_current(self) -> None:
        index = self.currentIndex()
        if index.isValid():
            self._model.removeRow(index.row())
            self._fit_height()
            self.changed.emit()

    def move_current(self, by: int) -> None:
        row = self.currentIndex().row()
        to = row + by
        if row < 0 or not 0 <= to < self._model.rowCount():
            return
        items = self._model.takeRow(row)
        self._model.insertRow(to, items)
        self.setCurrentIndex(self._model.index(to, 0))
        self.changed.emit()

    def next_after(self, spec: str) -> str | None:
        """The spec behind this one, the first one behind the last."""
        specs = self.specs()
        if not specs:
            return None
        return specs[(specs.index(spec) + 1) % len(specs)] if spec in specs else specs[0]

    def _item(self, spec: str) -> QStandardItem | None:
        for row in range(self._model.rowCount()):
            item = self._model.item(row)
            if item is not None and item.data(SPEC) == spec:
                return item
        return None

    # What the user does

    def _choose(self, index: QModelIndex) -> None:
        self.chosen.emit(index.data(SPEC))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        before = self.currentIndex()
        super().keyPressEvent(event)
        # Arrow keys choose, as a click does.
        now = self.currentIndex()
        if event is not None and now != before and now.isValid() and not event.modifiers():
            self._choose(now)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:  # noqa: N802
        if event is None:
            return
        index = self.indexAt(event.pos())
        if not index.isValid():
            return
        self.setCurrentIndex(index)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions([self.earlier_action, self.later_action, self.remove_action])
        menu.popup(event.globalPos())

    def dragEnterEvent(self, event: Any) -> None:  # noqa: N802
        if local_files(event.mimeData()):
            event.acceptProposedAction()
        else:
            super().dragEnterEvent(event)

    def dragMoveEvent(self, event: Any) -> None:  # noqa: N802
        if local_files(event.mimeData()):
            event.acceptProposedAction()
        else:
            super().dragMoveEvent(event)

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        if event is None:
            return
        files = local_files(event.mimeData())
        if files:
            event.acceptProposedAction()
            self.dropped.emit(files)
            return
        if event.source() is not self:
            return
        target = self.indexAt(event.position().toPoint())
        row, to = self.currentIndex().row(), target.row()
        # The move is done here, so the drag itself has nothing left to take away.
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        if row >= 0:
            self.move_current((to if to >= 0 else self._model.rowCount() - 1) - row)

    # Its height is its content's: the panel around it scrolls, not the list.

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit_height()

    def _fit_height(self) -> None:
        grid = self.gridSize()
        viewport = self.viewport()
        width = grid.width() if viewport is None else viewport.width()
        columns = max(1, width // grid.width())
        rows = max(1, -(-self._model.rowCount() // columns))
        self.setFixedHeight(rows * grid.height() + 4)


def kind_icon(name: str) -> QIcon:
    """The icon of a kind of background; a general one where there is none of its own."""
    own = places.assets() / "icons" / f"{name}.svg"
    return icon(name if own.is_file() else "image")
