"""Starts the window: Qt, the log, the theme, and an orderly end."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from types import TracebackType

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QApplication

from app import __version__
from app.gui.log_file import close_log, log_path, open_log
from app.gui.main_window import MainWindow
from app.gui.theme import Theme
from app.system.stopping import on_stop_signals

log = logging.getLogger(__name__)

_LISTEN_EVERY = 250  # milliseconds: Python sees a signal only when it runs


def make_application(arguments: Sequence[str]) -> QApplication:
    """The QApplication, which must be the first thing of Qt that is made."""
    # OpenCV's wheel points these at its own Qt, another version than ours.
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        os.environ.pop(name, None)
    # They would take the place of the marks of what is switched on.
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontShowIconsInMenus)
    application = QApplication(list(arguments))
    application.setApplicationName("Mattecam")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("mattecam")
    application.setStyle("Fusion")
    return application


def run(arguments: Sequence[str] = ("mattecam",)) -> int:
    """Shows the window and returns when it was closed: the exit code."""
    application = make_application(arguments)
    handler: logging.Handler | None = None
    try:
        handler = open_log(log_path())
    except OSError as error:
        log.warning("there is no log file: %s", error)
    log.info("Mattecam %s, Python %s", __version__, sys.version.split()[0])
    former = sys.excepthook
    sys.excepthook = _log_and_go_on
    try:
        window = MainWindow(theme=Theme(application))
        window.show()
        # After the first turn of the event loop: the window stands before anything loads.
        QTimer.singleShot(0, window.begin)
        listener = QTimer()
        listener.timeout.connect(lambda: None)
        listener.start(_LISTEN_EVERY)
        on_stop_signals(window.close)
        log.info("the window is open")
        code = application.exec()
        window.end()
        return code
    finally:
        sys.excepthook = former
        if handler is not None:
            close_log(handler)


def _log_and_go_on(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """A mistake in a slot must not end a call; PyQt would abort the program."""
    if issubclass(kind, KeyboardInterrupt):
        QGuiApplication.quit()
        return
    log.error("unexpected, in the window", exc_info=(kind, error, traceback))
