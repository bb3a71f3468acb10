"""The tables of docs/quality.md: every default beside what it was chosen over.

A variant is a name and what it changes in the settings; to compare something new, add a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from app.chain import ChainSettings
from app.errors import InputError
from app.evaluation.compose import IMAGES, VIDEO, Composition, compose
from app.evaluation.datasets import find_clips, find_stills
from app.evaluation.metrics import Scores
from app.evaluation.remembered import Memory
from app.evaluation.report import Report, geometric_mean, ratio
from app.evaluation.runner import (
    RVM_BOX,
    Conditions,
    Protocol,
    evaluate_clips,
    evaluate_stills,
    plain,
)
from app.modnet.preprocess import NetworkSize
from app.system.temporary import temporary_folder
from app.weights import store

_MEANS = ("mad", "mse", "grad", "conn", "dtssd", "flicker", "excess_flicker", "mad_band")
_RATIOS = ("mad", "grad", "conn", "dtssd", "excess_flicker")
_TITLES = {
    "mad": "MAD",
    "mse": "MSE",
    "grad": "Grad",
    "conn": "Conn",
    "dtssd": "dtSSD",
    "flicker": "flicker",
    "excess_flicker": "excess",
    "mad_band": "MAD in band",
}


@dataclass(frozen=True)
class Variant:
    """changes: fields of ChainSettings that differ from plain MODNet's.

    rival: the title of the variant that it is compared with; None is the table's first.
    """

    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    rival: str | None = None
    fps: float | None = None  # that a live run reaches


HD = (1280, 720)
CAMERA = Fraction(30)  # frames a second, for runs that cannot keep up
SLOWER = (15.0, 10.0)
RVM_HD = (1920, 1080)
FAST = 4.0  # times as fast as a person in a chair moves
PLAIN = Variant("plain MODNet")
DEFAULT: Mapping[str, Any] = {"temporal": "steady", "refine": True, "norms": "auto"}
CLIP_VARIANTS = (
    PLAIN,
    Variant("default: steady, refined", DEFAULT),
    Variant("the same, one way round", {**DEFAULT, "temporal": "steady:mirrored=off"}),
    Variant("the same, not refined", {**DEFAULT, "refine": False}),
    Variant("the same, following motion", {**DEFAULT, "temporal": "steady:follow=on"}),
    Variant("One-Frame Delay, refined", {**DEFAULT, "temporal": "ofd"}),
    Variant("gated, without delay, refined", {**DEFAULT, "temporal": "gated"}),
    Variant("no filter, refined", {"refine": True}),
)


def still_variants(*boxes: tuple[int, int] | None) -> Sequence[Variant]:
    """Plain and refined at each size of the network's input; None is `auto`."""
    found = []
    for box in boxes:
        size = "auto" if box is None else f"{box[0]}x{box[1]}"
        changes = {"size": NetworkSize(box)}
        found.append(Variant(f"plain, {size}", changes))
        found.append(Variant(f"refined, {size}", {**changes, "refine": True}, f"plain, {size}"))
    return found


def slower_variants() -> Sequence[Variant]:
    """Plain and default where a live run drops frames, each default beside the plain one."""
    found = []
    for fps in SLOWER:
        rival = f"plain MODNet, {fps:.0f} a second"
        found.append(Variant(rival, fps=fps))
        found.append(Variant(f"default, {fps:.0f} a second", DEFAULT, rival, fps))
    return found


def with_weights(variants: Sequence[Variant], weights: str) -> Sequence[Variant]:
    """The variants, and the first two with other weights than the released ones."""
    if weights == store.PLAIN:
        return variants
    return [
        *variants,
        *(
            Variant(
                f"{one.title}; {weights}", {**one.changes, "weights": weights}, one.rival, one.fps
            )
            for one in variants
            if one in variants[:2] or one.fps is not None
        ),
    ]


@dataclass(frozen=True)
class Sources:
    """A folder of development data. Parts that are not there are left out of the page."""

    root: Path

    @property
    def foregrounds(self) -> Path:
        return self.root / "foregrounds_video"

    @property
    def stills(self) -> Path:
        return self.root / "foregrounds_still"

    @property
    def backgrounds(self) -> Path:
        return self.root / "backgrounds"

    @property
    def portraits(self) -> Sequence[Path]:
        return [
            folder
            for name in ("portraits_soft", "portraits_binary")
            if (folder := self.root / name).is_dir()
        ]


def quality_page(
    data: Path,
    settings: ChainSettings,
    *,
    frames: int,
    command: str,
    progress: Callable[[str], None] = lambda what: None,
) -> str:
    """The page as Markdown. Raises MattecamError; `progress` says what is measured next.

    settings: engine, device and precision count, and weights, which come beside the released ones;
    the rest is the variants'. frames: of each clip.
    """
    measuring = _Measuring(Sources(data), plain(settings), settings.weights, frames, progress)
    with temporary_folder("evaluate") as scratch:
        tables = list(measuring.tables(scratch))
    if not tables:
        raise InputError(
            f"There is nothing to measure in {data}: it needs portraits_soft/ or "
            "portraits_binary/ with image/ and alpha/, or foregrounds_video/ or foregrounds_still/ "
            "beside backgrounds/."
        )
    ran = tables[0].reports[0].settings
    norms = tables[0].reports[1].settings["norms"]
    what = (
        f"Measured with {ran['weights']}, {ran['engine']} on {ran['device']} "
        f"({ran['device_name']}), {ran['precision']}; the norms of the default are {norms}. "
        "Nothing is fitted to a scene here, as it is in front of a camera, which leaves the matte "
        "the same within a hundredth (docs/decisions.md)."
    )
    texts = [_HEADER.format(command=command).strip(), what, *(_markdown(one) for one in tables)]
    return "\n\n".join(texts) + "\n"


@dataclass(frozen=True)
class _Table:
    """One report for each variant."""

    title: str
    variants: Sequence[Variant]
    reports: Sequence[Report]

    def rival_of(self, variant: Variant) -> Report:
        titles = [one.title for one in self.variants]
        return self.reports[0 if variant.rival is None else titles.index(variant.rival)]


@dataclass(frozen=True)
class _Set:
    """Clips and pictures to compose. each, pace: see Composition; size: of the frames.

    longer: so many times the frames. variants, protocol: what is measured, and how.
    """

    title: str
    people: Path
    size: tuple[int, int] | None = None
    each: int = 1
    pace: float = 1.0
    stills: bool = False
    longer: int = 1
    variants: Sequence[Variant] = CLIP_VARIANTS
    protocol: Protocol = Protocol.NATIVE


class _Measuring:
    """Measures one table after the other; the network sees each picture once for each size."""

    def __init__(
        self,
        sources: Sources,
        base: ChainSettings,
        weights: str,
        frames: int,
        progress: Callable[[str], None],
    ) -> None:
        self._sources = sources
        self._base = base
        self._weights = weights
        self._frames = frames
        self._progress = progress

    def tables(self, scratch: Path) -> Iterator[_Table]:
        sources = self._sources
        for one in (
            _Set("Talking heads", sources.foregrounds, each=2),
            _Set("Moved stills, 1280x720", sources.stills, HD, stills=True),
            _Set("Stills moved fast, 640x360", sources.stills, (640, 360), pace=FAST),
            *(
                _Set(f"{title} at 30 a second", people, size, longer=3, variants=slower_variants())
                for title, people, size in (
                    ("Talking heads", sources.foregrounds, None),
                    ("Moved stills, 640x360,", sources.stills, (640, 360)),
                )
            ),
            *(
                _Set(title, sources.stills, box, variants=CLIP_VARIANTS[:2], protocol=Protocol.RVM)
                for title, box in (
                    ("RobustVideoMatting's protocol, 512x288", RVM_BOX),
                    ("RobustVideoMatting's protocol, HD", RVM_HD),
                )
            ),
        ):
            if one.people.is_dir() and sources.backgrounds.is_dir():
                yield from self._composed(one, scratch / one.title)
        for folder in sources.portraits:
            yield self._stills(folder.name, folder, still_variants(None, (512, 512)))

    def _composed(self, wanted: _Set, made: Path) -> Iterator[_Table]:
        self._progress(f"{wanted.title}: composing")
        compose(
            Composition(
                made,
                wanted.people,
                self._sources.backgrounds,
                frames=self._frames * wanted.longer,
                size=wanted.size,
                each=wanted.each,
                pace=wanted.pace,
            )
        )
        clips = find_clips(made / VIDEO)
        variants = with_weights(wanted.variants, self._weights)
        conditions = Conditions(with_engine=Memory().open, protocol=wanted.protocol)
        reports = []
        for variant in variants:
            self._progress(f"{wanted.title}: {variant.title}")
            changed = replace(self._base, **variant.changes)
            slowed = conditions
            if variant.fps is not None:
                slowed = replace(conditions, simulate_fps=variant.fps, rate=CAMERA)
            reports.append(evaluate_clips(clips, changed, slowed))
        count = self._frames * wanted.longer
        title = f"{wanted.title} ({len(clips)} clips of up to {count} frames)"
        yield _Table(title, variants, reports)
        if wanted.stills:
            boxes = (512, 288), (384, 224), (320, 192)
            yield self._stills("Stills, 1280x720", made / IMAGES, still_variants(*boxes))

    def _stills(self, title: str, folder: Path, variants: Sequence[Variant]) -> _Table:
        stills = find_stills(folder)
        conditions = Conditions(with_engine=Memory().open)
        variants = with_weights(variants, self._weights)
        reports = []
        for variant in variants:
            self._progress(f"{title}: {variant.title}")
            changed = replace(self._base, **variant.changes)
            reports.append(evaluate_stills(stills, changed, conditions))
        return _Table(f"{title} ({len(stills)} pictures)", variants, reports)


def _markdown(table: _Table) -> str:
    means = [report.mean for report in table.reports]
    known = [name for name in _MEANS if any(mean.get(name) is not None for mean in means)]
    judged = [name for name in _RATIOS if name in known]
    heads = [_TITLES[name] for name in known] + [f"{_TITLES[name]} ratio" for name in judged]
    lines = [
        f"## {table.title}",
        "",
        f"| | {' | '.join(heads)} | worst MAD ratio |",
        "|---|" + "---:|" * (len(heads) + 1),
    ]
    for variant, report, mean in zip(table.variants, table.reports, means, strict=True):
        rival = table.rival_of(variant)
        ratios = ratios_to(report, rival)
        cells = [_cell(mean.get(name)) for name in known]
        cells += [_cell(ratios.get(name)) for name in judged]
        worst = max(
            ratio(ours.ours.scores["mad"], its.ours.scores["mad"]) or 0.0
            for ours, its in zip(report.items, rival.items, strict=True)
        )
        lines.append(f"| {variant.title} | {' | '.join(cells)} | {_cell(worst)} |")
    return "\n".join(lines)


def ratios_to(report: Report, other: Report) -> Scores:
    """The geometric mean over items of report / other, metric by metric."""
    pairs = list(zip(report.items, other.items, strict=True))
    names = dict.fromkeys(name for item in report.items for name in item.ours.scores)
    return {
        name: geometric_mean(
            [ratio(ours.ours.scores.get(name), its.ours.scores.get(name)) for ours, its in pairs]
        )
        for name in names
    }


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


_HEADER = """
# How good the matte is

<!-- Written by the command below; edit app/evaluation/quality.py, not this page. -->

    {command}

Means over clips or pictures, lower is better. MAD, MSE and flicker are x 1e3, dtSSD is x 1e2, Grad
and Conn are / 1e3. *Excess* is flicker that the truth does not have. The *band* is what lies near
the edge of the true alpha. A *ratio* is the geometric mean over items of the quotient to the first
row, so that one hard clip does not drown the rest; a row of refined pictures is compared with the
plain row before it. The *worst MAD ratio* is that of the item that fares worst. The metrics and
their sources are in `app/evaluation/metrics.py`. The clips are composed from people with an alpha
channel by `python main.py evaluate compose`; chroma-keyed truth is good for flicker and gross
errors, not for single hairs, and binary truth says nothing inside of its band. Stills are moved
smoothly, as a person in a chair moves, or four times as fast. `mattecam-webcam` has learned from
the five pictures of portraits_soft and from the person of one of the three moved stills; everybody
else here it has never seen.

Where clips have 30 frames a second and a run reaches 15 or 10, frames between are dropped and the
last result is held, so that no flicker of one frame can be; the default's ratios are to plain
MODNet at the same rate, those of plain MODNet to the first row. RobustVideoMatting's protocol
shows the network 512x288; people and rooms are ours and not its own, Grad is not stretched for each
picture, dtSSD is the mean over pairs of frames, Conn is taken at HD, too, and means are over clips.
"""
