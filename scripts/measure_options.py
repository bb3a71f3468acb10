"""Measures the matte options that need a scene of their own, and prints their tables.

    python scripts/measure_options.py DATA [--only plate|size] [--frames N]

DATA has foregrounds_video/, foregrounds_still/, backgrounds/ and portraits_{binary,soft}/. People
are composed over still rooms; the clean plate is that room through the same noisy camera.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.chain import ChainSettings, open_chain
from app.evaluation.metrics import conn, grad, mad
from app.frames import Frame, Matte
from app.matte_steps.base import MatteSteps, open_matte_steps
from app.modnet.preprocess import NetworkSize
from app.refine.refine import enlarge
from app.subject.size_policy import SizePolicy, extent_of

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
    settings = ChainSettings(temporal="off", background="transparent", in_flight=1)
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


def size_table(data: Path) -> None:
    """Each picture at short sides 192, 288 and 384, and at what the policy chooses."""
    sides = (192, 256, 288, 384)
    stills = []
    for kind in ("portraits_binary", "portraits_soft"):
        files = sorted((data / kind / "image").iterdir())
        for file in files:
            truth = next((data / kind / "alpha").glob(file.stem + ".*"))
            rgb = np.ascontiguousarray(np.asarray(Image.open(file).convert("RGB")))
            alpha = np.asarray(Image.open(truth).convert("L")).astype(np.float32) / 255
            stills.append((kind, file.stem, rgb, alpha))
    rooms = sorted((data / "backgrounds").glob("room_*.jpg"))
    for at, (name, pictures) in enumerate(people(data, 1)):
        room = np.asarray(Image.open(rooms[at % len(rooms)]).convert("RGB"))
        mixed, alpha, _ = composed(pictures[0], room)
        stills.append(("composites", name, np.ascontiguousarray(mixed.astype(np.uint8)), alpha))
    found: dict[int, list[tuple[float, float]]] = {}
    for side in sides:
        for _kind, _name, rgb, alpha in stills:
            height, width = rgb.shape[:2]
            scale = side / min(height, width)
            box = NetworkSize(
                (round(width * scale / 32) * 32 or 32, round(height * scale / 32) * 32 or 32)
            )
            settings = ChainSettings(
                temporal="off", background="transparent", in_flight=1, size=box, refine=False
            )
            with open_chain(settings) as chain:
                (matte,) = (
                    *chain.steps[0].push(Frame(rgb, 0, 0.0)),
                    *chain.steps[0].flush(),
                )
            shown = enlarge(matte.alpha, (width, height)).astype(np.float32) / 255
            found.setdefault(side, []).append((mad(shown, alpha) or 0.0, extent_of(matte.alpha)))
    say("| set | item | extent | " + " | ".join(map(str, sides)) + " | policy |")
    say("| --- " * (len(sides) + 4) + "|")
    chosen = []
    for at, (kind, name, _, _) in enumerate(stills):
        extent = found[288][at][1]
        policy = SizePolicy()
        factor = policy.factor(extent, at=0.0)
        side = min(sides, key=lambda s: abs(s - 288 * factor))
        chosen.append(side)
        row = " | ".join(f"{found[s][at][0]:.1f}" for s in sides)
        say(f"| {kind} | {name} | {extent:.2f} | {row} | {side} |")
    for kind in dict.fromkeys(kind for kind, *_ in stills):
        own = [at for at, still in enumerate(stills) if still[0] == kind]
        row = " | ".join(f"{np.mean([found[s][at][0] for at in own]):.2f}" for s in sides)
        policy_mean = np.mean([found[chosen[at]][at][0] for at in own])
        say(f"| **{kind}** | mean | | {row} | {policy_mean:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=("plate", "size"))
    parser.add_argument("--frames", type=int, default=6, help="of each clip")
    given = parser.parse_args()
    if given.only != "size":
        plate_table(given.data, given.frames)
    if given.only != "plate":
        size_table(given.data)


if __name__ == "__main__":
    main()
