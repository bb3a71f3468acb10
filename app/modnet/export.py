"""MODNet for other programs: written, then run by the format's own runtime and compared.

Every format takes `image`, float32 (N, 3, H, W), RGB normalised to [-1, 1], H and W free multiples
of 32, as the official ONNX export does, and gives `alpha`, float32 (N, 1, H, W) in [0, 1].
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from app.errors import EngineError, OutputExists, UsageError
from app.frames import RGB
from app.modnet.network import MODNet
from app.modnet.preprocess import AUTO, NetworkSize, fit, grid_for
from app.system.openvino_import import import_openvino
from app.weights import store

Images = npt.NDArray[np.float32]  # (1, 3, H, W) in [-1, 1]
Runtime = Callable[[Images], Images]

# The same sums in another order: what was seen is below 1e-4 and 1e-6 (docs/training.md).
LARGEST, MEAN = 5e-3, 1e-4
# Shapes that the file was not traced with, so that sizes are seen to be free.
_SIZES = (AUTO, NetworkSize((288, 384)), NetworkSize((160, 160)))
_OPSET = 17


@dataclass(frozen=True)
class Exported:
    """paths: what was written. largest, mean: of |alpha - torch's| over `pictures` comparisons."""

    paths: Sequence[Path]
    format: str
    runtime: str
    pictures: int
    largest: float
    mean: float


@dataclass(frozen=True)
class Format:
    """write: the network to a file of this name, and what else lies beside it. run: that file.

    package: what writing needs. runtime: the name of what runs it.
    """

    suffix: str
    package: str
    runtime: Callable[[], str]
    write: Callable[[MODNet, Path], None]
    run: Callable[[Path], Runtime]
    beside: Sequence[str] = ()


def files_written(target: Path, form: str) -> list[Path]:
    """What `export` writes: `target`, and the files that its format has beside it."""
    beside = FORMATS[form].beside if form in FORMATS else ()
    return [target, *(target.with_suffix(suffix) for suffix in beside)]


def export(
    network: MODNet,
    target: Path,
    *,
    form: str,
    pictures: Sequence[RGB],
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Writes `target`, and keeps it only where its own runtime gives what torch gives.

    pictures: uint8 RGB (H, W, 3) to compare on. progress: comparisons so far, and all. Raises
    UsageError (no such format, its package is missing, another suffix), OutputExists, OutputError,
    DiskFull, and EngineError where the file gives something else.
    """
    chosen = FORMATS.get(form)
    if chosen is None:
        raise UsageError(f"There is no format {form!r}. There are: {', '.join(FORMATS)}.")
    if target.suffix != chosen.suffix:
        raise UsageError(f"{target} must end in {chosen.suffix}, which {form} files do.")
    if importlib.util.find_spec(chosen.package) is None:
        raise UsageError(
            f"{form} needs the package {chosen.package}, which is not installed; run: python -m "
            "pip install -r requirements.txt, or choose another --format."
        )
    paths = files_written(target, form)
    for path in paths:
        if path.exists() and not force:
            raise OutputExists(f"{path} is there already; choose another name, or say --force.")
    network = network.eval().cpu()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as folder:
            draft = Path(folder) / target.name
            with warnings.catch_warnings():
                # Of the tracer, about shapes taken as constants; none depends on the picture. Of
                # torch, that it has a newer exporter, which needs one more package.
                warnings.simplefilter("ignore")
                chosen.write(network, draft)
            largest, mean, count = _compared(network, chosen.run(draft), pictures, progress)
            if not (largest <= LARGEST and mean <= MEAN):
                raise EngineError(
                    f"{chosen.runtime()} makes another matte of the exported file than torch (by "
                    f"{largest:.4f} at most, {mean:.6f} in the mean), so it was not kept."
                )
            for path in reversed(paths):
                os.replace(draft.with_suffix(path.suffix), path)
    except OSError as error:
        raise store.output_error(target, error) from error
    return Exported(paths, form, chosen.runtime(), count, largest, mean)


@torch.no_grad()
def _compared(
    network: MODNet,
    runtime: Runtime,
    pictures: Sequence[RGB],
    progress: Callable[[int, int], None],
) -> tuple[float, float, int]:
    """The largest difference, the mean one, and how many pictures were looked at."""
    largest, means = 0.0, []
    for picture in pictures:
        for size in _SIZES:
            image = _as_input(picture, size)
            apart = np.abs(runtime(image) - network(torch.from_numpy(image)).numpy())
            # A number that is none must not pass for a small one.
            largest = max(largest, float(apart.max())) if np.isfinite(apart).all() else np.inf
            means.append(float(apart.mean()))
            progress(len(means), len(pictures) * len(_SIZES))
    if not means:
        raise UsageError("There is no picture to compare on.")
    return largest, sum(means) / len(means), len(means)


def _as_input(picture: RGB, size: NetworkSize) -> Images:
    grid = grid_for((picture.shape[1], picture.shape[0]), size)
    width, height = grid.padded
    fitted = np.empty((height, width, 3), np.uint8)
    fit(picture, grid, fitted)
    return np.ascontiguousarray(fitted.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1)


def _example() -> torch.Tensor:
    return torch.zeros(1, 3, 64, 96)


def _write_onnx(network: MODNet, path: Path) -> None:
    # The exporter by tracing: the newer one needs onnxscript, and gives the same graph.
    free = {0: "pictures", 2: "height", 3: "width"}
    torch.onnx.export(
        network,
        (_example(),),
        str(path),
        dynamo=False,
        opset_version=_OPSET,
        input_names=["image"],
        output_names=["alpha"],
        dynamic_axes={"image": free, "alpha": free},
    )


def _onnx_runtime() -> str:
    """ONNX Runtime where it is installed; OpenVINO, which reads ONNX as well, always is."""
    return "openvino" if importlib.util.find_spec("onnxruntime") is None else "onnxruntime"


def _run_onnx(path: Path) -> Runtime:
    if _onnx_runtime() == "openvino":
        return _run_openvino(path)
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda image: cast(Images, session.run(["alpha"], {"image": image})[0])


def _write_openvino(network: MODNet, path: Path) -> None:
    openvino = import_openvino()

    model = openvino.convert_model(network, example_input=_example(), input=[-1, 3, -1, -1])
    model.input().get_tensor().set_names({"image"})
    model.output().get_tensor().set_names({"alpha"})
    openvino.save_model(model, path, compress_to_fp16=False)


def _run_openvino(path: Path) -> Runtime:
    openvino = import_openvino()

    # Elsewhere the runtime may lower the precision; here the file is judged, not the machine.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", exact)
    return lambda image: cast(Images, compiled({"image": image})["alpha"])


def _write_torchscript(network: MODNet, path: Path) -> None:
    traced: Any = torch.jit.trace(network, _example())  # type: ignore[no-untyped-call]
    traced.save(str(path))


def _run_torchscript(path: Path) -> Runtime:
    with warnings.catch_warnings():
        # That torch has a successor of the format; who asks for this one has a reason.
        warnings.simplefilter("ignore")
        loaded: nn.Module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
    return lambda image: cast(Images, loaded(torch.from_numpy(image)).detach().numpy())


FORMATS = {
    "onnx": Format(".onnx", "onnx", _onnx_runtime, _write_onnx, _run_onnx),
    "openvino": Format(
        ".xml", "openvino", lambda: "openvino", _write_openvino, _run_openvino, (".bin",)
    ),
    "torchscript": Format(".pt", "torch", lambda: "torch", _write_torchscript, _run_torchscript),
}
