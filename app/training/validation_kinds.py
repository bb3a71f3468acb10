"""Validation of every kind that matters, on people of their own: composed, or read with truth.

What is composed follows from a fixed seed, so every run with the same sources is judged by the
same pictures, whatever it learns from.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from app.errors import InputError
from app.evaluation import metrics
from app.evaluation.datasets import find_clips, find_stills
from app.frames import RGB, Alpha
from app.modnet.network import MODNet
from app.training.composer import Composer
from app.training.foregrounds import Foregrounds, binary_evidence, people_of
from app.training.looks import Teacher
from app.training.mix_config import Mix, ValidationKind
from app.training.picture_cache import PictureCache
from app.training.rooms import Rooms
from app.training.take import shrunk
from app.training.validation import alpha_of

_T = TypeVar("_T")
Region = npt.NDArray[np.bool_]
# Of the validation's composites, whatever the run's seed is.
_SEED = 20_261_201
# MiB while the composites are made; then only they stay.
_CACHE_MB = 256
# Pixels whose truth is less sure than this are not judged.
_SURE = 0.5
_RATE = Fraction(25)


@dataclass(frozen=True)
class Item:
    """One picture, or neighboring frames, of one kind.

    Attributes:
        kind: as the configuration names it.
        name: unique among all items.
        frames: (picture, true alpha, what is judged or None for all) of each frame.
    """

    kind: str
    name: str
    frames: Sequence[tuple[RGB, Alpha, Region | None]]


# Of one item: "mad" and "gross" (x 1e3), and "dtssd" (x 1e2) of several frames.
ItemScores = dict[str, float]


def read_items(
    kinds: Sequence[ValidationKind], rooms: Sequence[Path], teacher: Teacher
) -> Sequence[Item]:
    """rooms: for kinds that name none. Raises InputError where a kind has no item."""
    found: list[Item] = []
    for kind in kinds:
        items = [*_composed(kind, rooms, teacher), *_pairs(kind), *_clips(kind)]
        if not items:
            raise InputError(f"validation kind {kind.name!r} names no people, pairs or clips.")
        found += items
    return found


def _composed(kind: ValidationKind, rooms: Sequence[Path], teacher: Teacher) -> list[Item]:
    if not kind.people:
        return []
    cache = PictureCache(_CACHE_MB << 20)
    people = [(source.share, people_of(source, teacher.people)) for source in kind.people]
    everybody = [(person, share) for share, group in people for person in group]
    backdrops = Rooms(kind.rooms or rooms, teacher.longest, cache)
    items = []
    for number in range(kind.count):
        # Each person in turn, spread over the order of names.
        person, _ = everybody[(number * max(1, len(everybody) // kind.count)) % len(everybody)]
        rng = np.random.default_rng([_SEED, zlib.crc32(kind.name.encode()), number])
        composer = Composer(
            Foregrounds([(1.0, [person])], teacher.longest, cache),
            backdrops,
            Mix(people=kind.people, objects=0, two=0, nobody=0),
        )
        shot = composer.shot(
            rng,
            kind.size,
            frames=kind.frames,
            theme=kind.theme,
            distance=kind.distance,
            plain=True,
        )
        sure: list[Region | None] = [None] * len(shot.rgb)
        if shot.evidence is not None:
            sure = [one[..., 1] >= _SURE for one in shot.evidence]
        frames = list(zip(shot.rgb, shot.alpha, sure, strict=True))
        items.append(Item(kind.name, f"{kind.name}/{number}-{person.key}", frames))
    return items


def _pairs(kind: ValidationKind) -> list[Item]:
    stills = [still for folder in kind.pairs for still in find_stills(folder)]
    items = []
    for still in _spread(stills, kind.count):
        pair = still.pair()
        rgb, truth = shrunk(pair.frame.rgb), shrunk(pair.truth)
        sure: Region | None = None
        if kind.binary:
            sure = binary_evidence(truth)[..., 1] > 0
        frames = [(rgb, metrics.from_uint8(truth), sure)]
        items.append(Item(kind.name, f"{kind.name}/{still.name}", frames))
    return items


def _clips(kind: ValidationKind) -> list[Item]:
    clips = [clip for folder in kind.clips for clip in find_clips(folder)]
    items = []
    for clip in _spread(clips, kind.count):
        frames: list[tuple[RGB, Alpha, Region | None]] = [
            (pair.frame.rgb, metrics.from_uint8(pair.truth), None)
            for pair in clip.pairs(limit=max(2, kind.frames), rate=_RATE)
        ]
        items.append(Item(kind.name, f"{kind.name}/{clip.name}", frames))
    return items


def _spread(items: Sequence[_T], count: int) -> Sequence[_T]:
    """At most so many, from the whole of it."""
    return items[:: max(1, -(-len(items) // count))][:count]


def score(
    network: MODNet,
    items: Sequence[Item],
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, ItemScores]:
    """Each item's scores by its name, of the network alone, without a filter after it.

    mad: mean |error|. gross: its part outside the band of 2% of the short side around the true
    edge, where an error is a wrong object and not a wrong hair.
    """
    found: dict[str, ItemScores] = {}
    for done, item in enumerate(items):
        mads, grosses, motions = [], [], []
        before: tuple[Alpha, Alpha, Region | None] | None = None
        for rgb, true, sure in item.frames:
            alpha = alpha_of(network, rgb)
            error = np.abs(alpha - true)
            judged = np.ones(true.shape, np.bool_) if sure is None else sure
            count = max(1, int(judged.sum()))
            mads.append(1e3 * float(error[judged].sum()) / count)
            away = judged & ~metrics.unknown_band(true)
            grosses.append(1e3 * float(error[away].sum()) / count)
            if before is not None:
                both = judged if before[2] is None else judged & before[2]
                motions.append(metrics.dtssd(before[0], alpha, before[1], true, both) or 0.0)
            before = alpha, true, sure
        scores = {"mad": _mean(mads), "gross": _mean(grosses)}
        if motions:
            scores["dtssd"] = _mean(motions)
        found[item.name] = scores
        progress(done + 1)
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
