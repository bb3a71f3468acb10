"""Icons: the project's own line drawings, in the colour of the text, crisp at any scale."""

from __future__ import annotations

from functools import lru_cache

from PyQt6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PyQt6.QtSvg import QSvgRenderer
from PyQt6.QtWidgets import QApplication

from app import places

_INK = b"#000000"  # what the files are drawn in, and what is put in its place


@lru_cache(maxsize=256)
def _source(name: str) -> bytes:
    return (places.assets() / "icons" / f"{name}.svg").read_bytes()


class _LineIcon(QIconEngine):
    """Paints the drawing in the palette's colour of the moment, so a change of theme needs no work.

    role: whose colour it takes. checked: another drawing for the state On. color: a colour of its
    own instead.
    """

    def __init__(
        self, name: str, role: QPalette.ColorRole, checked: str | None, color: str
    ) -> None:
        super().__init__()
        self._name, self._role, self._checked, self._color = name, role, checked, color

    def paint(
        self, painter: QPainter | None, rect: QRect, mode: QIcon.Mode, state: QIcon.State
    ) -> None:
        if painter is None:
            return
        groups = {QIcon.Mode.Disabled: QPalette.ColorGroup.Disabled}
        group = groups.get(mode, QPalette.ColorGroup.Active)
        role = self._role
        if mode is QIcon.Mode.Selected:
            role = QPalette.ColorRole.HighlightedText
        ink = QColor(self._color) if self._color else QApplication.palette().color(group, role)
        on = state is QIcon.State.On and self._checked is not None
        name = self._checked if on and self._checked is not None else self._name
        svg = _source(name).replace(_INK, ink.name().encode())
        side = min(rect.width(), rect.height())
        square = QRectF(0, 0, side, side)
        square.moveCenter(QRectF(rect).center())
        QSvgRenderer(QByteArray(svg)).render(painter, square)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        drawn = QPixmap(size)
        drawn.fill(Qt.GlobalColor.transparent)
        painter = QPainter(drawn)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return drawn

    def clone(self) -> QIconEngine:
        return _LineIcon(self._name, self._role, self._checked, self._color)


def icon(
    name: str,
    *,
    role: QPalette.ColorRole = QPalette.ColorRole.WindowText,
    checked: str | None = None,
    color: str = "",
) -> QIcon:
    """The drawing `assets/icons/NAME.svg` as an icon."""
    return QIcon(_LineIcon(name, role, checked, color))


def app_icon() -> QIcon:
    """The program's own, in colour."""
    return QIcon(str(places.assets() / "icons" / "mattecam.svg"))
