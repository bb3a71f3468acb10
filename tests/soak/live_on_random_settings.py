"""A live run whose settings change each second; a line of JSON for each second, and one at the end.

Run as a program by test_random_settings.py, so that a crash inside a library is seen as such.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from app.live import Callbacks, Failure, LivePipeline, Preview  # noqa: E402
from app.settings import LiveSettings  # noqa: E402
from app.system.leaving import run_and_leave  # noqa: E402

_LOOK = 1.0  # seconds between two changes


class Choices:
    """What may be changed, and to what; all of it valid. The network is never finer than usual."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._chance = chance
        region, card = folder / "region.png", folder / "card.png"
        painting = np.zeros((90, 160), np.uint8)
        painting[:, :40] = 255
        cv2.imwrite(str(region), painting)
        cv2.imwrite(str(card), np.full((90, 160, 3), 200, np.uint8))
        pictures = sorted((ROOT / "assets" / "backgrounds").glob("*.jpg"))
        demo = str(ROOT / "assets" / "demo.mp4")
        self._values: dict[str, list[Any]] = {
            "size": ["auto", "512x288", "448x256", "384x224", "320x192", "256x160", "224x224"],
            "quality": ["60fps", "30fps", "best"],
            "temporal": ["steady", "gated", "off", "ofd"],
            "background": [
                "blur",
                "blur:30",
                "color:#00b140",
                "original",
                "transparent",
                f"image:{pictures[0]}",
                f"image:{pictures[-1]}",
                f"video:{demo}",
            ],
            "light": [(), ("match",), ("wrap",), ("match", "wrap")],
            "steps": [
                (),
                ("persons",),
                (f"keep-region:{region}",),
                (f"drop-region:{region},feather=0.3", "persons:2"),
            ],
            "edge": ["edge", "edge:-3", "edge:4,feather=2"],
            "refine": [True, False],
            "norms": ["auto", "exact", "scene"],
            "precision": ["auto", "float32"],
            "in_flight": [1, 2],
            "skip_unchanged": [True, False],
            "size_follows_subject": [True, False],
            "source": ["demo", demo, f"file:{demo}"],
            "outputs": [("null",), ("null", "memory:4"), ("memory:4",)],
            "output_size": [(1280, 720), (640, 360)],
            "output_rate": [30.0, 15.0],
            "mirror_output": [True, False],
            "zoom": [1.0, 1.5, 2.5],
            "center_x": [0.3, 0.5],
            "card": ["", str(card)],
        }

    def change(self, settings: LiveSettings) -> LiveSettings:
        """One to three of them."""
        names = self._chance.sample(sorted(self._values), self._chance.choice((1, 1, 1, 2, 3)))
        return settings.but(**{name: self._chance.choice(self._values[name]) for name in names})


class Run:
    """The pipeline, and what is seen of it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._chance = random.Random(seed)
        self._choices = Choices(folder, self._chance)
        self._me = psutil.Process()
        self._composites = 0
        self._failures: list[str] = []
        self._preview: Preview | None = None
        self._lock = threading.Lock()
        settings = LiveSettings(source="demo", outputs=("null",), quality="best", background="blur")
        self.pipeline = LivePipeline(settings, Callbacks(on_failure=self._failed))
        self.pipeline.add_tap(self._composed)

    def _composed(self, _: object) -> None:
        with self._lock:
            self._composites += 1

    def _failed(self, failure: Failure) -> None:
        self._failures.append(str(failure))

    def wait_for_pictures(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._composites and time.monotonic() < until:
            time.sleep(0.1)

    def look(self, phase: str, change: str) -> None:
        """Waits a second and tells what came of it."""
        with self._lock:
            before, began = self._composites, time.monotonic()
        time.sleep(_LOOK)
        with self._lock:
            rate = (self._composites - before) / (time.monotonic() - began)
        children = [child.name() for child in self._me.children(recursive=True)]
        self._tell(
            phase=phase,
            change=change,
            state=self.pipeline.state.name,
            rate=round(rate, 2),
            threads=self._me.num_threads(),
            matting=sum(t.name == "mattecam-matting" for t in threading.enumerate()),
            handles=self._me.num_fds() if hasattr(self._me, "num_fds") else 0,
            memory=round(self._me.memory_info().rss / 2**20, 1),
            children=len(children),
        )

    def act(self) -> str:
        """Changes settings, most of the time, or does what a user does beside that."""
        kind = self._chance.random()
        if kind < 0.06:
            name = self._chance.choice(("pause", "freeze", "show_card", "restart_source", "retry"))
            getattr(self.pipeline, name)()
            return name
        if kind < 0.16:
            self.pipeline.resume()
            return "resume"
        if kind < 0.20:
            return self._toggle_preview()
        old = self.pipeline.settings
        new = self._choices.change(old)
        self.pipeline.apply(new)
        return ", ".join(
            f"{name}={value}"
            for name, value in new.model_dump(mode="json").items()
            if value != old.model_dump(mode="json")[name]
        )

    def _toggle_preview(self) -> str:
        if self._preview is None:
            self._preview = self.pipeline.add_preview(lambda: None)
            return "preview on"
        self.pipeline.remove_preview(self._preview)
        self._preview = None
        return "preview off"

    def stop(self) -> None:
        failures = list(self._failures)
        began = time.monotonic()
        left = self.pipeline.stop()
        self._tell(
            phase="end",
            left=list(left),
            took=round(time.monotonic() - began, 2),
            failures=failures,
        )

    @staticmethod
    def _tell(**facts: Any) -> None:
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--still", type=float, required=True, help="seconds without changes before")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    run = Run(given.seed, given.folder)
    run.pipeline.start()
    run.wait_for_pictures(300.0)  # the first conversion takes its time
    until = time.monotonic() + given.still
    while time.monotonic() < until:
        run.look("still", "")
    until = time.monotonic() + given.seconds
    while time.monotonic() < until:
        run.look("changes", run.act())
    run.stop()
    return 0


if __name__ == "__main__":
    run_and_leave(main)
