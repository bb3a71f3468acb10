"""The panel of what runs the network."""

from __future__ import annotations

from PyQt6.QtWidgets import QWidget

from app.gui.options_form import Choice, Rows
from app.gui.panel import Panel
from app.settings import LiveSettings


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
                for name in ("auto", "int8", "float32", "bfloat16", "float16")
            ]
        )
        self.norms = Choice(
            (
                ("auto", self.tr("Automatic")),
                ("exact", self.tr("Of each picture")),
                ("scene", self.tr("Of the scene (faster)")),
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
                    "What the network levels its features by; those of the scene are faster, and "
                    "so are stored ones, where the model has some."
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
