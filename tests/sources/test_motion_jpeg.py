"""Clips of JPEG pictures, as cameras and scanners write them: EXIF in every frame."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.sources.open import open_source
from tests.sources.picture_files import far, gradient


def _save(path: Path, picture: np.ndarray, exif: bytes) -> None:
    coded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(coded, "JPEG", quality=95, exif=exif)
    if path.suffix == ".mjpg":
        path.write_bytes(coded.getvalue() * 3)
        return
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuvj420p"
        container.start_encoding()
        for place in range(3):
            packet = av.Packet(coded.getvalue())
            packet.stream = stream
            packet.pts = packet.dts = place
            packet.time_base = Fraction(1, 25)
            container.mux(packet)


@pytest.mark.parametrize("suffix", ["avi", "mov", "mjpg"])
@pytest.mark.parametrize("orientation", range(1, 10))
def test_exif_in_its_frames_is_read_and_turns_them(tmp_path, suffix, orientation):
    picture = gradient(96, 64)
    turned = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.transpose(1, 0, 2),
        6: np.rot90(picture),
        7: picture[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(picture, -1),
    }.get(orientation, picture)  # 9 says nothing
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    _save(path, turned, exif.tobytes())
    with open_source(str(path)) as source:
        frames = list(source)
    assert len(frames) == 3
    assert all(far(frame.rgb, picture) < 4 for frame in frames)


def test_exif_that_is_broken_is_ignored(tmp_path):
    path = tmp_path / "a.avi"
    _save(path, gradient(96, 64), b"Exif\0\0II*\0\xff\xff\xff\xff")
    with open_source(str(path)) as source:
        assert len(list(source)) == 3
