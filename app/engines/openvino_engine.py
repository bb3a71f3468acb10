"""OpenVINO: the fast way on a CPU, and the way to Intel's GPUs and NPUs."""

from __future__ import annotations

import importlib.util
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from typing_extensions import Self

from app.engines import processor
from app.engines.base import Engine, EngineInfo, EngineSettings, engines
from app.engines.openvino_conversion import Converted
from app.engines.openvino_forms import CalledBack, Compiled, Form, Forms, Kind, Request
from app.errors import EngineError, EngineUnavailable
from app.frames import Alpha, Frame, Matte
from app.modnet.preprocess import BLOCK, Grid, crop, fit_frame, grid_for
from app.subject.scene import (
    Choice,
    Columns,
    Moments,
    Scene,
    Whole,
    columns_of,
    is_missed,
)
from app.system.openvino_import import import_openvino

_DEVICES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU"}
_PRECISIONS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
# In this order, where nothing was asked for.
_FASTEST = ("int8", "bfloat16", "float16", "float32")
# Frames that wait inside where several are computed at once: whoever takes the mattes is busy with
# the last one when the next is done, and a core would stand still for a tenth of the time.
_WAITING = 2
# Seconds of a scene before the network is fitted to it. A clip waits while one is compiled, so it
# is to last for longer than that takes.
_CALM_LIVE, _CALM = 0.5, 2.0


@dataclass(frozen=True)
class _Chosen:
    """By which network a frame goes, and who is to hear what came of it."""

    scene: Scene
    choice: Choice


@dataclass
class _InFlight:
    """chosen: None where it is the plain network for all."""

    frame: Frame
    grid: Grid
    compiled: Compiled
    request: Request
    chosen: _Chosen | None


@dataclass
class _Outcome:
    """What a frame said about the scene, for the frames after it."""

    scene: Scene
    frame: Frame
    extent: Columns | None = None
    missed: bool = False
    moments: Moments | None = None

    def pass_on(self) -> None:
        at, mirrored = self.frame.captured_at, self.frame.mirrored
        if self.missed:
            self.scene.missed(at)
        if self.moments is not None:
            self.scene.surveyed(self.moments, mirrored=mirrored)
        if self.extent is not None:
            self.scene.saw(self.extent, at, mirrored=mirrored)


@engines.register("openvino", title="OpenVINO")
class OpenVINOEngine(Engine):
    """Intel's runtime; the fastest on any x86 CPU."""

    wakes = True

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._core: Any = None
        self._forms: Forms | None = None
        self._info: EngineInfo | None = None
        self._in_flight: deque[_InFlight] = deque()
        self._ready: list[Matte] = []
        self._scenes: dict[Grid, Scene] = {}
        self._last_at = -math.inf
        self._submitted = self._heeded = 0  # frames, and outcomes that were passed on
        self._outcomes: deque[_Outcome] = deque()  # of the frames after those

    @property
    def holds(self) -> int:
        count = self.settings.in_flight
        return count + _WAITING if count > 1 else 1

    @staticmethod
    def unavailable_because() -> str | None:
        if importlib.util.find_spec("openvino") is None:
            return "The openvino package is not installed: pip install -r requirements.txt"
        return None

    @staticmethod
    def devices() -> Sequence[str]:
        openvino = import_openvino()
        return _devices_of(openvino.Core())

    def __enter__(self) -> Self:
        reason = self.unavailable_because()
        if reason is not None:
            raise EngineUnavailable(reason)
        openvino = import_openvino()

        self._core = openvino.Core()
        device = self._pick_device()
        precision = self._pick_precision(device)
        name = str(self._core.get_property(device, "FULL_DEVICE_NAME")).strip()
        in_8_bits = precision == "int8"
        norms = "exact" if in_8_bits else self.settings.norms
        if self.settings.scene and norms == "exact" and device == "CPU":
            norms = "scene"
        self._info = EngineInfo(
            "openvino",
            device.lower(),
            name,
            precision,
            norms=norms,
        )
        # What is no integer in the 8-bit form, such as the interpolations.
        rest = self._native(device) if in_8_bits else (precision,)
        hint = next(_PRECISIONS[one] for one in _FASTEST if one in rest and one != "int8")
        converted = Converted(
            self.weights, self.settings, in_8_bits=in_8_bits, opening=self.opening
        )
        converted.make()
        self.opening.check()
        options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY" if self.settings.in_flight == 1 else "THROUGHPUT",
            "INFERENCE_PRECISION_HINT": hint,
        }
        if device == "CPU":
            options["NUM_STREAMS"] = self.settings.in_flight
        self._forms = Forms(self._core, device, options, converted, self._tell_ready)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for pending in self._in_flight:
            pending.request.handle.wait()
        self._in_flight.clear()
        self._ready.clear()
        if self._forms is not None:
            self._forms.close()
        self._forms = self._core = None

    @property
    def info(self) -> EngineInfo:
        if self._info is None:
            raise EngineError("The OpenVINO engine is not open.")
        return self._info

    def _pick_device(self) -> str:
        wanted = self.settings.device
        if wanted == "auto":
            return "CPU"
        there = _devices_of(self._core)
        if wanted not in there or wanted not in _DEVICES:
            raise EngineUnavailable(
                f"OpenVINO finds no device {wanted!r} here; it finds {', '.join(there)}."
            )
        return _DEVICES[wanted]

    def _pick_precision(self, device: str) -> str:
        wanted = self.settings.precision
        native = self._native(device)
        if wanted == "auto":
            there = {*native, "int8"} if self._may_be_int8(device) else native
            return next(precision for precision in _FASTEST if precision in there)
        if wanted == "int8":
            # Asked for by name it is used where it runs at all; slower is not wrong.
            if device != "CPU" or self.settings.eight_bit is None:
                raise EngineUnavailable(
                    f"There is nothing in 8-bit integers for {device}: choose --precision float32."
                )
        elif wanted not in native:
            raise EngineUnavailable(
                f"{device} has no native {wanted} arithmetic: choose --precision float32."
            )
        return wanted

    def _native(self, device: str) -> frozenset[str]:
        can = self._core.get_property(device, "OPTIMIZATION_CAPABILITIES")
        native = {"float32"}
        # The CPU plug-in lists BF16 only where the CPU multiplies it natively.
        if "BF16" in can:
            native.add("bfloat16")
        if device != "CPU" and "FP16" in can:
            native.add("float16")
        return frozenset(native)

    def _may_be_int8(self, device: str) -> bool:
        there = self.settings.eight_bit is not None
        return there and device == "CPU" and processor.multiplies_int8()

    @property
    def _open_forms(self) -> Forms:
        if self._forms is None:
            raise EngineError("The OpenVINO engine is not open.")
        return self._forms

    def prepare(self, frame_size: tuple[int, int]) -> None:
        self._whole(grid_for(frame_size, self.settings.size)).prepare(self.holds)

    def go_on(self, alpha: Alpha, frame_size: tuple[int, int], *, at: float) -> None:
        began = time.monotonic()
        grid = grid_for(frame_size, self.settings.size)
        # Live, a first run that takes its memory page by page would cost some frames.
        self._whole(grid).warm_up(self.holds)
        if self.info.norms != "scene":
            return
        scene = self._scene(grid)
        columns = scene.go_on(alpha, at)
        if columns is None:
            return
        forms = self._open_forms
        # Compiling is waited for; converting, which takes much longer, goes on beside the frames.
        fitted = forms.get_soon(_in_scene(grid, columns), wait=forms.can_fit_at_once)
        if fitted is not None:
            fitted.warm_up(self.holds)
        # All this took its time, and the scene has lasted on.
        scene.go_on(alpha, at + time.monotonic() - began)

    def _scene(self, grid: Grid) -> Scene:
        scene = self._scenes.get(grid)
        if scene is None:
            calm = _CALM_LIVE if self.keeps_time else _CALM
            self._scenes[grid] = scene = Scene(grid.content[0], calm=calm)
        return scene

    def _whole(self, grid: Grid) -> Compiled:
        """For a whole picture. Where it is fitted to scenes, each could be a survey.

        A plain one beside that would spare a tenth of what few frames cost, and take more memory.
        """
        fitted = self.info.norms == "scene"
        return self._open_forms.get(Form(grid, Kind.SURVEY if fitted else Kind.PLAIN))

    def forget(self) -> None:
        self._scenes.clear()
        self._last_at = -math.inf
        self._outcomes.clear()
        self._submitted = self._heeded = 0

    def _tell_ready(self, called_back: CalledBack) -> None:
        called_back.up = True
        if self.on_ready is not None:
            self.on_ready()

    def submit(self, frame: Frame) -> None:
        while len(self._in_flight) >= self.holds:
            self._finish_oldest()
        grid = grid_for(frame.size, self.settings.size)
        if self.info.norms == "scene":
            request = self._take_for_scene(frame, grid)
        else:
            request = self._take(frame, grid, self._whole(grid))
            fit_frame(frame, grid, request.picture[0])
        self._submitted += 1
        request.start()

    def _take(
        self, frame: Frame, grid: Grid, compiled: Compiled, chosen: _Chosen | None = None
    ) -> Request:
        request = compiled.request()
        self._in_flight.append(_InFlight(frame, grid, compiled, request, chosen))
        return request

    def _take_for_scene(self, frame: Frame, grid: Grid) -> Request:
        """Chooses the network, and fills its inputs."""
        self._heed()
        if frame.captured_at < self._last_at:
            self._scenes.clear()
        self._last_at = frame.captured_at
        scene = self._scene(grid)
        picture = np.empty((grid.padded[1], grid.padded[0], 3), np.uint8)
        fit_frame(frame, grid, picture)

        def is_there(columns: Columns) -> bool:
            form = _in_scene(grid, columns)
            return self._open_forms.get_soon(form, wait=not self.keeps_time) is not None

        choice = scene.choose(picture, frame.captured_at, is_there, mirrored=frame.mirrored)
        compiled = None
        if isinstance(choice, Columns):
            compiled = self._open_forms.get(_in_scene(grid, choice))
        request = self._take(frame, grid, compiled or self._whole(grid), _Chosen(scene, choice))
        request.picture[0] = picture
        if isinstance(choice, Columns):
            piece, blocks, affine = request.piece_blocks_affine
            piece[0] = picture[:, choice.start : choice.stop]
            blocks[:] = choice.blocks
            affine[:] = scene.affine(mirrored=frame.mirrored)
        return request

    def _heed(self) -> None:
        """Passes on what earlier frames said: all of it live, else what is sure to be known.

        So a clip gives the same twice, however fast the machine is.
        """
        sure = self._submitted - self.holds + 1
        while self._outcomes and (self.keeps_time or self._heeded < sure):
            self._outcomes.popleft().pass_on()
            self._heeded += 1

    def _finish_oldest(self) -> None:
        oldest = self._in_flight.popleft()
        oldest.request.handle.wait()
        if oldest.chosen is None:
            alpha = crop(oldest.request.output()[0, 0], oldest.grid)
        else:
            alpha = self._alpha_in_scene(oldest, oldest.chosen)
        oldest.compiled.give_back(oldest.request)
        self._ready.append(Matte(oldest.frame, alpha))

    def _alpha_in_scene(self, done: _InFlight, chosen: _Chosen) -> Alpha:
        request, choice = done.request, chosen.choice
        outcome = _Outcome(chosen.scene, done.frame)
        self._outcomes.append(outcome)
        if not isinstance(choice, Columns):
            if choice is Whole.SURVEY:
                outcome.moments = request.output(2).copy()
            return _whole_alpha(request, done.grid, outcome)
        alpha, semantic = request.output(0)[0, 0], _semantic(request, chosen.scene)
        if is_missed(alpha, semantic, choice):
            outcome.missed = True
            return self._again(done, outcome)
        outcome.extent = columns_of(alpha, semantic, start=choice.start)
        whole = np.zeros(request.picture.shape[1:3], np.float32)
        whole[:, choice.start : choice.stop] = alpha
        return crop(whole, done.grid)

    def _again(self, done: _InFlight, outcome: _Outcome) -> Alpha:
        """The same frame, now over the whole picture."""
        compiled = self._whole(done.grid)
        request = compiled.request()
        request.picture[0] = done.request.picture[0]
        request.start()
        request.handle.wait()
        alpha = _whole_alpha(request, done.grid, outcome)
        compiled.give_back(request)
        return alpha

    def take_ready(self) -> Sequence[Matte]:
        while self._in_flight and self._in_flight[0].request.is_done:
            self._finish_oldest()
        ready, self._ready = self._ready, []
        return ready

    def drain(self) -> Sequence[Matte]:
        while self._in_flight:
            self._finish_oldest()
        return self.take_ready()


def _whole_alpha(request: Request, grid: Grid, outcome: _Outcome) -> Alpha:
    """What came of a whole picture; where the person is goes into `outcome`."""
    alpha, scene = request.output(0)[0, 0], outcome.scene
    outcome.extent = columns_of(alpha[:, : scene.width], _semantic(request, scene))
    return crop(alpha, grid)


def _semantic(request: Request, scene: Scene) -> Alpha:
    """S's prediction; the padding of the grid is not looked at, which may repeat a person."""
    return request.output(1)[0, 0, :, : scene.width // BLOCK]


def _in_scene(grid: Grid, columns: Columns) -> Form:
    return Form(grid, Kind.SCENE, columns.width)


def _devices_of(core: Any) -> Sequence[str]:
    """Each kind once, as this program calls it."""
    found = (device.split(".")[0].lower() for device in core.available_devices)
    return tuple(dict.fromkeys(found))
