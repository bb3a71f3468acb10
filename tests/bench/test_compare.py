"""The benchmark: both contenders really run, at the same network size."""

import json

import numpy as np
import pytest
from PIL import Image

from app.cli import main


def test_both_contenders_are_measured_in_one_run(weights_file, tmp_path, capsys) -> None:
    picture = tmp_path / "me.png"
    Image.fromarray(np.full((90, 160, 3), 200, np.uint8)).save(picture)
    arguments = ["bench", str(picture), "--rounds", "1", "--size", "96x64", "--json"]
    assert main(arguments) == 0
    said = capsys.readouterr().out.strip().splitlines()
    assert len(said) == 1
    runs = {run["name"]: run for run in json.loads(said[0])["runs"]}
    assert set(runs) == {"naive", "mattecam"}
    assert runs["naive"]["network_size"] == runs["mattecam"]["network_size"] == "96x64"
    assert runs["naive"]["engine"] == "torch"
    for run in runs.values():
        assert run["fps"] > 0
        assert run["peak_memory_mb"] > 50
        assert "matting" in run["stages_ms"]
    assert set(runs["mattecam"]["steps"]) == {"matting", "temporal", "refine", "composite"}


@pytest.mark.parametrize("argument", ["nowhere.mp4", "--weights=nobody"])
def test_what_a_contender_cannot_do_is_told_as_its_sentence(argument: str, capsys) -> None:
    assert main(["bench", argument, "--rounds", "1"]) == 1
    err = capsys.readouterr().err
    assert "no" in err
    assert "Traceback" not in err
