"""The contract over every kind of recording, read back by ffprobe, ffmpeg and OpenCV."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from recording_help import SIZE, Click, every, pictures_of, probe, record, sound_of, video_times

from app.errors import OptionError, OutputError, OutputExists, UsageError
from app.recording.folder import LIST
from app.recording.formats import FORMATS, QUALITIES, crf_of
from app.recording.plan import Plan, files_for, free_name, views_of
from app.views import View

VIDEOS = [ending for ending in FORMATS if ending]


def path_of(folder: Path, ending: str) -> Path:
    return folder / f"clip{ending}"


@pytest.mark.parametrize("ending", VIDEOS)
def test_a_clip_has_the_right_size_length_times_and_colours(tmp_path: Path, ending: str) -> None:
    path = path_of(tmp_path, ending)
    figures = record(path, moments=every(30, 2))
    assert figures.problems == []
    assert figures.files[0].frames == 60
    told = probe(path)
    video = next(s for s in told["streams"] if s["codec_type"] == "video")
    assert (video["width"], video["height"]) == SIZE
    assert video["color_space"] == video["color_transfer"] == video["color_primaries"] == "bt709"
    top, _, bottom = video["avg_frame_rate"].partition("/")
    assert int(top) / int(bottom) == pytest.approx(30, rel=0.02)
    assert float(told["format"]["duration"]) == pytest.approx(2, abs=0.05)
    times = video_times(told)
    assert len(times) == 60
    assert times[0] == 0
    assert np.allclose(times, every(30, 2), atol=1e-3)


@pytest.mark.parametrize("ending", VIDEOS)
def test_opencv_reads_what_was_shown(tmp_path: Path, ending: str) -> None:
    path = path_of(tmp_path, ending)
    record(path, moments=every(30, 1), quality="best")
    clip = cv2.VideoCapture(str(path))
    count = 0
    while True:
        ok, bgr = clip.read()
        if not ok:
            break
        edge = 4 * count % SIZE[0]
        if 8 < edge < SIZE[0] - 8:
            row = bgr[60, :, 2].astype(int)  # red: 30 left of the edge, 200 right of it
            assert abs(int(np.argmax(row > 115)) - edge) <= 2
            assert abs(int(row[edge + 6]) - 200) < 14
        count += 1
    clip.release()
    assert count == 30


@pytest.mark.parametrize("ending", VIDEOS)
def test_a_camera_that_stutters_gives_a_clip_of_the_right_length(
    tmp_path: Path, ending: str
) -> None:
    path = path_of(tmp_path, ending)
    moments = [*[t for t in every(30, 3) if not 0.5 < t < 1.7][::2], 2.985]
    figures = record(path, moments=moments)
    times = video_times(probe(path))
    assert figures.files[0].frames == len(moments)
    # The clip starts at its first picture; what came keeps its own time, whatever was held.
    for moment in moments:
        assert min(abs(t - moment) for t in times) < 2e-3
    assert float(probe(path)["format"]["duration"]) == pytest.approx(3.0, abs=0.06)


@pytest.mark.parametrize("ending", VIDEOS)
def test_a_click_and_an_edge_are_found_together(tmp_path: Path, ending: str) -> None:
    path = path_of(tmp_path, ending)
    # The edge stands at column 80 in picture 20, at 20/30 s: the click sounds then.
    record(path, moments=every(30, 2), sound=Click(1000.0 + 20 / 30))
    told = probe(path)
    assert {s["codec_type"] for s in told["streams"]} == {"video", "audio"}
    pictures = pictures_of(path, "gray")
    times = video_times(told)
    edges = [int(np.argmax(picture[60].astype(int) > 145)) for picture in pictures]
    shown = times[min(range(len(edges)), key=lambda n: abs(edges[n] - 80) + 100 * (n > 39))]
    heard = int(np.argmax(np.abs(sound_of(path).astype(int)) > 4000)) / 48_000
    assert abs(shown - heard) < 0.012


@pytest.mark.parametrize(("ending", "within"), [(".webm", 14), (".mov", 1)])
def test_the_alpha_equals_the_matte(tmp_path: Path, ending: str, within: int) -> None:
    path = path_of(tmp_path, ending)
    views = (View.FOREGROUND,)
    record(path, views=views, moments=every(30, 1), quality="best", make=_half)
    # FFmpeg's own VP9 decoder drops alpha.
    decoder = ("-c:v", "libvpx-vp9") if ending == ".webm" else ()
    pictures = pictures_of(path, "rgba", SIZE, *decoder)
    assert len(pictures) == 30
    for number in (3, 17, 29):
        off = np.abs(pictures[number][..., 3].astype(int) - _half(number, 0.0).cutout.alpha)
        assert np.percentile(off, 99) <= within
        assert off.mean() < 1.0


def _half(number: int, captured_at: float):  # type: ignore[no-untyped-def]
    """Soft: a slope that moves."""
    from recording_help import composite

    made = composite(number, captured_at, rgb=None)
    alpha = made.cutout.alpha
    alpha[:] = np.clip(np.arange(SIZE[0])[None, :] * 4 - 8 * number, 0, 255)
    return made


def test_a_folder_of_pictures_carries_alpha_and_times(tmp_path: Path) -> None:
    path = tmp_path / "clip"
    moments = [0.0, 0.1, 0.5]
    record(path, views=(View.FOREGROUND,), moments=moments, make=_half)
    names = sorted(p.name for p in path.glob("*.png"))
    assert names == ["000000.png", "000001.png", "000002.png"]
    read = cv2.imread(str(path / names[2]), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read[..., 3], _half(2, 0.0).cutout.alpha)
    assert "duration 0.400000" in (path / LIST).read_text()
    assert float(probe(path / LIST)["format"]["duration"]) == pytest.approx(0.9)


def test_several_views_are_in_time_with_each_other(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    views = (View.COMPOSITE, View.MATTE, View.FOREGROUND, View.ORIGINAL)
    figures = record(path, views=views, moments=every(25, 1))
    assert [file.path.name for file in figures.files] == [
        "talk.mp4",
        "talk-matte.mp4",
        "talk-foreground.webm",
        "talk-original.mp4",
    ]
    times = [video_times(probe(file.path)) for file in figures.files]
    assert all(np.allclose(other, times[0], atol=1e-3) for other in times)
    matte = pictures_of(figures.files[1].path, "gray")
    assert abs(int(np.argmax(matte[10, 60] > 127)) - 40) <= 1


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"mine")
    with pytest.raises(OutputExists, match="there already"):
        record(path, moments=every(30, 0.2))
    assert path.read_bytes() == b"mine"
    assert free_name(tmp_path, "clip", ".mp4", [View.COMPOSITE]).name == "clip (2).mp4"


@pytest.mark.parametrize(
    ("name", "views", "error", "named"),
    [
        ("a.avi", (View.COMPOSITE,), UsageError, ".mkv"),
        ("a.mp4", (View.FOREGROUND,), UsageError, "transparent"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    tmp_path: Path, name: str, views: tuple[View, ...], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        Plan(files_for(tmp_path / name, views)).check()
    assert list(tmp_path.iterdir()) == []


def test_quality_is_a_word_or_a_number() -> None:
    assert crf_of("good") == QUALITIES["good"]
    assert crf_of("20") == 20
    for wrong in ("-1", "52", "great"):
        with pytest.raises(OptionError, match="small"):
            crf_of(wrong)


def test_what_is_recorded_is_named_by_its_view() -> None:
    assert views_of(["matte", "original"]) == [View.MATTE, View.ORIGINAL]
    for wrong in (["sound"], ["side-by-side"], []):
        with pytest.raises(UsageError, match="foreground"):
            views_of(wrong)


def test_a_name_pattern_takes_the_time_and_loses_what_no_file_name_holds(tmp_path: Path) -> None:
    name = free_name(tmp_path, "A/b %Y", ".mp4", [View.COMPOSITE]).name
    assert name.startswith("A-b 2")
    assert name.endswith(".mp4")


def test_a_folder_of_pictures_may_have_points_in_its_pattern(tmp_path: Path) -> None:
    path = free_name(tmp_path, "%H.%M.%S take", "", [View.COMPOSITE, View.MATTE])
    files = files_for(path, [View.COMPOSITE, View.MATTE])
    Plan(files).check()
    assert all("." not in file.name for file in files.values())


def test_a_name_that_is_too_long_for_a_disk_is_cut(tmp_path: Path) -> None:
    path = free_name(tmp_path, "a" * 400, ".mp4", [View.COMPOSITE])
    assert 100 < len(path.name) < 200


def test_a_folder_that_takes_no_file_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    # Root may write everywhere, so the system's answer is given here.
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, how: path != locked and allowed(path, how))
    with pytest.raises(OutputError, match="another folder"):
        Plan(files_for(locked / "new" / "a.mp4", (View.COMPOSITE,))).check()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        Plan(files_for(tmp_path / "file" / "new" / "a.mp4", (View.COMPOSITE,))).check()
    with pytest.raises(OutputError, match="another name"):
        Plan(files_for(tmp_path / f"{'n' * 300}.mp4", (View.COMPOSITE,))).check()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "locked"]


def test_a_recording_into_a_pipe_is_refused():
    with pytest.raises(UsageError, match="name a file"):
        Plan({View.COMPOSITE: Path("-")}).check()
