"""Which stored 8-bit form belongs to which weights, and who uses it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from app.chain import ChainSettings, resolve_eight_bit
from app.cli import main
from app.engines import openvino_engine, processor
from app.engines.base import EngineSettings
from app.engines.select import open_engine
from app.errors import EngineUnavailable, OptionError, WeightsError
from app.modnet import eight_bit as form
from app.modnet import weights
from app.modnet.network import MODNet
from app.modnet.preprocess import NetworkSize
from app.weights import eight_bit, store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(tmp_path))
    return tmp_path


def write(path: Path, sha256: str) -> None:
    path.write_bytes(form.to_bytes({"some": torch.zeros(4)}, weights_sha256=sha256, pictures=3))


def some(sha256: str) -> store.WeightsFile:
    return store.WeightsFile("mine", Path("mine.safetensors"), sha256, 1, "imported")


def test_it_counts_for_the_weights_that_it_was_fitted_to_and_no_others(folder: Path) -> None:
    write(folder / "mine.int8", "abc")
    found = eight_bit.find("abc")
    assert found is not None
    assert found.path == folder / "mine.int8"
    assert eight_bit.find("abd") is None


def test_auto_takes_it_where_there_is_one_and_int8_asks_for_it(folder: Path) -> None:
    auto = ChainSettings()
    asked = replace(auto, precision="int8")
    assert resolve_eight_bit(auto, some("abc")) is None
    with pytest.raises(WeightsError, match="quantise FOLDER --weights mine"):
        resolve_eight_bit(asked, some("abc"))
    write(folder / "mine.int8", "abc")
    for settings in (auto, asked):
        assert resolve_eight_bit(settings, some("abc")) is not None
    assert resolve_eight_bit(auto, None) is None


def test_another_precision_and_norms_that_were_asked_for_leave_it_out(folder: Path) -> None:
    write(folder / "mine.int8", "abc")
    auto = ChainSettings()
    assert resolve_eight_bit(replace(auto, precision="bfloat16"), some("abc")) is None
    assert resolve_eight_bit(replace(auto, norms="fixed"), some("abc")) is None
    assert resolve_eight_bit(replace(auto, norms="exact"), some("abc")) is not None
    with pytest.raises(OptionError, match="exact norms"):
        resolve_eight_bit(replace(auto, precision="int8", norms="fixed"), some("abc"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> EngineSettings:
    """Weights with an 8-bit form beside them."""
    place = tmp_path_factory.mktemp("measured")
    torch.manual_seed(0)
    network = MODNet().eval()
    reaches = form.measure(network, [torch.rand(1, 3, 64, 96) * 2 - 1])
    source, stored = place / "mine.safetensors", place / "mine.int8"
    weights.save_safetensors(network, source, metadata={})
    stored.write_bytes(form.to_bytes(reaches, weights_sha256="abc", pictures=1))
    return EngineSettings(
        source, "abc", size=NetworkSize((96, 64)), eight_bit=stored, eight_bit_sha256="def"
    )


def test_openvino_takes_it_by_itself_only_where_the_processor_multiplies_integers(
    measured: EngineSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MATTECAM_CACHE", str(tmp_path))
    monkeypatch.setattr(processor, "multiplies_int8", lambda: True)
    with open_engine("openvino", measured) as (_, info):
        assert (info.precision, info.norms) == ("int8", "exact")
    monkeypatch.setattr(processor, "multiplies_int8", lambda: False)
    with open_engine("openvino", measured) as (_, info):
        assert info.precision in ("float32", "bfloat16")
    with open_engine("openvino", replace(measured, precision="int8")) as (_, info):
        assert info.precision == "int8"
    # Two forms of the same weights lie apart in the cache.
    assert len(list((tmp_path / "openvino").glob("*/modnet.network"))) == 2


def test_engines_that_cannot_refuse_it_by_name(measured: EngineSettings) -> None:
    with (
        pytest.raises(EngineUnavailable, match="int8"),
        open_engine("torch", replace(measured, precision="int8", device="cpu")),
    ):
        pass
    with (
        pytest.raises(EngineUnavailable, match="8-bit integers"),
        open_engine("openvino", replace(measured, precision="int8", eight_bit=None)),
    ):
        pass


def test_the_rest_runs_in_what_the_processor_has(measured: EngineSettings, monkeypatch) -> None:
    with openvino_engine.OpenVINOEngine(replace(measured, precision="int8")) as engine:
        assert engine._open_forms._options["INFERENCE_PRECISION_HINT"] in ("bf16", "f32")


@pytest.mark.parametrize(
    ("flags", "can"),
    [("fpu avx2", False), ("avx2 avx512_vnni", True), ("avx_vnni", True), ("amx_int8", True)],
)
def test_the_processor_is_read_off_linuxs_own_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, can: bool
) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text(f"processor : 0\nmodel name\t: Some CPU\nflags\t\t: {flags}\n")
    monkeypatch.setattr(processor, "_CPUINFO", listing)
    processor.name_and_flags.cache_clear()
    try:
        assert processor.name_and_flags()[0] == "Some CPU"
        assert processor.multiplies_int8() is can
    finally:
        processor.name_and_flags.cache_clear()


def test_the_default_model_comes_with_one() -> None:
    chosen = store.resolve(store.DEFAULT)
    found = eight_bit.find(chosen.sha256)
    assert found is not None
    network = weights.load(chosen.path).network
    assert form.in_8_bits(network, form.load(found.path)) is not None


def test_quantising_writes_it_and_the_next_run_says_int8(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Image.new("RGB", (96, 64), "olive").save(folder / "me.png")
    assert main(["weights", "quantise", str(folder / "me.png")]) == 0
    assert (folder / "mattecam-webcam.int8").is_file()
    capsys.readouterr()
    out = folder / "cut.png"
    run = ["convert", str(folder / "me.png"), "-o", str(out), "--size", "96x64", "--json"]
    assert main([*run, "--precision", "int8"]) == 0
    ran = json.loads(capsys.readouterr().out)
    assert (ran["precision"], ran["norms"]) == ("int8", "exact")


def test_with_no_picture_nothing_is_written(folder: Path, capsys) -> None:
    (folder / "notes").mkdir()
    assert main(["weights", "quantise", str(folder / "notes")]) == 1
    assert "no picture" in capsys.readouterr().err
    assert not list(folder.glob("*.int8"))
