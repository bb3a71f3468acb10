"""Where weights come from, as their metadata tell it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.weights import history, store
from app.weights.history import History


def test_what_is_written_is_read_again() -> None:
    told = History("soc", "modnet-photographic", "2026-01-02", 240, 300, "me.mp4")
    assert history.read(told.as_metadata()) == told
    assert str(told) == "adapted from modnet-photographic, 2026-01-02, 240 frames, 300 steps"


def test_weights_without_a_parent_have_no_history() -> None:
    assert history.read({"title": "MODNet"}) is None


@pytest.mark.parametrize(
    "told",
    ["", "no json", "[1, 2]", "null", json.dumps({"kind": 7, "frames": "many", "steps": True})],
)
def test_what_others_have_written_there_is_passed_over(told: str) -> None:
    assert history.read({"parent": "x", "history": told}) == History("training", "x")


def test_the_history_of_a_name_is_cheap_and_never_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(tmp_path))
    told = History("soc", "modnet-photographic", "2026-01-02", 240, 300, "me.mp4")
    # A checksum that is wrong is found where the weights are used, not where they are listed.
    metadata = {**told.as_metadata(), "data_sha256": "0" * 64}
    header = {
        "__metadata__": metadata,
        "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    }
    text = json.dumps(header).encode()
    (tmp_path / "me.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"\0" * 4)
    (tmp_path / "broken.safetensors").write_bytes(b"nothing of the kind")
    assert store.history_of("me") == told
    for name in ("broken", "absent", "modnet-photographic", "../me"):
        assert store.history_of(name) is None
