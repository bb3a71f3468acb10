"""The window: puts the parts together, keeps the settings, and answers what the pipeline tells."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QByteArray, QEvent, Qt, QTimer, QUrl, pyqtSignal
from PyQt6.QtGui import (
    QAction,
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
)
from PyQt6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QMainWindow,
    QVBoxLayout,
    QWidget,
)

from app import __version__
from app.errors import MattecamError, OptionError, WeightsCorrupt, WeightsMissing
from app.frames import Composite, Frame
from app.gui import profiles
from app.gui.actions import Actions, fill_menus, make_actions, set_short
from app.gui.adapt_wiring import AdaptWiring
from app.gui.bars import BottomBar, Strip
from app.gui.bridge import Bridge
from app.gui.camera_wiring import DEMO, CameraWiring, StartWatch, watch_cameras
from app.gui.comparison import Comparison
from app.gui.gallery import local_files, samples
from app.gui.icons import app_icon, icon
from app.gui.input_filter import InputFilter
from app.gui.intake import BackgroundIntake
from app.gui.log_file import log_path
from app.gui.message_bar import Level, Message, MessageBar
from app.gui.notice import Action
from app.gui.output_row import name_of
from app.gui.picture_notice import PictureNotice, Remedies
from app.gui.plain import PlainToolTips
from app.gui.preview import Mode, Preview
from app.gui.record_switch import RecordSwitch
from app.gui.recording_wiring import RecordingWiring
from app.gui.scene_tools import Scene, SceneTools
from app.gui.side_panel import SidePanel
from app.gui.snapshot import pictures_folder, snapshot_job
from app.gui.theme import Theme
from app.gui.tray import make_tray
from app.gui.weights_offer import WeightsOffer
from app.gui.window_settings import WindowSettings, window_settings_file
from app.settings import LiveSettings, live_settings_file
from app.views import View

if TYPE_CHECKING:
    from app.live import Failure, Info, State
    from app.runtime.job import Job
    from app.stats import Snapshot

log = logging.getLogger(__name__)

# Seconds after which the process is left, whatever a thread waits for.
_ENDING = 4.0

_SAVE_AFTER = 400  # milliseconds of quiet


class MainWindow(QMainWindow):
    """One window, nothing modal. `begin()` starts what works behind it; closing it ends that.

    bridge: to the pipeline; it takes the settings that were loaded. start_watch: tells of cameras.
    """

    _snapshot_done = pyqtSignal(object)

    def __init__(
        self,
        *,
        theme: Theme,
        make_bridge: Callable[[LiveSettings], Bridge] = Bridge,
        start_watch: StartWatch = watch_cameras,
        pictures: Path | None = None,
    ) -> None:
        super().__init__()
        self._theme = theme
        self._live_file = live_settings_file()
        self._window_file = window_settings_file()
        live, window = self._live_file.load(), self._window_file.load()
        self._live: LiveSettings = live.settings
        self._window: WindowSettings = window.settings
        self._bridge = make_bridge(self._live)
        self._begun = False
        self._ended = False
        self._pictures = pictures
        self._build(start_watch)
        self._connect()
        self._restore()
        for note in (*live.notes, *window.notes):
            self._say("settings", note, "warn")

    # ---- what the window is made of --------------------------------------------------------------

    def _build(self, start_watch: StartWatch) -> None:
        self.setWindowTitle("Mattecam")
        self.setWindowIcon(app_icon())
        self.setAcceptDrops(True)
        self.resize(1180, 740)
        self.actions_: Actions = make_actions(self)
        menus = fill_menus(self, self.actions_)
        self.messages = MessageBar()
        self.preview = Preview()
        self.notice = self.preview.notice
        self.side = SidePanel()
        self.side.keys.fill(menus.values(), [self.actions_.leave_full_screen])
        self.cameras = CameraWiring(self, self._bridge, start_watch)
        self.intake = BackgroundIntake(self.side.background, self)
        self.scene = SceneTools(
            self.preview,
            Scene(
                specs=lambda: self._live.steps,
                change=lambda specs: self.change(steps=specs),
                mirrored=lambda: self._live.mirror_preview,
                say=self._say_of_scene,
            ),
        )
        self.weights = WeightsOffer(self.notice)
        self._middle = PictureNotice(
            self.preview,
            self.weights,
            Remedies(retry=self.retry, use_demo=self._use_demo, resume=self._bridge.resume),
        )

        middle = QWidget()
        columns = QHBoxLayout(middle)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(0)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.preview, 1)
        self.comparison = Comparison()
        left.addWidget(self.comparison, 1)
        self._strip = Strip(self.actions_, self.cameras.choices)
        left.addWidget(self._strip)
        columns.addLayout(left, 1)
        columns.addWidget(self.side)
        self._bottom = BottomBar(self.actions_)
        self.outputs, self.truth = self._bottom.outputs, self._bottom.truth
        self.record_switch = RecordSwitch()
        self._bottom.insert_switch(self.record_switch)
        central = QWidget()
        rows = QVBoxLayout(central)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.messages)
        rows.addWidget(middle, 1)
        rows.addWidget(self._bottom)
        self.setCentralWidget(central)
        self.recording = RecordingWiring(self, self._bridge)
        self.adapting = AdaptWiring(self, self._bridge)
        self._tray = make_tray(self, self.actions_, self.to_front)
        self._input = InputFilter(self)
        self._tips = PlainToolTips(self)
        self._save_timer = QTimer(self)
        self._save_timer.setSingleShot(True)
        self._save_timer.setInterval(_SAVE_AFTER)
        self._save_timer.timeout.connect(self._save)
        # A click must not leave the focus on a button: Space would then press it, not pause.
        for button in self.findChildren(QAbstractButton):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def _connect(self) -> None:
        bridge, actions = self._bridge, self.actions_
        bridge.ready.connect(self._loaded)
        bridge.unusable.connect(self._middle.cannot_start)
        bridge.frame_ready.connect(self._take_picture)
        bridge.failed.connect(self._failed)
        bridge.state_changed.connect(self._state_changed)
        bridge.stats_changed.connect(self._show_stats)
        bridge.info_changed.connect(self._show_info)
        self.cameras.known.connect(self._start)
        self._strip.source_chosen.connect(self.cameras.choose)
        self.truth.clicked.connect(lambda: self.show_section("performance"))
        self.outputs.wanted.connect(self._outputs_wanted)
        self.outputs.unusable.connect(self._output_refused)
        self.outputs.recovered.connect(lambda name: self.messages.settle(f"output {name}"))
        self._snapshot_done.connect(self._snapshot_saved)
        self.side.matte.steps.paint_wanted.connect(self.scene.paint)
        self.side.matte.steps.plate_wanted.connect(self.scene.take_plate)
        for panel in self.side.panels:
            panel.changes.connect(self._change_from_panel)
            panel.refused.connect(lambda sentence: self._say("settings", sentence, "warn"))
        self.side.background.added.connect(self.add_backgrounds)
        self.intake.refused.connect(self._background_refused)
        self.intake.taken.connect(self._background_taken)
        self.side.background.kinds_changed.connect(lambda kinds: self._keep(kinds=kinds))
        self.side.background.gallery.changed.connect(self._keep_gallery)
        self.weights.ready.connect(self._weights_ready)
        self.weights.failed.connect(self._weights_failed)
        self.weights.ended.connect(self._update_notice)
        self.side.profiles.saved.connect(self.save_profile)
        self.side.profiles.chosen.connect(self.load_profile)
        self.side.profiles.removed.connect(self.remove_profile)
        self.preview.painted.connect(self._bridge.shown)
        self.preview.split_moved.connect(lambda share: self._keep(split=share))
        self.preview.double_clicked.connect(actions.full_screen.trigger)
        self._theme.changed.connect(self._theme_changed)
        self.side.folded.connect(lambda closed: self._keep(closed=closed))
        for mode, action in actions.modes.items():
            action.triggered.connect(lambda _=False, chosen=mode: self.set_mode(chosen))
        for name, action in actions.appearances.items():
            action.triggered.connect(lambda _=False, chosen=name: self.set_appearance(chosen))
        actions.add_background.triggered.connect(self.side.background.ask_for_files)
        actions.open_clip.triggered.connect(self.side.camera.ask_for_file)
        actions.snapshot.triggered.connect(self.snapshot)
        actions.settings.triggered.connect(self.show_settings)
        actions.quit.triggered.connect(self.close)
        actions.full_screen.toggled.connect(self.set_full_screen)
        actions.leave_full_screen.triggered.connect(lambda: actions.full_screen.setChecked(False))
        actions.panel.toggled.connect(self._set_panel)
        actions.frame_times.toggled.connect(lambda on: self._keep(frame_times=on))
        actions.next_background.triggered.connect(self.side.background.choose_next)
        actions.mirror.triggered.connect(lambda on: self.change(mirror_preview=on))
        for showing in (actions.pause, actions.freeze, actions.away):
            showing.triggered.connect(lambda on, action=showing: self._show_to_others(action, on))
        actions.retry.triggered.connect(self.retry)
        actions.demo.triggered.connect(lambda: self.change(source=DEMO))
        actions.virtual_camera.triggered.connect(self.outputs.toggle_first)
        actions.on_demand.triggered.connect(lambda on: self.change(on_demand=on))
        actions.keys.triggered.connect(self.show_keys)
        actions.performance.triggered.connect(lambda: self.show_section("performance"))
        actions.doctor.triggered.connect(self.show_doctor)
        actions.log.triggered.connect(self.open_log)
        actions.about.triggered.connect(self._show_about)
        self._input.install()
        self._tips.install()

    def _restore(self) -> None:
        """The window as it was left."""
        window = self._window
        if window.geometry:
            self.restoreGeometry(QByteArray.fromBase64(window.geometry.encode("ascii", "ignore")))
        self.side.fold(window.closed)
        self.actions_.panel.setChecked(window.panel)
        self.side.setVisible(window.panel)
        self.actions_.frame_times.setChecked(window.frame_times)
        self.actions_.modes[window.mode].setChecked(True)
        self.preview.set_mode(window.mode)
        self.preview.set_split(window.split)
        self.actions_.appearances[window.appearance].setChecked(True)
        self._theme.choose(window.appearance)
        self.side.background.remember(window.kinds)
        fresh = [spec for spec in samples() if spec not in window.known_samples]
        there = set(samples())
        self.intake.fill(
            [
                spec
                for spec in (*window.gallery, *fresh)
                if not spec.startswith("sample/") or spec in there
            ]
        )
        self._show_profiles()
        self.recording.restore()
        self._show_live()
        self._middle.starting()

    # ---- beginning and end -----------------------------------------------------------------------

    def begin(self) -> None:
        """Starts what works behind the window. Returns at once."""
        self._bridge.prepare()

    def _loaded(self) -> None:
        if self._ended:
            return  # it was closed while the parts were being imported
        for panel in self.side.panels:
            panel.load()
        self.outputs.load()
        self.adapting.load()
        self.actions_.virtual_camera.setEnabled(bool(self.outputs.switches))
        self._keep_gallery()
        self._show_live()
        self.intake.thumbnails.ask(self.side.background.gallery.specs())
        self.cameras.begin()

    def _start(self) -> None:
        if self._begun or self._ended:
            return
        self._begun = True
        try:
            self._bridge.apply(self.cameras.effective(self._live))
            self._bridge.start()
        except MattecamError as error:
            self._start_without(error)

    def _start_without(self, error: MattecamError) -> None:
        """A setting names what is not there any more: a picture that was deleted, an output."""
        self._say("settings", str(error), "warn")
        plain = LiveSettings()
        self._live = self._live.but(
            background=plain.background,
            temporal=plain.temporal,
            outputs=(),
            steps=(),
            light=(),
        )
        self._show_live()
        self._save_timer.start()
        try:
            self._bridge.apply(self.cameras.effective(self._live))
            self._bridge.start()
        except MattecamError as second:
            self._live = self._live.but(engine="auto", device="auto", source=DEMO)
            log.warning("the settings cannot be used: %s", second)
            self._bridge.apply(self.cameras.effective(self._live))
            self._bridge.start()

    def end(self) -> None:
        """Stops everything and saves. May be called twice."""
        if self._ended:
            return
        self._ended = True
        self.scene.cancel()
        self._input.remove()
        self._tips.remove()
        self._save()
        if self._tray is not None:
            self._tray.hide()
        self.weights.cancel()
        self.intake.thumbnails.cancel()
        self.side.doctor.cancel()
        self.recording.end()
        self.adapting.end()
        self.cameras.end()
        until = time.monotonic() + _ENDING
        left = self._bridge.stop()
        if left:
            log.warning("threads that did not end: %s", ", ".join(left))
        for job in (self.intake.thumbnails, self.weights):
            job.wait(max(0.0, until - time.monotonic()))

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        self.actions_.full_screen.setChecked(False)
        geometry = self.saveGeometry().toBase64().data().decode("ascii")
        self._window = self._window.but(geometry=geometry)
        # Gone at once; what has to end does so behind it.
        self.hide()
        self.end()
        super().closeEvent(event)

    # ---- settings --------------------------------------------------------------------------------

    @property
    def live(self) -> LiveSettings:
        """What the user has set; the demo clip that stands in for a camera is not among it."""
        return self._live

    @property
    def remembered(self) -> WindowSettings:
        return self._window

    def change(self, **changes: Any) -> bool:
        """Sets, applies, shows and saves; whether it could be. What cannot, is said."""
        try:
            new = self._live.but(**changes)
        except OptionError as error:
            self._say("settings", str(error), "warn")
            self._show_live()
            return False
        return self._take(new)

    def _change_from_panel(self, changes: dict[str, Any]) -> None:
        self.change(**changes)

    def _take(self, new: LiveSettings) -> bool:
        old, stood_in = self._live, self.cameras.stand_in
        if new.source != old.source:
            self.cameras.stand_in = False
        self._live = new
        try:
            if self._begun:
                self._bridge.apply(self.cameras.effective(self._live))
        except MattecamError as error:
            self._live, self.cameras.stand_in = old, stood_in
            if new.background != old.background and not self._shows_room(new):
                self._hide_room()
            self._say("settings", str(error), "warn")
            self._show_live()
            return False
        self.messages.settle("settings")
        if new.source != old.source:
            self.messages.settle("source")
            self._middle.blocking = None
            self.preview.clear()
            self._update_notice()
        self._show_live()
        self._save_timer.start()
        return True

    def _keep(self, **changes: Any) -> None:
        """Remembers something of the window itself."""
        self._window = self._window.but(**changes)
        self._save_timer.start()

    def _keep_gallery(self) -> None:
        self._keep(
            gallery=tuple(self.side.background.gallery.specs()), known_samples=tuple(samples())
        )

    def _save(self) -> None:
        self._save_timer.stop()
        try:
            self._live_file.save(self._live)
            self._window_file.save(self._window)
        except MattecamError as error:
            self._say("save", str(error), "warn", self.tr("Try again"), self._save)
        else:
            self.messages.settle("save")

    def _show_live(self) -> None:
        for panel in self.side.panels:
            panel.show_settings(self._live)
        self.preview.set_mirror(self._live.mirror_preview)
        self.actions_.mirror.setChecked(self._live.mirror_preview)
        self.actions_.on_demand.setChecked(self._live.on_demand)
        self.outputs.show_specs(self._live.outputs)
        self.recording.show_settings(self._live)
        self.adapting.show_settings(self._live)

    # ---- profiles --------------------------------------------------------------------------------

    def save_profile(self, name: str) -> None:
        try:
            saved = profiles.save(name, self._live)
        except MattecamError as error:
            self._say("profile", str(error), "warn")
            return
        if saved:
            self._keep(profile=saved)
            self._show_profiles()

    def load_profile(self, name: str) -> None:
        loaded = profiles.load(name)
        for note in loaded.notes:
            self._say("profile", note, "warn")
        if self._take(loaded.settings):
            self._keep(profile=name)

    def remove_profile(self, name: str) -> None:
        try:
            profiles.remove(name)
        except MattecamError as error:
            self._say("profile", str(error), "warn")
        self._keep(profile="")
        self._show_profiles()

    def _show_profiles(self) -> None:
        self.side.profiles.show_profiles(profiles.names(), self._window.profile)

    # ---- what the pipeline tells -----------------------------------------------------------------

    def _take_picture(self) -> None:
        picture = self._bridge.take()
        if picture is None or self.actions_.pause.isChecked():
            return
        if isinstance(picture, Composite):
            self.preview.show_composite(picture)
            self._middle.picture_came()
        elif isinstance(picture, Frame):
            self.preview.show_frame(picture)

    def _state_changed(self, state: State) -> None:
        from app.live import State as States

        actions = self.actions_
        actions.pause.setChecked(state is States.PAUSED)
        actions.freeze.setChecked(state is States.FROZEN)
        actions.away.setChecked(state is States.CARD)
        paused = state is States.PAUSED
        actions.pause.setIcon(icon("play" if paused else "pause"))
        set_short(actions.pause, self.tr("Resume") if paused else self.tr("Pause"))
        if state in (States.PAUSED, States.RESTING):
            self.preview.clear()
        elif state is States.RUNNING:
            self._middle.blocking = None
            for key in ("source", "engine", "matting", "compose"):
                self.messages.settle(key)
        told = {
            States.FROZEN: self.tr("The others see a still picture of you."),
            States.CARD: self.tr("The others see the “be right back” picture."),
        }
        if state in told:
            self._say("others", told[state], "info", self.tr("Go live"), self._bridge.resume)
        else:
            self.messages.settle("others")
        self._update_notice()

    def _failed(self, failure: Failure) -> None:
        output = failure.where.removeprefix("output ")
        if output != failure.where:
            self._output_failed(output, failure)
            return
        if failure.where in ("source", "engine", "matting", "compose"):
            self._middle.blocking = failure
            self._update_notice()
        if failure.where == "engine":
            self._strip.show_no_engine()
        if isinstance(failure.error, (WeightsMissing, WeightsCorrupt)):
            return  # the notice in the preview says it, with the button
        level: Level = "warn" if failure.retried else "bad"
        if failure.where == "background":
            self._say("background", str(failure), level, self.tr("Blur instead"), self._blur)
        elif failure.where == "matte steps":
            again = self.tr("Take it again")
            self._say("matte steps", str(failure), "warn", again, self.scene.take_plate)
        elif failure.where == "source" and not failure.retried:
            self._say("source", str(failure), level, self.tr("Use the demo clip"), self._use_demo)
        elif failure.where in ("source", "engine", "matting", "compose"):
            self._say(failure.where, str(failure), level, self.tr("Try again"), self.retry)
        else:
            self._say(failure.where, str(failure), level, self.tr("Open the log"), self.open_log)

    def _say_of_scene(self, sentence: str, action: Action | None) -> None:
        self.messages.settle("matte steps")
        self._answer("scene", sentence, action)

    def _blur(self) -> None:
        self.side.background.choose("blur")

    def _use_demo(self) -> None:
        self.change(source=DEMO)

    def retry(self) -> None:
        """What failed starts again; a source that went away is tried at once."""
        try:
            self._bridge.retry()
        except MattecamError as error:
            self._say("settings", str(error), "warn")

    def _show_info(self, info: Info) -> None:
        self.side.performance.show_info(info)
        self._strip.show_source(self._source_words(info), info.source)
        blocking = self._middle.blocking
        if info.engine is not None or blocking is None or blocking.where != "engine":
            self._strip.show_engine(info.engine, info.network_size)
        if info.engine is not None and info.engine.note:
            self._say("note", info.engine.note, "info")
        self.outputs.show_info(info)

    def _source_words(self, info: Info) -> str:
        words = info.source.split(",")[0] or self.tr("Camera")
        if self.cameras.stand_in or self._live.source == DEMO:
            words = self.tr("Demo clip")
        elif "/" in words or "\\" in words:
            words = Path(words).name
        if info.frame_size is not None:
            words += f"  {info.frame_size[0]}×{info.frame_size[1]}"
        return words

    def _show_stats(self, stats: Snapshot) -> None:
        self.outputs.show_stats(stats)
        times = self.preview.frame_ms if self._window.frame_times else None
        self.side.performance.show_stats(stats, preview_fps=self.preview.fps, frame_ms=times)
        self.truth.show_stats(stats, self._live.outputs)

    def _update_notice(self) -> None:
        if not self._ended:
            self._middle.update(self._bridge.state, wanted_weights=self._live.weights)

    def _weights_ready(self, name: str) -> None:
        self._middle.blocking = None
        self._strip.show_engine(None, "")
        self.messages.settle("weights")
        self.side.engine.load()
        if name != self._live.weights:
            self.change(weights=name)
        self.retry()

    def _weights_failed(self, sentence: str) -> None:
        self._say("weights", sentence, "bad", self.tr("Try again"), self.weights.fetch)

    # ---- outputs ---------------------------------------------------------------------------------

    def set_output(self, name: str, *, on: bool) -> None:
        self.outputs.turn(name, on=on)

    def _outputs_wanted(self, specs: tuple[str, ...]) -> None:
        for spec in {*specs, *self._live.outputs}:
            self.messages.settle(f"output {name_of(spec)}")
        self.change(outputs=specs)

    def _output_failed(self, spec: str, failure: Failure) -> None:
        name = name_of(spec)
        if failure.retried:
            self._say(f"output {name}", str(failure), "warn", self.tr("Doctor"), self.show_doctor)
            self.outputs.show_lost(spec, str(failure))
            return
        if spec in self._live.outputs:
            outputs = tuple(other for other in self._live.outputs if other != spec)
            self._take(self._live.but(outputs=outputs))
        self._output_refused(name, str(failure))

    def _output_refused(self, name: str, sentence: str) -> None:
        other = self.outputs.instead_of(name)
        if other is None:
            self._say(f"output {name}", sentence, "bad", self.tr("Doctor"), self.show_doctor)
        else:
            use = self.tr("Use the {0}").format(other.title)
            turn_on = lambda: self.set_output(other.name, on=True)  # noqa: E731
            self._say(f"output {name}", sentence, "bad", use, turn_on)
        if not self._window.doctor_shown:
            self._keep(doctor_shown=True)
            self.show_doctor()

    def _show_to_others(self, action: QAction, on: bool) -> None:
        """Pause, freeze, be right back: one at a time. What is shown follows the pipeline."""
        actions = self.actions_
        calls = {
            actions.pause: self._bridge.pause,
            actions.freeze: self._bridge.freeze,
            actions.away: self._bridge.show_card,
        }
        if on:
            calls[action]()
        else:
            self._bridge.resume()

    # ---- backgrounds -----------------------------------------------------------------------------

    def add_backgrounds(self, paths: Sequence[Path]) -> None:
        """Files of the user's own. Each is looked at first; the last one that works is chosen."""
        if self._bridge.is_ready:
            self.intake.add(paths)

    def _background_refused(self, sentence: str) -> None:
        """What was to hide the room cannot be used: it is hidden all the same, and then told."""
        if self._hide_room():
            sentence = self.tr("{0} Your room is blurred instead.").format(sentence)
        self._say("background", sentence, "warn")

    def _hide_room(self) -> bool:
        """Blurs a room that is shown; whether it was."""
        return self._shows_room(self._live) and self.change(background=LiveSettings().background)

    @staticmethod
    def _shows_room(settings: LiveSettings) -> bool:
        from app.backgrounds import shows_room

        return shows_room(settings.background)

    def _background_taken(self) -> None:
        self.messages.settle("background")
        self._keep_gallery()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        if event is not None and local_files(event.mimeData()):
            event.acceptProposedAction()
            self.preview.set_drop_hint(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent | None) -> None:  # noqa: N802
        self.preview.set_drop_hint(False)

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        self.preview.set_drop_hint(False)
        if event is not None:
            event.acceptProposedAction()
            self.add_backgrounds(local_files(event.mimeData()))

    # ---- what the user does with the window ------------------------------------------------------

    def set_mode(self, mode: Mode) -> None:
        self.actions_.modes[mode].setChecked(True)
        self.preview.set_mode(mode)
        self._keep(mode=mode)

    def set_appearance(self, name: str) -> None:
        self._theme.choose(name)
        self._keep(appearance=name)

    def set_full_screen(self, on: bool) -> None:
        """Only the picture. Escape or F11 brings the rest back."""
        bar = self.menuBar()
        for widget in (bar, self._strip, self._bottom):
            if widget is not None:
                widget.setVisible(not on)
        self.side.setVisible(not on and self._window.panel)
        self.messages.set_quiet(on)
        self.preview.set_stage("#000000" if on else self._theme.colors.stage)
        self.actions_.leave_full_screen.setEnabled(on)
        full = Qt.WindowState.WindowFullScreen
        state = self.windowState()
        self.setWindowState(state | full if on else state & ~full)

    def _set_panel(self, on: bool) -> None:
        self.side.setVisible(on)
        self._keep(panel=on)

    def show_settings(self) -> None:
        """Brings the side panel up and puts the keyboard into it."""
        self.show_section("background", focus=True)

    def show_section(self, name: str, *, focus: bool = False) -> None:
        self.actions_.panel.setChecked(True)
        self.side.show_section(name, focus=focus)

    def show_doctor(self) -> None:
        self.actions_.panel.setChecked(True)
        self.side.show_doctor()

    def show_adapt(self) -> None:
        self.actions_.panel.setChecked(True)
        self.side.show_adapt()

    def snapshot(self) -> None:
        """What the preview shows, to the Pictures folder."""
        composite = self.preview.composite
        if composite is None:
            self._answer("snapshot", self.tr("There is no picture yet to save."))
            return
        view = {
            Mode.MATTE: View.MATTE,
            Mode.CUTOUT: View.FOREGROUND,
            Mode.ORIGINAL: View.ORIGINAL,
            Mode.SPLIT: View.SIDE_BY_SIDE,
        }.get(self.preview.mode, View.COMPOSITE)
        snapshot_job(
            composite,
            view,
            mirror=self._live.mirror_preview,
            folder=self._pictures or pictures_folder(),
            on_done=self._snapshot_done.emit,
        ).start()

    def _snapshot_saved(self, job: Job[Path]) -> None:
        if job.error is not None:
            self._say("snapshot", str(job.error), "bad")
            return
        path = job.result()
        show = Action(self.tr("Show it"), lambda: _open(path.parent))
        self._answer("snapshot", self.tr("Saved: {0}").format(path.name), show)

    def open_log(self) -> None:
        path = log_path()
        _open(path if path.is_file() else path.parent)

    def to_front(self) -> None:
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def show_keys(self) -> None:
        self.actions_.panel.setChecked(True)
        self.side.show_keys()

    def _show_about(self) -> None:
        text = self.tr("Mattecam {0}: your picture, on another background, with MODNet.")
        self._answer("help", text.format(__version__))

    def say(
        self,
        key: str,
        text: str,
        level: Level,
        button: str = "",
        run: Callable[[], None] | None = None,
    ) -> None:
        """For the parts of the window: a message in the bar, in place of the last one of `key`."""
        self._say(key, text, level, button, run)

    def answer(self, key: str, text: str) -> None:
        """As `say`, to what the user has just done: it goes away by itself."""
        self._answer(key, text)

    def remember_clips(self, clips: tuple[str, ...]) -> None:
        self._keep(clips=clips)

    def remember_weights(self, adapted: str, before: str) -> None:
        """before: what was in use until `adapted` was."""
        self._keep(weights_before=(adapted, before))

    def _say(
        self,
        key: str,
        text: str,
        level: Level,
        button: str = "",
        run: Callable[[], None] | None = None,
    ) -> None:
        action = Action(button, run) if run is not None else None
        self.messages.post(Message(key, text, level, action))

    def _answer(self, key: str, text: str, action: Action | None = None) -> None:
        """To what the user has just done; it goes away by itself."""
        self.messages.post(Message(key, text, "info", action, passing=True))

    def _theme_changed(self) -> None:
        if not self.isFullScreen():
            self.preview.set_stage(self._theme.colors.stage)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        super().changeEvent(event)
        if event is not None and event.type() is QEvent.Type.WindowStateChange:
            self._bridge.set_seen(not self.isMinimized())


def _open(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
