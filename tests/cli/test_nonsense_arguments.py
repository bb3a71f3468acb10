"""Whatever a user writes for a name, a number or a spec ends in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli import main

NONSENSE = (
    "~nobody/x", "x" * 300, "\udcff.mp4", "a\0b", "1e999", "9" * 400, "", "/dev/null", ":",
    "blur:nan",
)  # fmt: skip
COMMANDS = (
    ("convert", "{}", "-o", "o.mp4", "--engine", "null"),
    ("convert", "demo", "-o", "o.mp4", "--size", "{}", "--engine", "none"),
    ("convert", "demo", "-o", "o.mp4", "--background", "{}", "--engine", "none"),
    ("convert", "demo", "-o", "o.mp4", "--light", "{}", "--engine", "none"),
    ("convert", "demo", "-o", "{}", "--engine", "none"),
    ("weights", "import", "{}"),
    ("weights", "verify", "{}"),
    ("weights", "fetch", "{}"),
    ("train", "{}"),
    ("evaluate", "images", "{}"),
    ("export", "{}", "-o", "o.onnx"),
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command))
def test_nonsense_ends_in_a_sentence(
    command: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(tmp_path / "none"))
    for nonsense in NONSENSE:
        if not nonsense and command[0] in ("weights", "export"):
            continue  # there "" may stand for the default
        code = main([word.replace("{}", nonsense) for word in command])
        said = capsys.readouterr().err
        assert code in (1, 2), nonsense
        assert said.strip(), nonsense
        assert "Something went wrong" not in said, (nonsense, said)
        assert "Traceback" not in said
