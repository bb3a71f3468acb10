from __future__ import annotations

import os
from dataclasses import replace

import pytest

from app.errors import OptionError, OutputError, OutputExists, UsageError
from app.outputs.open import ALPHA_ENDINGS, PICTURE_ENDINGS, VIDEO_ENDINGS, open_output
from app.outputs.pictures import FORMATS, FolderOutput, PictureOutput
from app.outputs.read_files import Reading
from app.outputs.video_file import VideoFileOutput


def kind(path, info, **options):
    return type(open_output(path, size=(64, 48), info=info, **options))


def test_the_ending_decides(tmp_path, info):
    for ending in VIDEO_ENDINGS:
        assert kind(tmp_path / f"a{ending}", info) is VideoFileOutput
        assert kind(tmp_path / f"a{ending.upper()}", info) is VideoFileOutput
    for ending in PICTURE_ENDINGS:
        assert kind(tmp_path / f"a{ending}", info) is PictureOutput
    assert kind(tmp_path / "frames", info) is FolderOutput
    assert kind(f"{tmp_path}/frames.v2/", info) is FolderOutput
    (tmp_path / "b.mp4").mkdir()
    assert kind(tmp_path / "b.mp4", info) is FolderOutput


def test_the_endings_are_the_ones_that_can_be_written():
    assert set(PICTURE_ENDINGS) == set(FORMATS)
    assert {e for e in PICTURE_ENDINGS if FORMATS[e][2]} == set(ALPHA_ENDINGS) - set(VIDEO_ENDINGS)


def test_an_unknown_ending_lists_the_known_ones(tmp_path, info):
    with pytest.raises(UsageError, match=r"a\.avi: \.avi is not known.*\.mp4.*\.webm.*\.png"):
        kind(tmp_path / "a.avi", info)


@pytest.mark.parametrize("ending", [*VIDEO_ENDINGS, *PICTURE_ENDINGS, ""])
def test_alpha_is_refused_where_it_would_be_lost(tmp_path, info, ending):
    path = tmp_path / f"a{ending}"
    if ending in ALPHA_ENDINGS or not ending:
        assert open_output(path, size=(4, 4), info=info, channels="rgba").accepts_alpha
    else:
        with pytest.raises(OptionError, match=r"transparent.*\.webm, \.mov, \.png.* a folder"):
            kind(path, info, channels="rgba")


def test_what_is_there_is_kept_without_force(tmp_path, info):
    for name in ("a.mp4", "a.png"):
        path = tmp_path / name
        path.write_bytes(b"precious")
        with pytest.raises(OutputExists, match=rf"{name} is there already; add --force"):
            kind(path, info)
        kind(path, info, force=True)
        assert path.read_bytes() == b"precious"
    with pytest.raises(OutputExists, match="is not empty; add --force"):
        kind(tmp_path, info)
    kind(tmp_path, info, force=True)
    (tmp_path / "empty").mkdir()
    kind(tmp_path / "empty", info)


@pytest.mark.parametrize("force", [False, True])
def test_the_input_is_never_the_output(tmp_path, info, force):
    source = tmp_path / "a.mp4"
    source.write_bytes(b"the only copy")
    reads = [Reading("the input itself", source)]
    with pytest.raises(UsageError, match="is the input itself"):
        kind(source, info, reads=reads, force=force)
    with pytest.raises(UsageError, match="is the input itself"):
        kind(tmp_path / "." / "a.mp4", info, reads=reads, force=force)
    with pytest.raises(UsageError, match="is the input itself"):
        kind(tmp_path, info, reads=[Reading("the input itself", tmp_path)], force=force)
    os.link(source, tmp_path / "hard.mp4")
    with pytest.raises(UsageError, match="is the input itself"):
        kind(tmp_path / "hard.mp4", info, reads=reads, force=force)


@pytest.mark.skipif(os.name == "nt", reason="a link needs a right that few users have there")
def test_a_link_to_the_input_is_the_input(tmp_path, info):
    source = tmp_path / "a.mp4"
    source.write_bytes(b"the only copy")
    (tmp_path / "link.mp4").symlink_to(source)
    reads = [Reading("the input itself", source)]
    with pytest.raises(UsageError, match="is the input itself"):
        kind(tmp_path / "link.mp4", info, reads=reads, force=True)


def test_a_clip_does_not_fit_into_one_picture(tmp_path, info):
    with pytest.raises(UsageError, match=r"one picture and the input has 30; name a folder"):
        kind(tmp_path / "a.png", replace(info, frame_count=30))
    assert kind(tmp_path / "a.png", replace(info, frame_count=1)) is PictureOutput


def test_impossible_places_are_said_before_work_begins(tmp_path, info):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"is a file, so .* cannot lie in it"):
        kind(tmp_path / "file" / "a.mp4", info)
    with pytest.raises(OutputError, match="cannot become a folder"):
        kind(tmp_path / "file", info)


def test_a_folder_without_permission_is_said_before_work_begins(tmp_path, info, monkeypatch):
    # Root may write everywhere, so the answer of the system is replaced.
    asked = []
    monkeypatch.setattr(os, "access", lambda path, mode: asked.append((str(path), mode)))
    with pytest.raises(OutputError, match="may not be written by this user"):
        kind(tmp_path / "new" / "a.mp4", info)
    assert asked == [(str(tmp_path), os.W_OK)]


def test_nothing_is_made_before_the_output_is_entered(tmp_path, info):
    kind(tmp_path / "new" / "folder" / "a.mp4", info)
    kind(tmp_path / "sequence", info)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.png", "frames"])
def test_missing_folders_are_made(tmp_path, info, noise, name):
    path = tmp_path / "new" / "folder" / name
    with open_output(path, size=(64, 48), info=info) as output:
        output.write(noise(0), index=0, captured_at=0.0)
    assert path.exists()
