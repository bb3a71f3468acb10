"""`mattecam convert`, from the command line to files that other programs open."""

import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from app.cli import main
from app.engines.null import NullEngine

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["--engine", "null", "--size", "96x64"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """12 frames with uneven times and one second of sound."""
    path = tmp_path / "clip.mkv"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 160, 90, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=48000, layout="mono")
        for index in range(12):
            small = rng.integers(0, 256, (9, 16, 3), np.uint8)
            rgb = cv2.resize(small, (160, 90), interpolation=cv2.INTER_CUBIC)
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts, frame.time_base = index * 33 + (index % 3) * 7, Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for start in range(0, 24000, 1024):
            samples = np.sin(np.arange(start, start + 1024) / 20)[None].astype(np.float32)
            sound = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            sound.sample_rate, sound.pts = 48000, start
            container.mux(audio.encode(sound))
        container.mux(audio.encode())
    return path


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_video_keeps_its_frames_times_and_sound(clip: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.mp4"
    assert main(["convert", str(clip), "-o", str(out), *QUICK, "--json"]) == 0
    said = capsys.readouterr().out.strip().splitlines()
    assert len(said) == 1
    report = json.loads(said[0])
    assert report["frames_in"] == report["frames_out"] == 12
    assert report["engine"] == "null"
    assert times(out) == pytest.approx(times(clip), abs=1e-3)
    with av.open(str(out)) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == ["aac"]


@pytest.mark.parametrize("ending", [".webm", ".mov"])
def test_transparent_goes_where_alpha_can(clip: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    arguments = ["convert", str(clip), "-o", str(out), "-b", "transparent", *QUICK]
    assert main(arguments) == 0
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        if ending == ".webm":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            frames = [f for p in container.demux(stream) if p.size for f in decoder.decode(p)]
        else:
            frames = list(container.decode(stream))
        alpha = frames[3].to_ndarray(format="rgba")[..., 3]
    assert alpha[45, 80] > 250  # the null engine's person stands in the middle
    assert alpha[2, 2] < 5


def test_transparent_in_an_mp4_is_refused_with_the_endings_that_can(
    clip: Path, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "out.mp4"
    assert main(["convert", str(clip), "-o", str(out), "-b", "transparent", *QUICK]) == 2
    assert ".webm" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("kind", ["image:", "video:", ""])
def test_a_background_that_cannot_be_opened_is_told_before_anything_is_written(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    beach, out = tmp_path / "beach.png", tmp_path / "out.mp4"
    beach.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    out.write_bytes(b"what was there")
    arguments = ["convert", str(clip), "-o", str(out), "-b", f"{kind}{beach}", "--force", *QUICK]
    assert main(arguments) == 1
    assert "beach.png" in capsys.readouterr().err
    assert out.read_bytes() == b"what was there"


def test_a_picture_gives_a_picture(tmp_path: Path) -> None:
    source, out = tmp_path / "me.jpg", tmp_path / "me.png"
    Image.fromarray(np.full((90, 160, 3), 200, np.uint8)).save(source)
    arguments = ["convert", str(source), "-o", str(out), "--background", "color:#00b140", *QUICK]
    assert main(arguments) == 0
    rgb = _pixels(out)
    assert tuple(rgb[1, 1]) == (0, 177, 64)
    assert abs(int(rgb[45, 80, 0]) - 200) <= 3


def test_only_the_frames_of_a_clip_are_taken_for_one_scene(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes: list[bool] = []
    enter = NullEngine.__enter__

    def entered(self: NullEngine) -> NullEngine:
        scenes.append(self.settings.scene)
        return enter(self)

    monkeypatch.setattr(NullEngine, "__enter__", entered)
    picture = tmp_path / "me.jpg"
    Image.fromarray(np.full((90, 160, 3), 200, np.uint8)).save(picture)
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "ab":
        Image.new("RGB", (64, 36), "gray").save(folder / f"{name}.jpg")
    for source, out in ((clip, "a.mp4"), (picture, "b.png"), (folder, "c"), ("demo", "d.mp4")):
        arguments = ["convert", str(source), "-o", str(tmp_path / out), "--show", "matte", *QUICK]
        assert main(arguments) == 0
    assert (
        main(["convert", str(clip), "-o", str(tmp_path / "e.mp4"), "--norms", "exact", *QUICK]) == 0
    )
    assert scenes == [True, False, False, True, False]


def test_a_folder_of_sizes_gives_mattes_with_the_same_names_and_sizes(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    sizes = {"a": (64, 36), "b": (64, 36), "c": (36, 64), "d": (1, 50)}
    for name, size in sizes.items():
        Image.new("RGB", size, "gray").save(source / f"{name}.jpg")
    arguments = ["convert", str(source), "-o", str(out), "--show", "matte", *QUICK]
    assert main(arguments) == 0
    written = {}
    for file in out.iterdir():
        with Image.open(file) as picture:
            written[file.stem] = (picture.size, picture.mode)
    assert written == {name: (size, "L") for name, size in sizes.items()}


@pytest.mark.parametrize("view", ["composite", "matte", "side-by-side", "original"])
def test_each_view_can_be_a_video(clip: Path, tmp_path: Path, view: str) -> None:
    out = tmp_path / "out.mp4"
    assert main(["convert", str(clip), "-o", str(out), "--show", view, *QUICK]) == 0
    capture = cv2.VideoCapture(str(out))
    width = 320 if view == "side-by-side" else 160
    assert (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (
        width,
        90,
    )
    assert len(times(out)) == 12


def test_an_existing_file_is_kept_unless_forced(clip: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    assert main(["convert", str(clip), "-o", str(out), *QUICK]) == 1
    assert "--force" in capsys.readouterr().err
    assert out.read_bytes() == b"precious"
    assert main(["convert", str(clip), "-o", str(out), *QUICK, "--force"]) == 0
    assert len(times(out)) == 12


def test_nothing_is_replaced_when_the_chain_cannot_run(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    arguments = ["convert", str(clip), "-o", str(out), "--force", "--weights", "nobody"]
    assert main(arguments) == 1
    assert out.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["nowhere.mp4", "-o", "x.mp4"], 1, "nowhere.mp4"),
        (["{clip}", "-o", "x.avi"], 2, ".mp4"),
        (["{clip}", "-o", "{clip}"], 2, "input"),
        (["{clip}", "-o", "x.mp4", "--size", "huge"], 2, "--size"),
        (["{clip}", "-o", "x.mp4", "--show", "ghost"], 2, "side-by-side"),
        (["{clip}", "-o", "x.mp4", "--refine", "maybe"], 2, "--refine"),
        (["{clip}", "-o", "x.mp4", "--temporal", "magic"], 2, "ofd"),
        (["{clip}", "-o", "x.mp4", "--background", "blur:1000"], 2, "99"),
        (["{clip}", "-o", "x.mp4", "--engine", "magic"], 2, "openvino"),
        (["{clip}", "-o", "x.mp4", "--device", "abacus"], 2, "cpu"),
        (["{clip}", "-o", "x.png"], 2, "folder"),
        (["{clip}"], 2, "output"),
        (["{text}", "-o", "x.mp4"], 1, "text.mp4"),
        (["{empty}", "-o", "x.mp4"], 1, "empty.mp4"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    clip: Path, tmp_path: Path, capsys, arguments: list[str], code: int, word: str
) -> None:
    text, empty = tmp_path / "text.mp4", tmp_path / "empty.mp4"
    text.write_text("this is no video\n" * 100)
    empty.touch()
    filled = [a.format(clip=clip, text=text, empty=empty) if "{" in a else a for a in arguments]
    filled = [str(tmp_path / a) if a.startswith("x.") else a for a in filled]
    quick = [] if "--engine" in filled or "--device" in filled else ["--engine", "null"]
    assert main(["convert", *filled, *quick]) == code
    err = capsys.readouterr().err
    assert word in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("x.*"))


def test_ctrl_c_leaves_a_clip_that_plays_and_exits_with_130(tmp_path: Path) -> None:
    """A folder of many pictures, interrupted once some frames are in the file."""
    source, out = tmp_path / "in", tmp_path / "out.mp4"
    source.mkdir()
    first = source / "00000.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    Image.fromarray(noise).save(first)
    for index in range(1, 4000):
        os.link(first, source / f"{index:05d}.jpg")
    process = subprocess.Popen(
        [sys.executable, "main.py", "convert", str(source), "-o", str(out), *QUICK],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        try:
            # Its own fragments are the event: the file has grown beyond a header.
            _wait_until_larger(out, 200_000, process)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert 0 < len(times(out)) < 4000


def _wait_until_larger(path: Path, size: int, process: subprocess.Popen[str]) -> None:
    from threading import Event

    patience = Event()
    for _ in range(2400):
        if path.exists() and path.stat().st_size > size:
            return
        assert process.poll() is None, process.communicate()
        patience.wait(0.025)  # another process's file: there is nothing to be woken by
    pytest.fail(f"{path} did not grow")


def test_the_real_network_on_the_demo_clip(weights_file, tmp_path: Path, capsys) -> None:
    """Eight frames of the demo, default engine: the astronaut is cut out, the flag is not."""
    with av.open(str(ROOT / "assets" / "demo.mp4")) as container:
        frames = [
            f.to_ndarray(format="rgb24")
            for f, _ in zip(container.decode(video=0), range(8), strict=False)
        ]
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for index, rgb in enumerate(frames):
        Image.fromarray(rgb).save(source / f"{index}.png")
    assert main(["convert", str(source), "-o", str(out), "--show", "matte", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["network_size"] == "512x288"
    mattes = [_pixels(out / f"{index}.png") for index in range(8)]
    for matte in mattes:
        share = (matte > 127).mean()
        assert 0.1 < share < 0.8
        assert ((matte > 20) & (matte < 235)).mean() < 0.1
