"""What lies in the weights folder, and what is said of it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import places
from app.errors import (
    DiskFull,
    MattecamError,
    OutputError,
    WeightsCorrupt,
    WeightsError,
    WeightsMissing,
)
from app.weights import store

CONTENT = b"mattecam " * 1000

MANIFEST = """
version = 1
[[weights]]
name = "modnet-photographic"
title = "A model"
file = "modnet-photographic.onnx"
bytes = {bytes}
sha256 = "{sha256}"
licence = "Apache-2.0"
origin = "somewhere"
[[weights.sources]]
kind = "hugging-face"
repo = "who/what"
revision = "main"
path = "x.onnx"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder, beside a manifest with one entry of known bytes."""
    program = tmp_path / "program"
    program.mkdir()
    (program / "manifest.toml").write_text(
        MANIFEST.format(bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    )
    weights = tmp_path / "weights"
    weights.mkdir()
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(weights))
    monkeypatch.setattr(places, "manifest", lambda: program / "manifest.toml")
    return weights


def safetensors_bytes(metadata: dict[str, str] | None = None, data: bytes = b"\0" * 8) -> bytes:
    header = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, len(data)]}}
    described = {"__metadata__": metadata or {}, **header}
    text = json.dumps(described).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_a_released_file_is_given_once_its_checksum_is_right(folder: Path) -> None:
    path = folder / "modnet-photographic.onnx"
    path.write_bytes(CONTENT)
    found = store.resolve(store.PLAIN)
    assert found.path == path
    assert (found.origin, found.licence) == ("released", "Apache-2.0")
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_a_released_file_that_is_not_there_says_how_to_fetch_it(folder: Path) -> None:
    with pytest.raises(
        WeightsMissing, match=r"run: python main\.py weights fetch modnet-photographic"
    ):
        store.resolve("modnet-photographic")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "truncated"),
        (CONTENT[:-1], "truncated"),
        (CONTENT + b"x", "too long"),
        (b"X" + CONTENT[1:], "was changed"),
    ],
)
def test_a_damaged_released_file_says_what_is_wrong_and_what_to_do(
    folder: Path, content: bytes, what: str
) -> None:
    path = folder / "modnet-photographic.onnx"
    path.write_bytes(content)
    for asked in ("modnet-photographic", str(path)):
        if content == b"" and asked != "modnet-photographic":
            what = "empty"
        with pytest.raises(WeightsCorrupt, match=what):
            store.resolve(asked)


def test_a_folder_in_the_place_of_a_released_file_is_named(folder: Path) -> None:
    (folder / "modnet-photographic.onnx").mkdir()
    with pytest.raises(WeightsCorrupt, match="is a folder"):
        store.resolve("modnet-photographic")


def test_a_file_is_taken_by_its_path_and_recognised_by_its_content(
    folder: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.pt"
    own.write_bytes(b"abc")
    assert store.resolve(str(own)).origin == "file"
    assert store.resolve(str(own)).sha256 == hashlib.sha256(b"abc").hexdigest()
    copy = tmp_path / "download (1).onnx"
    copy.write_bytes(CONTENT)
    found = store.resolve(str(copy))
    assert (found.name, found.origin, found.path) == ("modnet-photographic", "released", copy)


def test_an_unknown_name_suggests_a_near_one_and_lists_all(folder: Path) -> None:
    (folder / "grandma.safetensors").write_bytes(safetensors_bytes())
    with pytest.raises(WeightsMissing, match=r"Did you mean modnet-photographic\?.*grandma"):
        store.resolve("modnet-fotographic")


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 5000, "../..", "nul:", "no/such.ckpt"])
def test_strange_names_end_in_a_sentence(folder: Path, name: str) -> None:
    with pytest.raises(MattecamError):
        store.resolve(name)


def test_an_empty_file_and_a_folder_end_in_a_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.ckpt").touch()
    with pytest.raises(WeightsCorrupt, match="is empty"):
        store.resolve(str(tmp_path / "empty.ckpt"))
    with pytest.raises(MattecamError, match="is a folder"):
        store.resolve(str(tmp_path))


def test_a_file_that_may_not_be_read_ends_in_a_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.ckpt"
    path.write_bytes(b"x")

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # chmod would not stop root
    # The manifest is a file too; it has been read by then on a real machine.
    with pytest.raises(MattecamError, match="may not be read"):
        store.read_file(path)


def test_an_imported_file_is_found_by_its_name(folder: Path) -> None:
    data = b"12345678"
    content = safetensors_bytes(
        {"licence": "CC0", "data_sha256": hashlib.sha256(data).hexdigest()}, data
    )
    (folder / "grandma.safetensors").write_bytes(content)
    found = store.resolve("grandma")
    assert (found.origin, found.licence, found.bytes) == ("imported", "CC0", len(content))


def test_the_programs_own_models_lie_beside_the_manifest(folder: Path) -> None:
    own = places.manifest().parent / "mattecam-small.safetensors"
    own.write_bytes(safetensors_bytes({"licence": "Apache-2.0"}))
    assert store.resolve("mattecam-small").origin == "own"
    assert [line.name for line in store.status()] == ["modnet-photographic", "mattecam-small"]


def test_every_changed_byte_of_an_imported_file_is_noticed(folder: Path) -> None:
    data = b"12345678"
    content = safetensors_bytes({"data_sha256": hashlib.sha256(data).hexdigest()}, data)
    path = folder / "grandma.safetensors"
    for broken in (content[:-1], content + b"x", content[:-1] + b"X", content[:20], content[:3]):
        path.write_bytes(broken)
        with pytest.raises(WeightsCorrupt, match="truncated or damaged"):
            store.resolve("grandma")


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_metadata_raise_anything_but_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    for framed in (content, len(content).to_bytes(8, "little") + content):
        path.write_bytes(framed)
        with contextlib.suppress(WeightsCorrupt):
            assert isinstance(store.read_metadata(path), dict)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{}x",
        b'{"a": 3}',
        b'{"__metadata__": 3}',
        b'{"__metadata__": {"a": 1}}',
        b"[" * 9999,
    ],
)
def test_a_header_of_the_wrong_form_is_damaged(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(WeightsCorrupt):
        store.read_metadata(path)


def test_status_tells_present_missing_and_corrupt(folder: Path) -> None:
    (line,) = store.status()
    assert (line.state, line.default, line.bytes) == ("missing", False, len(CONTENT))
    (folder / "modnet-photographic.onnx").write_bytes(CONTENT)
    (folder / "bad.safetensors").write_bytes(b"oh")
    (folder / "good.safetensors").write_bytes(safetensors_bytes({"source_file": "mine.ckpt"}))
    released, bad, good = store.status()
    assert released.state == "present"
    assert (bad.state, bad.bytes) == ("corrupt", 2)
    assert bad.problem is not None
    assert (good.state, good.title) == ("present", "imported from mine.ckpt")


def test_a_released_file_brought_by_hand_is_put_in_its_place(folder: Path, tmp_path: Path) -> None:
    brought = tmp_path / "download"
    brought.write_bytes(CONTENT)
    entry = store.entry_named("modnet-photographic")
    assert store.place_released(entry, brought) == folder / "modnet-photographic.onnx"
    assert store.resolve("modnet-photographic").bytes == len(CONTENT)
    assert store.place_released(entry, entry.path) == entry.path
    assert [path.name for path in folder.iterdir()] == ["modnet-photographic.onnx"]


def test_a_write_that_fails_leaves_what_was_there(folder: Path) -> None:
    target = folder / "a.safetensors"
    target.write_bytes(b"old")

    def attempt(code: int) -> None:
        with store.writing(target) as file:
            file.write(b"new")
            raise OSError(code, "no")

    with pytest.raises(DiskFull, match="disk is full"):
        attempt(errno.ENOSPC)
    with pytest.raises(OutputError, match="cannot be written"):
        attempt(errno.EROFS)
    assert target.read_bytes() == b"old"
    assert list(folder.iterdir()) == [target]


def test_one_bad_file_does_not_hide_the_others(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "empty.safetensors").touch()
    (folder / "folder.safetensors").mkdir()
    (folder / "gone.safetensors").symlink_to(folder / "nowhere")
    nested = b'{"a":' + b"[" * 50_000
    (folder / "nested.safetensors").write_bytes(len(nested).to_bytes(8, "little") + nested)
    names = ["empty", "folder", "gone", "nested", "undecodable-\udcff"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.safetensors")
        names.append("pipe")
    (folder / os.fsdecode(b"undecodable-\xff.safetensors")).write_bytes(b"x")
    good = b'{"__metadata__": {"title": "Good"}}'
    (folder / "good.safetensors").write_bytes(len(good).to_bytes(8, "little") + good)
    states = {line.name: line.state for line in store.status()}
    for name in names:
        assert states[name] == "corrupt"
    assert states["good"] == "present"


@pytest.mark.parametrize(
    "name", ["~nobody-there", "a\0b", "x" * 300, "\ud800", "", "~", "/dev/null"]
)
def test_a_name_that_cannot_be_a_file_ends_in_a_sentence(folder: Path, name: str) -> None:
    with pytest.raises(MattecamError):
        store.resolve(name)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no endless file here")
def test_what_never_ends_is_not_read(folder: Path) -> None:
    with pytest.raises(WeightsError, match="no ordinary file"):
        store.read_file(Path("/dev/zero"))
