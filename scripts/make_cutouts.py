"""Cuts people out of clips without a true alpha, to put them before other rooms in training.

    python scripts/make_cutouts.py CLIP|FOLDER... -o OUT [--weights NAME] [--stride 6]

Each frame is seen at several sizes, and mirrored; the mean of those mattes is taken where they
agree, and a frame on which they do not is left out. Before a plain wall the network knows well
what it does not know before a crowded room: there these cut-outs teach it. OUT/CLIP/00000.png ...
are RGBA with straight alpha, as `[supervised] cutouts` takes them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.chain import ChainSettings, open_chain_engine, resolve_weights
from app.engines.base import Engine
from app.frames import RGB, RGBA, Alpha, Alpha8, Frame, Matte
from app.modnet.preprocess import NetworkSize
from app.outputs.pictures import write_picture
from app.outputs.read_files import Reading, files_in, refuse_to_overwrite
from app.refine.refine import Refine
from app.training.data import clips_of, read_clip
from app.weights import store

# Longest sides of the network's view, as shares of the picture's.
_VIEWS = (0.6, 0.8, 1.0)
# How far apart the views may be: mean over the picture, and in their spread at one pixel.
_AGREED = 0.012
# Less of the picture than this is nobody, and a hole or an island this small is a mistake.
_LEAST, _SPECK = 0.03, 0.003


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--out", "-o", type=Path, required=True)
    parser.add_argument("--weights", default=store.PLAIN)
    parser.add_argument("--stride", type=int, default=6)
    parser.add_argument("--limit", type=int, default=60)
    told = parser.parse_args()
    settings = ChainSettings(weights=told.weights, one_scene=False)
    clips = [one for place in told.clips for one in clips_of(place)]
    refuse_to_overwrite(
        [file for clip in clips for file in files_in(told.out / clip.stem, (".png",))],
        [Reading("a frame of a clip", clip) for clip in clips],
    )
    for clip in clips:
        frames = list(read_clip(clip, told.stride, told.limit))
        kept = 0
        for rgb, (alpha, apart) in zip(frames, agreed(settings, frames), strict=True):
            if apart > _AGREED or alpha.mean() < _LEAST:
                continue
            levels = tidied(np.rint(alpha * 255).astype(np.uint8))
            path = told.out / clip.stem / f"{kept:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_picture(path, cut_out(rgb, levels))
            kept += 1
        sys.stdout.write(f"{clip.name}: {kept} of {len(frames)} frames\n")
        sys.stdout.flush()


def cut_out(rgb: RGB, alpha: Alpha8) -> RGBA:
    """With the person's own colours at the edge, where the picture leads alpha."""
    matte = Matte(Frame(rgb, 0, 0.0), alpha * np.float32(1 / 255))
    (cutout,) = Refine(colours=True).push(matte)
    return np.dstack([cutout.foreground, cutout.alpha])


def tidied(alpha: Alpha8) -> Alpha8:
    """Without small holes and small islands, uint8 (H, W): what is no hand and no gap at an arm."""
    out = alpha.copy()
    least = _SPECK * alpha.size
    for sure, filling in ((alpha < 200, 255), (alpha > 55, 0)):
        count, labels, found, _ = cv2.connectedComponentsWithStats(sure.astype(np.uint8))
        for label in range(1, count):
            if found[label, cv2.CC_STAT_AREA] < least:
                out[labels == label] = filling
    return out


def agreed(settings: ChainSettings, frames: Sequence[RGB]) -> Iterator[tuple[Alpha, float]]:
    """For each frame the mean of its views, float32 (H, W), and how far they are apart."""
    height, width = frames[0].shape[:2]
    views: list[list[Alpha]] = [[] for _ in frames]
    for share in _VIEWS:
        size = NetworkSize((max(64, round(width * share)), max(64, round(height * share))))
        sized = replace(settings, size=size)
        with open_chain_engine(sized, resolve_weights(sized)) as (engine, _):
            for rgb, seen in zip(frames, views, strict=True):
                seen.append(_matte(engine, rgb))
                mirrored = _matte(engine, np.ascontiguousarray(rgb[:, ::-1]))
                seen.append(np.ascontiguousarray(mirrored[:, ::-1]))
    for seen in views:
        stack = np.stack(seen)
        mean = np.asarray(stack.mean(axis=0, dtype=np.float32), np.float32)
        yield mean, float(stack.std(axis=0).mean())


def _matte(engine: Engine, rgb: RGB) -> Alpha:
    engine.submit(Frame(rgb, 0, 0.0))
    (matte,) = engine.drain()
    size = rgb.shape[1], rgb.shape[0]
    return np.asarray(cv2.resize(matte.alpha, size, interpolation=cv2.INTER_LINEAR), np.float32)


if __name__ == "__main__":
    main()
