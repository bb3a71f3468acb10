"""The options of `live` that record, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.errors import UsageError

if TYPE_CHECKING:
    from app.recording.recorder import Figures, Recorder

_PANEL = "Recording"

Record = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Record to .mp4, .mkv, .webm, .mov, or a folder of PNGs. Never overwrites.",
        rich_help_panel=_PANEL,
    ),
]
What = Annotated[
    list[str] | None,
    typer.Option(
        "--record-what",
        metavar="composite|matte|foreground|original",
        help="What is recorded; may be given several times, for one file each.",
        rich_help_panel=_PANEL,
    ),
]
Quality = Annotated[
    str,
    typer.Option(
        "--record-quality",
        metavar="small|good|best|0..51",
        help="A number is a CRF: lower is better.",
        rich_help_panel=_PANEL,
    ),
]
Limit = Annotated[
    str | None,
    typer.Option(
        "--record-limit",
        metavar="10min|90s|500MB",
        help="The recording ends by itself then.",
        rich_help_panel=_PANEL,
    ),
]
Countdown = Annotated[
    float,
    typer.Option(
        "--record-countdown",
        metavar="SECONDS",
        min=0,
        max=3600,
        help="The recording begins so much later.",
        rich_help_panel=_PANEL,
    ),
]
Microphone = Annotated[
    str,
    typer.Option(
        metavar="NAME|default|off",
        help="Whose sound is recorded; `devices` lists them.",
        rich_help_panel=_PANEL,
    ),
]
SoundOffset = Annotated[
    float,
    typer.Option(
        "--sound-offset",
        metavar="MS",
        min=-2000,
        max=2000,
        help="Plays the sound so much later. The delay of matting is made up for without it.",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True)
class Wanted:
    """What the options ask for, checked. microphone: a name, `default` or `off`."""

    path: Path
    what: Sequence[str]
    quality: str
    limit: str | None
    countdown: float
    microphone: str
    sound_offset_ms: float
    mirror: bool

    def begin(
        self,
        rate: Callable[[], float | None],
        stack: ExitStack,
        say: Callable[[str], None],
    ) -> Recorder:
        """Starts the recorder, and the microphone before it. `stack` ends the latter.

        say: told why there is no sound (any more), which file broke off, and why the recording
        ended by itself.
        """
        from app.recording.plan import Plan, files_for, views_of
        from app.recording.recorder import Recorder

        seconds, megabytes = parse_limit(self.limit)
        plan = Plan(
            files_for(self.path, views_of(self.what)),
            quality=self.quality,
            seconds=seconds,
            megabytes=megabytes,
            countdown=self.countdown,
            mirror=self.mirror,
        )
        plan.check()
        sound = None
        if self.microphone != "off" and any(_takes_sound(path) for path in plan.files.values()):
            from app.sound.microphone import Microphone

            sound = stack.enter_context(
                Microphone(self.microphone, offset=self.sound_offset_ms / 1e3)
            )
            if sound.problem is not None:
                say(sound.problem)
        recorder = Recorder(
            plan,
            rate=rate,
            sound=sound,
            on_done=lambda done: _tell(done, say),
            on_trouble=say,
        )
        recorder.start()
        return recorder


def _tell(figures: Figures, say: Callable[[str], None]) -> None:
    if figures.ended and not figures.problems:  # those were told when they came
        say(figures.ended)


def _takes_sound(path: Path) -> bool:
    from app.recording.formats import format_of

    return format_of(path).sound


def parse_limit(text: str | None) -> tuple[float | None, float | None]:
    """(seconds, None) or (None, megabytes). Raises UsageError."""
    if text is None:
        return None, None
    units = {"min": 60.0, "s": 1.0, "h": 3600.0}
    sizes = {"MB": 1.0, "GB": 1000.0}
    for unit, factor in {**units, **sizes}.items():
        number = text.removesuffix(unit).strip()
        if text.endswith(unit) and number.replace(".", "", 1).isdecimal() and float(number) > 0:
            value = float(number) * factor
            return (value, None) if unit in units else (None, value)
    raise UsageError(f"--record-limit is {text!r}; it may be as in 90s, 10min, 1h, 500MB or 2GB.")


def report(figures: Figures) -> dict[str, Any]:
    """For `--json`."""
    return {
        "seconds": round(figures.seconds, 3),
        "delay_ms": round(1e3 * figures.delay, 1),
        "sound": figures.sound,
        "sound_problem": figures.sound_problem,
        "ended": figures.ended,
        "files": [
            {
                "what": file.view.value,
                "path": str(file.path),
                "frames": file.frames,
                "held": file.held,
                "dropped": file.dropped,
                "seconds": round(file.seconds, 3),
                "bytes": file.bytes,
                "problem": file.problem,
            }
            for file in figures.files
        ],
    }


def lines(figures: Figures) -> list[str]:
    """One sentence for each file, and for what went wrong."""
    said = []
    for file in figures.files:
        if file.problem is not None:
            said.append(file.problem)
        elif not file.frames:
            said.append(f"{file.path}: nothing was recorded, because no picture came.")
        else:
            dropped = f", {file.dropped} dropped" if file.dropped else ""
            said.append(
                f"{file.path}: {file.seconds:.1f} s, {file.frames} frames{dropped}, "
                f"{file.bytes / 1e6:.1f} MB."
            )
    if figures.sound_problem is not None:
        said.append(figures.sound_problem)
    return said


def raise_problem(figures: Figures) -> None:
    """Raises OutputError where a file broke off, which was told when it did, or nothing came."""
    from app.errors import OutputError

    if figures.problems:
        raise OutputError("The recording is not whole; what stands above says why.")
    if any(not file.frames for file in figures.files):
        raise OutputError(
            "Nothing was recorded, because no picture came; what stands above says why."
        )
