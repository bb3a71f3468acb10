"""Everything that can be done, once: the menus, the buttons and the keys share these actions."""

from __future__ import annotations

from dataclasses import dataclass, field

from PyQt6.QtCore import QCoreApplication
from PyQt6.QtGui import QAction, QActionGroup, QKeySequence
from PyQt6.QtWidgets import QMainWindow, QMenu

from app.gui.icons import icon
from app.gui.preview import Mode


def _tr(text: str) -> str:
    return QCoreApplication.translate("Actions", text)


def mode_title(mode: Mode) -> str:
    return {
        Mode.COMPOSITE: _tr("Composite"),
        Mode.MATTE: _tr("Matte"),
        Mode.CUTOUT: _tr("Cut-out"),
        Mode.ORIGINAL: _tr("Original"),
        Mode.SPLIT: _tr("Split"),
    }[mode]


@dataclass
class Actions:
    """The window's actions. None is connected here."""

    add_background: QAction
    open_clip: QAction
    snapshot: QAction
    record: QAction
    record_pause: QAction
    settings: QAction
    quit: QAction
    full_screen: QAction
    leave_full_screen: QAction
    panel: QAction
    frame_times: QAction
    next_background: QAction
    mirror: QAction
    pause: QAction
    freeze: QAction
    away: QAction
    retry: QAction
    adapt: QAction
    demo: QAction
    virtual_camera: QAction
    on_demand: QAction
    keys: QAction
    performance: QAction
    doctor: QAction
    log: QAction
    about: QAction
    modes: dict[Mode, QAction] = field(default_factory=dict)
    appearances: dict[str, QAction] = field(default_factory=dict)

    def all(self) -> list[QAction]:
        own = [value for value in vars(self).values() if isinstance(value, QAction)]
        return [*own, *self.modes.values(), *self.appearances.values()]


def make_actions(window: QMainWindow) -> Actions:
    def action(
        text: str, key: str = "", *, symbol: str = "", checkable: bool = False, tip: str = ""
    ) -> QAction:
        made = QAction(text, window)
        if key:
            made.setShortcut(QKeySequence(key))
        if symbol:
            made.setIcon(icon(symbol))
        made.setCheckable(checkable)
        shown = tip or text.replace("&", "").rstrip("…")
        made.setToolTip(f"{shown} ({made.shortcut().toString()})" if key else shown)
        # In full screen the menu bar is hidden; the keys must work all the same.
        window.addAction(made)
        return made

    actions = Actions(
        add_background=action(_tr("Add a &background…"), "Ctrl+O", symbol="plus"),
        open_clip=action(_tr("Use a &clip or picture as the camera…"), "Ctrl+Shift+O"),
        snapshot=action(
            _tr("Save a s&napshot"),
            "S",
            symbol="snapshot",
            tip=_tr("Save what the preview shows as a PNG in your Pictures folder"),
        ),
        record=action(
            _tr("Re&cord"),
            "R",
            symbol="record",
            checkable=True,
            tip=_tr("Record to a file, as the Recording panel says; again to stop"),
        ),
        record_pause=action(_tr("Pause the rec&ording"), "Shift+R", checkable=True),
        settings=action(_tr("&Settings"), "Ctrl+,"),
        quit=action(_tr("&Quit"), "Ctrl+Q"),
        full_screen=action(_tr("&Full screen"), "F11", symbol="fullscreen", checkable=True),
        leave_full_screen=action(_tr("Leave full screen"), "Escape"),
        panel=action(_tr("Side &panel"), "F9", checkable=True),
        frame_times=action(_tr("Frame &times of the preview"), checkable=True),
        next_background=action(_tr("&Next background"), "B"),
        mirror=action(_tr("&Mirror for me"), "M", symbol="mirror", checkable=True),
        pause=action(
            _tr("&Pause"),
            "Space",
            symbol="pause",
            checkable=True,
            tip=_tr("Capture nothing; the others see a neutral picture"),
        ),
        freeze=action(
            _tr("&Freeze"),
            "F",
            symbol="freeze",
            checkable=True,
            tip=_tr("The others keep seeing the picture of this moment"),
        ),
        away=action(
            _tr("Be &right back"),
            "A",
            symbol="away",
            checkable=True,
            tip=_tr("The others see the “be right back” picture"),
        ),
        retry=action(_tr("&Try again"), "F5", symbol="reset"),
        adapt=action(
            _tr("&Adapt to me…"),
            tip=_tr("Let the model learn your face, chair and lamp, on this computer"),
        ),
        demo=action(_tr("Use the &demo clip")),
        virtual_camera=action(_tr("&Virtual camera on or off"), "V", symbol="broadcast"),
        on_demand=action(
            _tr("&Rest while nobody looks"),
            checkable=True,
            tip=_tr(
                "Release the camera while no program reads the virtual camera and this window is"
                " minimised (Linux)"
            ),
        ),
        keys=action(_tr("&Keys"), "F1"),
        performance=action(_tr("&Performance"), "Ctrl+P", symbol="gauge"),
        doctor=action(_tr("&Doctor: what works here"), "Ctrl+D", symbol="doctor"),
        log=action(_tr("Open the &log file")),
        about=action(_tr("&About Mattecam")),
    )
    actions.leave_full_screen.setEnabled(False)
    for short, words in (
        (actions.pause, _tr("Pause")),
        (actions.freeze, _tr("Freeze")),
        (actions.away, _tr("Be right back")),
        (actions.snapshot, _tr("Snapshot")),
    ):
        set_short(short, words)
    group = QActionGroup(window)
    for number, mode in enumerate(Mode, start=1):
        actions.modes[mode] = action(mode_title(mode), str(number), checkable=True)
        group.addAction(actions.modes[mode])
    looks = QActionGroup(window)
    for name, text in (
        ("system", _tr("Like the system")),
        ("light", _tr("Light")),
        ("dark", _tr("Dark")),
    ):
        actions.appearances[name] = action(text, checkable=True)
        looks.addAction(actions.appearances[name])
    return actions


def set_short(action: QAction, words: str) -> None:
    """What stands on the action's button; the menu has the longer words."""
    # The style puts no room between picture and words.
    action.setIconText("\N{EN SPACE}" + words)


def fill_menus(window: QMainWindow, actions: Actions) -> dict[str, QMenu]:
    """The menu bar. The menus by name, for what is added later (the list of outputs)."""
    bar = window.menuBar()
    assert bar is not None
    titles = {
        "file": _tr("&File"),
        "view": _tr("&View"),
        "camera": _tr("&Camera"),
        "output": _tr("&Output"),
        "help": _tr("&Help"),
    }
    content: dict[str, list[QAction | None]] = {
        "file": [
            actions.add_background,
            actions.open_clip,
            None,
            actions.snapshot,
            actions.record,
            actions.record_pause,
            None,
            actions.settings,
            None,
            actions.quit,
        ],
        "view": [
            *actions.modes.values(),
            None,
            actions.next_background,
            actions.mirror,
            None,
            actions.panel,
            actions.performance,
            actions.full_screen,
            actions.frame_times,
        ],
        "camera": [actions.pause, None, actions.adapt, None, actions.retry, actions.demo],
        "output": [
            actions.freeze,
            actions.away,
            None,
            actions.virtual_camera,
            actions.on_demand,
        ],
        "help": [actions.keys, actions.doctor, actions.log, None, actions.about],
    }
    menus = {}
    for name, title in titles.items():
        menu = bar.addMenu(title)
        assert menu is not None
        menu.setToolTipsVisible(True)
        for entry in content[name]:
            if entry is None:
                menu.addSeparator()
            else:
                menu.addAction(entry)
        menus[name] = menu
    looks = QMenu(_tr("&Appearance"), window)
    looks.addActions(list(actions.appearances.values()))
    menus["view"].addSeparator()
    menus["view"].addMenu(looks)
    return menus
