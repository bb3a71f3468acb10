"""Measures the matte options that need a scene of their own, and prints their tables.

    python scripts/measure_options.py DATA [--only plate|size] [--frames N]

DATA has foregrounds_video/, foregrounds_still/, backgrounds/ and portraits_{binary,soft}/. People
are composed over still rooms; the clean plate is that room through the same noisy camera.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.chain import ChainSettings, open_chain
from app.evaluation.compose import VIDEO, Composition, compose
from app.evaluation.datasets import DEFAULT_RATE, Clip, Still, find_clips, find_stills
from app.evaluation.metrics import Scores, conn, grad, mad
from app.evaluation.report import geometric_mean, ratio
from app.evaluation.runner import Conditions, evaluate_clips, evaluate_stills
from app.frames import Frame, Matte
from app.matte_steps.base import MatteSteps, open_matte_steps
from app.modnet.preprocess import AUTO, AUTO_SHORT_SIDE, smaller
from app.refine.refine import enlarge
from app.subject.size_policy import RUNGS, SizePolicy, extent_of
from app.weights import store

NOISE = 3.0  # levels, of the camera


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def people(data: Path, frames: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    """RGBA pictures of each person."""
    for clip in sorted((data / "foregrounds_video").iterdir()):
        files = sorted(clip.glob("*.png"))
        yield (
            clip.name,
            [
                np.asarray(Image.open(f).convert("RGBA"))
                for f in files[:: max(1, len(files) // frames)][:frames]
            ],
        )
    for file in sorted((data / "foregrounds_still").glob("*.png")):
        yield file.stem, [np.asarray(Image.open(file).convert("RGBA"))]


def composed(rgba: np.ndarray, room: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(picture, alpha, room) of the person's size."""
    height, width = rgba.shape[:2]
    scale = max(width / room.shape[1], height / room.shape[0])
    size = max(width, round(room.shape[1] * scale)), max(height, round(room.shape[0] * scale))
    behind = cv2.resize(room, size, interpolation=cv2.INTER_AREA)[:height, :width]
    alpha = rgba[..., 3].astype(np.float32) / 255
    mixed = alpha[..., None] * rgba[..., :3] + (1 - alpha[..., None]) * behind
    return mixed, alpha, behind


def camera(picture: np.ndarray, random: np.random.Generator, *, gain: float = 1.0) -> np.ndarray:
    noisy = picture * gain + random.normal(0, NOISE, picture.shape)
    return np.ascontiguousarray(np.clip(noisy, 0, 255).astype(np.uint8))


def plate_table(data: Path, frames: int) -> None:
    random = np.random.default_rng(7)
    rooms = sorted((data / "backgrounds").glob("room_*.jpg"))
    settings = ChainSettings(temporal="off", background="transparent", in_flight=1, one_scene=False)
    say("| item | MAD | with plate | Grad | with plate | Conn | with plate | moved: off |")
    say("| --- | --- | --- | --- | --- | --- | --- | --- |")
    ratios = []
    with open_chain(settings) as chain, tempfile.TemporaryDirectory() as folder:
        matting = chain.steps[0]
        for at, (name, pictures) in enumerate(people(data, frames)):
            room = np.asarray(Image.open(rooms[at % len(rooms)]).convert("RGB"))
            _, _, behind = composed(pictures[0], room)
            plate = Path(folder) / f"{name}.png"
            Image.fromarray(camera(behind.astype(np.float32), random, gain=1.08)).save(plate)
            told: list[str] = []
            steps = MatteSteps(open_matte_steps([f"clean-plate:{plate}"]), on_notice=told.append)
            scores = []
            last = None
            for index, rgba in enumerate(pictures):
                mixed, alpha, _ = composed(rgba, room)
                frame = Frame(camera(mixed, random), index, index / 5)
                for matte in (*matting.push(frame), *matting.flush()):
                    last = matte
                    (after,) = steps.push(matte)
                    row = []
                    for measure in (mad, grad, conn):
                        for one in (matte, after):
                            shown = enlarge(one.alpha, frame.size).astype(np.float32) / 255
                            row.append(measure(shown, alpha))
                    scores.append(row)
            assert not told, f"{name}: a camera that stood still was accused"
            moved = moves_noticed(last, plate) if last is not None else ""
            mean = np.mean(np.array(scores, float), axis=0)
            ratios.append(mean[1::2] / mean[0::2])
            say(f"| {name} | " + " | ".join(f"{n:.4g}" for n in mean) + f" | {moved} |")
    ratio = np.exp(np.log(np.array(ratios)).mean(axis=0))
    say(f"| **ratio** | | {ratio[0]:.3f} | | {ratio[1]:.3f} | | {ratio[2]:.3f} | |")


def moves_noticed(matte: Matte, plate: Path) -> str:
    """After which shifts, in shares of the frame's height, the step switches itself off."""
    found = []
    height = matte.frame.rgb.shape[0]
    for share in (0.005, 0.01, 0.02, 0.05):
        told: list[str] = []
        steps = MatteSteps(open_matte_steps([f"clean-plate:{plate}"]), on_notice=told.append)
        by = max(1, round(share * height))
        shifted = np.ascontiguousarray(np.roll(matte.frame.rgb, by, axis=1))
        rolled = np.roll(matte.alpha, round(by * matte.alpha.shape[1] / shifted.shape[1]), axis=1)
        for index in range(9):
            steps.push(Matte(Frame(shifted, index, index / 5), rolled))
        if told:
            found.append(f"{share:.1%}")
    return ", ".join(found) or "none"


def size_table(data: Path, frames: int) -> None:
    """The default chain at smaller sides of the network's input, beside the usual one."""
    factors = (1.0, 8 / 9, 7 / 9, 6 / 9)
    with tempfile.TemporaryDirectory() as folder:
        clips = []
        for kind, size, each in (("video", None, 2), ("still", (960, 540), 2)):
            out = Path(folder) / kind
            people = data / f"foregrounds_{kind}"
            job = Composition(
                out, people, data / "backgrounds", frames=frames, size=size, each=each
            )
            compose(job)
            clips += find_clips(out / VIDEO)
        stills = [
            still
            for kind in ("portraits_binary", "portraits_soft")
            for still in find_stills(data / kind)
        ]
        for weights in (store.DEFAULT, store.PLAIN):
            size_table_of(weights, clips, stills, factors, frames)


def size_table_of(
    weights: str,
    clips: Sequence[Clip],
    stills: Sequence[Still],
    factors: Sequence[float],
    frames: int,
) -> None:
    """Ratios to the usual size, by what share of the picture the person fills."""
    conditions = Conditions(max_frames=frames)
    rows = []
    for item in (*clips, *stills):
        moving = not isinstance(item, Still)
        first = item.pair() if not moving else next(item.pairs(limit=1, rate=DEFAULT_RATE))
        scores = []
        for factor in factors:
            size = smaller(AUTO, first.frame.size, factor)
            temporal = "steady" if moving else "off"
            settings = ChainSettings(weights=weights, size=size, temporal=temporal)
            report = (
                evaluate_clips([item], settings, conditions)
                if moving
                else evaluate_stills([item], settings, conditions)
            )
            scores.append(report.items[0].ours.scores)
        extent = extent_of(first.truth.astype(np.float32) / 255)
        chosen = factors.index(SizePolicy().factor(extent, at=0.0))
        names = ("mad", "dtssd") if moving else ("mad",)
        rows.append((item.name, extent, chosen, {n: ratios(scores, n) for n in names}))
    rows.sort(key=lambda row: row[1])
    sides = [round(AUTO_SHORT_SIDE * factor) for factor in factors]
    say(f"\n{weights}: ratio of MAD, and of dtSSD, to that at a short side of {sides[0]}\n")
    say(f"| item | extent | {' | '.join(map(str, sides[1:]))} | policy |")
    say("| --- " * (len(sides) + 2) + "|")
    for name, extent, chosen, found in rows:
        cells = [" ".join(f"{r[at]:.2f}" for r in found.values()) for at in range(1, len(sides))]
        say(f"| {name} | {extent:.2f} | {' | '.join(cells)} | {sides[chosen]} |")
    for title, kept in (
        ("all", rows),
        *(
            (f"extent {rung.extent:.2f} and more", [r for r in rows if r[1] >= rung.extent])
            for rung in RUNGS[1:]
        ),
    ):
        cells = []
        for at in (*range(1, len(sides)), None):
            means = []
            for name in ("mad", "dtssd"):
                known = [r[3][name][r[2] if at is None else at] for r in kept if name in r[3]]
                means += [f"{geometric_mean(known):.3f}"] if known else []
            worst = max(r[3]["mad"][r[2] if at is None else at] for r in kept)
            cells.append(f"{' '.join(means)}, worst MAD {worst:.2f}")
        say(f"| **{title}** ({len(kept)}) | | {' | '.join(cells)} |")


def ratios(scores: Sequence[Scores], name: str) -> list[float]:
    return [ratio(one[name], scores[0][name]) or 1.0 for one in scores]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=("plate", "size"))
    parser.add_argument("--frames", type=int, default=6, help="of each clip")
    given = parser.parse_args()
    if given.only != "size":
        plate_table(given.data, given.frames)
    if given.only != "plate":
        size_table(given.data, given.frames)


if __name__ == "__main__":
    main()
