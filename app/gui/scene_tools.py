"""Painting regions and taking the clean plate: from the window to files and settings."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PyQt6.QtCore import QBuffer, QByteArray, QIODevice, QObject, QTimer
from PyQt6.QtGui import QImage

from app import places
from app.errors import OutputError
from app.frames import RGB
from app.gui.notice import Action, Notice
from app.gui.preview import Preview, to_image
from app.gui.region_painter import RegionPainter
from app.gui.scene_options import DROP, KEEP, PLATE, path_of, without
from app.system.files import atomic_file, make_private_folder

COUNTDOWN = 5  # seconds to leave the picture
_SHOTS = 8  # frames that the plate is the mean of: the camera's noise goes
_EVERY = 90  # milliseconds between them
_PATIENCE = 200  # such steps until it is given up
# More of the picture than this, and somebody was still in it.
_SOMEBODY = 0.01


@dataclass(frozen=True)
class Scene:
    """What the tools need of the window.

    specs: the matte steps that are set. change: sets others; whether it could be. mirrored:
    whether the preview is. say: a sentence for the user, with a button where there is one.
    """

    specs: Callable[[], tuple[str, ...]]
    change: Callable[[tuple[str, ...]], bool]
    mirrored: Callable[[], bool]
    say: Callable[[str, Action | None], None]


class SceneTools(QObject):
    """One thing at a time: starting one ends the other."""

    def __init__(self, preview: Preview, scene: Scene) -> None:
        super().__init__(preview)
        self._preview = preview
        self._scene = scene
        self.painter: RegionPainter | None = None
        self._left = 0
        self._shots: list[RGB] = []
        self._persons: list[float] = []
        self._seen = -1
        self._waited = 0
        self._tick = QTimer(self)
        self._tick.timeout.connect(self.tick)
        self.card = Notice(preview)

    # ---- regions ---------------------------------------------------------------------------------

    def paint(self) -> None:
        """Opens the painter over the preview, with what is painted already."""
        self.cancel()
        if self._preview.is_empty:
            self._scene.say(self.tr("There is no picture yet to paint on."), None)
            return
        self.painter = RegionPainter(self._preview, mirrored=self._scene.mirrored())
        specs = self._scene.specs()
        keep, drop = path_of(specs, KEEP), path_of(specs, DROP)
        self.painter.load(
            keep=None if keep is None else QImage(keep),
            drop=None if drop is None else QImage(drop),
        )
        self.painter.finished.connect(self._painted)
        self.painter.cancelled.connect(self._close_painter)

    def _painted(self, keep: QImage | None, drop: QImage | None) -> None:
        self._close_painter()
        specs = list(without(self._scene.specs(), KEEP, DROP))
        try:
            for kind, image in ((KEEP, keep), (DROP, drop)):
                if image is not None:
                    specs.append(f"{kind}:{_saved(image, kind)}")
        except OutputError as error:
            self._scene.say(str(error), None)
            return
        if self._scene.change(tuple(specs)):
            _forget_others(tuple(specs))

    def _close_painter(self) -> None:
        if self.painter is not None:
            self.painter.hide()
            self.painter.deleteLater()
            self.painter = None
            self._preview.setFocus()

    # ---- the clean plate -------------------------------------------------------------------------

    @property
    def is_counting(self) -> bool:
        return self._tick.isActive()

    def take_plate(self) -> None:
        """Counts down, so that the user can leave the picture, and takes it."""
        self.cancel()
        if self._preview.is_empty:
            self._scene.say(self.tr("There is no picture yet to take."), None)
            return
        self._waited = 0
        self._left, self._shots, self._persons = COUNTDOWN, [], []
        self._tick.start(1000)
        self._count()

    def cancel(self) -> None:
        """Ends whatever goes on."""
        self._tick.stop()
        self.card.hide()
        self._shots, self._persons = [], []
        self._close_painter()

    def tick(self) -> None:
        """A second is over, or the next frame is due."""
        if self._left > 0:
            self._left -= 1
            self._count()
            if self._left == 0:
                self._tick.start(_EVERY)
            return
        composite = self._preview.composite
        self._waited += 1
        if self._waited > _PATIENCE:
            self.cancel()
            self._scene.say(self.tr("The picture stands still; take the clean plate again."), None)
            return
        if composite is None or composite.cutout.frame.index == self._seen:
            return
        frame = composite.cutout.frame
        self._seen = frame.index
        if self._shots and self._shots[0].shape != frame.rgb.shape:
            self._shots, self._persons = [], []
        self._shots.append(frame.rgb)
        self._persons.append(float(np.count_nonzero(composite.cutout.alpha > 127)))
        if len(self._shots) >= _SHOTS:
            self._take()

    def _count(self) -> None:
        title = self.tr("Clean plate: {0}").format(self._left) if self._left else self.tr("Now")
        self.card.say(
            title,
            self.tr("Leave the picture, so that only the empty room is seen."),
            symbol="snapshot",
            actions=(Action(self.tr("Cancel"), self.cancel),),
        )

    def _take(self) -> None:
        shots, persons = self._shots, self._persons
        self.cancel()
        again = Action(self.tr("Take it again"), self.take_plate)
        if float(np.median(persons)) > _SOMEBODY * shots[0].shape[0] * shots[0].shape[1]:
            self._scene.say(
                self.tr("Somebody was still in the picture, so the clean plate was not taken."),
                again,
            )
            return
        total = np.zeros(shots[0].shape, np.uint16)
        for shot in shots:
            total += shot
        mean = ((total + len(shots) // 2) // len(shots)).astype(np.uint8)
        try:
            path = _saved(to_image(mean), PLATE)
        except OutputError as error:
            self._scene.say(str(error), again)
            return
        specs = (f"{PLATE}:{path}", *without(self._scene.specs(), PLATE))
        if self._scene.change(specs):
            _forget_others(specs)
            self._scene.say(
                self.tr("The clean plate is taken. Take it again when the camera has moved."), None
            )


def folder() -> Path:
    """Where paintings and plates lie."""
    return places.config() / "scene"


def _saved(image: QImage, kind: str) -> Path:
    """Writes a PNG named by its content, so that another painting is another spec."""
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    data = content.data()
    name = f"{kind}-{hashlib.sha256(data).hexdigest()[:12]}.png"
    path = folder() / name
    try:
        places.make_config()
        make_private_folder(path.parent)
        with atomic_file(path) as file:
            file.write(data)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}): free some space, or make the "
            "folder writable."
        ) from error
    return path


def _forget_others(specs: tuple[str, ...]) -> None:
    """Deletes paintings and plates that the settings do not name any more, but a profile may."""
    used = {Path(path) for kind in (KEEP, DROP, PLATE) if (path := path_of(specs, kind))}
    named = "".join(
        file.read_text(encoding="utf-8", errors="replace")
        for file in places.config().rglob("*.json")
    )
    for file in folder().glob("*.png"):
        if file not in used and file.name not in named:
            # What cannot be deleted now is deleted another time.
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
