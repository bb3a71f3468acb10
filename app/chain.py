"""The steps between a source and an output, put together as the settings say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from app.backgrounds import create_background
from app.backgrounds.base import background_files
from app.compositing import Compositing
from app.engines.base import Engine, EngineInfo, EngineSettings, engines
from app.engines.select import open_engine
from app.errors import OptionError, WeightsError
from app.flow import Step
from app.light.base import create_light
from app.matte_steps.base import MatteSteps, matte_steps, open_matte_steps
from app.matting import Matting
from app.mirror import Mirror
from app.modnet.preprocess import AUTO, Grid, NetworkSize, grid_for
from app.outputs.read_files import Reading
from app.refine.edge import edge_tools
from app.refine.refine import Refine
from app.runtime.memory import keep_freed
from app.runtime.opencv import work_in_the_callers_thread
from app.runtime.opening import Opening
from app.subject.size_policy import SizePolicy
from app.temporal.base import temporal_filters
from app.weights import beside, eight_bit, statistics, store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChainSettings:
    """What `convert`, `live`, `evaluate`, `bench` and `adapt` share.

    weights: a name from the list of weights, or a file.
    engine, device, precision, size, in_flight, compile: see EngineSettings.
    norms: "auto", "exact" (each picture's own statistics, as MODNet), "scene" (fitted to the scene,
        see app/modnet/scene.py, which is faster, where the engine can do that) or "fixed" (stored
        statistics, which is faster, too); auto is fixed where statistics of these weights are
        stored, else scene.
    one_scene: the frames are a camera's, or a clip's; pictures that have nothing to do with each
        other have no scene that the network could be fitted to.
    temporal, edge, background: `NAME[:VALUE][,KEY=VALUE...]` of a registered part.
    refine: whether the picture leads the edge and the edge's colours are mended; without, alpha is
        only enlarged bilinearly.
    steps, light: what is done to the matte and to the person's colours beside that; specs of
        registered parts.
    mirror: the picture flipped left to right, before anything else.
    size_follows_subject: the network's input is smaller than `size` while the person fills the
        picture; see app/subject/size_policy.py.
    """

    weights: str = store.DEFAULT
    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    size: NetworkSize = AUTO
    size_follows_subject: bool = False
    in_flight: int = 2
    compile: bool = False
    norms: str = "auto"
    one_scene: bool = True
    temporal: str = "steady"
    refine: bool = True
    edge: str = "edge"
    mirror: bool = False
    background: str = "blur"
    steps: tuple[str, ...] = ()
    light: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chain:
    """Open steps, from Frame to Composite, and what they really run on."""

    steps: tuple[Step[Any, Any], ...]
    engine: EngineInfo
    weights: str
    settings: ChainSettings
    delay_frames: int
    grids: Sequence[str] = ()  # of the network's input: each that was used so far

    def grid(self, frame_size: tuple[int, int]) -> Grid:
        return grid_for(frame_size, self.settings.size)

    def describe(self, frame_size: tuple[int, int]) -> dict[str, Any]:
        """What runs, for reports: plain values that JSON can hold."""
        return {
            "weights": self.weights,
            "engine": self.engine.engine,
            "device": self.engine.device,
            "device_name": self.engine.device_name,
            "precision": self.engine.precision,
            "norms": self.engine.norms,
            "network_size": str(self.grid(frame_size)),
            "network_sizes_used": list(self.grids),
            "size_follows_subject": self.settings.size_follows_subject,
            "temporal": self.settings.temporal,
            "refine": self.settings.refine,
            "edge": self.settings.edge,
            "matte_steps": list(self.settings.steps),
            "light": list(self.settings.light),
            "steps": [step.name for step in self.steps],
            "note": self.engine.note,
        }


OpenEngine = Callable[
    [ChainSettings, "store.WeightsFile | None"], AbstractContextManager[tuple[Engine, EngineInfo]]
]


@contextmanager
def open_chain(
    settings: ChainSettings,
    *,
    frame_size: tuple[int, int] | None = None,
    with_engine: OpenEngine | None = None,
) -> Iterator[Chain]:
    """Opens everything, and closes it in the end.

    Cheap things that can be wrong (the names, the background's file, the weights) are looked at
    before the engine is loaded. `frame_size` (width, height) compiles the network for such
    frames now, rather than when the first one comes. with_engine: opens the engine, in place of
    `open_chain_engine`.
    """
    with_engine = with_engine or open_chain_engine
    temporal = temporal_filters.create_from_spec(settings.temporal)
    edge = edge_tools.create_from_spec(settings.edge)
    background = create_background(settings.background)
    light = create_light(settings.light)
    opened = open_matte_steps(settings.steps)
    weights = resolve_weights(settings)
    work_in_the_callers_thread()
    keep_freed()
    with ExitStack() as stack:
        compositing = stack.enter_context(Compositing(background, light=light))
        engine, info = stack.enter_context(with_engine(settings, weights))
        if frame_size is not None:
            engine.prepare(frame_size)
        mirror: tuple[Step[Any, Any], ...] = (Mirror(),) if settings.mirror else ()
        matting = Matting(
            engine,
            alternate=temporal.takes_mirrored,
            subject=SizePolicy() if settings.size_follows_subject else None,
        )
        changed = (MatteSteps(opened, on_notice=log.warning),) if opened else ()
        steps = (
            *mirror,
            matting,
            temporal,
            *changed,
            Refine(colours=settings.refine, edge=edge),
            compositing,
        )
        name = weights.name if weights else "none"
        yield Chain(steps, info, name, settings, temporal.delay_frames, matting.grids)


def files_read(settings: ChainSettings) -> list[Reading]:
    """The user's files that a chain of these settings reads.

    Raises OptionError for a wrong spec, and WeightsError where there are no such weights.
    """
    found = [Reading("the background", path) for path in background_files(settings.background)]
    for spec in settings.steps:
        entry = matte_steps.entry(matte_steps.parse(spec)[0])
        what = f'the picture of "{entry.title}"'
        found += [Reading(what, path) for path in matte_steps.paths_in(spec)]
    weights = resolve_weights(settings)
    if weights is not None:
        found.append(Reading("the file of the weights", weights.path))
    return found


def resolve_weights(settings: ChainSettings) -> store.WeightsFile | None:
    """The weights that the settings name, None where the engine needs none. Raises WeightsError."""
    needed = settings.engine == "auto" or engines.entry(settings.engine).factory.needs_weights
    return store.resolve(settings.weights) if needed else None


def open_chain_engine(
    settings: ChainSettings,
    weights: store.WeightsFile | None,
    opening: Opening | None = None,
) -> AbstractContextManager[tuple[Engine, EngineInfo]]:
    """The engine that the settings name, and what it runs on; see `open_engine`."""
    stored = resolve_statistics(settings, weights)
    rounded = resolve_eight_bit(settings, weights)
    return open_engine(
        settings.engine,
        EngineSettings(
            weights=weights.path if weights else None,
            weights_sha256=weights.sha256 if weights else "",
            device=settings.device,
            precision=settings.precision,
            size=settings.size,
            in_flight=settings.in_flight,
            compile=settings.compile,
            statistics=stored.path if stored else None,
            statistics_sha256=stored.sha256 if stored else "",
            eight_bit=rounded.path if rounded else None,
            eight_bit_sha256=rounded.sha256 if rounded else "",
            scene=settings.one_scene and settings.norms in ("auto", "scene"),
        ),
        opening,
    )


def resolve_statistics(
    settings: ChainSettings, weights: store.WeightsFile | None
) -> statistics.StatisticsFile | None:
    """The stored statistics that are used, None for exact norms. Raises WeightsError."""
    if weights is None or settings.norms in ("exact", "scene"):
        return None
    stored = statistics.find(weights.sha256)
    if stored is None and settings.norms == "fixed":
        raise WeightsError(
            f"No statistics of {weights.name} are stored; run: python main.py weights calibrate "
            f"FOLDER --weights {weights.name}"
        )
    return stored


def resolve_eight_bit(
    settings: ChainSettings, weights: store.WeightsFile | None
) -> beside.BesideFile | None:
    """The stored 8-bit form that may be used; None where it must not be, or there is none.

    Raises WeightsError where it was asked for and there is none, OptionError where fixed norms
    were asked for, too.
    """
    wanted = settings.precision == "int8"
    if weights is None or settings.precision not in ("auto", "int8"):
        return None
    if settings.norms == "fixed":
        if wanted:
            raise OptionError("8-bit integers go with exact norms; leave --norms fixed out.")
        return None
    stored = eight_bit.find(weights.sha256)
    if stored is None and wanted:
        raise WeightsError(
            f"No 8-bit form of {weights.name} is stored; run: python main.py weights quantise "
            f"FOLDER --weights {weights.name}"
        )
    return stored
