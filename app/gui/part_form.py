"""The form of whatever registered part a spec names, and what a spec tells of its part."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from app.errors import MattecamError
from app.gui.options_form import Control, OptionsForm
from app.registry import REQUIRED, Entry, Registry, make_options


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
