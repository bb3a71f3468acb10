"""What a training run is told, in a TOML file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import InputError, UsageError
from app.weights import store

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Composites(_Model):
    """People with alpha before rooms. share: how often, beside the other kinds.

    cutouts: folders of pictures with an alpha channel, and of folders of such frames. pairs:
    folders with image/ and alpha/. rooms: folders of pictures, or clips, without people.
    """

    share: Share = 1.0
    cutouts: tuple[Path, ...] = ()
    pairs: tuple[Path, ...] = ()
    rooms: tuple[Path, ...] = ()


class Unlabelled(_Model):
    """Clips without alpha: files, folders of files, folders of frames."""

    share: Share = 1.0
    clips: tuple[Path, ...] = ()
    stride: Positive = 5
    limit: Positive = 60


class Validation(_Model):
    """clips: folders as `evaluate video` takes them. frames: of each clip, as neighbours."""

    clips: tuple[Path, ...] = ()
    every: Positive = 100
    frames: Annotated[int, Field(ge=2)] = 6


class TrainingConfig(_Model):
    """A run. Sizes are areas: each picture keeps about its own shape, in multiples of 32.

    weights: a name or a file to start from, or "none". heads: steps that fit the two training
    heads first, where the weights lack them. refresh: steps until SOC's frozen copy is renewed.
    average: what is validated and kept is a running mean of the weights, with this much of the old
    mean at each step; 0 keeps the weights themselves.
    """

    out: Path
    weights: str = store.DEFAULT
    context_block: Literal["se", "easpp"] = "se"
    seed: int = 0
    steps: Positive = 1000
    sizes: tuple[tuple[Positive, Positive], ...] = ((512, 288),)
    optimiser: Literal["adam", "sgd"] = "adam"
    rate: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    clip: Annotated[float, Field(gt=0)] = 1.0
    precision: Literal["float32", "bfloat16"] = "float32"
    heads: int = Field(default=220, ge=0)
    refresh: Positive = 500
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    train_norms: bool = False
    checkpoint_every: Positive = 50
    tensorboard: bool = False
    title: str = ""
    licence: str = "unknown"
    supervised: Composites | None = None
    soc: Unlabelled | None = None
    distil: Unlabelled | None = None
    validation: Validation | None = None


def read(path: Path) -> TrainingConfig:
    """Paths in the file are taken from the file's own folder. Raises InputError, UsageError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"There is no file {path}; check the name.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}.") from None
    try:
        config = TrainingConfig.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}.") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg'].rstrip('.')}" for one in error.errors()
        )
        raise UsageError(f"{path}: {problems}.") from None
    if not (config.supervised or config.soc or config.distil):
        raise UsageError(f"{path} names nothing to learn from: [supervised], [soc] or [distil].")
    return _anchored(config, path.resolve().parent)


def _anchored(config: TrainingConfig, folder: Path) -> TrainingConfig:
    def paths(some: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(folder / path.expanduser() for path in some)

    changes: dict[str, object] = {"out": folder / config.out.expanduser()}
    if config.supervised is not None:
        changes["supervised"] = config.supervised.model_copy(
            update={
                name: paths(getattr(config.supervised, name))
                for name in ("cutouts", "pairs", "rooms")
            }
        )
    for name in ("soc", "distil", "validation"):
        part = getattr(config, name)
        if part is not None:
            changes[name] = part.model_copy(update={"clips": paths(part.clips)})
    return config.model_copy(update=changes)
