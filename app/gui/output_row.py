"""The switches of all outputs, and what each of them is told of its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from app.gui.output_switch import OnAir, OutputSwitch
from app.registry import name_in

if TYPE_CHECKING:
    from app.live import Info
    from app.stats import Snapshot


def name_of(spec: str) -> str:
    """The registered output that a spec names."""
    return name_in(spec)


class OutputRow(QWidget):
    """Emits `wanted` with the outputs that shall be on, `unusable` with one that cannot be and why,
    and `recovered` with one that was lost and takes pictures again."""

    wanted = pyqtSignal(tuple)
    unusable = pyqtSignal(str, str)
    recovered = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(8)
        self.switches: dict[str, OutputSwitch] = {}
        self._specs: tuple[str, ...] = ()
        self._info: Info | None = None
        self._stats: Snapshot | None = None
        self._lost: dict[str, tuple[str, int]] = {}  # why, and how much was written until then

    def load(self) -> None:
        """The registry is there: one switch for each output that other programs see."""
        from app.outputs.live_base import live_outputs

        for entry in live_outputs.entries():
            # The fakes for tests and measuring live in one module of their own.
            if not entry.factory.private or entry.factory.__module__.endswith("live_memory"):
                continue
            switch = OutputSwitch(entry.name, entry.title, entry.description)
            switch.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            switch.usable = entry.unavailable_because() is None
            switch.switched.connect(lambda on, name=entry.name: self.turn(name, on=on))
            self.switches[entry.name] = switch
            self._row.addWidget(switch)

    def turn(self, name: str, *, on: bool) -> None:
        """As if its switch was pressed."""
        from app.outputs.live_base import live_outputs

        self._lost.pop(name, None)
        others = tuple(spec for spec in self._specs if name_of(spec) != name)
        # Asked again each time: what was missing may have been installed meanwhile.
        reason = live_outputs.entry(name).unavailable_because() if on else None
        if reason is not None:
            self.unusable.emit(name, reason)
        else:
            self.wanted.emit((*others, name) if on else others)

    def toggle_first(self) -> None:
        """What the key does: off with the one that is on, or on with the first that can be."""
        on = [name_of(spec) for spec in self._specs]
        usable = [name for name, switch in self.switches.items() if switch.usable]
        name = next(iter((*on, *usable, *self.switches)), None)
        if name is not None:
            self.turn(name, on=name not in on)

    def instead_of(self, name: str) -> OutputSwitch | None:
        """Another output that could be switched on, None where there is none."""
        on = {name, *(name_of(spec) for spec in self._specs)}
        others = (switch for other, switch in self.switches.items() if other not in on)
        return next((switch for switch in others if switch.usable), None)

    def show_specs(self, specs: Sequence[str]) -> None:
        """What the settings say."""
        self._specs = tuple(specs)
        self._refresh()

    def show_info(self, info: Info) -> None:
        self._info = info
        self._refresh()

    def show_stats(self, stats: Snapshot) -> None:
        self._stats = stats
        self._refresh()

    def show_lost(self, spec: str, why: str) -> None:
        """It is tried again by itself."""
        self._lost[name_of(spec)] = (why, self._written(spec))
        self._refresh()

    def _written(self, spec: str) -> int:
        stats = self._stats.outputs.get(spec) if self._stats is not None else None
        return 0 if stats is None else stats.new

    def _refresh(self) -> None:
        specs = {name_of(spec): spec for spec in self._specs}
        for name, switch in self.switches.items():
            spec = specs.get(name)
            if spec is None:
                switch.show_state(OnAir.OFF)
                continue
            if name in self._lost and self._written(spec) > self._lost[name][1]:
                del self._lost[name]
                self.recovered.emit(name)
            where = "" if self._info is None else self._info.outputs.get(spec, "")
            if name in self._lost:
                switch.show_state(OnAir.LOST, self._lost[name][0])
            elif where:
                switch.show_state(OnAir.ON_AIR, where)
            else:
                switch.show_state(OnAir.STARTING)
