"""Who gets Space and the wheel: the window's keys and its panels, or the control below."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QFocusEvent, QKeyEvent, QWheelEvent
from PyQt6.QtWidgets import QAbstractButton, QAbstractSpinBox, QApplication, QComboBox, QSlider


class InputFilter(QObject):
    """Sits before every widget from `install` to `remove`.

    A control that was reached with Tab takes Space for itself; elsewhere Space pauses. The wheel
    scrolls the panel; what lies under the pointer on the way stays as it is.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._focus_by_mouse = False

    def install(self) -> None:
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def remove(self) -> None:
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        if event is None:
            return False
        if isinstance(event, QWheelEvent) and _keeps_still(watched):
            event.ignore()
            return True
        if isinstance(watched, (QAbstractButton, QComboBox)):
            if isinstance(event, QFocusEvent):
                self._focus_came(event)
            elif (
                isinstance(event, QKeyEvent)
                and event.type() is QEvent.Type.ShortcutOverride
                and event.key() == Qt.Key.Key_Space
                and not self._focus_by_mouse
            ):
                event.accept()
                return True
        return False

    def _focus_came(self, event: QFocusEvent) -> None:
        reasons = Qt.FocusReason
        if event.gotFocus() and event.reason() is reasons.MouseFocusReason:
            self._focus_by_mouse = True
        elif event.gotFocus() and event.reason() in (
            reasons.TabFocusReason,
            reasons.BacktabFocusReason,
            reasons.ShortcutFocusReason,
        ):
            self._focus_by_mouse = False


def _keeps_still(widget: QObject | None) -> bool:
    """Whether the wheel would change a value that nobody is at."""
    if isinstance(widget, QAbstractSpinBox):
        return not widget.hasFocus()
    return isinstance(widget, (QComboBox, QSlider))
