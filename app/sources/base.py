"""What a source of frames promises."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import Self

from app.frames import Frame

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet


@dataclass(frozen=True)
class ColourTags:
    """How a clip says its colours are coded, in FFmpeg's numbers (AVCOL_*); 2 is unspecified."""

    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    full_range: bool = False


@dataclass(eq=False)
class PipedSound:
    """The sound of a pipe, which can be read only once: it comes while the pictures are read.

    name: for a sentence. container: whose streams these are; it is open as long as the source.
    origin: seconds at which its clock starts. packets: what came and was not taken yet; their times
    are on the pictures' clock. is_taken: set by who takes them; else only the latest are kept.
    """

    name: str
    container: InputContainer
    origin: Fraction
    packets: deque[Packet[Any]]
    is_taken: bool = False
    has_ended: bool = False


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source once it is open.

    size: (width, height) of the upright picture, of the first frame where sizes differ.
    rate: frames a second, nominal; a variable rate has its mean here.
    time_base: the unit of the frames' own times, in seconds.
    frame_count: None where it is not known beforehand; may be an estimate.
    duration: seconds, None where unknown.
    audio: the file whose audio belongs to these frames, or what comes from a pipe beside them; None
        where there is none.
    colour: the tags of the coded video; None for pictures (sRGB).
    last_shown: seconds that the last frame is shown, where the file says so; else as long as `rate`
        has it.
    one_scene: the frames follow each other, as a clip's do; pictures may have nothing in common.
    """

    size: tuple[int, int]
    rate: Fraction
    time_base: Fraction
    frame_count: int | None = None
    duration: float | None = None
    audio: Path | PipedSound | None = None
    colour: ColourTags | None = None
    last_shown: float | None = None
    one_scene: bool = True


class Source(Protocol):
    """Frames in order. A context manager: what `__enter__` opens, `__exit__` closes.

    `__enter__` raises InputError with one sentence that names the file and says what is wrong.
    Iterating raises InputError where the source breaks off for good; a single corrupt frame in the
    middle of a clip is skipped and counted in `skipped`.
    """

    info: SourceInfo
    skipped: int

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def __iter__(self) -> Iterator[Frame]: ...

    def stem(self, index: int) -> str:
        """What a picture made from frame `index` may be called, without an ending."""
        ...
