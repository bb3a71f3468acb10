"""`mattecam live`: a source in real time, onto another background, into a virtual camera."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import chain_options as shared
from app.cli import cli, record_options
from app.cli.printing import echo
from app.errors import MattecamError, UsageError
from app.pace.quality import Quality
from app.plain_text import readable
from app.system.stopping import stop_signals_ignored

if TYPE_CHECKING:
    from app.live import Failure, Info, LivePipeline
    from app.stats import Snapshot, Spread

_FINISH = 30.0  # seconds until a recording that is behind gives up


@cli.command()
@shared.with_chain(background="blur")
def live(
    chain: shared.Chain,
    source: Annotated[
        str, typer.Option("--source", "-s", metavar="camera[:0]|demo|FILE", help="What is shown.")
    ] = "camera",
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="virtual-camera|pipewire|null",
            help="Where it goes; may be given several times. virtual-camera unless you say so.",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Ends by itself after so many seconds.")
    ] = None,
    output_size: Annotated[
        str, typer.Option(metavar="WxH", help="The size of what the virtual camera sends.")
    ] = "1280x720",
    output_rate: Annotated[
        float, typer.Option(metavar="FPS", help="Pictures a second of the virtual camera.")
    ] = 30.0,
    quality: Annotated[
        Quality | None,
        typer.Option(
            help="What is kept where not everything can be: the rate, by a smaller network, or the"
            " matte. 60fps, or best where --size is given.",
        ),
    ] = None,
    on_demand: Annotated[
        bool,
        typer.Option(
            "--on-demand",
            help="Release the camera while no program reads the virtual camera (Linux).",
        ),
    ] = False,
    record: record_options.Record = None,
    record_what: record_options.What = None,
    record_quality: record_options.Quality = "good",
    record_limit: record_options.Limit = None,
    record_countdown: record_options.Countdown = 0.0,
    microphone: record_options.Microphone = "default",
    sound_offset: record_options.SoundOffset = 0.0,
    as_json: shared.Json = False,
) -> None:
    """Show the person in SOURCE on another background, live, until Ctrl-C.

    Frames that come faster than they can be worked on are dropped, and counted.
    """
    from app.live import Callbacks, LivePipeline
    from app.live_names import check_names
    from app.modnet.preprocess import AUTO
    from app.settings import LiveSettings

    settings = (
        LiveSettings()
        .with_chain(chain)
        .but(
            # Who names a size wants that size.
            quality=quality or (Quality.SMOOTH_60 if chain.size == AUTO else Quality.BEST),
            source=source,
            outputs=tuple(dict.fromkeys(output or ["virtual-camera"])),
            output_size=_parse_size(output_size),
            output_rate=output_rate,
            mirror_output=chain.mirror,
            on_demand=on_demand,
        )
    )
    check_names(settings)
    wanted = None
    if record is not None:
        wanted = record_options.Wanted(
            record,
            record_what or ["composite"],
            record_quality,
            record_limit,
            record_countdown,
            microphone,
            sound_offset,
            mirror=chain.mirror,
        )
    run = _Run()
    recorder, figures = None, None
    with _status_line() as say, contextlib.ExitStack() as stack:
        pipeline = LivePipeline(
            settings,
            Callbacks(
                on_failure=lambda failure: run.failed(failure, pipeline, say),
                on_stats=lambda stats: say(_line(stats, pipeline.info), False),
            ),
        )
        if wanted is not None:
            recorder = wanted.begin(
                lambda: pipeline.info.source_rate, stack, lambda words: say(words, True)
            )
            pipeline.add_tap(recorder.put)
        try:
            _run(pipeline, run, seconds, before_stop=None if recorder is None else recorder.cut)
        finally:
            # What was in the pipeline's threads when it ended is on the clip, too.
            figures = None if recorder is None else recorder.stop(_FINISH)
        info, stats = pipeline.info, pipeline.stats.whole()
    if run.fatal is not None:
        raise _as_error(run.fatal)
    if as_json:
        told = _report(settings.model_dump(mode="json"), info, stats)
        if figures is not None:
            told["recording"] = record_options.report(figures)
        echo(json.dumps(told))
    else:
        echo(_line(stats, info))
        for line in () if figures is None else record_options.lines(figures):
            echo(line)
    if figures is not None:
        record_options.raise_problem(figures)
    if not any(output.new for output in stats.outputs.values()):
        _explain_nothing(run, info, seconds, on_demand=on_demand)


def _explain_nothing(run: _Run, info: Info, seconds: float | None, *, on_demand: bool) -> None:
    """Raises what says why not one picture was shown, unless nobody asked for one."""
    if run.hampered:
        raise MattecamError("Not one picture was shown; what stands above says why.")
    if run.stopped:
        raise KeyboardInterrupt
    if on_demand:
        return  # no program has read the virtual camera
    if info.engine is None:
        why = "the network was still being opened, which takes longest the first time"
    else:
        why = "the first picture had not come through yet"
    after = "" if seconds is None else f" after {seconds:g} seconds"
    raise MattecamError(f"Not one picture was shown: {why}{after}. Give it more --seconds.")


class _Run:
    """What went wrong so far, and whether it is over.

    hampered: something kept pictures from coming or going, if only for a while. stopped: by the
    user. fatal: what ends the run.
    """

    def __init__(self) -> None:
        self.over = threading.Event()
        self.hampered = False
        self.stopped = False
        self.fatal: Failure | None = None

    def failed(
        self, failure: Failure, pipeline: LivePipeline, say: Callable[[str, bool], None]
    ) -> None:
        if self.stopped:
            return  # a thread that is late to end; the log has it
        harmless = failure.where in ("background", "card", "matte steps") or (
            failure.where.startswith("output ") and pipeline.outputs
        )
        if harmless or failure.retried:
            say(str(failure), True)
            self.hampered = self.hampered or not harmless
        elif self.fatal is None:
            self.fatal = failure  # said in the end
            self.over.set()


def _run(
    pipeline: LivePipeline,
    run: _Run,
    seconds: float | None,
    *,
    before_stop: Callable[[], None] | None = None,
) -> None:
    """Until the time is up, something ends it, or the user does: Ctrl-C or being told to end."""
    ends = None if seconds is None else time.monotonic() + seconds
    with contextlib.ExitStack() as stopping:
        try:
            pipeline.start()
            # Waits of a second: Windows delivers a signal only in between.
            while ends is None or time.monotonic() < ends:
                left = 1.0 if ends is None else min(1.0, ends - time.monotonic())
                if run.over.wait(max(0.0, left)):
                    break
        except KeyboardInterrupt:
            run.stopped = True
        finally:
            # Stopping has a deadline of its own; another Ctrl-C must not tear it apart.
            stopping.enter_context(stop_signals_ignored())
            if before_stop is not None:
                before_stop()
            pipeline.stop()


def _as_error(failure: Failure) -> MattecamError:
    return failure.error if isinstance(failure.error, MattecamError) else MattecamError(failure)


def _parse_size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f"--output-size is {text!r}; it must be WIDTHxHEIGHT, as in 1280x720.")
    return int(width), int(height)


@contextmanager
def _status_line() -> Iterator[Callable[[str, bool], None]]:
    """Gives a function for a sentence that stays (True) or the line that is written over (False).

    The latter only where stderr is a terminal.
    """
    from rich.live import Live
    from rich.text import Text

    from app.cli.terminal import Terminal, plain

    console = Terminal(stderr=True)
    with Live(console=console, auto_refresh=False, transient=True) as line:

        def say(sentence: str, stays: bool) -> None:
            if stays:
                console.print(plain(sentence), soft_wrap=True)
            elif console.is_terminal:
                line.update(
                    Text(readable(sentence), no_wrap=True, overflow="ellipsis"), refresh=True
                )

        yield say


def _line(stats: Snapshot, info: Info) -> str:
    delay = "–" if stats.latency_ms is None else f"{stats.latency_ms.p50:.0f} ms"
    where = "" if info.engine is None else f" · {info.engine.engine} on {info.engine.device}"
    size = f" at {info.network_size}" if info.network_size else ""
    return (
        f"in {stats.fps_in:.1f} · matte {stats.fps_matte:.1f} · out {stats.fps_out:.1f} fps"
        f" · delay {delay} · dropped {sum(stats.dropped.values())}{where}{size}"
    )


def _report(settings: dict[str, Any], info: Info, stats: Snapshot) -> dict[str, Any]:
    engine = info.engine
    return {
        "seconds": round(stats.seconds, 3),
        "fps_in": round(stats.fps_in, 3),
        "fps_matte": round(stats.fps_matte, 3),
        "fps_reused": round(stats.fps_reused, 3),
        "fps_out": round(stats.fps_out, 3),
        "fps_resent": round(stats.fps_resent, 3),
        "dropped": dict(stats.dropped),
        "latency_ms": _spread(stats.latency_ms),
        "stages_ms": {name: _spread(spread) for name, spread in stats.stages_ms.items()},
        "outputs": {
            name: {
                "fps_out": round(output.fps, 3),
                "fps_resent": round(output.resent, 3),
                "frames_out": output.new,
                "latency_ms": _spread(output.latency_ms),
            }
            for name, output in stats.outputs.items()
        },
        "engine": engine.engine if engine else None,
        "device": engine.device if engine else None,
        "device_name": engine.device_name if engine else None,
        "precision": engine.precision if engine else None,
        "norms": engine.norms if engine else None,
        "note": engine.note if engine else "",
        "network_size": info.network_size,
        "size_for_subject": info.size_for_subject,
        "weights": info.weights,
        "delay_frames": info.delay_frames,
        "source": info.source,
        "frame_size": info.frame_size,
        "memory_mb": round(stats.memory_mb, 1),
        "settings": settings,
    }


def _spread(spread: Spread | None) -> dict[str, float | None]:
    if spread is None:
        return {"p50": None, "p95": None}
    return {"p50": round(spread.p50, 2), "p95": round(spread.p95, 2)}
