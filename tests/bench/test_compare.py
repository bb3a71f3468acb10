"""The benchmark: all contenders really run, at the same network size, and say what they did."""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection

import numpy as np
import pytest
from PIL import Image

from app.bench import compare, contender, machine, report
from app.bench.grid import cells
from app.bench.job import Job
from app.chain import ChainSettings
from app.cli import main
from app.errors import MattecamError
from app.pace.ladder import BOXES

QUICK = ["--rounds", "1", "--seconds", "0.1", "--json"]


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "me.png"
    Image.fromarray(np.full((90, 160, 3), 200, np.uint8)).save(path)
    return str(path)


def told(capsys):
    said = capsys.readouterr().out.strip().splitlines()
    assert len(said) == 1
    return json.loads(said[0])


def test_all_contenders_are_measured_in_one_run(weights_file, picture, capsys) -> None:
    pytest.importorskip("onnxruntime")
    assert main(["bench", picture, "--size", "96x64", "--frame-size", "320x180", *QUICK]) == 0
    answer = told(capsys)
    assert answer["machine"]["cores"] >= 1
    runs = {run["name"]: run for run in answer["runs"]}
    assert list(runs) == ["naive", "onnxruntime", "mattecam"]
    assert len({run["network_size"] for run in runs.values()}) == 1
    assert runs["naive"]["engine"] == "torch"
    assert runs["onnxruntime"]["engine"] == "onnxruntime"
    for run in runs.values():
        assert run["frame_size"] == "320x180"
        assert run["mode"] == "lossless"
        assert run["fps"] > 0
        assert run["peak_memory_mb"] > 50
        assert run["cpu_ms_per_frame"] > run["cpu_ms_per_frame_outside_network"] > 0
        assert 0 < run["stages_ms"]["matting"]["median"] <= run["stages_ms"]["matting"]["p95"]
    assert set(runs["mattecam"]["steps"]) >= {"matting", "temporal", "refine", "composite"}


def test_weights_that_are_no_onnx_are_measured_beside_the_released_ones(
    weights_file, tmp_path
) -> None:
    other = tmp_path / "own.safetensors"
    other.write_bytes(b"whatever they are")
    chosen = Job("demo", 4, ChainSettings(weights=str(other)))
    assert contender._peers_file(chosen) == weights_file
    itself = tmp_path / "own.onnx"
    itself.write_bytes(b"whatever they are")
    assert contender._peers_file(Job("demo", 4, ChainSettings(weights=str(itself)))) == itself


def test_live_the_threads_are_measured_and_the_delay_too(weights_file, picture, capsys) -> None:
    arguments = ["bench", picture, "--mode", "live", "--size", "96x64", "--beside", "none"]
    assert main([*arguments, "--rounds", "1", "--seconds", "1", "--json"]) == 0
    (run,) = told(capsys)["runs"]
    assert run["mode"] == "live"
    assert run["fps"] > 0
    assert 0 < run["latency_ms"]["median"] <= run["latency_ms"]["p95"]
    assert run["cpu_ms_per_frame_outside_network"] > 0
    assert {"matting", "refine", "composite"} <= set(run["stages_ms"])


def test_mjpeg_is_decoded_frame_by_frame(weights_file, picture, capsys) -> None:
    arguments = ["bench", picture, "--feed", "mjpeg", "--size", "96x64", "--beside", "none"]
    assert main([*arguments, *QUICK]) == 0
    (run,) = told(capsys)["runs"]
    assert run["feed"] == "mjpeg"
    assert run["stages_ms"]["decode"]["median"] > 0


def test_a_table_a_plot_and_a_page_are_made(weights_file, picture, tmp_path, capsys) -> None:
    page = tmp_path / "performance.md"
    arguments = ["bench", picture, "--size", "96x64", "--beside", "none", *QUICK[:-1]]
    assert main([*arguments, "--write", str(page)]) == 0
    assert "mattecam" in capsys.readouterr().out
    assert "To the first matte" in page.read_text() or "first matte" in page.read_text()
    assert page.with_suffix(".svg").read_text().startswith("<svg")


@pytest.mark.parametrize("argument", ["nowhere.mp4", "--weights=nobody"])
def test_what_a_contender_cannot_do_is_told_as_its_sentence(argument: str, capsys) -> None:
    assert main(["bench", argument, "--rounds", "1", "--beside", "none"]) == 1
    err = capsys.readouterr().err
    assert "no" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [["--frame-size", "huge"], ["--frame-size", "1x1"], ["--beside", "everybody"]],
)
def test_options_that_mean_nothing_are_refused(arguments: list[str], capsys) -> None:
    assert main(["bench", *arguments]) == 2
    assert arguments[0] in capsys.readouterr().err


def test_the_machine_says_what_decides_the_speed() -> None:
    about = machine.describe()
    assert about["processor"]
    assert about["memory_gb"] > 0
    assert "numpy" in about["packages"]
    json.dumps(about)


def run(name: str, fps: float) -> dict:
    return {
        "name": name,
        "mode": "lossless",
        "feed": "memory",
        "frame_size": "1280x720",
        "network_size": "512x288",
        "engine": "openvino",
        "device": "cpu",
        "precision": "float32",
        "fps": fps,
        "cpu_ms_per_frame": 10.0,
        "cpu_ms_per_frame_outside_network": None,
        "peak_memory_mb": 300.0,
        "stages_ms": {"matting": {"median": 1.0, "p95": 2.0}},
    }


def test_a_page_of_a_busy_machine_says_so_and_what_it_could_not_measure() -> None:
    about = {**machine.describe(), "cores": 2, "load": 1.5, "flags": ["avx2"]}
    ours = [[run("mattecam", 30.0)]]
    written = report.page(about, ours, None, command="bench", plot="plot.svg")
    assert "Other programs were running (load 1.5" in written
    assert "none: a processor with AMX, a GPU." in written
    both = [[run("naive", 5.0), run("mattecam", 30.0)]]
    assert "6.0 times" in report.page(about, both, None, command="bench", plot="plot.svg")
    crowded = report.page({**about, "load": 9.0}, both, None, command="bench", plot="plot.svg")
    assert "no ratios" in crowded
    assert "6.0 times" not in crowded
    quiet = {**about, "load": 0.1, "flags": ["amx_bf16"]}
    gpu = [[{**run("mattecam", 90.0), "engine": "torch", "device": "cuda"}]]
    written = report.page(quiet, gpu, None, command="bench", plot="plot.svg")
    assert "Other programs" not in written
    assert "Not measured" not in written
    assert "torch cuda float32" in written


def test_the_grid_measures_every_engine_that_is_there() -> None:
    job = Job("demo", 4, ChainSettings())
    measured = [cell.settings for cell, _ in cells(job)]
    assert ("torch", "cpu") in {(one.engine, one.device) for one in measured}
    assert {str(one.size) for one in measured} == set(BOXES)
    asked = replace(job, settings=ChainSettings(engine="openvino"))
    assert {one.settings.engine for one, _ in cells(asked)} == {"openvino"}


def _fails(connection: Connection) -> None:
    connection.recv()
    contender._tell(connection, "naive failed: RuntimeError: no room")


def _is_killed(connection: Connection) -> None:
    connection.recv()
    os.kill(os.getpid(), signal.SIGKILL)


def _is_gone(connection: Connection) -> None:
    """Before it is asked anything."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (_fails, "naive failed: RuntimeError: no room"),
        (_is_killed, "The process that measures naive was ended by SIGKILL"),
        (_is_gone, "The process that measures naive ended with exit code 0"),
    ],
)
def test_how_a_contender_ended_is_told(body: Callable[[Connection], None], told: str) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=body, args=(theirs,))
    process.start()
    theirs.close()
    seat = compare._Seat("naive", Job("demo", 4, ChainSettings()), process, ours)
    if body is _is_gone:
        process.join()
    with pytest.raises(MattecamError) as caught:
        seat.take_turn()
    seat.close()
    assert str(caught.value).startswith(told)


def test_who_could_not_run_is_in_the_table_the_page_and_nowhere_else() -> None:
    failed = {"name": "onnxruntime", "mode": "lossless", "feed": "memory", "failure": "It is gone."}
    runs = [failed, run("mattecam", 60.0)]
    assert report.row(failed)[0] == "onnxruntime"
    assert len(report.row(failed)) == len(report.HEAD)
    assert report.row(failed)[-1] == "not measured: It is gone."
    assert report.ratios(runs) == []
    assert "onnxruntime" not in report.plot_svg(runs)
    written = report.page(machine.describe(), [runs], None, command="bench", plot="plot.svg")
    assert "not measured: It is gone." in written


def test_ratios_are_to_the_others_of_the_same_run() -> None:
    runs = [run("naive", 5.0), run("onnxruntime", 10.0), run("mattecam", 60.0)]
    assert report.ratios(runs) == [
        "12.0 times the naive loop.",
        "6.0 times the ONNX Runtime loop.",
    ]
    assert report.ratios(runs[-1:]) == []


def test_the_plot_escapes_names_and_scales_to_the_fastest() -> None:
    drawn = report.plot_svg([run("<naive>", 30.0), run("mattecam", 120.0)])
    assert "&lt;naive&gt;" in drawn
    assert 'width="420.0"' in drawn
    assert 'width="105.0"' in drawn
