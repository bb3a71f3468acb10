"""The entry in the system's tray: to the front, pause, quit."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from app.gui.actions import Actions
from app.gui.icons import app_icon


def make_tray(
    window: QWidget, actions: Actions, to_front: Callable[[], None]
) -> QSystemTrayIcon | None:
    """Shown already; None where the system has no tray."""
    if not QSystemTrayIcon.isSystemTrayAvailable():
        return None
    tray = QSystemTrayIcon(app_icon(), window)
    tray.setToolTip("Mattecam")
    menu = QMenu(window)
    front = QAction(window.tr("Show the window"), menu)
    front.triggered.connect(to_front)
    menu.addActions([front, actions.pause, actions.quit])
    tray.setContextMenu(menu)

    def clicked(reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is QSystemTrayIcon.ActivationReason.Trigger:
            to_front()

    tray.activated.connect(clicked)
    tray.show()
    return tray
