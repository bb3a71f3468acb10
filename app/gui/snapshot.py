"""A snapshot of what is on the screen, as a PNG in the user's Pictures folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PyQt6.QtCore import QBuffer, QByteArray, QIODevice, QStandardPaths
from PyQt6.QtGui import QImage

from app.errors import DiskFull, OutputError
from app.frames import Composite
from app.runtime.job import Control, Job
from app.system.files import atomic_file
from app.views import View, show

# What `atomic_file` leaves of a snapshot where the program is killed.
UNFINISHED = ".Mattecam ????-??-?? *.png-*.part"


def pictures_folder() -> Path:
    place = QStandardPaths.StandardLocation.PicturesLocation
    found = QStandardPaths.writableLocation(place)
    return Path(found) if found else Path.home()


def save(composite: Composite, view: View, *, mirror: bool, folder: Path) -> Path:
    """Writes the picture, with alpha where the view has it. Raises OutputError."""
    picture = show(view, composite)
    rows, columns = picture.shape[:2]
    if picture.ndim == 2:
        kind = QImage.Format.Format_Grayscale8
    elif picture.shape[2] == 4:
        kind = QImage.Format.Format_RGBA8888
    else:
        kind = QImage.Format.Format_RGB888
    image = QImage(picture.data, columns, rows, picture.strides[0], kind)  # type: ignore[call-overload]
    if mirror:
        image = image.mirrored(True, False)
    remedy = "choose another Pictures folder in your system's settings, or make it writable."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _free_name(folder)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror}): {remedy}") from error
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    try:
        with atomic_file(path) as file:
            file.write(content.data())
    except OSError as error:
        raise DiskFull(
            f"The snapshot could not be written to {path}: free some space, or {remedy}"
        ) from error
    return path


def snapshot_job(
    composite: Composite,
    view: View,
    *,
    mirror: bool,
    folder: Path,
    on_done: Callable[[Job[Path]], None],
) -> Job[Path]:
    """The same beside Qt's thread: a PNG takes a tenth of a second."""

    def work(_: Control) -> Path:
        return save(composite, view, mirror=mirror, folder=folder)

    return Job("snapshot", work, on_done=on_done)


def _free_name(folder: Path) -> Path:
    stem = datetime.now().strftime("Mattecam %Y-%m-%d %H-%M-%S")
    names = [stem, *(f"{stem} ({number})" for number in range(2, 1000))]
    return next(path for name in names if not (path := folder / f"{name}.png").exists())
