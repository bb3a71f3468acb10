"""What is read is not written over, whatever it is called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.errors import UsageError
from app.outputs.read_files import Reading, files_in, refuse_to_overwrite


def _file(path: Path, content: str = "precious") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def _refused(write: Path, *reads: Path) -> None:
    with pytest.raises(UsageError, match=r"is (part of )?the background, which would be written"):
        refuse_to_overwrite([write], [Reading("the background", path) for path in reads])


def test_every_spelling_of_a_file_is_the_file(tmp_path, monkeypatch):
    read = _file(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    for spelled in (read, Path("a.png"), Path("./a.png"), tmp_path / "x" / ".." / "a.png"):
        (tmp_path / "x").mkdir(exist_ok=True)
        _refused(spelled, read)
        _refused(read, spelled)
    os.link(read, tmp_path / "hard.png")
    _refused(tmp_path / "hard.png", read)


@pytest.mark.skipif(os.name == "nt", reason="a link needs a right that few users have there")
def test_a_link_is_what_it_leads_to(tmp_path):
    read = _file(tmp_path / "a.png")
    (tmp_path / "link.png").symlink_to(read)
    (tmp_path / "folder").symlink_to(tmp_path)
    _refused(tmp_path / "link.png", read)
    _refused(read, tmp_path / "link.png")
    _refused(tmp_path / "folder" / "a.png", read)


def test_another_case_counts_where_the_disk_sees_none(tmp_path):
    read = _file(tmp_path / "a.png")
    other = tmp_path / "A.PNG"
    if other.exists():
        _refused(other, read)
    else:
        refuse_to_overwrite([other], [Reading("the background", read)])


def test_each_file_of_a_folder_that_is_read_counts(tmp_path):
    _file(tmp_path / "shots" / "a.png")
    deep = _file(tmp_path / "shots" / "more" / "b.png")
    _refused(deep, tmp_path / "shots")
    refuse_to_overwrite(
        [tmp_path / "shots" / "new.png", _file(tmp_path / "c.png")],
        [Reading("the background", tmp_path / "shots")],
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u8", "#EXTM3U\n#EXTINF:2,\nthe part.mp4\n#EXT-X-ENDLIST\n"),
        ("list.m3u8", "#EXTM3U\n#EXTINF:2,\nthe%20part.mp4\n"),
        ("list.m3u8", '#EXTM3U\n#EXT-X-MAP:URI="the part.mp4"\n'),
        ("list.ffconcat", "ffconcat version 1.0\nfile 'the part.mp4'\n"),
        ("list.mpd", '<?xml version="1.0"?><MPD><BaseURL>x</BaseURL><S u="the part.mp4"/></MPD>'),
        ("list.txt", "ffconcat version 1.0\nfile inner.m3u8\n"),
    ],
)
def test_each_part_of_a_playlist_that_is_read_counts(tmp_path, name, text):
    part = _file(tmp_path / "the part.mp4")
    _file(tmp_path / "inner.m3u8", "#EXTM3U\nthe part.mp4\nlist.txt\n")
    _refused(part, _file(tmp_path / name, text))
    refuse_to_overwrite([_file(tmp_path / "other.mp4")], [Reading("x", tmp_path / name)])


def test_what_is_not_there_is_no_obstacle(tmp_path):
    refuse_to_overwrite(
        [tmp_path / "a.png", Path("n\0ul")],
        [Reading("x", tmp_path / "a.png"), Reading("x", Path("n\0ul")), Reading("x", Path("demo"))],
    )
    assert files_in(tmp_path / "gone", (".png",)) == []
