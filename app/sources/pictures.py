"""One picture file as upright RGB. Shared by the sources and by the picture background."""

from __future__ import annotations

import io
import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from app.errors import InputError
from app.frames import RGB
from app.sources.files import check_readable

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
)
MAX_PIXELS = 256_000_000

# Only these: Pillow would also start Ghostscript for an .eps.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM")
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"BM", b"II*\0", b"MM\0*", b"P5", b"P6")
# Pillow keeps its limit in a global; it is ours only while a file is being opened.
_PILLOW_LIMIT = threading.Lock()


def looks_like_picture(path: Path) -> bool:
    """By the first bytes; by the name where the file cannot be read."""
    try:
        with open(path, "rb") as file:
            head = file.read(12)
    except (OSError, ValueError):
        return path.suffix.lower() in SUFFIXES
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def read_picture(path: Path) -> RGB:
    """uint8 (H, W, 3), sRGB, upright by its EXIF orientation; alpha is dropped.

    Raises InputError with one sentence: missing, empty, not a picture, broken, too large.
    """
    check_readable(path)
    try:
        image = _open(path)
        with image, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata; the pixels are what counts
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise InputError(
                    f"{path} is {width}x{height}; a picture may have "
                    f"{MAX_PIXELS // 1_000_000} million pixels at most. Scale it down first."
                )
            image.load()
            upright = ImageOps.exif_transpose(image)
            rgb = _to_rgb(upright)
    except UnidentifiedImageError:
        raise InputError(
            f"{path} is not a picture that can be read; JPEG, PNG, WebP, BMP and TIFF can."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError) as error:
        # Pillow's decoders raise all of these for damaged data.
        raise InputError(f"{path} is damaged and cannot be decoded ({error}).") from error
    return np.ascontiguousarray(rgb)


def _open(path: Path) -> Image.Image:
    with _PILLOW_LIMIT, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pillows = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            return Image.open(path, formats=_FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = pillows


def _to_rgb(image: Image.Image) -> RGB:
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_grey_to_rgb(image)
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a profile that says nonsense is as good as none
        if converted is not None:
            return np.asarray(converted)
    return np.asarray(image.convert("RGB"))


def _deep_grey_to_rgb(image: Image.Image) -> RGB:
    # Pillow's own convert() clips these instead of scaling them.
    values = np.asarray(image).astype(np.float64)
    if image.mode == "F":
        peak = 1.0 if np.nanmax(values, initial=0.0) <= 1.0 else 255.0
    else:
        peak = 65535.0
    grey = np.clip(np.nan_to_num(values) * (255.0 / peak), 0, 255).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
