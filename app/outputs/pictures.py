"""Pictures as outputs: one file, or a folder with a sequence."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from PIL import Image
from typing_extensions import Self

from app.errors import OutputError, OutputExists, UsageError
from app.outputs.base import Picture
from app.outputs.disk import make_parent, output_error

# Ending -> Pillow's format and its options, and whether it can hold alpha.
FORMATS: dict[str, tuple[str, dict[str, Any], bool]] = {
    # Level 1 is four times as fast as the default and costs about a tenth in size.
    ".png": ("PNG", {"compress_level": 1}, True),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}, False),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}, False),
    ".webp": ("WEBP", {"quality": 95}, True),
    ".bmp": ("BMP", {}, False),
    ".tif": ("TIFF", {"compression": "tiff_lzw"}, True),
    ".tiff": ("TIFF", {"compression": "tiff_lzw"}, True),
}


class PictureOutput:
    """One picture. A matte (H, W) is written with one channel, 8 bits, full range."""

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self.path = path
        self.accepts_alpha = FORMATS[path.suffix.lower()][2]
        self._force = force
        self._written = False

    def __enter__(self) -> Self:
        if os.path.exists(self.path) and not self._force:
            raise OutputExists(f"{self.path} is there already; add --force to replace it.")
        make_parent(self.path)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def write(self, picture: Picture, *, index: int, captured_at: float) -> None:
        if self._written:
            raise UsageError(
                f"{self.path} can hold one picture and more came; name a video or a folder."
            )
        write_picture(self.path, picture)
        self._written = True


class FolderOutput:
    """A folder of PNGs, each at its own size, named by `stem(index)`."""

    accepts_alpha = True

    def __init__(self, path: Path, *, stem: Callable[[int], str], force: bool = False) -> None:
        self.path = path
        self._stem = stem
        self._force = force

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self._force and any(self.path.iterdir()):
                raise OutputExists(
                    f"The folder {self.path} is not empty; add --force to write into it."
                )
        except OSError as error:
            raise OutputError(
                f"The folder {self.path} cannot be used: {error.strerror or error}."
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def write(self, picture: Picture, *, index: int, captured_at: float) -> None:
        write_picture(self.path / f"{self._stem(index)}.png", picture)


def write_picture(path: Path, picture: Picture) -> None:
    """Writes uint8 (H, W), (H, W, 3) or (H, W, 4) whole or not at all, replacing what is there.

    Raises DiskFull or OutputError.
    """
    kind, options, _ = FORMATS[path.suffix.lower()]
    coded = io.BytesIO()
    try:
        Image.fromarray(picture).save(coded, kind, **options)
    except (OSError, ValueError) as error:
        # JPEG and WebP have a largest size.
        height, width = picture.shape[:2]
        raise OutputError(f"{path} cannot hold a picture of {width}x{height}: {error}.") from error
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(coded.getvalue())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise output_error(path, error) from error
    except BaseException:  # Ctrl-C leaves no half picture behind
        part.unlink(missing_ok=True)
        raise
