"""`python main.py weights ...`, as a user meets it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from app.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    weights = tmp_path / "weights"
    weights.mkdir()
    monkeypatch.setenv("MATTECAM_WEIGHTS", str(weights))
    monkeypatch.setenv("COLUMNS", "200")
    return weights


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """-> exit code, stdout, stderr."""
    code = main(["weights", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_list_shows_each_model_its_licence_and_the_default(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "list")
    assert code == 0
    lines = [line for line in out.splitlines() if "mattecam-webcam (default)" in line]
    assert len(lines) == 1
    assert "present" in lines[0]
    assert "Apache-2.0" in lines[0]
    assert "modnet-webcam" in out


def test_list_as_json_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "list", "--json")
    assert (code, out.count("\n"), err) == (0, 1, "")
    default = next(line for line in json.loads(out)["weights"] if line["default"])
    assert (default["name"], default["state"]) == ("mattecam-webcam", "present")
    released = json.loads(out)["weights"][0]
    assert (released["name"], released["state"]) == ("modnet-photographic", "missing")
    assert released["path"] == str(folder / "modnet-photographic.onnx")


def test_verify_fails_and_says_why_where_something_is_corrupt(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "verify")[0] == 0  # what is missing is not corrupt
    (folder / "modnet-webcam.ckpt").write_bytes(b"half a file")
    code, out, _ = run(capsys, "verify")
    assert code == 1
    assert "is truncated" in out
    assert "python main.py weights fetch modnet-webcam" in out
    code, out, _ = run(capsys, "verify", "--json")
    assert (code, out.count("\n")) == (1, 1)
    assert {line["name"]: line["state"] for line in json.loads(out)["weights"]} == {
        "modnet-photographic": "missing",
        "modnet-webcam": "corrupt",
        "modnet-photographic-ckpt": "missing",
        "mattecam-easpp": "present",
        "mattecam-webcam": "present",
    }


def test_verify_of_one_name_fails_where_it_is_missing_or_unknown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "verify", "modnet-webcam")[0] == 1
    code, _, err = run(capsys, "verify", "nothing")
    assert code == 1
    assert "There are: modnet-photographic" in err


def test_fetch_of_what_is_there_needs_no_network(
    folder: Path,
    weights_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(weights_file, folder)
    monkeypatch.setattr("urllib.request.urlopen", None)
    monkeypatch.setattr("subprocess.Popen", None)
    code, out, err = run(capsys, "fetch")
    assert (code, err) == (0, "")
    assert f"modnet-photographic is here and whole: {folder}" in out.replace("\n", "")
    assert run(capsys, "verify", "modnet-photographic")[0] == 0


def test_fetch_names_the_source_and_the_way_by_hand(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*arguments: object, **options: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    code, out, err = run(capsys, "fetch", "modnet-webcam")
    assert (code, out) == (1, "")
    assert "Fetching modnet-webcam from Hugging Face (DavG25/modnet-pretrained-models)" in err
    assert "the connection was refused" in err
    assert "python main.py weights import FILE" in err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("fetch", "nothing"), ("fetch", "modnet-webcam", "--all"), ("import",), ("fly",)]
)
def test_what_cannot_be_meant_is_a_usage_error(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err


def test_ctrl_c_ends_with_130(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("urllib.request.urlopen", interrupt)
    code, _, err = run(capsys, "fetch", "modnet-webcam")
    assert code == 130
    assert "Traceback" not in err


def test_import_brings_a_released_file_under_its_own_name(
    folder: Path, tmp_path: Path, weights_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brought = tmp_path / "model.onnx"
    shutil.copy(weights_file, brought)
    code, out, _ = run(capsys, "import", str(brought))
    assert code == 0
    assert "--weights modnet-photographic" in out
    code, out, _ = run(capsys, "import", str(brought), "--name", "mine")
    assert code == 0
    assert "It lacks lr_branch.conv_lr and hr_branch.conv_hr" in out
    assert run(capsys, "import", str(brought), "--name", "mine")[0] == 1
    assert run(capsys, "import", str(brought), "--name", "mine", "--force")[0] == 0
    code, out, _ = run(capsys, "verify", "mine", "--json")
    assert code == 0
    assert json.loads(out)["weights"][0]["title"] == "MODNet for portraits"


def test_import_of_what_is_no_weights_is_refused_in_a_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8\xff\xe0 a cat")
    code, out, err = run(capsys, "import", str(tmp_path / "cat.jpg"))
    assert (code, out) == (1, "")
    assert "is no file of weights" in err
    assert run(capsys, "import", str(tmp_path / "none.ckpt"))[0] == 1
