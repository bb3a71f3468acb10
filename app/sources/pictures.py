"""One picture file as upright sRGB. Shared by sources, backgrounds, plates, regions and cards."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.errors import InputError, MattecamError
from app.frames import RGB, RGBA, Alpha8
from app.sources import picture_colors as colors
from app.sources.alpha import BEHIND, compose, is_opaque, without_hidden
from app.sources.animation_times import png_chunks
from app.sources.bmff import Cicp, ItemProperties, read_properties
from app.sources.files import check_readable
from app.sources.picture_formats import (
    SUFFIXES,
    is_animation,
    looks_like_picture,
    picture_format,
)

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "StillPicture",
    "is_animation",
    "load_as_stored",
    "looks_like_picture",
    "open_picture",
    "picture_of",
    "read_picture",
    "read_whole",
]

_log = logging.getLogger(__name__)

MAX_PIXELS = 256_000_000

# Pillow keeps its limit in a global; it is ours only while a file is being opened.
_PILLOW_LIMIT = threading.Lock()
_ORIENTATION, _SUBFILE, _DNG_VERSION = 0x0112, 254, 50706
_MOST_PAGES = 100
_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GREY_MODES = frozenset(("1", "L", "LA", "La"))


@dataclass(frozen=True)
class StillPicture:
    """rgb: uint8 (H, W, 3), composed over `BEHIND`. rgba: uint8 (H, W, 4), straight, with no hidden
    colors under alpha 0; None where the picture is opaque."""

    rgb: RGB
    rgba: RGBA | None = None


def read_picture(path: Path, *, behind: tuple[int, int, int] = BEHIND) -> RGB:
    """uint8 (H, W, 3), sRGB, upright; composed over `behind` where it is not opaque.

    Raises InputError with one sentence: missing, empty, not a picture, broken, too large.
    """
    picture = read_whole(path)
    return picture.rgb if picture.rgba is None else compose(picture.rgba, behind)


def read_whole(path: Path) -> StillPicture:
    """The picture with its alpha, sRGB, upright. Of an animation it is the first frame.

    Raises InputError as `read_picture` does.
    """
    check_readable(path)
    kind = picture_format(path)
    try:
        if kind == "HEIF":
            return _read_heif(path)
        with open_picture(path, kind) as image, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata; the pixels are what counts
            if kind == "TIFF":
                _check_pages(image, path)
            image.load()
            return picture_of(image, kind, described=_described(path, kind))
    except MattecamError:
        raise
    except Exception as error:
        # Decoders raise whatever they like for damaged data; the file is at fault, whatever it is.
        raise InputError(f"{path} is damaged and cannot be decoded ({_short(error)}).") from error


def load_as_stored(path: Path) -> Image.Image:
    """The pixels and the alpha as they stand, upright: for mattes, whose numbers are no colors.

    Raises InputError as `read_picture` does.
    """
    check_readable(path)
    kind = picture_format(path)
    try:
        if kind == "HEIF":
            import pillow_heif

            return pillow_heif.open_heif(path.read_bytes()).to_pillow()
        with open_picture(path, kind) as image, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            turn = _TRANSPOSED.get(_orientation(image, kind))
            return image.copy() if turn is None else image.transpose(turn)
    except MattecamError:
        raise
    except Exception as error:
        raise InputError(f"{path} is damaged and cannot be decoded ({_short(error)}).") from error


@contextmanager
def open_picture(path: Path, kind: str) -> Iterator[Image.Image]:
    """The file through Pillow, as this format and no other, not yet decoded.

    Raises InputError where it is too large, and whatever Pillow raises.
    """
    with _PILLOW_LIMIT, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pillows = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            # Only this: Pillow would also start Ghostscript for an .eps.
            image = Image.open(path, formats=("BMP", "DIB") if kind == "BMP" else (kind,))
        finally:
            Image.MAX_IMAGE_PIXELS = pillows
    with image:
        check_size(path, image.size)
        yield image


def check_size(path: Path, size: tuple[int, int]) -> None:
    """Raises InputError where a picture of this size is more than can be handled."""
    width, height = size
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{path} is {width}x{height}; a picture may have "
            f"{MAX_PIXELS // 1_000_000} million pixels at most. Scale it down first."
        )


def picture_of(
    image: Image.Image, kind: str, *, described: ItemProperties | None = None
) -> StillPicture:
    """A decoded image of Pillow's, in the format `kind`, as it is to be seen.

    described: what Pillow does not tell. Its `cicp` comes before an ICC profile.
    """
    described = described or ItemProperties()
    base, alpha = _split(image, kind)
    rgb = _to_srgb(base, image.info, described.cicp)
    turn, crop = _orientation(image, kind), described.crop
    rgb = _turned(_cropped(rgb, crop), turn)
    return _still(rgb, None if alpha is None else _turned(_cropped(alpha, crop), turn))


def _still(rgb: RGB, alpha: Alpha8 | None) -> StillPicture:
    rgb = np.ascontiguousarray(rgb)
    if alpha is None:
        return StillPicture(rgb)
    rgba = np.dstack((rgb, alpha))
    if is_opaque(rgba):
        return StillPicture(rgb)
    return StillPicture(compose(rgba), without_hidden(rgba))


def _split(image: Image.Image, kind: str) -> tuple[Image.Image, Alpha8 | None]:
    """The colors (L, RGB, CMYK or LAB) and the alpha, uint8 (H, W)."""
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return _deep_grey(image)
    alpha: Alpha8 | None = None
    if image.has_transparency_data:
        # Pillow knows premultiplied modes, palettes with alpha, and a single transparent color.
        whole = image.convert("LA" if mode in ("LA", "La") else "RGBA")
        alpha = np.asarray(whole.getchannel("A"))
        if kind == "BMP" and not alpha.any():
            alpha = None  # written by programs that leave the fourth byte at 0
        grey = mode in _GREY_MODES
        image = image.convert("L") if mode in ("1", "L") else whole.convert("L" if grey else "RGB")
    elif mode in _GREY_MODES:
        image = image.convert("L")
    elif mode not in ("RGB", "CMYK", "LAB"):
        image = image.convert("RGB")
    return image, alpha


def _deep_grey(image: Image.Image) -> tuple[Image.Image, Alpha8 | None]:
    # Pillow's own convert() clips these instead of scaling them.
    values = np.asarray(image).astype(np.float64)
    most = float(np.nanmax(values[np.isfinite(values)], initial=0.0))
    if image.mode == "F":
        peak = next((peak for peak in (1.0, 255.0, 65535.0) if most <= peak), most)
    else:
        peak = 65535.0 if most <= 65535 else 2.0**31 - 1
    scaled = np.nan_to_num(values, posinf=peak, neginf=0.0) * (255.0 / peak)
    grey = np.clip(scaled, 0, 255).round().astype(np.uint8)
    clear = image.info.get("transparency")
    alpha = None
    if isinstance(clear, int):
        alpha = np.where(values == clear, np.uint8(0), np.uint8(255))
    return Image.fromarray(grey), alpha


def _to_srgb(image: Image.Image, info: dict[Any, Any], cicp: Cicp | None) -> RGB:
    rgb: RGB | None = None
    if cicp is not None and not colors.is_srgb(cicp):
        return colors.by_cicp(np.asarray(image.convert("RGB")), cicp)
    profile = info.get("icc_profile")
    if cicp is None and profile:
        rgb = colors.by_profile(image, profile)
    if rgb is None and image.mode == "LAB":
        rgb = colors.lab_to_rgb(image)
    if rgb is not None:
        return rgb
    rgb = np.asarray(image.convert("RGB"))
    gamma = info.get("gamma")
    if cicp is None and not profile and gamma and "srgb" not in info:
        return colors.by_gamma(rgb, float(gamma), info.get("chromaticity"))
    return rgb


def _described(path: Path, kind: str) -> ItemProperties:
    """What the file says and Pillow does not pass on."""
    if kind == "PNG":
        with open(path, "rb") as file:
            for name, content in png_chunks(file):
                if name == b"cICP" and len(content) == 4:
                    return ItemProperties(Cicp(content[0], content[1]))
                if name == b"IDAT":
                    break
    elif kind == "AVIF":
        found = read_properties(path.read_bytes())
        return replace(found, cicp=None) if found.has_profile else found
    return ItemProperties()


def _orientation(image: Image.Image, kind: str) -> int:
    """EXIF's, from 1 to 8; 1 where it says nothing, or nonsense."""
    if kind == "AVIF":
        # The file's own properties rule, which Pillow puts into EXIF; XMP is only a remark.
        image.info.pop("xmp", None)
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  broken metadata raises anything, and never counts
        _log.debug("EXIF that cannot be read is ignored", exc_info=True)
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turned(picture: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    if orientation >= 5:
        picture = np.swapaxes(picture, 0, 1)
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    return np.ascontiguousarray(picture)


def _cropped(
    picture: npt.NDArray[np.uint8], crop: tuple[int, int, int, int] | None
) -> npt.NDArray[np.uint8]:
    if crop is None:
        return picture
    left, top, width, height = crop
    return picture[top : top + height, left : left + width]


def _check_pages(image: Image.Image, path: Path) -> None:
    """Raises InputError for a camera's raw file, whose first page is a thumbnail."""
    tags: Any = getattr(image, "tag_v2", {})
    if _DNG_VERSION in tags or int(tags.get(_SUBFILE, 0)) & 1:
        raise InputError(
            f"{path} is a camera's raw file, which cannot be read; save it as PNG or JPEG first."
        )
    pages = 1
    for page in range(1, min(getattr(image, "n_frames", 1), _MOST_PAGES)):
        image.seek(page)
        pages += not int(getattr(image, "tag_v2", {}).get(_SUBFILE, 0)) & 1
    if pages > 1:
        _log.warning("%s holds %d pages; the first one is taken.", path, pages)
    image.seek(0)


def _read_heif(path: Path) -> StillPicture:
    """By libheif, which joins tiles, crops and turns; EXIF does not turn it once more."""
    import pillow_heif

    data = path.read_bytes()
    container = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    check_size(path, container.size)
    profile = container.info.get("nclx_profile")
    cicp = None
    if profile and not container.info.get("icc_profile"):
        cicp = Cicp(int(profile["color_primaries"]), int(profile["transfer_characteristics"]))
    if cicp is not None and colors.is_hdr(cicp):
        deep = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
        values = np.asarray(deep[deep.primary_index])
        if values.ndim == 3 and values.shape[2] >= 3:
            most = np.iinfo(values.dtype).max
            alpha = None
            if values.shape[2] == 4:
                alpha = (values[..., 3].astype(np.float32) * (255 / most)).round().astype(np.uint8)
            return _still(colors.by_cicp(values[..., :3], cicp), alpha)
    image = container.to_pillow()
    image.info.pop("exif", None)
    image.info.pop("xmp", None)
    return picture_of(image, "HEIF", described=ItemProperties(cicp))


def _short(error: Exception) -> str:
    text = str(error).split("\n")[0].strip()
    return text if text and "cannot identify" not in text else "it is not whole"
