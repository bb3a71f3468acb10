"""Small clips, made by the tests themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

BARS = np.array(
    [
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255),
        (255, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 30, 60),
    ],
    np.uint8,
)  # fmt: skip


@pytest.fixture
def bars() -> np.ndarray:
    """uint8 (64, 320, 3): ten vertical colour bars, 32 pixels each."""
    return np.repeat(np.repeat(BARS[None], 64, 0), 32, 1)


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    def make(
        name: str,
        pictures: Sequence[np.ndarray],
        *,
        times: Sequence[int] | None = None,
        time_base: Fraction = Fraction(1, 25),
        codec: str = "libx264",
        pixels: str = "yuv420p",
        options: dict[str, str] | None = None,
        matrix: int = 2,
        full_range: bool = False,
        tagged: bool = True,
        rotation: tuple[float, bool, bool] | None = None,
        pixel_aspect: Fraction | None = None,
        audio: bool = False,
    ) -> Path:
        """`pictures` as a clip; `times` in `time_base`. `matrix` is coded; written if `tagged`."""
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(
                codec, rate=25, options=options or ({"crf": "1"} if codec == "libx264" else {})
            )
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = pixels
            context: Any = stream.codec_context
            context.time_base = time_base
            if rotation is not None:
                degrees, hflip, vflip = rotation
                stream.set_display_rotation(degrees, hflip=hflip, vflip=vflip)
            if pixel_aspect is not None:
                context.sample_aspect_ratio = pixel_aspect
            if tagged:
                context.colorspace = matrix
                context.color_range = 2 if full_range else 1
            sound = container.add_stream("aac", rate=48000, layout="mono") if audio else None
            if sound is not None:
                sound_frame = av.AudioFrame.from_ndarray(
                    np.zeros((1, 48000), np.float32), "fltp", "mono"
                )
                sound_frame.sample_rate = 48000
                sound_frame.pts = 0
                container.mux(sound.encode(sound_frame))
                container.mux(sound.encode(None))
            for place, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
                    format=pixels,
                    src_color_range=2,
                    dst_colorspace={2: 5, 6: 5}.get(matrix, matrix),
                    dst_color_range=2 if full_range else 1,
                )
                frame.pts = place if times is None else times[place]
                frame.time_base = time_base
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make
