"""What the OpenVINO engine keeps on the disk: never trusted by its name, never in the way."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from app.engines import openvino_cache, openvino_conversion, processor
from app.engines.base import EngineSettings
from app.engines.openvino_cache import NetworkCache, clear_what_was_left
from app.engines.openvino_conversion import Converted
from app.engines.openvino_engine import OpenVINOEngine
from app.engines.openvino_forms import Forms
from app.errors import EngineError
from app.frames import Alpha, Frame
from app.modnet.preprocess import NetworkSize
from app.runtime.job import Cancelled
from app.runtime.opening import Opening

LONG = 120.0
SIZE = (96, 64)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATTECAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(openvino_cache, "_not_stored", type(openvino_cache._not_stored)())
    return tmp_path / "cache" / "openvino"


# ---- the files ---------------------------------------------------------------------------------


def test_what_was_stored_is_found_again(cache: Path) -> None:
    NetworkCache("a", "weights 1").write("net", [b"abc", b"def"], key="small")
    assert NetworkCache("a", "weights 1").read("net", key="small") == b"abcdef"


@pytest.mark.parametrize(("own_key", "key"), [("weights 2", "small"), ("weights 1", "large")])
def test_what_was_stored_for_something_else_is_not_used(
    cache: Path, own_key: str, key: str
) -> None:
    NetworkCache("a", "weights 1").write("net", [b"abc"], key="small")
    assert NetworkCache("a", own_key).read("net", key=key) is None


def test_a_cache_that_is_too_large_loses_what_was_used_least_recently(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_cache, "_MOST_BYTES", 4000)
    store = NetworkCache("a", "key")
    for number, name in enumerate(("old", "used", "middle")):
        store.write(name, [bytes(1000)])
        os.utime(cache / "a" / name, (number, number))
    assert store.read("used") is not None
    NetworkCache("b", "key").write("new", [bytes(2000)])
    assert sorted(path.name for path in cache.glob("*/*")) == ["new", "used"]


def test_what_killed_processes_left_is_deleted_at_once(cache: Path) -> None:
    NetworkCache("a", "key").write("net", [b"abc"])
    (cache / ".converting-mattecam-1-x").mkdir()
    (cache / ".converting-mattecam-1-x" / "network.bin").write_bytes(b"half a network")
    (cache / "a" / ".net-x.part").write_bytes(b"ab")
    clear_what_was_left()
    assert sorted(path.name for path in cache.rglob("*") if ".lock" not in path.name) == [
        "a",
        "net",
    ]


def test_what_another_process_writes_now_is_kept(cache: Path) -> None:
    (cache / "a").mkdir(parents=True)
    (cache / ".converting-mattecam-1-x").mkdir()
    (cache / "a" / ".net-x.part").write_bytes(b"ab")
    with FileLock(cache / ".converting.lock"), FileLock(cache / ".writing.lock"):
        clear_what_was_left()
    assert (cache / ".converting-mattecam-1-x").is_dir()
    assert (cache / "a" / ".net-x.part").is_file()


# ---- the engine, on files that went bad --------------------------------------------------------


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory, weights_file: Path) -> tuple[bytes, bytes]:
    """The network in OpenVINO's form: its XML and its weights. Made once, in this process."""
    from app.modnet import convert

    return openvino_conversion._saved(
        convert.to_openvino(weights_file), [tmp_path_factory.mktemp("converted")], 0
    )


@pytest.fixture
def conversions(
    cache: Path, converted: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> list[object]:
    """Conversions take no time, and are counted."""
    made: list[object] = []

    def convert(conversion: object, opening: Opening) -> tuple[bytes, bytes]:
        made.append(conversion)
        return converted

    monkeypatch.setattr(openvino_conversion, "_convert_in_child", convert)
    return made


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """How often a network was compiled, in place of being read."""
    made: list[object] = []
    model = Forms._model

    def watched(self: Forms, form: object) -> object:
        made.append(form)
        return model(self, form)  # type: ignore[arg-type]

    monkeypatch.setattr(Forms, "_model", watched)
    return made


@pytest.fixture
def settings(weights_file: Path) -> EngineSettings:
    return EngineSettings(
        weights=weights_file,
        weights_sha256="released",
        size=NetworkSize(SIZE),
        precision="float32",
        device="cpu",
    )


def matte(settings: EngineSettings) -> Alpha:
    rgb = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    with OpenVINOEngine(settings) as engine:
        engine.submit(Frame(rgb, 0, 0.0))
        (found,) = engine.drain()
    return found.alpha


def files(cache: Path) -> dict[str, Path]:
    """By their endings."""
    return {path.suffix: path for path in cache.glob("*/*") if path.is_file()}


def test_a_second_start_reads_what_the_first_one_made(
    cache: Path, settings: EngineSettings, conversions: list[object], compilations: list[object]
) -> None:
    first = matte(settings)
    assert set(files(cache)) == {".network", ".compiled"}
    assert np.array_equal(matte(settings), first)
    assert (len(conversions), len(compilations)) == (1, 1)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def tear(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("damage", [flip, tear, empty])
def test_a_damaged_file_is_made_again(
    cache: Path,
    settings: EngineSettings,
    conversions: list[object],
    compilations: list[object],
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
) -> None:
    first = matte(settings)
    damage(files(cache)[".compiled"])
    damage(files(cache)[".network"])
    assert np.array_equal(matte(settings), first)
    assert "made again" in caplog.text
    assert (len(conversions), len(compilations)) == (2, 2)
    assert np.array_equal(matte(settings), first)
    assert (len(conversions), len(compilations)) == (2, 2)


def test_what_was_compiled_for_another_processor_is_not_used(
    cache: Path,
    settings: EngineSettings,
    conversions: list[object],
    compilations: list[object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matte(settings)
    (compiled,) = cache.glob("*/*.compiled")
    monkeypatch.setattr(processor, "name_and_flags", lambda: ("Another", frozenset({"sse2"})))
    matte(settings)
    (other,) = set(cache.glob("*/*.compiled")) - {compiled}
    assert len(compilations) == 2
    other.write_bytes(compiled.read_bytes())  # under the other's name it is not its own
    matte(settings)
    assert len(compilations) == 3


def test_what_another_version_of_openvino_made_is_not_used(
    cache: Path,
    settings: EngineSettings,
    conversions: list[object],
    compilations: list[object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matte(settings)
    openvino = openvino_conversion.import_openvino()
    monkeypatch.setattr(openvino, "__version__", "2099.1")
    (old,) = {path.parent for path in files(cache).values()}
    new = Converted(Path("weights"), settings, in_8_bits=False).cache.folder
    assert new != old
    old.rename(new)
    matte(settings)
    assert (len(conversions), len(compilations)) == (2, 2)


# ---- a cache folder that cannot be used --------------------------------------------------------


def a_file_in_its_place(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.parent.write_text("not a folder")


def a_folder_of_the_kernel(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATTECAM_CACHE", "/proc/mattecam")


def a_full_disk(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(openvino_cache, "write_checked", refuse)


@pytest.mark.parametrize("spoil", [a_file_in_its_place, a_folder_of_the_kernel, a_full_disk])
def test_without_a_cache_folder_there_is_a_matte_all_the_same(
    cache: Path,
    settings: EngineSettings,
    conversions: list[object],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    expected = matte(settings)
    monkeypatch.setenv("MATTECAM_CACHE", str(cache.parent) + "-2")
    spoil(cache.parent.with_name(cache.parent.name + "-2") / "openvino", monkeypatch)
    caplog.clear()
    assert np.array_equal(matte(settings), expected)
    assert "cannot be kept in the cache folder" in caplog.text
    assert len(conversions) == 2
    matte(settings)
    assert len(conversions) == 2, "it is kept in memory for the rest of the run"


def test_a_conversion_uses_the_first_folder_that_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openvino = openvino_conversion.import_openvino()
    full, free = tmp_path / "full", tmp_path / "free"
    tried: list[Path] = []

    def save(model: object, target: Path, **_: object) -> None:
        tried.append(target.parent.parent)
        if target.parent.parent == full:
            raise RuntimeError("basic_ios::clear: iostream error")
        target.write_bytes(b"xml")
        target.with_suffix(".bin").write_bytes(b"bin")

    monkeypatch.setattr(openvino, "save_model", save)
    for folder in (full, free):
        folder.mkdir()
    saved = openvino_conversion._saved(object(), [tmp_path / "missing", full, free], 1)
    assert saved == (b"xml", b"bin")
    assert tried == [full, free]
    assert not list(free.iterdir())
    with pytest.raises(EngineError, match="make room"):
        openvino_conversion._saved(object(), [full], 1)


def test_what_a_conversion_left_among_temporary_files_goes_with_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_conversion, "_elsewhere", lambda: [tmp_path])
    ended = multiprocessing.get_context("spawn").Process(target=int)
    ended.start()
    ended.join(LONG)
    for owner in (ended.pid, os.getppid(), os.getpid()):
        (tmp_path / f".converting-mattecam-{owner}-x").mkdir()
    openvino_conversion._clear_elsewhere()
    assert [path.name for path in tmp_path.iterdir()] == [f".converting-mattecam-{os.getppid()}-x"]


# ---- one conversion at a time ------------------------------------------------------------------


def test_two_that_need_the_same_network_convert_it_once(
    cache: Path,
    settings: EngineSettings,
    converted: tuple[bytes, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    made: list[object] = []

    def convert(conversion: object, opening: Opening) -> tuple[bytes, bytes]:
        made.append(conversion)
        begun.set()
        assert may_end.wait(LONG)
        return converted

    monkeypatch.setattr(openvino_conversion, "_convert_in_child", convert)
    found: list[Alpha] = []
    threads = [threading.Thread(target=lambda: found.append(matte(settings))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(LONG)
    may_end.set()
    for thread in threads:
        thread.join(LONG)
    assert len(found) == 3
    assert len(made) == 1


def test_while_another_process_converts_this_one_waits_and_takes_its_result(
    cache: Path, settings: EngineSettings, conversions: list[object]
) -> None:
    matte(settings)
    (network,) = cache.glob("*/*.network")
    aside = network.rename(network.with_name("aside"))
    for compiled in cache.glob("*/*.compiled"):
        compiled.unlink()
    done = threading.Event()
    with FileLock(cache / ".converting.lock"):
        waiting = threading.Thread(target=lambda: (matte(settings), done.set()))
        waiting.start()
        aside.rename(network)  # as if the other process had made it
    assert done.wait(LONG)
    waiting.join(LONG)
    assert len(conversions) == 1


def test_a_conversion_that_is_not_wanted_any_more_ends_with_its_process(
    cache: Path, settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Opening.check_conversion

    def cancel_when_it_runs(self: Opening) -> None:
        if multiprocessing.active_children():
            self.cancel()
        check(self)

    monkeypatch.setattr(Opening, "check_conversion", cancel_when_it_runs)
    opening = Opening()
    engine = OpenVINOEngine(settings)
    engine.opening = opening
    with pytest.raises(Cancelled):
        engine.__enter__()
    assert not multiprocessing.active_children()
    assert not list(cache.glob(".converting-*"))
    assert not list(cache.glob("*/*.network"))
