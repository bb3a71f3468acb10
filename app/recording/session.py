"""A recording as the window's settings want it: its files' names, its microphone, its recorder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.errors import OptionError
from app.recording.formats import FORMATS, format_of
from app.recording.plan import Plan, files_for, free_name, views_of
from app.recording.recorder import Figures, Recorder
from app.settings import RecordingSettings
from app.sound.devices import DEFAULT
from app.sound.microphone import Microphone

OFF = "off"


def plan_of(settings: RecordingSettings, folder: Path, *, mirror: bool = False) -> Plan:
    """With names that are free now. Raises MattecamError."""
    views = views_of(settings.what)
    # What is transparent only goes where that can be kept.
    ending = settings.ending
    if len(views) == 1 and views[0].value == "foreground" and not FORMATS[ending].alpha:
        ending = ".webm"
    return Plan(
        files_for(free_name(folder, settings.pattern, ending, views), views),
        quality=settings.quality,
        seconds=settings.limit_minutes * 60.0 or None,
        megabytes=float(settings.limit_mb) or None,
        countdown=float(settings.countdown),
        mirror=mirror,
    )


class Session:
    """One recording and its microphone. `open()` may take a while: not in Qt's thread.

    on_done: called once, in a thread of the recorder, when every file is closed.
    note: a sentence for the user, once it is open; empty where all is as they chose.
    """

    def __init__(
        self,
        plan: Plan,
        settings: RecordingSettings,
        *,
        rate: Callable[[], float | None],
        on_done: Callable[[Figures], None],
    ) -> None:
        self.microphone: Microphone | None = None
        self.note = ""
        self._plan = plan
        if settings.microphone != OFF and any(
            format_of(path).sound for path in plan.files.values()
        ):
            self.microphone = Microphone(
                settings.microphone, offset=settings.sound_offset_ms / 1000
            )
            self.microphone.muted = settings.muted
        self.recorder = Recorder(plan, rate=rate, sound=self.microphone, on_done=on_done)

    def open(self) -> None:
        """Raises MattecamError; nothing is left open then."""
        self._plan.check()
        if self.microphone is not None:
            try:
                self.microphone.__enter__()
            except OptionError:
                # The chosen one is not plugged in today: the system's own is better than none.
                chosen, self.microphone.name = self.microphone.name, DEFAULT
                self.microphone.__enter__()
                self.note = (
                    f"The microphone {chosen} is not there; the clip has the sound of "
                    f"{self.microphone.description or 'no other'} instead."
                )
        try:
            self.recorder.start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets the microphone go. May be called twice."""
        if self.microphone is not None:
            self.microphone.__exit__(None, None, None)
