"""The panel of what is behind you."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import QButtonGroup, QFileDialog, QHBoxLayout, QToolButton, QWidget

from app.gui.gallery import Gallery, kind_icon, resolved
from app.gui.icons import icon
from app.gui.panel import Panel
from app.gui.part_form import PartForm, file_of, needs_file, spec_with
from app.gui.scene_options import LightRows
from app.registry import name_in
from app.settings import LiveSettings


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
        name = name_in(plain)
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
        name = name_in(settings.background)
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
        name = name_in(spec)
        if self._kinds.get(name) != spec:
            self._kinds[name] = spec
            self.kinds_changed.emit(dict(self._kinds))
        self.changes.emit({"background": spec})


def _stacked(button: QToolButton) -> None:
    """The picture above the words."""
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setIconSize(QSize(20, 20))
    button.setProperty("stacked", True)
    policy = button.sizePolicy()
    policy.setHorizontalPolicy(policy.Policy.Expanding)
    button.setSizePolicy(policy)
