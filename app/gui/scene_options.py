"""Who is kept, painted regions, the clean plate, and light: the rows that show and change them."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.errors import MattecamError
from app.gui.options_form import Choice, Control, Rows, Switch
from app.gui.part_form import PartForm
from app.registry import name_in

KEEP, DROP, PLATE, PERSONS = "keep-region", "drop-region", "clean-plate", "persons"


def kind_of(spec: str) -> str:
    return name_in(spec)


def without(specs: Sequence[str], *kinds: str) -> tuple[str, ...]:
    """`specs` but for those of some kinds."""
    return tuple(spec for spec in specs if kind_of(spec) not in kinds)


class _Buttons(Control):
    """Two buttons: one that makes something, one that removes it."""

    def __init__(self, make: str, remove: str) -> None:
        super().__init__()
        self.make, self.remove = QPushButton(make), QPushButton(remove)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for button in (self.make, self.remove):
            button.setAccessibleName(button.text())
            row.addWidget(button, 1)

    def value(self) -> bool:
        """Whether there is something to remove."""
        return self.remove.isEnabled()

    def set_value(self, value: object) -> None:
        self.remove.setEnabled(bool(value))


class StepRows(QWidget):
    """Shows the matte steps. changed: the specs that are wanted. paint_wanted, plate_wanted: the
    user wants to paint regions, or to take the clean plate."""

    changed = pyqtSignal(tuple)
    paint_wanted = pyqtSignal()
    plate_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._specs: tuple[str, ...] = ()
        self.people = Choice(
            (
                (0, self.tr("Everyone")),
                (1, self.tr("Main person")),
                (2, self.tr("Up to two")),
                (3, self.tr("Up to three")),
            )
        )
        self.regions = _Buttons(self.tr("Paint…"), self.tr("Remove"))
        self.plate = _Buttons(self.tr("Take…"), self.tr("Remove"))
        rows = Rows()
        rows.add(
            self.tr("People"),
            self.people,
            self.tr("Who is kept. People who pass behind you stay in the room."),
            lambda: self._keep_people(0),
        )
        rows.add(
            self.tr("Regions"),
            self.regions,
            self.tr("Paint what is always kept (your chair) or never (a second monitor)."),
        )
        rows.add(
            self.tr("Clean plate"),
            self.plate,
            self.tr("A picture of the empty room, which helps where the edge is not sure."),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(rows)
        self.people.changed.connect(self._keep_people)
        self.regions.make.clicked.connect(self.paint_wanted)
        self.regions.remove.clicked.connect(
            lambda: self.changed.emit(without(self._specs, KEEP, DROP))
        )
        self.plate.make.clicked.connect(self.plate_wanted)
        self.plate.remove.clicked.connect(lambda: self.changed.emit(without(self._specs, PLATE)))

    def show_specs(self, specs: Sequence[str]) -> None:
        self._specs = tuple(specs)
        kinds = {kind_of(spec) for spec in specs}
        self.people.set_value(self._count())
        self.regions.set_value(kinds & {KEEP, DROP})
        self.plate.set_value(PLATE in kinds)

    def _count(self) -> int:
        from app.matte_steps.base import matte_steps
        from app.registry import make_options

        for spec in self._specs:
            if kind_of(spec) == PERSONS:
                _, given = matte_steps.parse(spec)
                count = int(make_options(matte_steps.entry(PERSONS), given).count)
                if count > 3 and count not in [value for value, _ in self.people.choices]:
                    self.people.set_choices([*self.people.choices, (count, str(count))])
                return count
        return 0

    def _keep_people(self, count: int) -> None:
        rest = without(self._specs, PERSONS)
        self.changed.emit((*rest, f"{PERSONS}:{count}") if count else rest)


class LightRows(QWidget):
    """A switch for each touch of light, with its options while it is on.

    changed: the specs that are wanted. refused: a sentence.
    """

    changed = pyqtSignal(tuple)
    refused = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._specs: tuple[str, ...] = ()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self.switches: dict[str, Switch] = {}
        self._forms: dict[str, PartForm] = {}

    def load(self) -> None:
        """The registry is there."""
        from app.light.base import light_touches

        for entry in light_touches.entries():
            switch, rows = Switch(), Rows()
            rows.add(entry.title, switch, entry.description)
            switch.changed.connect(lambda on, name=entry.name: self._turn(name, on=on))
            form = PartForm(light_touches)
            form.hide()
            form.changed.connect(self._replace)
            form.refused.connect(self.refused)
            self.switches[entry.name], self._forms[entry.name] = switch, form
            self._layout.addWidget(rows)
            self._layout.addWidget(form)
        self.show_specs(self._specs)

    def show_specs(self, specs: Sequence[str]) -> None:
        self._specs = tuple(specs)
        by_name = {kind_of(spec): spec for spec in specs}
        for name, switch in self.switches.items():
            form = self._forms[name]
            switch.set_value(name in by_name)
            if name in by_name:
                form.show_spec(by_name[name])
            form.setVisible(name in by_name)

    def _turn(self, name: str, *, on: bool) -> None:
        rest = without(self._specs, name)
        self.changed.emit((*rest, name) if on else rest)

    def _replace(self, spec: str) -> None:
        self.changed.emit((*without(self._specs, kind_of(spec)), spec))


def path_of(specs: Sequence[str], kind: str) -> str | None:
    """The file of the first spec of a kind, None where there is none."""
    from app.matte_steps.base import matte_steps

    for spec in specs:
        if kind_of(spec) == kind:
            try:
                return matte_steps.parse(spec)[1].get("path")
            except MattecamError:
                return None
    return None
