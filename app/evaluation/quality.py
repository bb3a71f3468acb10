"""The tables of docs/quality.md: every default beside what it was chosen over.

A variant is a name and what it changes in the settings; to compare something new, add a line.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.chain import ChainSettings
from app.errors import InputError
from app.evaluation.compose import IMAGES, VIDEO, Composition, compose
from app.evaluation.datasets import find_clips, find_stills
from app.evaluation.metrics import Scores
from app.evaluation.report import Report, geometric_mean, ratio
from app.evaluation.runner import Conditions, evaluate_clips, evaluate_stills, plain
from app.modnet.preprocess import NetworkSize

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
    """changes: fields of ChainSettings that differ from plain MODNet's."""

    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)


PLAIN = Variant("plain MODNet")
CLIP_VARIANTS = (
    PLAIN,
    Variant("default: steady, refined", {"temporal": "steady", "refine": True}),
    Variant("steady, not refined", {"temporal": "steady"}),
    Variant("steady, following motion", {"temporal": "steady:follow=on"}),
    Variant("One-Frame Delay", {"temporal": "ofd"}),
    Variant("gated, without delay", {"temporal": "gated"}),
    Variant("refined only", {"refine": True}),
)
STILL_VARIANTS = (
    Variant("plain, short side 288"),
    Variant("default", {"refine": True}),
    Variant("plain, 384x224", {"size": NetworkSize((384, 224))}),
    Variant("default, 384x224", {"size": NetworkSize((384, 224)), "refine": True}),
    Variant("plain, 512x512", {"size": NetworkSize((512, 512))}),
    Variant("default, 512x512", {"size": NetworkSize((512, 512)), "refine": True}),
)


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

    settings: engine, device and precision count; the rest is the variants'. frames: of each clip.
    """
    with tempfile.TemporaryDirectory() as scratch:
        tables = list(_tables(Sources(data), plain(settings), Path(scratch), frames, progress))
    if not tables:
        raise InputError(
            f"There is nothing to measure in {data}: it needs portraits_soft/ or "
            "portraits_binary/ with image/ and alpha/, or foregrounds_video/ or foregrounds_still/ "
            "beside backgrounds/."
        )
    ran = tables[0].reports[0].settings
    what = (
        f"Measured with {ran['weights']}, {ran['engine']} on {ran['device']} "
        f"({ran['device_name']}), {ran['precision']}."
    )
    texts = [_HEADER.format(command=command).strip(), what, *(_markdown(one) for one in tables)]
    return "\n\n".join(texts) + "\n"


@dataclass(frozen=True)
class _Table:
    """One report for each variant; the first is what the others are compared with."""

    title: str
    variants: Sequence[Variant]
    reports: Sequence[Report]


def _tables(
    sources: Sources,
    base: ChainSettings,
    scratch: Path,
    frames: int,
    progress: Callable[[str], None],
) -> Iterator[_Table]:
    for title, people in (
        ("Clips of talking heads", sources.foregrounds),
        ("Moved stills", sources.stills),
    ):
        if not people.is_dir() or not sources.backgrounds.is_dir():
            continue
        progress(f"{title}: composing")
        made = scratch / people.name
        compose(Composition(made, people, sources.backgrounds, frames=frames))
        clips = find_clips(made / VIDEO)
        reports = []
        for variant in CLIP_VARIANTS:
            progress(f"{title}: {variant.title}")
            changed = replace(base, **variant.changes)
            reports.append(evaluate_clips(clips, changed, Conditions()))
        title += f" ({len(clips)} clips of up to {frames} frames)"
        yield _Table(title, CLIP_VARIANTS, reports)
        if (made / IMAGES).is_dir():
            yield _stills("Composed stills", made / IMAGES, base, progress)
    for folder in sources.portraits:
        yield _stills(folder.name, folder, base, progress)


def _stills(
    title: str, folder: Path, base: ChainSettings, progress: Callable[[str], None]
) -> _Table:
    stills = find_stills(folder)
    reports = []
    for variant in STILL_VARIANTS:
        progress(f"{title}: {variant.title}")
        reports.append(evaluate_stills(stills, replace(base, **variant.changes), Conditions()))
    return _Table(f"{title} ({len(stills)} pictures)", STILL_VARIANTS, reports)


def _markdown(table: _Table) -> str:
    means = [report.mean for report in table.reports]
    known = [name for name in _MEANS if any(mean.get(name) is not None for mean in means)]
    judged = [name for name in _RATIOS if name in known]
    heads = [_TITLES[name] for name in known] + [f"{_TITLES[name]} ratio" for name in judged]
    lines = [
        f"## {table.title}",
        "",
        f"| | {' | '.join(heads)} |",
        "|---|" + "---:|" * len(heads),
    ]
    for variant, report, mean in zip(table.variants, table.reports, means, strict=True):
        ratios = ratios_to(report, table.reports[0])
        cells = [_cell(mean.get(name)) for name in known]
        cells += [_cell(ratios.get(name)) for name in judged]
        lines.append(f"| {variant.title} | {' | '.join(cells)} |")
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
row, so that one hard clip does not drown the rest. The metrics and their sources are in
`app/evaluation/metrics.py`. The clips are composed from people with an alpha channel by
`python main.py evaluate compose`; chroma-keyed truth is good for flicker and gross errors, not for
single hairs, and binary truth says nothing inside of its band.
"""
