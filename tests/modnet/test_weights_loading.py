"""Files -> MODNet: what is accepted, what is refused, and that nothing in a file runs."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from torch import Tensor, nn

from app.errors import (
    MattecamError,
    OutputExists,
    UsageError,
    WeightsCorrupt,
    WeightsError,
    WeightsForeign,
    WeightsMissing,
)
from app.modnet import onnx_file, weights
from app.modnet.network import MODNet
from app.weights import store

State = dict[str, Tensor]


def make_network(seed: int = 3, **options: str) -> MODNet:
    """Random, with norms whose statistics are not those of a fresh one."""
    torch.manual_seed(seed)
    network = MODNet(**options).eval()  # type: ignore[arg-type]
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.1)
            nn.init.normal_(module.bias, 0.0, 0.1)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


@pytest.fixture(scope="module")
def network() -> MODNet:
    return make_network()


def alpha_of(network: MODNet, image: Tensor | None = None) -> Tensor:
    if image is None:
        image = torch.linspace(-1, 1, 3 * 64 * 96).reshape(1, 3, 64, 96).sin()
    with torch.inference_mode():
        return network(image)


def same(one: MODNet, other: MODNet) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[key]) for key, tensor in one.state_dict().items())


def official(network: MODNet) -> State:
    """As the authors' checkpoints are: DataParallel's prefix, the backbone under both names."""
    return {f"module.{key}": tensor for key, tensor in network.state_dict().items()}


def once(network: MODNet) -> State:
    state = network.state_dict()
    return {k: t for k, t in state.items() if not k.startswith("lr_branch.backbone.")}


# -- what is accepted ----------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_an_official_checkpoint_loads_strictly(
    network: MODNet, tmp_path: Path, zipped: bool
) -> None:
    state = official(network)
    assert len(state) == 751
    path = tmp_path / "modnet.ckpt"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    loaded = weights.load(path)
    assert (loaded.format, loaded.missing_heads) == ("pickle", ())
    assert same(loaded.network, network)
    assert not loaded.network.training
    parameter = next(loaded.network.parameters())
    assert (parameter.dtype, parameter.device.type) == (torch.float32, "cpu")
    assert loaded.network.backbone is loaded.network.lr_branch.backbone


@pytest.mark.parametrize(
    "wrap",
    [
        lambda network: network.state_dict(),
        once,
        lambda network: {"state_dict": once(network), "epoch": 3, "optimizer": {"lr": 0.1}},
        lambda network: {"model": {"state_dict": official(network)}},
        lambda network: {f"_orig_mod.module.{k}": t for k, t in network.state_dict().items()},
        lambda network: {k: t.double() if t.is_floating_point() else t
                         for k, t in once(network).items()},
        lambda network: {k: t for k, t in once(network).items() if not k.endswith("_tracked")},
    ],
    ids=["plain", "backbone once", "wrapped", "twice", "compiled", "float64", "no counters"],
)  # fmt: skip
def test_plain_and_wrapped_state_dicts_load(
    network: MODNet, tmp_path: Path, wrap: Callable[[MODNet], dict[str, object]]
) -> None:
    path = tmp_path / "own.pt"
    torch.save(wrap(network), path)
    loaded = weights.load(path)
    assert loaded.missing_heads == ()
    assert torch.equal(alpha_of(loaded.network), alpha_of(network))


@pytest.mark.parametrize(
    "options",
    [{"context_block": "easpp"}, {"backbone": "resnet18"}],
    ids=lambda options: "-".join(options.values()),
)
def test_the_context_block_and_the_backbone_are_seen_from_the_keys(
    tmp_path: Path, options: dict[str, str]
) -> None:
    other = make_network(**options)
    torch.save(official(other), tmp_path / "own.ckpt")
    loaded = weights.load(tmp_path / "own.ckpt").network
    assert (loaded.backbone_name, loaded.context_block) == (
        other.backbone_name,
        other.context_block,
    )
    assert same(loaded, other)


def test_safetensors_are_the_same_after_a_round_trip(network: MODNet, tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    weights.save_safetensors(network, path, metadata={"licence": "CC0"})
    loaded = weights.load(path)
    assert same(loaded.network, network)
    assert loaded.metadata["licence"] == "CC0"
    assert (loaded.metadata["backbone"], loaded.metadata["context_block"]) == (
        "mobilenet_v2",
        "se",
    )
    stored = safetensors.torch.load_file(path)
    assert not any(key.startswith("lr_branch.backbone.") for key in stored)
    assert list(tmp_path.iterdir()) == [path]


def test_half_safetensors_are_half_as_long_and_load_as_float32(
    network: MODNet, tmp_path: Path
) -> None:
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    weights.save_safetensors(network, whole, metadata={})
    weights.save_safetensors(network, half, metadata={}, half=True)
    assert half.stat().st_size < 0.53 * whole.stat().st_size
    loaded = weights.load(half).network
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert (alpha_of(loaded) - alpha_of(network)).abs().max() < 0.05


def test_foreign_safetensors_without_metadata_load_too(network: MODNet, tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    safetensors.torch.save_file({k: t.clone() for k, t in official(network).items()}, path)
    assert same(weights.load(path).network, network)


def test_heads_that_a_file_lacks_are_named_and_always_the_same(
    network: MODNet, tmp_path: Path
) -> None:
    path = tmp_path / "inference.pt"
    state = {
        key: tensor
        for key, tensor in once(network).items()
        if not key.startswith(("lr_branch.conv_lr.", "hr_branch.conv_hr."))
    }
    torch.save(state, path)
    before = torch.get_rng_state()
    first, second = weights.load(path), weights.load(path)
    assert first.missing_heads == ("lr_branch.conv_lr", "hr_branch.conv_hr")
    assert same(first.network, second.network)
    assert torch.equal(torch.get_rng_state(), before)  # nobody else's randomness is touched
    saved = tmp_path / "own.safetensors"
    weights.save_safetensors(first.network, saved, metadata={}, missing_heads=first.missing_heads)
    assert weights.load(saved).missing_heads == first.missing_heads


def test_the_content_decides_the_format_not_the_suffix(network: MODNet, tmp_path: Path) -> None:
    as_onnx = tmp_path / "really-a-pickle.onnx"
    torch.save(once(network), as_onnx)
    assert weights.load(as_onnx).format == "pickle"
    as_pickle = tmp_path / "really-safetensors.ckpt"
    weights.save_safetensors(network, as_pickle, metadata={})
    assert weights.load(as_pickle).format == "safetensors"


# -- ONNX ----------------------------------------------------------------------------------------


def picture(width: int, height: int) -> np.ndarray:
    """The astronaut, cropped to the shape and normalised: float32 (1, 3, height, width)."""
    import cv2
    from skimage import data

    whole = data.astronaut()
    tall = min(512, 512 * height // width)
    crop = whole[:tall]
    rgb = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
    return normalised(rgb)


def normalised(rgb: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray((rgb.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None])


@pytest.fixture(scope="module")
def released(weights_file: Path) -> weights.LoadedWeights:
    return weights.load(weights_file)


@pytest.fixture(scope="module")
def reference(weights_file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(weights_file), options, providers=["CPUExecutionProvider"]
    )


def difference(
    released: weights.LoadedWeights, reference: onnxruntime.InferenceSession, image: np.ndarray
) -> np.ndarray:
    (expected,) = reference.run(None, {"input": image})
    alpha = alpha_of(released.network, torch.from_numpy(image)).numpy()
    # A real person, or the comparison proves little.
    assert 0.05 < expected.mean() < 0.95
    return np.abs(alpha - expected)


@pytest.mark.parametrize("size", [(512, 288), (320, 192), (288, 512)])
def test_the_released_onnx_gives_onnx_runtimes_alpha(
    released: weights.LoadedWeights,
    reference: onnxruntime.InferenceSession,
    size: tuple[int, int],
) -> None:
    apart = difference(released, reference, picture(*size))
    assert apart.max() < 1e-4
    assert apart.mean() < 2e-6


def test_real_portraits_give_onnx_runtimes_alpha(
    released: weights.LoadedWeights, reference: onnxruntime.InferenceSession, data_dir: Path
) -> None:
    import cv2

    files = sorted((data_dir / "portraits_binary" / "image").iterdir())[:3]
    assert len(files) == 3
    for file in files:
        bgr = cv2.imread(str(file))
        assert bgr is not None
        rgb = cv2.resize(bgr, (288, 352), interpolation=cv2.INTER_AREA)[:, :, ::-1]
        assert difference(released, reference, normalised(rgb)).max() < 1e-4


def test_the_released_onnx_lacks_the_training_heads_only(released: weights.LoadedWeights) -> None:
    assert released.format == "onnx"
    assert released.missing_heads == weights.TRAINING_HEADS


def test_the_released_network_survives_the_official_format(
    released: weights.LoadedWeights, tmp_path: Path
) -> None:
    path = tmp_path / "modnet.ckpt"
    torch.save(official(released.network), path)
    again = weights.load(path)
    assert again.missing_heads == ()
    assert same(again.network, released.network)


def onnx_of(network: MODNet, *, folded: bool = True) -> onnx.ModelProto:
    """A file such as the official exporter made: only what holds weights, not a graph that runs."""
    initializers, nodes = [], []

    def put(name: str, tensor: Tensor) -> str:
        initializers.append(numpy_helper.from_array(tensor.detach().numpy(), name))
        return name

    number = iter(range(1000, 2000))
    backbone = [m for m in network.backbone.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    for conv, norm in zip(backbone[::2], backbone[1::2], strict=True):
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_var is not None
        assert norm.running_mean is not None
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        weight = put(str(next(number)), conv.weight * gain[:, None, None, None])
        bias = put(str(next(number)), norm.bias - norm.running_mean * gain)
        nodes.append(helper.make_node("Conv", ["x", weight, bias], ["x"]))
    for key, tensor in once(network).items():
        if "se_block" in key:
            nodes.append(helper.make_node("MatMul", ["x", put(str(next(number)), tensor.T)], ["x"]))
        elif key.startswith("backbone.") or key.endswith("_tracked"):
            continue
        elif not key.startswith(("lr_branch.conv_lr.", "hr_branch.conv_hr.")):
            put(key, tensor)
            if key.endswith("layers.0.weight"):
                nodes.append(helper.make_node("Conv", ["x", key], ["x"]))
    put_int = numpy_helper.from_array(np.array([-1, 2], np.int64), "shape")
    graph = helper.make_graph(nodes, "modnet", [], [], [*initializers, put_int])
    return helper.make_model(graph)


def test_folded_norms_and_transposed_matrices_are_put_back(network: MODNet, tmp_path: Path) -> None:
    path = tmp_path / "export.onnx"
    path.write_bytes(onnx_of(network).SerializeToString())
    loaded = weights.load(path)
    assert loaded.missing_heads == weights.TRAINING_HEADS
    assert (alpha_of(loaded.network) - alpha_of(network)).abs().max() < 1e-3


def test_the_reader_agrees_with_the_onnx_package(network: MODNet, weights_file: Path) -> None:
    model = onnx.load(str(weights_file))
    read = onnx_file.parse(weights_file.read_bytes())
    assert [node.op_type for node in read.nodes] == [node.op_type for node in model.graph.node]
    assert [list(node.inputs) for node in read.nodes] == [list(n.input) for n in model.graph.node]
    floats = [i for i in model.graph.initializer if i.data_type == onnx.TensorProto.FLOAT]
    constants = {n.output[0] for n in model.graph.node if n.op_type in ("Constant", "Identity")}
    names = [name for name in read.initializers if name not in constants]
    assert names == [initializer.name for initializer in floats]
    for initializer in floats:
        expected = numpy_helper.to_array(initializer)
        np.testing.assert_array_equal(read.initializers[initializer.name], expected)


def test_every_way_to_write_a_tensor_is_read() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensors = [
        helper.make_tensor("floats", onnx.TensorProto.FLOAT, [2, 3], values.ravel().tolist()),
        numpy_helper.from_array(values, "raw"),
        numpy_helper.from_array(values.astype(np.float16), "half"),
        numpy_helper.from_array(values.astype(np.float64), "double"),
        numpy_helper.from_array(np.float32(7), "scalar"),
        numpy_helper.from_array(np.zeros((0, 3), np.float32), "empty"),
    ]
    model = helper.make_model(helper.make_graph([], "g", [], [], tensors))
    read = onnx_file.parse(model.SerializeToString()).initializers
    for name in ("floats", "raw", "half", "double"):
        np.testing.assert_array_equal(read[name], values)
    assert read["scalar"] == 7
    assert read["empty"].shape == (0, 3)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_raise_anything_but_a_format_error(content: bytes) -> None:
    wrapped = bytes([0x3A, len(content) & 0x7F]) + content[: len(content) & 0x7F]
    for attempt in (content, wrapped):
        try:
            read = onnx_file.parse(attempt)
        except onnx_file.OnnxFormatError:
            continue
        assert read is not None


def test_an_onnx_file_cut_anywhere_is_corrupt_or_foreign(network: MODNet, tmp_path: Path) -> None:
    content = onnx_of(network).SerializeToString()
    path = tmp_path / "cut.onnx"
    for kept in (1, 2, 40, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:kept])
        with pytest.raises(WeightsCorrupt, match="get the file again"):
            weights.load(path)


def test_an_onnx_file_of_another_network_is_foreign(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.zeros((8, 3, 3, 3), np.float32), "12")
    nodes = [helper.make_node("Conv", ["x", "12"], ["y"])]
    model = helper.make_model(helper.make_graph(nodes, "other", [], [], [weight]))
    path = tmp_path / "other.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsForeign, match="not those of a backbone"):
        weights.load(path)
    empty = helper.make_model(helper.make_graph([], "empty", [], [], []))
    path.write_bytes(empty.SerializeToString())
    with pytest.raises(WeightsForeign, match="not MODNet's"):
        weights.load(path)


def test_an_onnx_file_takes_its_tensors_from_the_file_beside_it(
    network: MODNet, tmp_path: Path
) -> None:
    path = tmp_path / "outside.onnx"
    onnx.save(onnx_of(network), str(path), save_as_external_data=True, location="outside.bin")
    assert (alpha_of(weights.load(path).network) - alpha_of(network)).abs().max() < 1e-3
    (tmp_path / "outside.bin").write_bytes(b"short")
    with pytest.raises(WeightsCorrupt, match=r"outside\.bin.* truncated"):
        weights.load(path)
    (tmp_path / "outside.bin").unlink()
    with pytest.raises(WeightsMissing, match=r"outside\.bin, which is not beside it; put it there"):
        weights.load(path)


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/b", "..", "", "a\\b"])
def test_an_onnx_file_reads_no_file_elsewhere(
    network: MODNet, tmp_path: Path, location: str
) -> None:
    model = onnx_of(network)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    (tmp_path / "own.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(WeightsCorrupt, match="lies in another folder"):
        weights.load(tmp_path / "own.onnx")


def test_an_onnx_file_may_hold_its_tensors_in_constant_nodes(
    network: MODNet, tmp_path: Path
) -> None:
    model = onnx_of(network)
    constants = [
        helper.make_node("Constant", [], [tensor.name], value=tensor)
        for tensor in model.graph.initializer
    ]
    graph = helper.make_graph([*constants, *model.graph.node], "modnet", [], [], [])
    (tmp_path / "own.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    loaded = weights.load(tmp_path / "own.onnx")
    assert (alpha_of(loaded.network) - alpha_of(network)).abs().max() < 1e-3


# -- what is refused -----------------------------------------------------------------------------


class Hostile:
    """Unpickled, it makes a file: the proof that it ran."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.marker),))


def hostile_zip(path: Path, marker: Path) -> None:
    torch.save({"state_dict": Hostile(marker)}, path)


def hostile_legacy(path: Path, marker: Path) -> None:
    torch.save({"a": Hostile(marker)}, path, _use_new_zipfile_serialization=False)


def hostile_plain(path: Path, marker: Path) -> None:
    path.write_bytes(pickle.dumps(Hostile(marker), protocol=4))


def hostile_text(path: Path, marker: Path) -> None:
    path.write_bytes(pickle.dumps(Hostile(marker), protocol=0))


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".safetensors", ".onnx"])
@pytest.mark.parametrize("write", [hostile_zip, hostile_legacy, hostile_plain, hostile_text])
def test_a_hostile_pickle_is_refused_and_does_not_run(
    tmp_path: Path, write: Callable[[Path, Path], None], suffix: str
) -> None:
    path, marker = tmp_path / f"free-model{suffix}", tmp_path / "it-ran"
    write(path, marker)
    with pytest.raises(WeightsForeign) as caught:
        weights.load(path)
    assert not marker.exists()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("write", [hostile_zip, hostile_legacy, hostile_plain])
def test_the_hostile_pickles_of_these_tests_would_run_elsewhere(
    tmp_path: Path, write: Callable[[Path, Path], None]
) -> None:
    path, marker = tmp_path / "free-model.ckpt", tmp_path / "it-ran"
    write(path, marker)
    if write is hostile_plain:
        pickle.loads(path.read_bytes())
    else:
        torch.load(path, weights_only=False)
    assert marker.exists()


def test_missing_and_unexpected_keys_are_counted_and_named(network: MODNet, tmp_path: Path) -> None:
    state = once(network)
    for key in [key for key in state if key.startswith("f_branch.")]:
        state[f"extra.{key}"] = state.pop(key)
    path = tmp_path / "other.pt"
    torch.save(state, path)
    with pytest.raises(WeightsForeign) as caught:
        weights.load(path)
    said = str(caught.value)
    assert "20 missing (f_branch.conv_lr4x.layers.0.weight, " in said
    assert "unexpected (extra.f_branch." in said
    assert said.count("f_branch.") == 6


def test_half_a_head_is_not_a_missing_head(network: MODNet, tmp_path: Path) -> None:
    state = once(network)
    del state["lr_branch.conv_lr.layers.0.bias"]
    torch.save(state, tmp_path / "own.pt")
    with pytest.raises(WeightsForeign, match=r"1 missing \(lr_branch\.conv_lr\.layers\.0\.bias\)"):
        weights.load(tmp_path / "own.pt")


KEY = "hr_branch.conv_hr2x.0.layers.0.weight"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tensor: tensor[:-1],
        lambda tensor: tensor.long(),
        lambda tensor: tensor.to_sparse(),
        lambda tensor: torch.zeros(1).expand(1 << 20, 1 << 20, 3, 3),
        lambda tensor: tensor.to("meta"),
    ],
    ids=["shape", "integers", "sparse", "immense", "no numbers"],
)
def test_a_tensor_of_another_shape_or_type_is_foreign(
    network: MODNet, tmp_path: Path, spoil: Callable[[Tensor], Tensor]
) -> None:
    state = once(network)
    state[KEY] = spoil(state[KEY])
    torch.save(state, tmp_path / "own.pt")
    with pytest.raises(WeightsForeign, match=f"1 of another shape or type \\({KEY}\\)"):
        weights.load(tmp_path / "own.pt")


def test_two_backbones_that_differ_are_foreign(network: MODNet, tmp_path: Path) -> None:
    state = official(network)
    key = "module.lr_branch.backbone.model.features.0.0.weight"
    state[key] = state[key] + 1
    torch.save(state, tmp_path / "own.ckpt")
    with pytest.raises(WeightsForeign, match="two backbones that differ"):
        weights.load(tmp_path / "own.ckpt")


@pytest.mark.parametrize(
    "content", [[1, 2], {}, {"state_dict": {}}, {"a": 3}, {3: torch.zeros(1)}, torch.zeros(3)]
)
def test_a_pickle_without_a_state_dict_is_foreign(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "own.pt")
    with pytest.raises(WeightsForeign):
        weights.load(tmp_path / "own.pt")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_corrupt(
    network: MODNet, tmp_path: Path, bad: float
) -> None:
    state = {key: tensor.clone() for key, tensor in once(network).items()}
    state[KEY][0, 0, 0, 0] = bad
    torch.save(state, tmp_path / "own.pt")
    with pytest.raises(WeightsCorrupt, match="not finite"):
        weights.load(tmp_path / "own.pt")


def test_a_negative_variance_is_corrupt(network: MODNet, tmp_path: Path) -> None:
    state = {key: tensor.clone() for key, tensor in once(network).items()}
    state["f_branch.conv_lr4x.layers.1.bnorm.running_var"][3] = -0.5
    torch.save(state, tmp_path / "own.pt")
    with pytest.raises(WeightsCorrupt, match="running_var"):
        weights.load(tmp_path / "own.pt")


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_a_truncated_file_says_so(network: MODNet, tmp_path: Path, form: str) -> None:
    whole = tmp_path / "whole"
    if form == "safetensors":
        weights.save_safetensors(network, whole, metadata={})
    else:
        torch.save(once(network), whole, _use_new_zipfile_serialization=form == "zip")
    content = whole.read_bytes()
    path = tmp_path / "cut"
    for kept in (20, 1000, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:kept])
        with pytest.raises(WeightsCorrupt, match=r"truncated or damaged; .*again"):
            weights.load(path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", WeightsCorrupt),
        (b"\x80", WeightsCorrupt),
        (b"<html>not found</html>", WeightsForeign),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", WeightsForeign),
        ((1 << 62).to_bytes(8, "little") + b'{"a":', WeightsCorrupt),
        ((200 << 20).to_bytes(8, "little") + b'{"a":' + b" " * 99, WeightsCorrupt),
        (b"PK\x03\x04" + b"\0" * 99, WeightsCorrupt),
        (b"\x08\x06" + b"\xff" * 99, WeightsCorrupt),
    ],
    ids=["empty", "one byte", "html", "lfs", "huge header", "long header", "zip", "onnx"],
)
def test_garbage_ends_in_one_sentence(
    tmp_path: Path, content: bytes, kind: type[WeightsError]
) -> None:
    path = tmp_path / "garbage.ckpt"
    path.write_bytes(content)
    with pytest.raises(kind) as caught:
        weights.load(path)
    assert "\n" not in str(caught.value)


@given(
    st.binary(max_size=200), st.sampled_from([b"PK\3\4", b"\x80\2", b"\x08\6", b"\4" + b"\0" * 7])
)
def test_no_bytes_make_loading_raise_anything_but_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.bin"
    path.write_bytes(start + content)
    with pytest.raises(MattecamError):
        weights.load(path)


def test_an_ordinary_zip_is_no_checkpoint(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.ckpt", "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(WeightsError):
        weights.load(tmp_path / "photos.ckpt")


def test_a_file_that_is_not_there_or_is_a_folder_ends_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="There is no file"):
        weights.load(tmp_path / "none.ckpt")
    with pytest.raises(WeightsError, match="is a folder"):
        weights.load(tmp_path)


# -- import --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    weights_folder = tmp_path / "weights"
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(weights_folder))
    return weights_folder


def test_an_imported_file_is_found_by_its_name_and_is_the_same_network(
    network: MODNet, tmp_path: Path, folder: Path
) -> None:
    path = tmp_path / "My best model (v2).ckpt"
    torch.save(official(network), path)
    assert weights.import_file(path) == "my-best-model-v2"
    found = store.resolve("my-best-model-v2")
    assert found.path == folder / "my-best-model-v2.safetensors"
    assert found.metadata["source_file"] == path.name
    assert found.metadata["source_sha256"] == store.sha256_of(path)
    assert same(weights.load(found.path).network, network)


def test_a_name_that_is_taken_is_refused_unless_forced(
    network: MODNet, tmp_path: Path, folder: Path
) -> None:
    path = tmp_path / "own.ckpt"
    torch.save(once(network), path)
    weights.import_file(path)
    other = make_network(seed=8)
    torch.save(once(other), path)
    with pytest.raises(OutputExists, match=r"own already; .*--force"):
        weights.import_file(path)
    assert same(weights.load(store.resolve("own").path).network, network)
    weights.import_file(path, force=True)
    assert same(weights.load(store.resolve("own").path).network, other)
    assert weights.import_file(path, name="second") == "second"


@pytest.mark.parametrize("name", ["modnet-webcam", "mattecam-x", "../up", "A", "", "a b", ".a"])
def test_names_that_belong_to_the_program_or_cannot_be_are_refused(
    network: MODNet, tmp_path: Path, folder: Path, name: str
) -> None:
    (tmp_path / "own.ckpt").write_bytes(b"x")
    with pytest.raises(UsageError, match="name"):
        weights.import_file(tmp_path / "own.ckpt", name=name, force=True)


def test_a_file_that_does_not_load_is_not_imported(tmp_path: Path, folder: Path) -> None:
    bad = tmp_path / "bad.ckpt"
    bad.write_bytes(json.dumps({"no": "weights"}).encode())
    with pytest.raises(WeightsForeign):
        weights.import_file(bad)
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_released_file_brought_by_hand_becomes_the_released_one(
    weights_file: Path, tmp_path: Path, folder: Path
) -> None:
    brought = tmp_path / "model (3).onnx"
    brought.write_bytes(weights_file.read_bytes())
    assert weights.import_file(brought) == "modnet-photographic"
    assert [path.name for path in folder.iterdir()] == ["modnet-photographic.onnx"]
    assert weights.import_file(brought, name="under-another-name") == "under-another-name"
    found = store.resolve("under-another-name")
    assert found.licence == "Apache-2.0"
    assert found.metadata["missing_heads"] == ",".join(weights.TRAINING_HEADS)


def test_saving_where_nothing_can_be_written_ends_in_a_sentence(
    network: MODNet, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MattecamError, match="cannot be written"):
        weights.save_safetensors(network, tmp_path / "file" / "a.safetensors", metadata={})
