"""Matte steps and light in the live pipeline: changed between two frames, and heard."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import InputError
from app.frames import Composite
from app.live import Callbacks, Failure, LivePipeline
from app.settings import LiveSettings

LONG = 120.0


class Watcher:
    """Waits for a composite of a kind."""

    def __init__(self) -> None:
        self.bell = threading.Event()

    def wait_for(self, pipeline_preview: object, wanted) -> Composite:  # type: ignore[no-untyped-def]
        for _ in range(500):
            assert self.bell.wait(LONG)
            self.bell.clear()
            picture = pipeline_preview.take()  # type: ignore[attr-defined]
            if isinstance(picture, Composite) and wanted(picture):
                return picture
        raise AssertionError("it never came")


@pytest.fixture
def left_half(tmp_path: Path) -> Path:
    painting = np.zeros((90, 160), np.uint8)
    painting[:, :80] = 255
    path = tmp_path / "left.png"
    Image.fromarray(painting).save(path)
    return path


def left_alpha(composite: Composite) -> float:
    alpha = composite.cutout.alpha
    return float(alpha[:, : alpha.shape[1] // 3].mean())


def settings(**changes: object) -> LiveSettings:
    plain = LiveSettings(engine="null", source="demo", background="color", temporal="off")
    return plain.but(**changes)


def test_steps_come_and_go_while_it_runs(left_half: Path) -> None:
    watcher = Watcher()
    pipeline = LivePipeline(settings(steps=(f"keep-region:{left_half}",), light=("wrap",)))
    preview = pipeline.add_preview(watcher.bell.set)
    with pipeline:
        watcher.wait_for(preview, lambda picture: left_alpha(picture) > 254)
        pipeline.apply(settings(steps=(f"drop-region:{left_half}",), light=("match",)))
        watcher.wait_for(preview, lambda picture: left_alpha(picture) < 1)
        pipeline.apply(settings())
        # The ellipse reaches a little into the left third.
        watcher.wait_for(preview, lambda picture: 2 < left_alpha(picture) < 60)


def test_a_step_that_cannot_be_opened_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    pipeline = LivePipeline(settings())
    with pipeline, pytest.raises(InputError, match=r"gone\.png"):
        pipeline.apply(settings(steps=(f"clean-plate:{tmp_path / 'gone.png'}",)))
    assert pipeline.settings.steps == ()


def test_a_plate_that_does_not_fit_is_told_once(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (60, 100, 3), np.uint8)
    plate = tmp_path / "plate.png"
    Image.fromarray(noise).resize((800, 480)).save(plate)
    told: list[Failure] = []
    heard = threading.Event()

    def failed(failure: Failure) -> None:
        told.append(failure)
        heard.set()

    pipeline = LivePipeline(settings(steps=(f"clean-plate:{plate}",)), Callbacks(on_failure=failed))
    with pipeline:
        assert heard.wait(LONG)
    assert [failure.where for failure in told] == ["matte steps"]
    assert "camera was moved" in told[0].sentence
