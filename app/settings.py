"""Settings: frozen, versioned, checked, saved whole or not at all.

A widget makes a changed copy (`settings.but(background="blur:30")`), the window saves it and gives
it to the pipeline. A file that cannot be used is kept aside and never stops the program.
"""

from __future__ import annotations

import json
import logging
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from typing_extensions import Self

from app import places
from app.errors import OptionError, OutputError, UsageError
from app.modnet.preprocess import NetworkSize
from app.pace.quality import Quality
from app.system.files import atomic_file, make_private_folder
from app.system.text import printable
from app.weights.store import DEFAULT

if TYPE_CHECKING:
    from app.chain import ChainSettings

log = logging.getLogger(__name__)

LARGEST_SIDE = 4096


class Settings(BaseModel):
    """The base of every settings model: frozen, and strangers in a file are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = 1

    def but(self, **changes: Any) -> Self:
        """A changed copy, checked. Raises OptionError that names the field."""
        try:
            return type(self).model_validate({**self.model_dump(), **changes})
        except ValidationError as error:
            raise OptionError(" ".join(sentences(error))) from None


class RecordingSettings(BaseModel):
    """What the window records. what: views, at least one. ending: of the file; empty: a folder.

    quality: a word or a CRF. microphone: `default`, `off`, or a name. sound_offset_ms: by which the
    sound is played later. limit_minutes, limit_mb: 0 is none. countdown: seconds.
    folder: empty for the system's folder of videos. pattern: a file name for time.strftime.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    what: tuple[Literal["composite", "matte", "foreground", "original"], ...] = Field(
        default=("composite",), min_length=1
    )
    ending: Literal[".mp4", ".mkv", ".webm", ".mov", ""] = ".mp4"
    quality: str = "good"
    microphone: str = "default"
    muted: bool = False
    sound_offset_ms: float = Field(default=0.0, ge=-2000, le=2000)
    limit_minutes: int = Field(default=0, ge=0, le=1440)
    limit_mb: int = Field(default=0, ge=0, le=1_000_000)
    countdown: int = Field(default=0, ge=0, le=30)
    folder: str = ""
    pattern: str = "Mattecam %Y-%m-%d %H-%M-%S"
    open_folder: bool = False


class LiveSettings(Settings):
    """What a live run does. What ChainSettings has too, means the same here.

    size: `auto` or `WxH`, the box for the network's input.
    size_follows_subject: the network's input is smaller while the person fills the picture.
    in_flight: frames in the network at once: 1 has the least delay, 2 the most frames a second
        where the network is slower than the source.
    quality: what is kept where not everything can be: 60 or 30 frames a second (or what the source
        gives, where that is less), for which the network's size is chosen, `size` being the finest;
        or the best matte, always at `size`.
    skip_unchanged: a picture that has not changed takes over the matte of the one before.
    steps, light: each spec at most once.
    source: what `create_live_source` takes. outputs: what `create_live_output` takes.
    output_size: (width, height) of every output that has a fixed size; even. output_rate: pictures
        a second.
    mirror_preview, mirror_output: flipped left to right for yourself, and for the others.
    zoom: how many times the picture is magnified, around (center_x, center_y) of it, from 0 to 1.
    card: the picture file for "be right back"; empty for the built-in one.
    on_demand: the source is released while nobody looks: no program reads the virtual camera, and
        no window shows the picture.
    """

    weights: str = DEFAULT
    engine: str = "auto"
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] = "auto"
    size: str = "auto"
    size_follows_subject: bool = False
    in_flight: int = Field(default=1, ge=1, le=4)
    compile: bool = False
    norms: Literal["auto", "exact", "scene", "fixed"] = "auto"
    quality: Quality = Quality.SMOOTH_60
    skip_unchanged: bool = True
    temporal: str = "steady"
    refine: bool = True
    edge: str = "edge"
    background: str = "blur"
    steps: tuple[str, ...] = ()
    light: tuple[str, ...] = ()
    source: str = "camera"
    outputs: tuple[str, ...] = ()
    output_size: tuple[int, int] = (1280, 720)
    output_rate: float = Field(default=30.0, ge=1, le=240)
    mirror_preview: bool = True
    mirror_output: bool = False
    zoom: float = Field(default=1.0, ge=1, le=8)
    center_x: float = Field(default=0.5, ge=0, le=1)
    center_y: float = Field(default=0.5, ge=0, le=1)
    card: str = ""
    on_demand: bool = False
    recording: RecordingSettings = RecordingSettings()

    @field_validator("size")
    @classmethod
    def _size_is_a_size(cls, value: str) -> str:
        try:
            return str(NetworkSize.parse(value))
        except UsageError as error:
            raise ValueError(str(error)) from None

    @field_validator("output_size")
    @classmethod
    def _output_size_is_even(cls, value: tuple[int, int]) -> tuple[int, int]:
        if any(side % 2 or not 16 <= side <= LARGEST_SIDE for side in value):
            raise ValueError(f"each side must be even and from 16 to {LARGEST_SIDE} pixels")
        return value

    def chain(self) -> ChainSettings:
        """The settings of the steps. Mirroring is not among them: live, it comes last."""
        from app.chain import ChainSettings

        return ChainSettings(
            weights=self.weights,
            engine=self.engine,
            device=self.device,
            precision=self.precision,
            size=NetworkSize.parse(self.size),
            size_follows_subject=self.size_follows_subject,
            in_flight=self.in_flight,
            compile=self.compile,
            norms=self.norms,
            temporal=self.temporal,
            refine=self.refine,
            edge=self.edge,
            background=self.background,
            steps=self.steps,
            light=self.light,
        )

    def with_chain(self, chain: ChainSettings) -> Self:
        """`chain` turned back. How many frames are in flight stays live's own choice."""
        return self.but(
            weights=chain.weights,
            engine=chain.engine,
            device=chain.device,
            precision=chain.precision,
            size=str(chain.size),
            size_follows_subject=chain.size_follows_subject,
            compile=chain.compile,
            norms=chain.norms,
            temporal=chain.temporal,
            refine=chain.refine,
            edge=chain.edge,
            background=chain.background,
            steps=chain.steps,
            light=chain.light,
        )


def sentences(error: ValidationError) -> list[str]:
    """What is wrong, one sentence for each field."""
    return [
        f"{'.'.join(map(str, problem['loc'])) or 'the settings'}: "
        f"{problem['msg'].removeprefix('Value error, ').rstrip('.')}."
        for problem in error.errors()
    ]


M = TypeVar("M", bound=Settings)
Raw = dict[str, Any]


@dataclass(frozen=True)
class Loaded(Generic[M]):
    """notes: sentences for the user on what could not be used; empty where all is well."""

    settings: M
    notes: tuple[str, ...] = ()


_LARGEST = 1_000_000  # bytes; ours have 2,000


class SettingsFile(Generic[M]):
    """One settings model in one JSON file.

    migrations: from the version that is the key to the next one, on the raw values.
    """

    def __init__(
        self,
        model: type[M],
        path: Path,
        *,
        migrations: Mapping[int, Callable[[Raw], Raw]] | None = None,
    ) -> None:
        self.path = path
        self._model = model
        self._migrations = dict(migrations or {})
        self._version: int = model.model_fields["version"].default

    def load(self) -> Loaded[M]:
        """What is in the file, the defaults where there is none. Never raises for its content.

        A file that cannot be used is renamed and named in the notes. Where only some fields
        cannot, the file is kept aside too, and the other fields are used.
        """
        try:
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
                return self._give_up("is no file of settings")
            content = self.path.read_bytes()
        except FileNotFoundError:
            return Loaded(self._model())
        except OSError as error:
            return self._give_up(f"cannot be read ({error.strerror or error})")
        try:
            # Some editors begin a file with a byte order mark.
            raw = json.loads(content.decode("utf-8-sig"))
        # The parser's contract: a value, or the file is damaged. It raises ValueError,
        # UnicodeDecodeError and RecursionError.
        except Exception as error:  # noqa: BLE001
            log.info("%s: %r", self.path, error)
            return self._give_up(f"is damaged ({printable(str(error))})")
        if not isinstance(raw, dict):
            return self._give_up("holds no settings")
        version = raw.get("version")
        if not isinstance(version, int) or not 1 <= version <= self._version:
            return self._give_up(
                f"is of version {printable(repr(version))}, and this program knows versions up to "
                f"{self._version}"
            )
        try:
            for old in range(version, self._version):
                raw = self._migrations[old](raw)
        # A migration may stumble over anything in another program's file.
        except Exception as error:
            log.warning("%s could not be converted", self.path, exc_info=True)
            reason = printable(repr(error))
            return self._give_up(f"of version {version} cannot be converted ({reason})")
        return self._checked({**raw, "version": self._version})

    def save(self, settings: M) -> None:
        """Writes the whole file or none of it. Raises OutputError."""
        values = settings.model_dump(mode="json")
        try:
            content = json.dumps(values, indent=2, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            # The name of a file that is not UTF-8 on this disk. JSON can escape it.
            content = json.dumps(values, indent=2).encode()
        try:
            self._make_folder()
            with atomic_file(self.path) as file:
                file.write(content + b"\n")
        except OSError as error:
            raise OutputError(
                f"The settings cannot be saved in {self.path.parent} ({error.strerror or error}): "
                "make the folder writable, or name another one in MATTECAM_CONFIG."
            ) from error

    def _make_folder(self) -> None:
        """The file's folder, for this user alone where it is ours. Raises OSError."""
        folder = self.path.parent
        if folder == places.config():
            places.make_config()
        elif folder.is_relative_to(places.config()):
            places.make_config()
            make_private_folder(folder)

    def _checked(self, raw: Raw) -> Loaded[M]:
        try:
            return Loaded(self._model.model_validate(raw))
        except ValidationError as error:
            notes = sentences(error)
            bad = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        try:
            settings = self._model.model_validate({k: v for k, v in raw.items() if k not in bad})
        except ValidationError as error:
            return self._give_up(f"cannot be used ({' '.join(sentences(error))})")
        aside = self._keep_aside()
        return Loaded(
            settings,
            (
                f"Some settings could not be used and have their defaults again. {' '.join(notes)} "
                + aside,
            ),
        )

    def _give_up(self, reason: str) -> Loaded[M]:
        note = f"The settings file {self.path.name} {reason}; the defaults are used. "
        return Loaded(self._model(), (note + self._keep_aside(),))

    def _keep_aside(self) -> str:
        """Renames the file, and says so in a sentence."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        aside = self.path.with_name(f"{self.path.name}.{stamp}.unusable")
        try:
            self.path.replace(aside)
        except OSError as error:
            log.warning("the settings file could not be renamed: %s", error)
            return f"It is left as {self.path}."
        return f"The old file is kept as {aside}."


def live_settings_file(path: Path | None = None) -> SettingsFile[LiveSettings]:
    """Where the live settings lie, or a profile's file."""
    return SettingsFile(LiveSettings, path or places.config() / "live.json")
