"""The panels beside the preview. Each shows LiveSettings and asks for changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import MattecamError
from app.gui.adapt_page import AdaptRow
from app.gui.gallery import Gallery, kind_icon, resolved
from app.gui.icons import icon
from app.gui.options_form import Choice, Control, Number, OptionsForm, Rows, Switch, Text
from app.gui.scene_options import LightRows, StepRows
from app.pace.quality import Quality
from app.registry import REQUIRED, Entry, Registry, make_options
from app.settings import LiveSettings

if TYPE_CHECKING:
    from app.sources.devices import CameraInfo

_DEFAULTS = LiveSettings()
_CAMERA = "camera"  # the source that CameraInfo.id belongs to


class Panel(QWidget):
    """changes: fields of LiveSettings to set. refused: a sentence on what cannot be."""

    changes = pyqtSignal(dict)
    refused = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(0, 0, 0, 0)
        self.box.setSpacing(8)

    def load(self) -> None:
        """The registries are there: draw what depends on them."""

    def show_settings(self, settings: LiveSettings) -> None:
        raise NotImplementedError

    def reset(self) -> None:
        """Everything here as it comes with the program."""

    def setting(self, field: str) -> Callable[[Any], None]:
        """What asks for another value of a field."""
        return lambda value: self.changes.emit({field: value})

    def resetting(self, *fields: str) -> Callable[[], None]:
        """What asks for the values that come with the program."""
        return lambda: self.changes.emit({field: getattr(_DEFAULTS, field) for field in fields})


class PartForm(QWidget):
    """The form of whatever part a spec names. Emits `changed` with the new spec."""

    changed = pyqtSignal(str)
    refused = pyqtSignal(str)

    def __init__(
        self,
        registry: Registry[Any],
        *,
        hidden: Sequence[type] = (),
        special: Callable[[str], Mapping[str, Control | None]] = lambda _: {},
    ) -> None:
        """special: for a spec, controls that are better than the generic ones; None for none."""
        super().__init__()
        self._registry = registry
        self._hidden = tuple(hidden)
        self._special = special
        self._name = ""
        self._spec = ""
        self._form: OptionsForm | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    @property
    def form(self) -> OptionsForm | None:
        return self._form

    def show_spec(self, spec: str, *, anew: bool = False) -> None:
        """Draws the form anew, unless it is this form that `spec` came from."""
        if spec == self._spec and not anew:
            return
        self._spec = spec
        if self._form is not None:
            self._layout.removeWidget(self._form)
            self._form.deleteLater()
            self._form = None
        try:
            name, given = self._registry.parse(spec)
            entry = self._registry.entry(name)
            options = make_options(entry, given)
        except MattecamError as error:
            self.refused.emit(str(error))
            self.hide()
            return
        self._name = name
        special = self._special(spec)
        form = OptionsForm(
            entry,
            options,
            hidden=self._hidden,
            without=[field for field, control in special.items() if control is None],
            controls={field: control for field, control in special.items() if control is not None},
        )
        form.changed.connect(self._take)
        form.refused.connect(self.refused)
        self._form = form
        self._layout.addWidget(form)
        self.setVisible(not form.is_empty)

    def _take(self, options: Any) -> None:
        self._spec = self._registry.spec_of(self._name, options)
        self.changed.emit(self._spec)


def needs_file(entry: Entry[Any]) -> bool:
    """Whether the part is made from something that the user must name."""
    return any(
        field.default is REQUIRED and field.default_factory is dataclasses.MISSING
        for field in dataclasses.fields(entry.options)
    )


def spec_with(registry: Registry[Any], spec: str, remembered: str) -> str:
    """`spec` in full, with what it leaves open taken from `remembered`, of the same part."""
    name, given = registry.parse(spec)
    entry = registry.entry(name)
    try:
        other, before = registry.parse(remembered)
        merged = {**before, **given} if other == name else given
        return registry.spec_of(name, make_options(entry, merged))
    except MattecamError:
        # What was remembered is from another time; what was asked for must do.
        return registry.spec_of(name, make_options(entry, given))


def file_of(registry: Registry[Any], spec: str) -> Path | None:
    """The file that the part is made from, None where there is none."""
    try:
        name, given = registry.parse(spec)
        options = make_options(registry.entry(name), given)
    except MattecamError:
        return None
    values = (getattr(options, field.name) for field in dataclasses.fields(options))
    return next((value for value in values if isinstance(value, Path)), None)


class BackgroundPanel(Panel):
    """Kinds as buttons, pictures and videos as thumbnails, and what may be set of the chosen one.

    added: files to be made backgrounds. kinds_changed: the last spec of each kind, to be
    remembered.
    """

    added = pyqtSignal(list)
    kinds_changed = pyqtSignal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kinds: dict[str, str] = {}
        self._spec = ""
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        self._buttons = QButtonGroup(self)
        self._by_name: dict[str, QToolButton] = {}
        self.add_button = QToolButton()
        self.add_button.setIcon(icon("plus"))
        self.add_button.setText(self.tr("Add"))
        self.add_button.setToolTip(self.tr("Add a picture or a video of your own"))
        self.add_button.setAccessibleName(self.tr("Add a background"))
        _stacked(self.add_button)
        self.add_button.clicked.connect(self.ask_for_files)
        self.gallery = Gallery()
        self.gallery.chosen.connect(self.choose)
        self.gallery.dropped.connect(self.added)
        self.form: PartForm | None = None
        self.light = LightRows()
        self.light.changed.connect(self.setting("light"))
        self.light.refused.connect(self.refused)
        self.box.addLayout(self._row)
        self.box.addWidget(self.gallery)

    def load(self) -> None:
        from app.backgrounds import backgrounds

        self._registry = backgrounds
        for entry in backgrounds.entries():
            if needs_file(entry):
                continue
            button = QToolButton()
            button.setCheckable(True)
            button.setText(entry.title)
            button.setIcon(kind_icon(entry.name))
            button.setToolTip(entry.description)
            button.setAccessibleName(entry.title)
            _stacked(button)
            button.clicked.connect(lambda _=False, name=entry.name: self.choose(name))
            self._buttons.addButton(button)
            self._by_name[entry.name] = button
            self._row.addWidget(button)
        self._row.addWidget(self.add_button)
        self.form = PartForm(backgrounds, hidden=(Path,))
        self.form.changed.connect(self._take)
        self.form.refused.connect(self.refused)
        self.box.addWidget(self.form)
        self.box.addWidget(self.light)
        self.light.load()

    def remember(self, kinds: Mapping[str, str]) -> None:
        """What `kinds_changed` told last time."""
        self._kinds = dict(kinds)

    def choose(self, spec: str) -> None:
        """A kind, or one of the gallery, with the options that its kind had last."""
        plain = resolved(spec)
        name = plain.partition(":")[0]
        self._take(spec_with(self._registry, plain, self._kinds.get(name, "")))

    def choose_next(self) -> None:
        """The next one in the gallery."""
        path = file_of(self._registry, self._spec)
        following = self.gallery.next_after("" if path is None else self._in_gallery(path) or "")
        if following is not None:
            self.choose(following)

    def show_settings(self, settings: LiveSettings) -> None:
        self._spec = settings.background
        self.light.show_specs(settings.light)
        if self.form is None:
            return
        name = settings.background.partition(":")[0]
        self._buttons.setExclusive(False)
        for own, button in self._by_name.items():
            button.setChecked(own == name)
        self._buttons.setExclusive(True)
        path = file_of(self._registry, settings.background)
        self.gallery.select(None if path is None else self._in_gallery(path))
        self.form.show_spec(settings.background)

    def reset(self) -> None:
        if self.form is not None and self.form.form is not None:
            self.form.form.reset()
        self.resetting("light")()

    def ask_for_files(self) -> None:
        dialog = QFileDialog(self, self.tr("Add backgrounds"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda names: self.added.emit([Path(n) for n in names]))
        dialog.open()

    def _in_gallery(self, path: Path) -> str | None:
        for spec in self.gallery.specs():
            if file_of(self._registry, resolved(spec)) == path:
                return spec
        return None

    def _take(self, spec: str) -> None:
        name = spec.partition(":")[0]
        if self._kinds.get(name) != spec:
            self._kinds[name] = spec
            self.kinds_changed.emit(dict(self._kinds))
        self.changes.emit({"background": spec})


class MattePanel(Panel):
    """The filter over time with its options, the edge, quality against speed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = Rows()
        self.quality = Choice(
            (
                (Quality.SMOOTH_60, self.tr("60 fps")),
                (Quality.SMOOTH_30, self.tr("30 fps")),
                (Quality.BEST, self.tr("Best matte")),
            )
        )
        self.finest = Choice(
            (
                ("320x192", self.tr("Small")),
                ("384x224", self.tr("Medium")),
                ("auto", self.tr("Usual")),
                ("672x384", self.tr("Large")),
            )
        )
        self.colours = Switch()
        self.steady = Choice(())
        self.form: PartForm | None = None
        self.edge_form: PartForm | None = None
        self.rows.add(
            self.tr("Quality"),
            self.quality,
            self.tr("What is kept when this computer cannot do everything: the rate, or the edge."),
            self.resetting("quality"),
        )
        self.rows.add(
            self.tr("Finest look"),
            self.finest,
            self.tr("How closely the network looks at most: finer edges cost speed."),
            self.resetting("size"),
        )
        self.rows.add(
            self.tr("Fine edge"),
            self.colours,
            self.tr("Lets the picture lead the edge, and takes the old room's colour out of it."),
            self.resetting("refine"),
        )
        self.rows.add(
            self.tr("Steady"),
            self.steady,
            self.tr("What keeps the edge from flickering."),
            self.resetting("temporal"),
        )
        self.quality.changed.connect(self.setting("quality"))
        self.finest.changed.connect(self.setting("size"))
        self.colours.changed.connect(self.setting("refine"))
        self.steady.changed.connect(self.setting("temporal"))
        self.steps = StepRows()
        self.steps.changed.connect(self.setting("steps"))
        self.adapt = AdaptRow()
        self.box.addWidget(self.rows)
        self.box.addWidget(self.adapt)

    def load(self) -> None:
        from app.refine.edge import edge_tools
        from app.temporal.base import temporal_filters

        self.steady.set_choices([(entry.name, entry.title) for entry in temporal_filters.entries()])
        self.form = PartForm(temporal_filters)
        self.form.changed.connect(self.setting("temporal"))
        self.edge_form = PartForm(edge_tools)
        self.edge_form.changed.connect(self.setting("edge"))
        for form in (self.form, self.edge_form):
            form.refused.connect(self.refused)
            self.box.insertWidget(self.box.count() - 1, form)
        self.box.insertWidget(self.box.count() - 1, self.steps)

    def show_settings(self, settings: LiveSettings) -> None:
        sizes = [value for value, _ in self.finest.choices]
        if settings.size not in sizes:
            self.finest.set_choices([*self.finest.choices, (settings.size, settings.size)])
        self.finest.set_value(settings.size)
        self.quality.set_value(settings.quality)
        self.colours.set_value(settings.refine)
        self.steady.set_value(settings.temporal.partition(":")[0])
        if self.form is not None:
            self.steps.show_specs(settings.steps)
        if self.form is not None:
            self.form.show_spec(settings.temporal)
        if self.edge_form is not None:
            self.edge_form.show_spec(settings.edge)

    def reset(self) -> None:
        self.resetting("quality", "size", "refine", "temporal", "edge", "steps")()


class CameraPanel(Panel):
    """Where the picture comes from, how it is mirrored, and which part of it is shown.

    file_wanted: the user wants to choose a clip or a picture instead.
    """

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


class OutputPanel(Panel):
    """The size and the rate of what the others see, and the picture for "be right back"."""

    _SIZES = ((640, 360), (854, 480), (960, 540), (1280, 720), (1920, 1080))

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = Rows()
        sizes = [(size, f"{size[0]} × {size[1]}") for size in self._SIZES]
        self.size_choice = Choice(sizes)
        self.rate = Choice([(float(rate), f"{rate} fps") for rate in (15, 24, 25, 30, 60)])
        self.card = Text(is_color=False)
        self.card.edit.setPlaceholderText(self.tr("built-in picture"))
        for field, title, control, tooltip in (
            (
                "output_size",
                self.tr("Size"),
                self.size_choice,
                self.tr("Of the virtual camera; your picture is never stretched to it."),
            ),
            (
                "output_rate",
                self.tr("Rate"),
                self.rate,
                self.tr("How often the virtual camera sends a picture."),
            ),
            (
                "card",
                self.tr("Be right back"),
                self.card,
                self.tr("The path of a picture that the others see when you are away."),
            ),
        ):
            self.rows.add(
                title,
                control,
                tooltip,
                self.resetting(field),
            )
            control.changed.connect(self.setting(field))
        self.box.addWidget(self.rows)

    def show_settings(self, settings: LiveSettings) -> None:
        size, rate = settings.output_size, settings.output_rate
        if all(value != size for value, _ in self.size_choice.choices):
            words = f"{size[0]} × {size[1]}"
            self.size_choice.set_choices([*self.size_choice.choices, (size, words)])
        if all(value != rate for value, _ in self.rate.choices):
            self.rate.set_choices([*self.rate.choices, (rate, f"{rate:g} fps")])
        self.size_choice.set_value(size)
        self.rate.set_value(rate)
        self.card.set_value(settings.card)

    def reset(self) -> None:
        self.resetting("output_size", "output_rate", "card")()


class EnginePanel(Panel):
    """What runs the network, and where."""

    _DEVICES = ("auto", "cpu", "gpu", "npu", "cuda", "mps", "xpu")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = Rows()
        self.weights = Choice(())
        self.engine = Choice((("auto", self.tr("Automatic")),))
        self.device = Choice(
            [(name, self.tr("Automatic") if name == "auto" else name) for name in self._DEVICES]
        )
        self.precision = Choice(
            [
                (name, self.tr("Automatic") if name == "auto" else name)
                for name in ("auto", "float32", "bfloat16", "float16")
            ]
        )
        self.norms = Choice(
            (
                ("auto", self.tr("Automatic")),
                ("exact", self.tr("Of each picture")),
                ("fixed", self.tr("Stored (faster)")),
            )
        )
        self.in_flight = Choice(((1, self.tr("Least delay")), (2, self.tr("Most frames a second"))))
        self.skip_unchanged = Choice(
            ((True, self.tr("Save work")), (False, self.tr("Work on all")))
        )
        for field, title, control, tooltip in (
            ("weights", self.tr("Model"), self.weights, self.tr("Which trained weights are used.")),
            (
                "engine",
                self.tr("Engine"),
                self.engine,
                self.tr("What runs the network; what you name is used or refused."),
            ),
            (
                "device",
                self.tr("Device"),
                self.device,
                self.tr("Where it runs; what you name is used or refused, never replaced."),
            ),
            (
                "precision",
                self.tr("Precision"),
                self.precision,
                self.tr("The network's arithmetic; automatic is the fastest without harm."),
            ),
            (
                "norms",
                self.tr("Statistics"),
                self.norms,
                self.tr(
                    "What the network levels its features by; stored statistics are faster, where "
                    "the model has some."
                ),
            ),
            (
                "in_flight",
                self.tr("Favour"),
                self.in_flight,
                self.tr("One frame at a time in the network, or two."),
            ),
            (
                "skip_unchanged",
                self.tr("Still pictures"),
                self.skip_unchanged,
                self.tr(
                    "A picture that has not changed keeps its matte and costs next to nothing."
                ),
            ),
        ):
            self.rows.add(
                title,
                control,
                tooltip,
                self.resetting(field),
            )
            control.changed.connect(self.setting(field))
        self.box.addWidget(self.rows)

    def load(self) -> None:
        from app.engines.base import engines
        from app.weights import store

        entries = engines.entries()
        self.engine.set_choices(
            [("auto", self.tr("Automatic")), *((entry.name, entry.title) for entry in entries)]
        )
        for entry in entries:
            self.engine.set_disabled_choice(entry.name, entry.unavailable_because())
        names = store.known_names()
        self.weights.set_choices([(name, name) for name in names])
        for name in names:
            history = store.history_of(name)
            if history is not None:
                self.weights.set_tooltip(name, str(history))

    def show_settings(self, settings: LiveSettings) -> None:
        for control, field in (
            (self.weights, "weights"),
            (self.engine, "engine"),
            (self.device, "device"),
            (self.precision, "precision"),
            (self.norms, "norms"),
            (self.in_flight, "in_flight"),
            (self.skip_unchanged, "skip_unchanged"),
        ):
            value = getattr(settings, field)
            if all(known != value for known, _ in control.choices):
                control.set_choices([*control.choices, (value, str(value))])
            control.set_value(value)

    def reset(self) -> None:
        self.resetting(
            "weights", "engine", "device", "precision", "norms", "in_flight", "skip_unchanged"
        )()


class ProfilesPanel(QWidget):
    """Named settings. saved, chosen, removed: with the name."""

    saved = pyqtSignal(str)
    chosen = pyqtSignal(str)
    removed = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.combo = QComboBox()
        self.combo.setEditable(True)
        self.combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.combo.setAccessibleName(self.tr("Profile"))
        self.combo.setToolTip(self.tr("Choose a profile, or write a new name and save it."))
        edit = self.combo.lineEdit()
        if edit is not None:
            edit.setPlaceholderText(self.tr("Name, such as Work"))
            edit.setAccessibleName(self.tr("Name of the profile"))
            edit.textChanged.connect(self._refresh)
        self.combo.activated.connect(lambda at: self.chosen.emit(self.combo.itemText(at)))
        self.save_button = QPushButton(self.tr("Save"))
        self.save_button.setToolTip(self.tr("Keep the settings as they are now under this name."))
        self.save_button.clicked.connect(lambda: self.saved.emit(self.name))
        self.remove_button = QPushButton(self.tr("Remove"))
        self.remove_button.setToolTip(self.tr("Forget this profile."))
        self.remove_button.clicked.connect(lambda: self.removed.emit(self.name))
        for button in (self.save_button, self.remove_button):
            button.setAccessibleName(button.text())
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.combo, 0, 0, 1, 2)
        layout.addWidget(self.save_button, 1, 0)
        layout.addWidget(self.remove_button, 1, 1)
        self._refresh()

    @property
    def name(self) -> str:
        return self.combo.currentText().strip()

    def show_profiles(self, names: Sequence[str], current: str) -> None:
        self.combo.blockSignals(True)
        self.combo.clear()
        self.combo.addItems(list(names))
        self.combo.setCurrentIndex(names.index(current) if current in names else -1)
        self.combo.setEditText(current)
        self.combo.blockSignals(False)
        self._refresh()

    def _refresh(self) -> None:
        known = {self.combo.itemText(at) for at in range(self.combo.count())}
        self.save_button.setEnabled(bool(self.name))
        self.remove_button.setEnabled(self.name in known)


def _stacked(button: QToolButton) -> None:
    """The picture above the words."""
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setIconSize(QSize(20, 20))
    button.setProperty("stacked", True)
    policy = button.sizePolicy()
    policy.setHorizontalPolicy(policy.Policy.Expanding)
    button.setSizePolicy(policy)
