"""A form for the options of any registered part, drawn from its `Options` dataclass.

A new option in a new file appears here by itself, with its title, tooltip, range and unit.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QEvent, QObject, QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QIcon, QPixmap
from PyQt6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QColorDialog,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import OptionError
from app.gui.plain import Label, shown, words_of
from app.registry import Entry, make_options

_LABEL_WIDTH = 88
_NUMBER_WIDTH = 84
_SLIDER_STEPS = 200
# What is offered beside the colour that is set: a studio's green and blue, and calm surfaces.
SWATCHES = ("#00b140", "#0047bb", "#ffffff", "#c9cdd4", "#3b4252", "#101217", "#d8c3a5", "#8fb9a8")


class Control(QWidget):
    """One option's widget. Emits `changed` with the new value when the user changed it."""

    changed = pyqtSignal(object)

    def value(self) -> Any:
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Shows `value`; `changed` is not emitted."""
        raise NotImplementedError

    def name(self, title: str, tooltip: str) -> None:
        """Gives title and tooltip to every widget that takes the focus."""
        for child in (self, *self.findChildren(QWidget)):
            child.setToolTip(child.toolTip() or tooltip)
            child.setAccessibleName(child.accessibleName() or title)
            child.setAccessibleDescription(tooltip)

    def reset_targets(self) -> Sequence[QWidget]:
        """Where a double click resets."""
        return ()


class Number(Control):
    """A slider with its number, or the number alone where the range is open.

    integer: whole numbers only. optional: the lowest place means None, "automatic". lowest: words
    that stand for the lowest number.
    """

    def __init__(
        self,
        *,
        integer: bool,
        minimum: float | None,
        maximum: float | None,
        unit: str = "",
        optional: bool = False,
        decimals: int | None = None,
        lowest: str = "",
    ) -> None:
        super().__init__()
        self._integer, self._optional = integer, optional
        closed = minimum is not None and maximum is not None
        low = -1e6 if minimum is None else minimum
        high = 1e6 if maximum is None else maximum
        span = high - low
        if decimals is None:
            decimals = 0 if integer else 3 if span <= 0.2 else 2 if span <= 20 else 1
        self._step = 1.0 if integer else max(10.0**-decimals, _nice(span / 50) if closed else 0.1)
        self._low = low - self._step if optional else low
        self._high = high
        self._spin: QSpinBox | QDoubleSpinBox
        if integer:
            whole = QSpinBox()
            whole.setRange(math.floor(self._low), math.ceil(high))
            whole.valueChanged.connect(self._spun)
            self._spin = whole
        else:
            real = QDoubleSpinBox()
            real.setDecimals(decimals)
            real.setRange(self._low, high)
            real.setSingleStep(self._step)
            real.valueChanged.connect(self._spun)
            self._spin = real
        self._spin.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self._spin.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._spin.setFixedWidth(_NUMBER_WIDTH)
        self._spin.setKeyboardTracking(False)
        if unit:
            self._spin.setSuffix(f" {unit}")
        if optional:
            self._spin.setSpecialValueText(self.tr("automatic"))
        elif lowest:
            self._spin.setSpecialValueText(lowest)
        self.slider: QSlider | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        if closed:
            steps = round(self._high - self._low) if integer else _SLIDER_STEPS
            self.slider = QSlider(Qt.Orientation.Horizontal)
            self.slider.setRange(0, max(1, steps))
            self.slider.setPageStep(max(1, steps // 10))
            self.slider.setSingleStep(max(1, steps // 100))
            self.slider.valueChanged.connect(self._slid)
            layout.addWidget(self.slider, 1)
        else:
            layout.addStretch(1)
        layout.addWidget(self._spin)

    def value(self) -> int | float | None:
        shown = self._spin.value()
        if self._optional and shown <= self._low + self._step / 2:
            return None
        return shown

    def set_value(self, value: Any) -> None:
        with QSignalBlocker(self._spin):
            shown = self._low if value is None else value
            if isinstance(self._spin, QSpinBox):
                self._spin.setValue(round(shown))
            else:
                self._spin.setValue(float(shown))
        self._follow()

    def reset_targets(self) -> Sequence[QWidget]:
        return () if self.slider is None else (self.slider,)

    def _follow(self) -> None:
        if self.slider is not None:
            share = (self._spin.value() - self._low) / (self._high - self._low)
            with QSignalBlocker(self.slider):
                self.slider.setValue(round(share * self.slider.maximum()))

    def _spun(self) -> None:
        self._follow()
        self.changed.emit(self.value())

    def _slid(self, place: int) -> None:
        assert self.slider is not None
        value = self._low + place / self.slider.maximum() * (self._high - self._low)
        before = self._spin.value()
        with QSignalBlocker(self._spin):
            if isinstance(self._spin, QSpinBox):
                self._spin.setValue(round(value))
            else:
                self._spin.setValue(value)
        if self._spin.value() != before:
            self.changed.emit(self.value())


class Switch(Control):
    def __init__(self) -> None:
        super().__init__()
        self.box = QCheckBox()
        self.box.toggled.connect(self.changed.emit)
        _only(self, self.box)

    def value(self) -> bool:
        return self.box.isChecked()

    def set_value(self, value: Any) -> None:
        with QSignalBlocker(self.box):
            self.box.setChecked(bool(value))


class Choice(Control):
    """One of a few values. choices: (value, words)."""

    def __init__(self, choices: Sequence[tuple[Any, str]]) -> None:
        super().__init__()
        self.combo = QComboBox()
        self.combo.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.combo.setMinimumContentsLength(8)
        self._choices: list[tuple[Any, str]] = []
        self.combo.activated.connect(lambda at: self.changed.emit(self._choices[at][0]))
        _only(self, self.combo)
        self.set_choices(choices)

    @property
    def choices(self) -> Sequence[tuple[Any, str]]:
        return tuple(self._choices)

    def set_choices(self, choices: Sequence[tuple[Any, str]]) -> None:
        """Others to choose from; the value stays where it is among them."""
        now = self.value()
        self._choices = list(choices)
        with QSignalBlocker(self.combo):
            self.combo.clear()
            self.combo.addItems([shown(words) for _, words in choices])
        self.set_value(now)

    def set_disabled_choice(self, value: Any, reason: str | None) -> None:
        """Greys a choice out and says why on hover; None makes it available."""
        model = self.combo.model()
        at = next((i for i, (choice, _) in enumerate(self._choices) if choice == value), None)
        if at is None or model is None:
            return
        item = model.item(at)  # type: ignore[attr-defined]
        item.setEnabled(reason is None)
        item.setToolTip(reason or "")

    def set_tooltip(self, value: Any, words: str) -> None:
        """More about a choice, on hover."""
        at = next((i for i, (choice, _) in enumerate(self._choices) if choice == value), -1)
        self.combo.setItemData(at, words, Qt.ItemDataRole.ToolTipRole)

    def value(self) -> Any:
        at = self.combo.currentIndex()
        return self._choices[at][0] if 0 <= at < len(self._choices) else None

    def set_value(self, value: Any) -> None:
        at = next((i for i, (choice, _) in enumerate(self._choices) if choice == value), -1)
        with QSignalBlocker(self.combo):
            self.combo.setCurrentIndex(at)


class Text(Control):
    """A line of text; where it names a colour, with a swatch that opens the colour dialog."""

    def __init__(self, *, is_color: bool) -> None:
        super().__init__()
        self.edit = QLineEdit()
        self.edit.editingFinished.connect(lambda: self._take(self.edit.text()))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.edit, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(row)
        self._pick: QToolButton | None = None
        self._last = ""
        if is_color:
            self._pick = QToolButton()
            self._pick.setAccessibleName(self.tr("Choose a colour"))
            self._pick.setToolTip(self.tr("Choose a colour"))
            self._pick.clicked.connect(self._open_dialog)
            row.addWidget(self._pick)
            swatches = QHBoxLayout()
            swatches.setSpacing(0)
            for color in SWATCHES:
                swatch = QToolButton()
                swatch.setProperty("swatch", True)
                swatch.setIcon(_swatch(color))
                swatch.setAccessibleName(color)
                swatch.setToolTip(color)
                swatch.clicked.connect(lambda _=False, chosen=color: self._take(chosen))
                swatches.addWidget(swatch)
            swatches.addStretch(1)
            layout.addLayout(swatches)

    def value(self) -> str:
        return self.edit.text()

    def set_value(self, value: Any) -> None:
        self._last = str(value)
        with QSignalBlocker(self.edit):
            self.edit.setText(str(value))
        if self._pick is not None:
            self._pick.setIcon(_swatch(str(value)))

    def _take(self, text: str) -> None:
        if text != self._last:
            self.set_value(text)
            self.changed.emit(text)

    def _open_dialog(self) -> None:
        dialog = QColorDialog(QColor(self.edit.text()), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        # The picture follows while the colour is being chosen.
        dialog.currentColorChanged.connect(lambda color: self._take(color.name()))
        dialog.setModal(False)
        dialog.show()


class File(Control):
    def __init__(self) -> None:
        super().__init__()
        self._path: Path | None = None
        self.button = QToolButton()
        self.button.clicked.connect(self._open_dialog)
        _only(self, self.button)
        self.set_value(None)

    def value(self) -> Path | None:
        return self._path

    def set_value(self, value: Any) -> None:
        self._path = None if value is None else Path(value)
        self.button.setText(self.tr("Choose…") if self._path is None else words_of(self._path.name))
        self.button.setToolTip("" if self._path is None else str(self._path))

    def _open_dialog(self) -> None:
        dialog = QFileDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._chosen)
        dialog.open()

    def _chosen(self, path: str) -> None:
        self.set_value(path)
        self.changed.emit(self._path)


class Rows(QWidget):
    """Labels and controls, one below the other. A double click on a label or a slider resets."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnMinimumWidth(0, _LABEL_WIDTH)
        self._grid.setColumnStretch(1, 1)
        self._resets: dict[QObject, Callable[[], None]] = {}

    def add(
        self, title: str, control: Control, tooltip: str, reset: Callable[[], None] | None = None
    ) -> None:
        label = Label(title)
        label.setToolTip(tooltip)
        label.setWordWrap(True)
        focus = next(
            (w for w in control.findChildren(QWidget) if w.focusPolicy() != Qt.FocusPolicy.NoFocus),
            control,
        )
        label.setBuddy(focus)
        control.name(title, tooltip)
        row = self._grid.rowCount()
        self._grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
        label.setMinimumHeight(28)
        self._grid.addWidget(control, row, 1)
        if reset is not None:
            for widget in (label, *control.reset_targets()):
                widget.installEventFilter(self)
                self._resets[widget] = reset

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        if (
            event is not None
            and watched is not None
            and event.type() is QEvent.Type.MouseButtonDblClick
            and watched in self._resets
        ):
            self._resets[watched]()
            return True
        return super().eventFilter(watched, event)


class OptionsForm(Rows):
    """The options of one entry. Emits `changed` with a whole new `Options`, or `refused` with a
    sentence where the values do not go together."""

    changed = pyqtSignal(object)
    refused = pyqtSignal(str)

    def __init__(
        self,
        entry: Entry[Any],
        options: Any = None,
        *,
        hidden: Sequence[type] = (),
        without: Sequence[str] = (),
        controls: Mapping[str, Control] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """options: what is set now; the defaults where it is None.

        hidden, without: types and names of options that are not shown, such as Path where something
        else chooses it. controls: for options whose choices are known better than their type says.
        """
        super().__init__(parent)
        self._entry = entry
        self._values = {} if options is None else _as_dict(options)
        self.controls: dict[str, Control] = {}
        hints = typing.get_type_hints(entry.options)
        for field in dataclasses.fields(entry.options):
            if hints[field.name] in hidden or field.name in without:
                continue
            control = (controls or {}).get(field.name)
            if control is None:
                control = control_for(hints[field.name], field.metadata, field.default)
            given = self._values.get(field.name, field.default)
            if given is not dataclasses.MISSING:
                control.set_value(given)
            control.changed.connect(lambda value, name=field.name: self._take(name, value))
            tooltip = str(field.metadata.get("tooltip", ""))
            reset: Callable[[], None] | None = None
            if field.default is not dataclasses.MISSING:
                reset = lambda name=field.name: self.reset(name)  # noqa: E731
                tooltip = f"{tooltip}. " if tooltip and tooltip[-1] not in ".:" else tooltip
                tooltip += self.tr("Double-click to reset.")
            self.controls[field.name] = control
            self.add(str(field.metadata.get("title", field.name)), control, tooltip, reset)

    @property
    def is_empty(self) -> bool:
        return not self.controls

    def reset(self, name: str | None = None) -> None:
        """One option, or all, as they come with the program."""
        for field in dataclasses.fields(self._entry.options):
            if name in (None, field.name) and field.name in self.controls:
                self.controls[field.name].set_value(field.default)
                self._values[field.name] = field.default
        self._emit()

    def _take(self, name: str, value: Any) -> None:
        self._values[name] = value
        self._emit()

    def _emit(self) -> None:
        try:
            options = make_options(self._entry, self._values)
        except OptionError as error:
            self.refused.emit(str(error))
        else:
            self.changed.emit(options)


def control_for(hint: Any, metadata: Mapping[str, Any], default: Any) -> Control:
    """The control for an option of the type `hint`."""
    members = typing.get_args(hint)
    optional = False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        optional = type(None) in members
        hint = next(member for member in members if member is not type(None))
    if hint is bool:
        return Switch()
    if hint in (int, float):
        return Number(
            integer=hint is int,
            minimum=metadata.get("minimum"),
            maximum=metadata.get("maximum"),
            unit=str(metadata.get("unit", "")),
            optional=optional,
        )
    choices: list[tuple[Any, str]] | None = None
    if typing.get_origin(hint) is typing.Literal:
        choices = [(allowed, words(str(allowed))) for allowed in typing.get_args(hint)]
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        choices = [(member, words(str(member.value))) for member in hint]
    if choices is not None:
        return Choice([*choices, (None, "–")] if optional else choices)
    if hint is Path:
        return File()
    return Text(is_color=isinstance(default, str) and QColor.isValidColorName(default))


def words(name: str) -> str:
    """`one-frame_delay` -> `One frame delay`."""
    text = name.replace("-", " ").replace("_", " ")
    return text[:1].upper() + text[1:]


def _as_dict(options: Any) -> dict[str, Any]:
    return {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}


def _only(control: Control, widget: QWidget) -> None:
    layout = QHBoxLayout(control)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(widget)


def _nice(step: float) -> float:
    """1, 2 or 5 times a power of ten, near `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next((n * power for n in (1, 2, 5) if n * power >= step), 10 * power)


def _swatch(color: str) -> QIcon:
    pixmap = QPixmap(16, 16)
    pixmap.fill(QColor(color) if QColor.isValidColorName(color) else QColor("transparent"))
    return QIcon(pixmap)
