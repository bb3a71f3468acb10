"""OpenVINO's engine fits the network to a scene that lasts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from app.engines import openvino_forms
from app.engines.base import EngineSettings
from app.engines.openvino_cache import Converted
from app.engines.openvino_engine import OpenVINOEngine
from app.errors import EngineError
from app.frames import Alpha, Frame
from app.modnet.preprocess import Grid, NetworkSize
from app.subject.scene import Columns, Scene

WIDTH, HEIGHT = 320, 160


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def settings(weights_file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> EngineSettings:
    monkeypatch.setenv("MATTECAM_CACHE", str(cache))
    return EngineSettings(
        weights=weights_file,
        weights_sha256="released",
        size=NetworkSize((WIDTH, HEIGHT)),
        precision="float32",
        device="cpu",
        scene=True,
    )


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was chosen for each frame, in order."""
    seen: list[object] = []
    choose = Scene.choose

    def watched(self: Scene, *args, **how):
        seen.append(choose(self, *args, **how))
        return seen[-1]

    monkeypatch.setattr(Scene, "choose", watched)
    return seen


def portrait(shift: int = 0) -> np.ndarray:
    """A person on the left of a wall."""
    rgb = np.full((HEIGHT, WIDTH, 3), 170, np.uint8)
    person = cv2.resize(data.astronaut(), (160, 160), interpolation=cv2.INTER_AREA)
    rgb[:, 32 + shift : 192 + shift] = person
    return rgb


def clip(seconds: float = 1.0, *, rate: int = 24) -> list[Frame]:
    """The person sways."""
    count = round(seconds * rate)
    return [Frame(portrait(index // 4 % 3), index, index / rate) for index in range(count)]


def alphas(settings: EngineSettings, frames: list[Frame]) -> list[Alpha]:
    mattes = []
    with OpenVINOEngine(settings) as engine:
        for frame in frames:
            engine.submit(frame)
            mattes += engine.take_ready()
        mattes += engine.drain()
    assert [matte.frame.index for matte in mattes] == [frame.index for frame in frames]
    return [matte.alpha for matte in mattes]


def test_the_matte_is_the_exact_networks(settings: EngineSettings, chosen: list[object]) -> None:
    frames = clip()
    expected = alphas(replace(settings, scene=False), frames)
    found = alphas(settings, frames)
    fitted = [at for at, choice in enumerate(chosen) if isinstance(choice, Columns)]
    assert len(fitted) > 5
    assert np.mean([expected[at].mean() for at in fitted]) > 0.1
    assert max(np.abs(found[at] - expected[at]).mean() for at in fitted) < 2e-3


def test_beyond_the_range_nothing_is_a_person(
    settings: EngineSettings, chosen: list[object]
) -> None:
    found = alphas(settings, clip())
    choice = chosen[-1]
    assert isinstance(choice, Columns)
    assert choice.stop < WIDTH
    assert found[-1].shape == (HEIGHT, WIDTH)
    assert not found[-1][:, choice.stop :].any()


def test_a_clip_gives_the_same_twice(settings: EngineSettings) -> None:
    frames = clip()
    one, other = alphas(settings, frames), alphas(settings, frames)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_mirrored_pictures_are_fitted_to_as_well(
    settings: EngineSettings, chosen: list[object]
) -> None:
    frames = [replace(frame, mirrored=bool(frame.index % 2)) for frame in clip(1.5)]
    expected = alphas(replace(settings, scene=False), frames)
    found = alphas(settings, frames)
    fitted = [at for at, choice in enumerate(chosen) if isinstance(choice, Columns)]
    assert {at % 2 for at in fitted} == {0, 1}
    assert max(np.abs(found[at] - expected[at]).mean() for at in fitted) < 5e-3


def test_a_person_beyond_the_range_is_seen_in_the_very_frame(
    settings: EngineSettings, chosen: list[object]
) -> None:
    frames = clip()
    jumped = Frame(portrait(48), len(frames), frames[-1].captured_at + 0.04)
    found = alphas(settings, [*frames, jumped])[-1]
    choice = chosen[-1]
    assert isinstance(choice, Columns)
    expected = alphas(replace(settings, scene=False), [jumped])[0]
    assert expected[:, choice.stop :].max() > 0.9
    assert np.abs(found - expected).max() < 1e-3


def test_what_was_seen_is_forgotten_with_the_scene(
    settings: EngineSettings, chosen: list[object]
) -> None:
    with OpenVINOEngine(settings) as engine:
        for frame in clip():
            engine.submit(frame)
        engine.drain()
        assert isinstance(chosen[-1], Columns)
        engine.forget()
        engine.submit(Frame(portrait(), 100, 100.0))
        engine.drain()
        assert not isinstance(chosen[-1], Columns)


def test_live_no_frame_waits_for_the_network_that_is_made(
    settings: EngineSettings, chosen: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_in: list[str] = []
    compile_now = openvino_forms.Forms._compile

    def watched(self: openvino_forms.Forms, form: openvino_forms.Form):
        import threading

        if form.kind is openvino_forms.Kind.SCENE:
            made_in.append(threading.current_thread().name)
        return compile_now(self, form)

    monkeypatch.setattr(openvino_forms.Forms, "_compile", watched)
    with OpenVINOEngine(settings) as engine:
        engine.keeps_time = True
        for frame in clip(30):
            engine.submit(frame)
            engine.drain()
            if isinstance(chosen[-1], Columns):
                break
            worker = engine._open_forms._worker
            if worker is not None:
                worker.join(60)
        assert isinstance(chosen[-1], Columns)
    assert made_in == ["compile"]


def test_where_it_cannot_be_fitted_the_exact_network_goes_on(
    settings: EngineSettings,
    chosen: list[object],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(self: Converted) -> Path:
        raise EngineError("The disk is full.")

    monkeypatch.setattr(Converted, "for_scenes", broken)
    found = alphas(settings, clip())
    assert not any(isinstance(choice, Columns) for choice in chosen)
    assert found[-1].mean() > 0.1
    assert "The disk is full." in caplog.text


def test_with_fixed_norms_or_for_pictures_nothing_is_fitted(settings: EngineSettings) -> None:
    with OpenVINOEngine(settings) as engine:
        assert engine.info.norms == "scene"
    with OpenVINOEngine(replace(settings, scene=False)) as engine:
        assert engine.info.norms == "exact"


def test_a_fitted_network_is_not_kept_on_the_disk(settings: EngineSettings) -> None:
    assert settings.weights is not None
    folder = Converted(settings.weights, settings, in_8_bits=False).folder
    alphas(settings, clip())
    before = sorted(path.name for path in folder.iterdir())
    alphas(settings, clip())
    assert sorted(path.name for path in folder.iterdir()) == before


def test_closing_does_not_wait_for_a_conversion(
    settings: EngineSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run of all converts for scenes beside the live picture, which takes seconds."""
    fresh = tmp_path / "cache"
    monkeypatch.setenv("MATTECAM_CACHE", str(fresh))
    with OpenVINOEngine(settings) as engine:
        engine.keeps_time = True
        forms = engine._open_forms
        form = openvino_forms.Form(Grid((320, 160), (320, 160)), openvino_forms.Kind.SCENE, 192)
        assert forms.get_soon(form, wait=False) is None
        worker = forms._worker
        assert worker is not None
    assert not worker.is_alive()
    assert not list(fresh.rglob("scene.xml"))
    assert not list(fresh.rglob(".converting-*"))
