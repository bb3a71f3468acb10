"""OpenVINO's engine fits the network to a scene that lasts."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from skimage import data

from app.engines.base import EngineSettings
from app.engines.openvino_conversion import Converted
from app.engines.openvino_engine import OpenVINOEngine
from app.engines.openvino_forms import Form, Forms, Kind
from app.errors import EngineError
from app.frames import Alpha, Frame
from app.modnet import statistics, weights
from app.modnet.preprocess import Grid, NetworkSize
from app.subject.scene import Columns, Scene
from app.system.openvino_import import import_openvino

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


def clip(seconds: float = 3.0, *, rate: int = 16) -> list[Frame]:
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


@pytest.mark.parametrize("in_flight", [1, 2])
def test_a_clip_gives_the_same_however_fast_the_machine_is(
    settings: EngineSettings, chosen: list[object], in_flight: int
) -> None:
    settings = replace(settings, in_flight=in_flight)
    frames = clip()
    with OpenVINOEngine(settings) as engine:
        one = []
        for frame in frames:  # as on a machine that is done before the next frame comes
            engine.submit(frame)
            one += engine.drain()
    first = [(type(choice), str(choice)) for choice in chosen]
    with OpenVINOEngine(settings) as engine:
        for frame in frames:  # and on one that never is
            engine.submit(frame)
        other = engine.drain()
    assert [(type(choice), str(choice)) for choice in chosen[len(frames) :]] == first
    assert any(isinstance(choice, Columns) for choice in chosen)
    assert len(one) == len(other) == len(frames)
    assert all(np.array_equal(a.alpha, b.alpha) for a, b in zip(one, other, strict=True))


def test_a_picture_that_does_not_fill_its_grid_is_fitted_to_as_well(
    settings: EngineSettings, chosen: list[object]
) -> None:
    """Mirrored, it is mirrored within the content; the padding repeats the person at its edge."""
    frames = [
        replace(frame, rgb=np.ascontiguousarray(frame.rgb[:, :300]), mirrored=bool(frame.index % 2))
        for frame in clip()
    ]
    flipped = [replace(frame, rgb=np.ascontiguousarray(frame.rgb[:, ::-1])) for frame in frames]
    for pictures in (frames, flipped):
        chosen.clear()
        expected = alphas(replace(settings, scene=False), pictures)
        found = alphas(settings, pictures)
        assert found[0].shape == (HEIGHT, 300)
        fitted = [at for at, choice in enumerate(chosen) if isinstance(choice, Columns)]
        assert len(fitted) > 8
        assert max(np.abs(found[at] - expected[at]).mean() for at in fitted) < 5e-3


def test_a_clip_whose_times_begin_anew_is_fitted_to_again(
    settings: EngineSettings, chosen: list[object]
) -> None:
    frames = clip()
    alphas(settings, [*frames, *frames])
    again = chosen[len(frames) :]
    assert not isinstance(again[0], Columns)
    assert isinstance(again[-1], Columns)


def test_mirrored_pictures_are_fitted_to_as_well(
    settings: EngineSettings, chosen: list[object]
) -> None:
    frames = [replace(frame, mirrored=bool(frame.index % 2)) for frame in clip()]
    expected = alphas(replace(settings, scene=False), frames)
    found = alphas(settings, frames)
    fitted = [at for at, choice in enumerate(chosen) if isinstance(choice, Columns)]
    assert {at % 2 for at in fitted} == {0, 1}
    assert max(np.abs(found[at] - expected[at]).mean() for at in fitted) < 5e-3


def test_a_person_beyond_the_range_is_seen_in_the_very_frame(
    settings: EngineSettings, chosen: list[object]
) -> None:
    frames = clip()
    jumped = Frame(portrait(48), len(frames), frames[-1].captured_at + 0.06)
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


def test_where_another_engine_was_it_goes_on_fitted(
    settings: EngineSettings, chosen: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where it was fitted before, the conversion is there.
    assert settings.weights is not None
    converted = Converted(settings.weights, settings, in_8_bits=False)
    converted.for_scenes(import_openvino().Core())
    last = alphas(settings, clip(0.1))[-1]
    chosen.clear()
    compiled: list[Form] = []
    compile_now = Forms._compile

    def watched(self: Forms, form: Form):
        compiled.append(form)
        return compile_now(self, form)

    monkeypatch.setattr(Forms, "_compile", watched)
    # However long compiling takes here, the frames come when they say.
    stopped = SimpleNamespace(monotonic=lambda: 0.0)
    monkeypatch.setattr("app.engines.openvino_engine.time", stopped)
    with OpenVINOEngine(replace(settings, in_flight=1)) as engine:
        engine.keeps_time = True
        engine.prepare((WIDTH, HEIGHT))
        engine.go_on(cv2.resize(last, (200, 100)), (WIDTH, HEIGHT), at=5.0)
        before = len(compiled)
        for index in range(4):
            engine.submit(Frame(portrait(), index, 6.5 + index / 30))
            engine.drain()
        assert [isinstance(choice, Columns) for choice in chosen] == [False, True, True, True]
        assert len(compiled) == before


def test_live_no_frame_waits_for_the_network_that_is_made(
    settings: EngineSettings, chosen: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_in: list[str] = []
    compile_now = Forms._compile

    def watched(self: Forms, form: Form):
        if form.kind is Kind.SCENE:
            made_in.append(threading.current_thread().name)
        return compile_now(self, form)

    monkeypatch.setattr(Forms, "_compile", watched)
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
    def broken(self: Converted, core: object) -> None:
        raise EngineError("The disk is full.")

    monkeypatch.setattr(Converted, "for_scenes", broken)
    found = alphas(settings, clip())
    assert not any(isinstance(choice, Columns) for choice in chosen)
    assert found[-1].mean() > 0.1
    assert caplog.text.count("The disk is full.") == 1


def test_with_fixed_norms_or_for_pictures_nothing_is_fitted(
    settings: EngineSettings, tmp_path: Path
) -> None:
    assert settings.weights is not None
    stored = tmp_path / "mine.norms"
    measured = statistics.measure(
        weights.load(settings.weights).network, [portrait()], [settings.size]
    )
    stored.write_bytes(statistics.to_bytes(measured, weights_sha256="released", pictures=1))
    fixed = replace(settings, statistics=stored, statistics_sha256="mine")
    for asked, norms in ((settings, "scene"), (replace(settings, scene=False), "exact")):
        with OpenVINOEngine(asked) as engine:
            assert engine.info.norms == norms
    with OpenVINOEngine(fixed) as engine:
        assert engine.info.norms == "fixed"
        engine.submit(Frame(portrait(), 0, 0.0))
        (matte,) = engine.drain()
    assert matte.alpha.mean() > 0.1


def test_a_fitted_network_is_not_kept_on_the_disk(
    settings: EngineSettings, chosen: list[object]
) -> None:
    assert settings.weights is not None
    folder = Converted(settings.weights, settings, in_8_bits=False).cache.folder
    frames = clip()
    alphas(settings, frames[:4])
    before = {path.name for path in folder.iterdir()}
    alphas(settings, frames)
    assert isinstance(chosen[-1], Columns)
    assert {path.name for path in folder.iterdir()} - before <= {"scene.network"}


def test_closing_does_not_wait_for_a_conversion(
    settings: EngineSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run of all converts for scenes beside the live picture, which takes seconds."""
    fresh = tmp_path / "cache"
    monkeypatch.setenv("MATTECAM_CACHE", str(fresh))
    with OpenVINOEngine(settings) as engine:
        engine.keeps_time = True
        forms = engine._open_forms
        form = Form(Grid((320, 160), (320, 160)), Kind.SCENE, 192)
        assert forms.get_soon(form, wait=False) is None
        worker = forms._worker
        assert worker is not None
    assert not worker.is_alive()
    assert not list(fresh.rglob("scene.network"))
    assert not list(fresh.rglob(".converting-*"))
