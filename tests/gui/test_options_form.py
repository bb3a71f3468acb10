from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from PyQt6.QtCore import QEvent, QPointF, Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QApplication, QComboBox, QSlider, QWidget

from app.backgrounds import backgrounds
from app.errors import OptionError
from app.gui.options_form import Number, OptionsForm, control_for
from app.gui.plain import Label
from app.outputs.live_base import live_outputs
from app.registry import REQUIRED, Entry, Registry, option
from app.sources.live_base import live_sources
from app.temporal.base import temporal_filters

REGISTRIES: list[Registry[Any]] = [backgrounds, temporal_filters, live_sources, live_outputs]
ENTRIES = [entry for registry in REGISTRIES for entry in registry.entries()]


@dataclass(frozen=True)
class Options:
    strength: int = option(3, "Strength", "How much", minimum=0, maximum=10, unit="px")
    share: float = option(0.25, "Share", "Of all", minimum=0.0, maximum=1.0)
    limit: int | None = option(None, "Limit", minimum=1, maximum=9)
    kind: Literal["soft", "hard"] = option("soft", "Kind")
    on: bool = option(True, "On")
    path: Path | None = option(None, "File")

    def __post_init__(self) -> None:
        if self.strength == 9:
            raise OptionError("strength 9 does not go with anything.")


ENTRY: Entry[Any] = Entry("part", "Part", object, Options)


@pytest.fixture
def form(qtbot: Any) -> OptionsForm:
    made = OptionsForm(ENTRY)
    qtbot.addWidget(made)
    return made


def double_click(widget: QWidget) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    kind = QEvent.Type.MouseButtonDblClick
    QApplication.sendEvent(
        widget, QMouseEvent(kind, QPointF(3, 3), QPointF(3, 3), left, left, none)
    )


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.name}")
def test_the_options_of_every_registered_part_can_be_drawn(qtbot: Any, entry: Entry[Any]) -> None:
    form = OptionsForm(entry)
    qtbot.addWidget(form)
    assert set(form.controls) == {field.name for field in dataclasses.fields(entry.options)}
    for name, control in form.controls.items():
        default = next(f.default for f in dataclasses.fields(entry.options) if f.name == name)
        if default is not REQUIRED:
            assert control.value() == default
        for widget in (control, *control.findChildren(QWidget)):
            assert widget.accessibleName() or widget.focusPolicy() is Qt.FocusPolicy.NoFocus


def test_a_slider_gives_whole_new_options(qtbot: Any, form: OptionsForm) -> None:
    slider = form.controls["strength"].findChild(QSlider)
    assert slider is not None
    with qtbot.waitSignal(form.changed) as told:
        slider.setValue(7)
    assert told.args == [Options(strength=7)]


def test_a_slider_of_a_share_is_fine_enough(qtbot: Any, form: OptionsForm) -> None:
    slider = form.controls["share"].findChild(QSlider)
    assert slider is not None
    with qtbot.waitSignal(form.changed) as told:
        slider.setValue(slider.maximum() // 2)
    assert told.args[0].share == pytest.approx(0.5, abs=0.01)


def test_what_does_not_go_together_is_refused_with_a_sentence(
    qtbot: Any, form: OptionsForm
) -> None:
    slider = form.controls["strength"].findChild(QSlider)
    assert slider is not None
    with qtbot.waitSignal(form.refused) as told, qtbot.assertNotEmitted(form.changed):
        slider.setValue(9)
    assert told.args == ["strength 9 does not go with anything."]


@pytest.mark.parametrize("where", ["label", "slider"])
def test_a_double_click_resets_one_option_only(qtbot: Any, form: OptionsForm, where: str) -> None:
    strength, share = form.controls["strength"], form.controls["share"]
    assert isinstance(strength, Number)
    assert isinstance(share, Number)
    assert strength.slider is not None
    assert share.slider is not None
    strength.slider.setValue(8)
    share.slider.setValue(0)
    label = next(x for x in form.findChildren(Label) if x.text() == "Strength")
    with qtbot.waitSignal(form.changed) as told:
        double_click(label if where == "label" else strength.slider)
    assert told.args == [Options(strength=3, share=0.0)]


def test_nothing_given_reads_as_automatic(qtbot: Any, form: OptionsForm) -> None:
    limit = form.controls["limit"]
    assert limit.value() is None
    limit.set_value(4)
    assert limit.value() == 4
    limit.set_value(None)
    assert limit.value() is None


def test_a_choice_gives_the_value_behind_the_words(qtbot: Any, form: OptionsForm) -> None:
    combo = form.controls["kind"].findChild(QComboBox)
    assert combo is not None
    assert [combo.itemText(at) for at in range(combo.count())] == ["Soft", "Hard"]
    with qtbot.waitSignal(form.changed) as told:
        combo.activated.emit(1)
    assert told.args == [Options(kind="hard")]


def test_what_is_hidden_keeps_its_value(qtbot: Any) -> None:
    given = Options(path=Path("x.png"))
    form = OptionsForm(ENTRY, given, hidden=(Path | None,))  # type: ignore[arg-type]
    qtbot.addWidget(form)
    assert "path" not in form.controls
    slider = form.controls["strength"].findChild(QSlider)
    assert slider is not None
    with qtbot.waitSignal(form.changed) as told:
        slider.setValue(1)
    assert told.args == [Options(strength=1, path=Path("x.png"))]


@pytest.mark.parametrize("hint", [int, float])
def test_an_open_range_has_a_number_but_no_slider(qtbot: Any, hint: type) -> None:
    control = control_for(hint, {"minimum": 0, "maximum": None}, 1)
    qtbot.addWidget(control)
    assert control.findChild(QSlider) is None
    control.set_value(12345)
    assert control.value() == 12345
