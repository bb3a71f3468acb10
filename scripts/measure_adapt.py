"""Adapts to the first half of clips whose alpha is known, and measures the second half.

    python scripts/measure_adapt.py CLIPS [--minutes 5] [--weights NAME] [--frames 75]

CLIPS is a folder as `evaluate video` takes it. The alpha is looked at for measuring alone.
"""

from __future__ import annotations

import argparse
import math
import sys
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.evaluation.datasets import find_clips
from app.modnet import weights
from app.training.adapt import adapt
from app.training.adapt_job import anchors
from app.training.validation import Excerpt, validate
from app.weights import store


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--weights", default=store.DEFAULT)
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--only", default="")
    told = parser.parse_args()
    loaded = weights.load(store.resolve(told.weights).path)
    say("| clip | kept | MAD | after | dtSSD | after | steps | seconds | reason |")
    say("|---|---|---:|---:|---:|---:|---:|---:|---|")
    ratios = []
    for clip in find_clips(told.clips):
        if told.only and told.only not in clip.name:
            continue
        pairs = list(clip.pairs(limit=told.frames, rate=Fraction(25)))
        half = len(pairs) // 2
        # The second half of a short clip is short; every other frame of it is enough.
        later = Excerpt(clip.name, [(pair.frame.rgb, pair.truth) for pair in pairs[half:]][::2])
        outcome = adapt(
            loaded.network,
            [pair.frame.rgb for pair in pairs[:half]],
            anchors(),
            minutes=told.minutes,
            missing_heads=bool(loaded.missing_heads),
        )
        before, after = (validate(one, [later]) for one in (loaded.network, outcome.network))
        ratios.append(after.mad / before.mad)
        say(
            f"| {clip.name} | {'yes' if outcome.kept else 'no'} | {before.mad:.2f} | "
            f"{after.mad:.2f} | {before.dtssd:.2f} | {after.dtssd:.2f} | {outcome.steps} | "
            f"{outcome.seconds:.0f} | {outcome.reason} |"
        )
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    say(f"\nMAD of the second half, geometric mean of the ratios: {mean:.3f}.")


if __name__ == "__main__":
    main()
