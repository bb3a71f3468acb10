"""What [mix], [looks] and [[validation.kinds]] of a training configuration say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0)]
Chance = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(gt=0, multiple_of=32)]

SourceKind = Literal["stills", "clips", "portraits", "binary", "agreed"]
ThemeName = Literal["plain", "white_on_white", "dark_on_dark", "against_light"]
DistanceName = Literal["any", "close", "head", "upper", "small"]


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression ({error})") from None
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]


def lets_in(stem: str, only: str, without: str) -> bool:
    """Whether a file of that stem matches `only` and does not match `without`; empty ones do."""
    if only and not re.search(only, stem):
        return False
    return not (without and re.search(without, stem))


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Model):
    """One folder of people.

    Attributes:
        kind: "stills": pictures with an alpha channel, one person each. "clips": folders of such
            frames. "portraits": image/ and alpha/ with soft truth. "binary": image/ and alpha/
            with a hard segmentation. "agreed": pictures and clips without alpha, cut out where
            several looks of the teacher agree.
        folder: the folder, or for "agreed" also one file.
        share: how often a person of this source is drawn, relative to the other sources.
        person: a regular expression; its first group in a file's stem names the person, so that
            several pictures of one person stay together. Empty: each file is a person.
        only, without: regular expressions; files whose stems match are the only ones, or left out.
        split: "all", or "train" and "validation": every third person (index % 3 == 1 in the
            order of names) validates, the others train.
        stride, limit: of a clip every so many frames, and at most so many.
    """

    kind: SourceKind
    folder: Path
    share: Share = 1.0
    person: Pattern = ""
    only: Pattern = ""
    without: Pattern = ""
    split: Literal["all", "train", "validation"] = "all"
    stride: Positive = 1
    limit: Positive = 120


class Mix(_Model):
    """Composites of every source, and sequences of them.

    Attributes:
        share: how often, relative to the other kinds of steps.
        people: the sources.
        rooms: pictures, clips and folders of them, without people.
        sequences: the share of these steps that show neighboring frames.
        frames: the least and the most frames of a sequence.
        sequence_sizes: (width, height) of sequences; empty: as single pictures.
        temporal: the weight of the temporal loss.
        harmonized: how often the person's light is matched to the room.
        objects: how often somebody holds or wears something rendered.
        two: how often two people or more are shown.
        bystanders: how often other people's cut-outs stand behind as part of the room.
        reclothed: how often a white shirt gets another color or pattern.
        white_on_white, dark_on_dark, against_light: how often these hard cases are made.
        nobody: how often there is no person.
        as_is: how often a picture that has a room of its own is shown in it.
        cache_mb: the memory for decoded pictures, in MiB.
    """

    share: Share = 1.0
    people: Annotated[tuple[Source, ...], Field(min_length=1)]
    rooms: tuple[Path, ...] = ()
    sequences: Chance = 0.25
    frames: tuple[Positive, Positive] = (4, 8)
    sequence_sizes: tuple[tuple[Side, Side], ...] = ()
    temporal: Share = 5.0
    harmonized: Chance = 0.5
    objects: Chance = 0.2
    two: Chance = 0.12
    bystanders: Chance = 0.2
    reclothed: Chance = 0.6
    white_on_white: Chance = 0.08
    dark_on_dark: Chance = 0.08
    against_light: Chance = 0.08
    nobody: Chance = 0.02
    as_is: Chance = 0.4
    cache_mb: Positive = 512


class Looks(_Model):
    """Distillation from what several looks of a teacher agree on.

    Attributes:
        share: how often, relative to the other kinds of steps.
        places: pictures, clips and folders of them, without alpha.
        teacher: a name or file of weights.
        only, without: as in Source.
        stride, limit: of a clip every so many frames, and at most so many.
        band: the weight of F and D in the band around the teacher's edge, relative to true alpha.
        cache: where the teacher's mattes are kept; by default the program's own cache.
    """

    share: Share = 1.0
    places: tuple[Path, ...] = ()
    only: Pattern = ""
    without: Pattern = ""
    teacher: str = "modnet-photographic"
    stride: Positive = 12
    limit: Positive = 12
    band: Chance = 0.3
    cache: Path | None = None


class ValidationKind(_Model):
    """Items of one kind to validate on: composed, or read with their truth.

    Attributes:
        name: the kind, as in "fast hands".
        people, rooms: composites are made of these, from the run's seed. Rooms default to [mix]'s.
        distance, theme: of the composites.
        frames: of each composite; above 1 the person moves and dtSSD is measured.
        pairs: folders with image/ and alpha/ that are shown as they are.
        binary: whether the truth of `pairs` is a hard segmentation: its band is not judged.
        clips: folders as `evaluate video` takes them.
        count: at most so many items.
        size: (width, height) of composites.
    """

    name: str
    people: tuple[Source, ...] = ()
    rooms: tuple[Path, ...] = ()
    distance: DistanceName = "any"
    theme: ThemeName = "plain"
    frames: Positive = 1
    pairs: tuple[Path, ...] = ()
    binary: bool = False
    clips: tuple[Path, ...] = ()
    count: Positive = 6
    size: tuple[Side, Side] = (640, 352)
