"""The panel of the source: which one, how it is opened, what part of it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFileDialog, QWidget

from app.errors import MattecamError
from app.gui.options_form import Choice, Control, Number, Rows, Switch
from app.gui.panel import Panel
from app.gui.part_form import PartForm, file_of, needs_file
from app.registry import make_options
from app.settings import LiveSettings

if TYPE_CHECKING:
    from app.sources.devices import CameraInfo

_CAMERA = "camera"  # the source that CameraInfo.id belongs to


class CameraPanel(Panel):
    """Where the picture comes from, how it is mirrored, and which part of it is shown."""

    _FILE = "…"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cameras: Sequence[CameraInfo] = ()
        self._source = ""
        self.rows = Rows()
        self.source = Choice(())
        self.rows.add(
            self.tr("Source"), self.source, self.tr("The camera, or what stands in for it.")
        )
        self.mirror_preview = Switch()
        self.mirror_output = Switch()
        self.zoom = Number(integer=False, minimum=1, maximum=4, unit="×")
        self.center_x = Number(integer=False, minimum=0, maximum=1)
        self.center_y = Number(integer=False, minimum=0, maximum=1)
        for field, title, control, tooltip in (
            (
                "mirror_preview",
                self.tr("Mirror for me"),
                self.mirror_preview,
                self.tr("Flips the picture in this window only, as a mirror would."),
            ),
            (
                "mirror_output",
                self.tr("Mirror for all"),
                self.mirror_output,
                self.tr("Flips what the others see; writing in it then reads backwards."),
            ),
            ("zoom", self.tr("Zoom"), self.zoom, self.tr("Magnifies a part of the picture.")),
            (
                "center_x",
                self.tr("Left – right"),
                self.center_x,
                self.tr("Which part is magnified, from left to right."),
            ),
            (
                "center_y",
                self.tr("Up – down"),
                self.center_y,
                self.tr("Which part is magnified, from top to bottom."),
            ),
        ):
            self.rows.add(
                title,
                control,
                tooltip,
                self.resetting(field),
            )
            control.changed.connect(self.setting(field))
        self.source.changed.connect(self._choose)
        self.form: PartForm | None = None
        self.box.addWidget(self.rows)

    def load(self) -> None:
        from app.sources.live_base import live_sources

        self._registry = live_sources
        self.form = PartForm(live_sources, hidden=(Path,), special=self._camera_controls)
        self.form.changed.connect(self.setting("source"))
        self.form.refused.connect(self.refused)
        self.box.insertWidget(1, self.form)
        self._refresh()

    def set_cameras(self, cameras: Sequence[CameraInfo]) -> None:
        self._cameras = tuple(cameras)
        self._refresh()
        if self.form is not None:
            self.form.show_spec(self._source, anew=True)

    def choices(self) -> Sequence[tuple[str, str]]:
        """(spec, words) of everything that can be chosen."""
        found = [(f"{_CAMERA}:{camera.id}", camera.name) for camera in self._cameras]
        if self.form is None:
            return found
        for entry in self._registry.entries():
            # What needs nothing to be named: the clip that comes with the program, the screen.
            if not needs_file(entry) and entry.name != _CAMERA:
                found.append((entry.name, entry.title))
        if all(spec != self._plain() for spec, _ in found) and self._source:
            path = file_of(self._registry, self._source)
            words = self._source.partition(",")[0].replace(":", " ").capitalize()
            missing = self.tr("{0} (not connected)").format(words)
            found.append((self._plain(), path.name if path is not None else missing))
        return [*found, (self._FILE, self.tr("A clip or picture…"))]

    def show_settings(self, settings: LiveSettings) -> None:
        self._source = settings.source
        self._refresh()
        for control, field in (
            (self.mirror_preview, "mirror_preview"),
            (self.mirror_output, "mirror_output"),
            (self.zoom, "zoom"),
            (self.center_x, "center_x"),
            (self.center_y, "center_y"),
        ):
            control.set_value(getattr(settings, field))
        for control in (self.center_x, self.center_y):
            control.setEnabled(settings.zoom > 1)
        if self.form is not None:
            self.form.show_spec(settings.source)
            # Each size has rates and formats of its own.
            shown = self.form.form.controls if self.form.form is not None else {}
            for name, choices in self._offers(settings.source).items():
                drawn = shown.get(name)
                if isinstance(drawn, Choice):
                    drawn.set_choices(choices)

    def reset(self) -> None:
        self.resetting("mirror_preview", "mirror_output", "zoom", "center_x", "center_y")()

    def ask_for_file(self) -> None:
        dialog = QFileDialog(self, self.tr("A clip or picture as the camera"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.choose_file)
        dialog.open()

    def choose_file(self, path: str) -> None:
        options = make_options(self._registry.entry("file"), {"path": path})
        self.changes.emit({"source": self._registry.spec_of("file", options)})

    def choose(self, spec: str) -> None:
        self._choose(spec)

    def camera_of(self, source: str) -> CameraInfo | None:
        """The camera that is plugged in and meant by a source, None where it is none of them."""
        from app.sources.devices import find_camera

        try:
            name, given = self._registry.parse(source)
            return find_camera(given.get("device", ""), self._cameras) if name == _CAMERA else None
        except MattecamError:
            return None

    def _camera_controls(self, source: str) -> Mapping[str, Control | None]:
        """What the camera really offers, as choices."""
        if self._registry.parse(source)[0] != _CAMERA:
            return {}
        controls: dict[str, Control | None] = {"device": None}  # the list of cameras has it
        return controls | {name: Choice(choices) for name, choices in self._offers(source).items()}

    def _offers(self, source: str) -> Mapping[str, Sequence[tuple[Any, str]]]:
        """What the camera has, by option: (value, words). What is set stays among it."""
        camera = self.camera_of(source)
        if camera is None or not camera.formats:
            return {}
        entry = self._registry.entry(_CAMERA)
        options = make_options(entry, self._registry.parse(source)[1])
        automatic = ("auto", self.tr("Automatic"))
        sizes = [f"{w}x{h}" for w, h in sorted({f.size for f in camera.formats}, reverse=True)]
        fitting = [f for f in camera.formats if f"{f.size[0]}x{f.size[1]}" == options.size]
        fitting = fitting or list(camera.formats)
        known = get_args(get_type_hints(entry.options)["pixel_format"])
        offered = {f.pixel_format.lower() for f in fitting} | {options.pixel_format}
        letters = [name for name in known if name in offered and name != "auto"]
        of_kind = [f for f in fitting if f.pixel_format.lower() == options.pixel_format] or fitting
        rates = {round(rate, 2) for f in of_kind for rate in f.rates} | {options.fps}
        return {
            "size": [automatic, *((size, size.replace("x", " × ")) for size in sizes)],
            "fps": [(rate, f"{rate:g} fps") for rate in sorted(rates, reverse=True)],
            "pixel_format": [automatic, *((name, name.upper()) for name in letters)],
        }

    def _plain(self) -> str:
        """The source without its options, as the choices have it."""
        camera = self.camera_of(self._source) if self.form is not None else None
        return self._source if camera is None else f"{_CAMERA}:{camera.id}"

    def _choose(self, spec: str) -> None:
        if spec == self._FILE:
            self.source.set_value(self._plain())
            self.ask_for_file()
        else:
            self.changes.emit({"source": spec})

    def _refresh(self) -> None:
        self.source.set_choices(self.choices())
        self.source.set_value(self._plain())
