"""The list of released weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import places
from app.errors import WeightsError
from app.weights import manifest, store
from app.weights.manifest import HuggingFaceSource, WheelSource

WHOLE = """
version = 1
[[weights]]
name = "a"
title = "A"
file = "a.onnx"
bytes = 3
sha256 = "{sha}"
licence = "Apache-2.0"
origin = "somewhere"
[[weights.sources]]
kind = "hugging-face"
repo = "who/what"
revision = "main"
path = "x/y.onnx"
"""
SHA = "ab" * 32


def written(folder: Path, text: str) -> Path:
    path = folder / "manifest.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_programs_own_manifest_has_the_released_models_and_the_plain_one() -> None:
    listed = manifest.read()
    assert set(listed.names) == {"modnet-photographic", "modnet-webcam", "modnet-photographic-ckpt"}
    plain = listed.find(store.PLAIN)
    assert plain is not None
    wheel, hub = plain.sources
    assert isinstance(wheel, WheelSource)
    assert wheel.member.endswith("modnet.onnx")
    assert isinstance(hub, HuggingFaceSource)
    assert hub.url() == (
        "https://huggingface.co/Xenova/modnet/resolve/"
        "fa2fa546052fba4c08921230a26cc69a333fca12/onnx/model.onnx?download=true"
    )
    assert {entry.licence for entry in listed.weights} == {"Apache-2.0"}


def test_the_files_lie_in_the_weights_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(tmp_path))
    assert {entry.path.parent for entry in manifest.read().weights} == {tmp_path}
    assert places.manifest().parent != tmp_path


def test_a_whole_manifest_is_read(tmp_path: Path) -> None:
    entry = manifest.read(written(tmp_path, WHOLE.format(sha=SHA))).find("a")
    assert entry is not None
    assert entry.sha256 == SHA


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (SHA, "123", "weights.0.sha256"),
        ("bytes = 3", "bytes = 0", "weights.0.bytes"),
        ('"a.onnx"', '"../a.onnx"', "weights.0.file"),
        ('"x/y.onnx"', '"x/../../y.onnx"', "path"),
        ('"hugging-face"', '"carrier-pigeon"', "sources.0"),
        ("version = 1", "version = 2", "version"),
        ('title = "A"', 'title = "A"\nsurprise = 1', "surprise"),
    ],
)
def test_a_field_that_cannot_be_is_named(tmp_path: Path, old: str, new: str, field: str) -> None:
    text = WHOLE.format(sha=SHA)
    assert old in text
    with pytest.raises(WeightsError, match=field):
        manifest.read(written(tmp_path, text.replace(old, new)))


def test_a_broken_or_absent_manifest_says_to_get_a_fresh_copy(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"broken.*fresh copy"):
        manifest.read(written(tmp_path, "version = ="))
    with pytest.raises(WeightsError, match=r"cannot be read.*fresh copy"):
        manifest.read(tmp_path / "none.toml")


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    text = WHOLE.format(sha=SHA)
    again = text.replace("version = 1", "").replace(SHA, "cd" * 32)
    with pytest.raises(WeightsError, match="name a twice"):
        manifest.read(written(tmp_path, text + again))
