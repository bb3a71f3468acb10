"""Makes assets/demo.mp4: `python scripts/make_demo_clip.py`.

A webcam shot that the project may ship, out of one photograph in the public domain: scikit-image's
`astronaut` (NASA's portrait of Eileen Collins). A hand-held camera wanders, the sitter sways, nods
and breathes (a smooth warp of the photograph), somebody's shadow passes, the light turns warmer,
and the sensor is a little noisy. Every movement has a whole number of periods in the clip, so it
can be looped. The same seed and packages give the same frames.

Needs the packages of requirements-dev.txt.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

Floats = npt.NDArray[np.floating[Any]]  # float32
RGB = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 1280, 720
FRAME_RATE = 30
FRAME_COUNT = 240
SECONDS = FRAME_COUNT / FRAME_RATE
SAMPLE_RATE = 48_000
SEED = 20_22

# The photograph is enlarged and sharpened once; frames are then cut out of the enlargement.
ENLARGED = 3
# The part of the photograph (512x512) that the camera sees, in its pixels.
VIEW_WIDTH = 486.0
VIEW_CENTRE = (250.0, 141.0)
HEAD, NECK, CHEST = (227.0, 88.0), (228.0, 170.0), (195.0, 320.0)

# Of 255, and the width of a blotch in pixels.
GRAIN_SIGMA, BLOTCH_SIGMA, BLOTCH = 1.0, 6.0, 8


def wave(seconds: float, periods: int, phase: float = 0.0) -> float:
    """A sine with `periods` whole periods in the clip, in [-1, 1]; `phase` in turns."""
    return math.sin(2 * math.pi * (periods * seconds / SECONDS + phase))


@lru_cache(maxsize=1)
def photograph() -> Floats:
    """The portrait, enlarged: float32 (1536, 1536, 3) in [0, 255]."""
    from skimage import data

    small = data.astronaut().astype(np.float32)  # type: ignore[no-untyped-call]
    large = cv2.resize(small, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_LANCZOS4)
    soft = cv2.GaussianBlur(large, (0, 0), 2.5)
    sharp: Floats = np.clip(large + 0.7 * (large - soft), 0, 255)
    return sharp


@lru_cache(maxsize=1)
def grid() -> tuple[Floats, Floats]:
    """x and y of every pixel of a frame, from the frame's middle: float32 (720, 1280) each."""
    x, y = np.meshgrid(
        np.arange(WIDTH, dtype=np.float32) - (WIDTH - 1) / 2,
        np.arange(HEIGHT, dtype=np.float32) - (HEIGHT - 1) / 2,
    )
    return x, y


def bell(x: Floats, y: Floats, centre: tuple[float, float], width: float, height: float) -> Floats:
    """A smooth hill, 1 at `centre`, that says how much of a movement a point takes part in."""
    distance = ((x - centre[0]) / width) ** 2 + ((y - centre[1]) / height) ** 2
    hill: Floats = np.exp(-(distance**1.5))
    return hill


def frame(index: int) -> RGB:
    """Frame `index` of the clip: uint8 (720, 1280, 3)."""
    seconds = index / FRAME_RATE
    x, y = grid()

    # The camera: slow pan and zoom, and the trembling of a hand.
    scale = VIEW_WIDTH / WIDTH * (1 + 0.012 * wave(seconds, 1, 0.75))
    roll = math.radians(0.25 * wave(seconds, 2) + 0.15 * wave(seconds, 7, 0.3))
    centre_x = VIEW_CENTRE[0] + 5.5 * wave(seconds, 1) + 0.5 * wave(seconds, 9, 0.2)
    centre_y = VIEW_CENTRE[1] + 1.5 * wave(seconds, 1, 0.4) + 0.4 * wave(seconds, 11, 0.6)
    photo_x = centre_x + scale * (math.cos(roll) * x - math.sin(roll) * y)
    photo_y = centre_y + scale * (math.sin(roll) * x + math.cos(roll) * y)

    # The sitter: the head sways and tilts about the neck, the body follows, the chest breathes.
    sway = 7.0 * wave(seconds, 3, 0.1) + 3.0 * wave(seconds, 5, 0.45)
    nod = 2.2 * wave(seconds, 6, 0.2)
    tilt = math.radians(2.6 * wave(seconds, 3, 0.05))
    head = bell(photo_x, photo_y, HEAD, 125, 120)
    chest = bell(photo_x, photo_y, CHEST, 240, 170)
    from_neck_x, from_neck_y = photo_x - NECK[0], photo_y - NECK[1]
    source_x = photo_x - head * (sway - tilt * from_neck_y) - chest * 0.35 * sway
    source_y = photo_y - head * (nod + tilt * from_neck_x) - chest * 1.6 * wave(seconds, 2, 0.15)
    # Half a pixel: the enlargement's pixels lie between those of the photograph.
    picture = cv2.remap(
        photograph(),
        (source_x + 0.5) * ENLARGED - 0.5,
        (source_y + 0.5) * ENLARGED - 0.5,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )

    # The light: a cloud, the evening's warmth, and a passer-by's shadow from right to left.
    cloud = 1 - 0.07 * (1 + wave(seconds, 2, 0.6)) / 2
    warmth = 0.03 * wave(seconds, 1, 0.2)
    place = WIDTH * (1.1 - 2.2 * ((seconds / SECONDS + 0.12) % 1.0))
    shadow = 1 - 0.3 * np.exp(-(((x + 0.35 * y - place) / 210) ** 2))
    tint = np.array([1 + warmth, 1.0, 1 - warmth], np.float32) * np.float32(cloud)
    lit = picture * shadow[..., None] * tint

    # Sensor noise as a webcam hands it on: fine grain and, while the shadow lies on the face and
    # the camera turns up its gain, the coloured blotches that its own noise filter leaves. They
    # make a matte flicker at the edges, which shows what a temporal filter is for. They are there
    # for a second only because they cost most of the file's bytes.
    gain = math.exp(-((place / 330) ** 2))
    random = np.random.default_rng((SEED, index))
    grain = random.standard_normal((HEIGHT, WIDTH), np.float32)
    coarse = random.standard_normal((HEIGHT // BLOTCH, WIDTH // BLOTCH, 3), np.float32)
    blotches = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    lit += GRAIN_SIGMA * grain[..., None] + gain * BLOTCH_SIGMA * blotches
    finished: RGB = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
    return finished


def sound() -> Floats:
    """A soft bell arpeggio, and a click at 1 s: float32 (2, samples) in [-1, 1]."""
    count = int(SECONDS * SAMPLE_RATE)
    track = np.zeros((2, count), np.float32)
    notes = [261.63, 329.63, 392.00, 493.88, 523.25, 493.88, 392.00, 329.63]
    for number in range(16):
        start = int(number * SAMPLE_RATE * 0.46)
        time = np.arange(count - start, dtype=np.float32) / SAMPLE_RATE
        pitch = notes[number % len(notes)] * (1.0 if number < 8 else 0.75)
        ring = np.exp(-3.2 * time) * np.minimum(time / 0.006, 1)
        tone = np.sin(2 * np.pi * pitch * time) + 0.25 * np.sin(4 * np.pi * pitch * time + 0.4)
        left = 0.5 + 0.3 * np.cos(number)
        track[0, start:] += 0.2 * left * ring * tone
        track[1, start:] += 0.2 * (1 - left) * ring * tone
    click = np.random.default_rng(SEED).standard_normal(240, np.float32)
    track[:, SAMPLE_RATE : SAMPLE_RATE + 240] += 0.15 * click * np.linspace(1, 0, 240)
    fade = np.minimum(1, np.arange(count, 0, -1) / (0.35 * SAMPLE_RATE))
    return np.clip(track * fade, -1, 1).astype(np.float32)


def write(path: Path) -> None:
    """Encodes the clip: H.264 with BT.709 tags in limited range, and AAC."""
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", options=options) as container:
        video = container.add_stream("libx264", rate=FRAME_RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.time_base = Fraction(1, FRAME_RATE)
        video.codec_context.options = {"preset": "slow", "crf": "26", "g": "60"}
        video.codec_context.colorspace = Colorspace.ITU709
        video.codec_context.color_primaries = ColorPrimaries.BT709
        video.codec_context.color_trc = ColorTrc.BT709
        video.codec_context.color_range = ColorRange.MPEG
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        audio.bit_rate = 96_000

        for index in range(FRAME_COUNT):
            picture = av.VideoFrame.from_ndarray(frame(index), format="rgb24").reformat(
                format="yuv420p",
                src_colorspace=Colorspace.ITU709,
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
            picture.pts, picture.time_base = index, Fraction(1, FRAME_RATE)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))

        track = av.AudioFrame.from_ndarray(sound(), format="fltp", layout="stereo")
        track.sample_rate, track.pts = SAMPLE_RATE, 0
        container.mux(audio.encode(track))
        container.mux(audio.encode(None))


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=root / "assets" / "demo.mp4")
    output: Path = parser.parse_args().output
    if importlib.util.find_spec("skimage") is None:
        raise SystemExit(
            "The photograph comes with scikit-image, which is not installed; run: "
            "python -m pip install -r requirements-dev.txt"
        )
    write(output)
    sys.stdout.write(f"{output}: {output.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main()
