"""What a training run is told, in a TOML file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import InputError, UsageError
from app.outputs.read_files import Reading
from app.system.files import expanded
from app.system.text import printable
from app.training.mix_config import Looks, Mix, Pattern, Source, ValidationKind
from app.weights import store

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0)]
Scale = Annotated[float, Field(gt=0.2, lt=5)]
Side = Annotated[int, Field(gt=0, multiple_of=32)]


# For `weights`: from nothing.
NOTHING = "none"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Composites(_Model):
    """People with alpha. share: how often, beside the other kinds.

    cutouts: folders of pictures with an alpha channel, and of folders of such frames; they are put
    before rooms. pairs: folders with image/ and alpha/; they are shown as they are, and where
    there are rooms every other time before one. rooms: folders of pictures, or clips, without
    people.
    """

    share: Share = 1.0
    cutouts: tuple[Path, ...] = ()
    pairs: tuple[Path, ...] = ()
    rooms: tuple[Path, ...] = ()


class Unlabelled(_Model):
    """Clips without alpha: files, folders of files, folders of frames.

    only, without: regular expressions; of the clips those whose names match (without the suffix)
    are the only ones, or left out.
    """

    share: Share = 1.0
    clips: tuple[Path, ...] = ()
    only: Pattern = ""
    without: Pattern = ""
    stride: Positive = 5
    limit: Positive = 60


class Validation(_Model):
    """What a run is watched and judged by.

    clips: folders as `evaluate video` takes them. frames: of each clip, as neighbours. kinds: items
    of every kind that is to be watched; with them the state that is kept follows the rule of
    app/training/choice.py, which compares with `reference`, a name or file of weights. rooms: for
    kinds that name none; those of [mix] where there are none. every: steps between validations;
    early: those up to step `early_until`, when much is forgotten quickly.
    """

    clips: tuple[Path, ...] = ()
    rooms: tuple[Path, ...] = ()
    kinds: tuple[ValidationKind, ...] = ()
    reference: str = store.PLAIN
    every: Positive = 100
    early: Positive = 100
    early_until: int = Field(default=0, ge=0)
    frames: Annotated[int, Field(ge=2)] = 6

    def is_due(self, step: int) -> bool:
        """Whether the run is validated after so many steps."""
        return step % self.every == 0 or (step <= self.early_until and step % self.early == 0)


class Augment(_Model):
    """What kornia does to a picture with true alpha, and to its alpha.

    flip: how often it is mirrored. scale: by how much it is enlarged or shrunk, from and to.
    brightness, contrast, saturation: by up to so much of itself; hue: of the whole circle.
    Noise and blur are missing on purpose: with them users got worse mattes (MODNet #57, #121).
    """

    flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    scale: tuple[Scale, Scale] = (0.9, 1.2)
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.2
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.2
    saturation: Annotated[float, Field(ge=0, lt=1)] = 0.2
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.02


class TrainingConfig(_Model):
    """A run. Sizes are (width, height), multiples of 32; one of them is drawn for each step.

    A picture without alpha keeps about its own shape, at the size's area; in a batch it is cut to
    the size's.

    weights: a name or a file to start from, or "none". backbone: with "none", whose backbone to
    start from: a name or file of weights of MODNet, or a state dict of torchvision's MobileNetV2.
    learn: parts of the network, by the beginning of their keys; empty for all of it. heads: steps
    that fit the two training heads first, where the weights lack them. refresh: steps until SOC's
    frozen copy is renewed. device: "auto" is the GPU where there is one. rate: times `decay` after
    every `decay_every` steps, as in the paper (there x0.1 after every 10 of 40 epochs). clip: the
    gradient's largest norm.
    keep: so many of the states that validated best are averaged at the end; blend: and their mean
    is mixed with the weights that the run began with, by each of these shares. Whatever of these
    validates best is the result.
    average: what is validated and kept is a running mean of the weights, with this much of the old
    mean at each step; 0 keeps the weights themselves.
    """

    out: Path
    weights: str = store.DEFAULT
    backbone: str | None = None
    context_block: Literal["se", "easpp"] = "se"
    learn: tuple[str, ...] = ()
    seed: int = 0
    steps: Positive = 1000
    batch: Positive = 1
    sizes: Annotated[tuple[tuple[Side, Side], ...], Field(min_length=1)] = ((512, 288),)
    optimiser: Literal["adam", "sgd"] = "adam"
    rate: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    decay: Annotated[float, Field(gt=0, le=1)] = 0.1
    decay_every: int = Field(default=0, ge=0)
    clip: Annotated[float, Field(gt=0)] = 1.0
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = "auto"
    heads: int = Field(default=220, ge=0)
    refresh: Positive = 500
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    keep: Annotated[int, Field(ge=0, le=20)] = 0
    blend: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    train_norms: bool = False
    checkpoint_every: Positive = 50
    tensorboard: bool = False
    title: str = ""
    licence: str = "unknown"
    augment: Augment | None = None
    supervised: Composites | None = None
    soc: Unlabelled | None = None
    distil: Unlabelled | None = None
    mix: Mix | None = None
    looks: Looks | None = None
    validation: Validation | None = None

    def files_read(self) -> list[Reading]:
        """The files and folders that a run reads; weights that are not there are left out."""
        material: list[Path] = []
        if self.supervised is not None:
            material += (*self.supervised.cutouts, *self.supervised.pairs, *self.supervised.rooms)
        for part in (self.soc, self.distil, self.validation):
            material += () if part is None else part.clips
        if self.mix is not None:
            material += (*(source.folder for source in self.mix.people), *self.mix.rooms)
        if self.looks is not None:
            material += self.looks.places
        material += () if self.validation is None else self.validation.rooms
        for kind in () if self.validation is None else self.validation.kinds:
            material += (*(source.folder for source in kind.people), *kind.rooms)
            material += (*kind.pairs, *kind.clips)
        found = [Reading("what is learned from", path) for path in material]
        own = Path(self.weights)
        start = own if os.path.isfile(own) else store.find_imported(self.weights)
        if start is not None:
            found.append(Reading("the file of the weights", start))
        if self.backbone is not None and os.path.isfile(self.backbone):
            found.append(Reading("the file of the backbone", Path(self.backbone)))
        return found


def read(path: Path) -> TrainingConfig:
    """Paths in the file are taken from the file's own folder. Raises InputError, UsageError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"There is no file {path}; check the name.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # UnicodeDecodeError, or a NUL byte in the name
        raise InputError(f"{path} cannot be read as text: {error}.") from error
    try:
        table = tomllib.loads(text)
    # The parser's contract: a table, or the text is no TOML. It raises TOMLDecodeError,
    # RecursionError and, for large numbers, ValueError.
    except Exception as error:
        raise UsageError(f"{path} is no TOML: {printable(str(error))}.") from error
    try:
        config = TrainingConfig.model_validate(table)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg'].rstrip('.')}" for one in error.errors()
        )
        raise UsageError(f"{path}: {problems}.") from None
    parts = (config.supervised, config.soc, config.distil, config.mix, config.looks)
    if not any(parts):
        raise UsageError(
            f"{path} names nothing to learn from: [mix], [looks], [supervised], [soc] or [distil]."
        )
    if not any(part is not None and part.share for part in parts):
        raise UsageError(f"{path}: every share is 0, so there is nothing to learn from.")
    if config.backbone is not None and config.weights != NOTHING:
        raise UsageError(
            f'{path}: backbone is for weights = "none"; {config.weights} brings its own.'
        )
    if config.weights == NOTHING and (config.soc or config.distil):
        raise UsageError(
            f'{path}: [soc] and [distil] need a network that sees people; with weights = "none" '
            "only [supervised], [mix] and [looks] teach."
        )
    _check_mix(config, path)
    return _anchored(config, path.resolve().parent)


def _check_mix(config: TrainingConfig, path: Path) -> None:
    """Raises UsageError where [mix] contradicts itself."""
    mix = config.mix
    if mix is None:
        return
    if mix.frames[0] > mix.frames[1] or mix.frames[0] < 2:
        raise UsageError(f"{path}: mix.frames are the least and the most, from 2 frames on.")
    if mix.white_on_white + mix.dark_on_dark + mix.against_light + mix.nobody > 1:
        raise UsageError(f"{path}: the chances of the hard cases in [mix] add up to more than 1.")
    if not mix.rooms:
        raise UsageError(f"{path}: [mix] puts people before rooms; name some in mix.rooms.")


def _anchored(config: TrainingConfig, folder: Path) -> TrainingConfig:
    def paths(some: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(folder / expanded(path) for path in some)

    def near(name: str | None) -> str | None:
        """A name stays one; a file that lies by the configuration is found there."""
        beside = folder / name if name else folder
        return str(beside) if name and os.path.isfile(beside) else name

    changes: dict[str, object] = {
        "out": folder / expanded(config.out),
        "weights": near(config.weights),
        "backbone": near(config.backbone),
    }
    if config.supervised is not None:
        changes["supervised"] = config.supervised.model_copy(
            update={
                name: paths(getattr(config.supervised, name))
                for name in ("cutouts", "pairs", "rooms")
            }
        )
    for name in ("soc", "distil"):
        part = getattr(config, name)
        if part is not None:
            changes[name] = part.model_copy(update={"clips": paths(part.clips)})

    def sources(some: tuple[Source, ...]) -> tuple[Source, ...]:
        return tuple(
            one.model_copy(update={"folder": folder / expanded(one.folder)}) for one in some
        )

    if config.mix is not None:
        changes["mix"] = config.mix.model_copy(
            update={"people": sources(config.mix.people), "rooms": paths(config.mix.rooms)}
        )
    if config.looks is not None:
        cache = config.looks.cache
        changes["looks"] = config.looks.model_copy(
            update={
                "places": paths(config.looks.places),
                "teacher": near(config.looks.teacher),
                "cache": None if cache is None else folder / expanded(cache),
            }
        )
    if config.validation is not None:
        kinds = tuple(
            kind.model_copy(
                update={
                    "people": sources(kind.people),
                    **{name: paths(getattr(kind, name)) for name in ("rooms", "pairs", "clips")},
                }
            )
            for kind in config.validation.kinds
        )
        changes["validation"] = config.validation.model_copy(
            update={
                "clips": paths(config.validation.clips),
                "rooms": paths(config.validation.rooms),
                "kinds": kinds,
                "reference": near(config.validation.reference),
            }
        )
    return config.model_copy(update=changes)
