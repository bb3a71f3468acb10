"""Pictures that come through a pipe: never the first tile of a photo."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest
from PIL import Image

from app.errors import InputError
from app.sources.open import open_source
from tests.sources.picture_files import gradient, save_avif_grid, save_grid


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("suffix", ["heic", "avif", "webp"])
def test_a_photo_through_a_pipe_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    photo, pipe = tmp_path / f"a.{suffix}", tmp_path / "pipe"
    if suffix == "heic":
        save_grid(photo, gradient(256, 128), tile=64)
    elif suffix == "avif":
        save_avif_grid(photo, gradient(256, 128), tile=64)
    else:
        Image.fromarray(gradient(64, 64)).save(photo)
    os.mkfifo(pipe)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError):  # it is refused by its first bytes
            pipe.write_bytes(photo.read_bytes())

    writer = threading.Thread(target=write)
    writer.start()
    with (
        pytest.raises(InputError, match="is a HEIC, AVIF or WebP picture, which is read whole"),
        open_source(str(pipe)),
    ):
        pass
    writer.join(20)
    assert not writer.is_alive()
