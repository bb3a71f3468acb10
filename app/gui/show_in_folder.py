"""Shows a file in the system's file manager, chosen where the system can do that."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, QProcess, QUrl
from PyQt6.QtGui import QDesktopServices


def play(path: Path) -> None:
    """In the system's player; a folder of pictures in the file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


class ShowInFolder(QObject):
    """Call it with a path. Where the file cannot be chosen, its folder is opened."""

    def __call__(self, path: Path) -> None:
        program, *arguments = _command(path)
        process = QProcess(self)
        process.finished.connect(lambda code, _: self._over(process, path, done=code == 0))
        process.errorOccurred.connect(lambda _: self._over(process, path, done=False))
        process.start(program, arguments)

    def _over(self, process: QProcess, path: Path, *, done: bool) -> None:
        # Explorer shows the file and says 1.
        if not done and sys.platform != "win32":
            play(path.parent)
        process.deleteLater()


def _command(path: Path) -> Sequence[str]:
    if sys.platform == "win32":
        return ("explorer", f"/select,{path}")
    if sys.platform == "darwin":
        return ("open", "-R", str(path))
    address = QUrl.fromLocalFile(str(path)).toString(QUrl.ComponentFormattingOption.FullyEncoded)
    return (
        "dbus-send",
        "--session",
        "--print-reply",
        "--reply-timeout=3000",
        "--dest=org.freedesktop.FileManager1",
        "/org/freedesktop/FileManager1",
        "org.freedesktop.FileManager1.ShowItems",
        f"array:string:{address}",
        "string:",
    )
