"""The panel of the matte: quality, the filter over time, the edge, the steps."""

from __future__ import annotations

from PyQt6.QtWidgets import QWidget

from app.gui.adapt_page import AdaptRow
from app.gui.options_form import Choice, Rows, Switch
from app.gui.panel import Panel
from app.gui.part_form import PartForm
from app.gui.scene_options import StepRows
from app.pace.quality import Quality
from app.registry import name_in
from app.settings import LiveSettings


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
        self.follow_subject = Switch()
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
            self.tr("Look follows person"),
            self.follow_subject,
            self.tr("A head that fills the picture is looked at less finely, which may suit it."),
            self.resetting("size_follows_subject"),
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
        self.follow_subject.changed.connect(self.setting("size_follows_subject"))
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
        self.follow_subject.set_value(settings.size_follows_subject)
        self.colours.set_value(settings.refine)
        self.steady.set_value(name_in(settings.temporal))
        if self.form is not None:
            self.steps.show_specs(settings.steps)
        if self.form is not None:
            self.form.show_spec(settings.temporal)
        if self.edge_form is not None:
            self.edge_form.show_spec(settings.edge)

    def reset(self) -> None:
        self.resetting(
            "quality", "size", "size_follows_subject", "refine", "temporal", "edge", "steps"
        )()
