"""The matte's panel: the edge as a form that changes the live settings."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("PyQt6.QtWidgets")

from app.gui.matte_panel import MattePanel
from app.settings import LiveSettings


def panel_with(qtbot: Any, settings: LiveSettings) -> MattePanel:
    panel = MattePanel()
    qtbot.addWidget(panel)
    panel.load()
    panel.show_settings(settings)
    return panel


def test_the_edge_is_shown_as_it_is_set_and_changes_the_settings(qtbot: Any) -> None:
    settings = LiveSettings(edge="edge:shift=-2,feather=3")
    panel = panel_with(qtbot, settings)
    assert panel.edge_form is not None
    form = panel.edge_form.form
    assert form is not None
    assert form.controls["shift"].value() == -2
    assert form.controls["feather"].value() == 3
    asked: list[dict[str, Any]] = []
    panel.changes.connect(asked.append)
    form.controls["contrast"].set_value(40)
    form.controls["contrast"].changed.emit(40)
    assert asked == [{"edge": "edge:shift=-2.0,feather=3.0,contrast=40"}]
    assert settings.but(**asked[0]).chain().edge == asked[0]["edge"]


def test_the_size_that_follows_the_subject_is_a_switch(qtbot: Any) -> None:
    panel = MattePanel()
    qtbot.addWidget(panel)
    changes: list[dict[str, Any]] = []
    panel.changes.connect(changes.append)
    panel.show_settings(LiveSettings(size_follows_subject=True))
    assert panel.follow_subject.value() is True
    assert changes == []
    panel.follow_subject.box.click()
    assert changes == [{"size_follows_subject": False}]


def test_reset_makes_the_edge_neutral_again(qtbot: Any) -> None:
    panel = panel_with(qtbot, LiveSettings(edge="edge:5", temporal="off"))
    asked: list[dict[str, Any]] = []
    panel.changes.connect(asked.append)
    panel.reset()
    assert (asked[0]["edge"], asked[0]["temporal"]) == ("edge", "steady")
