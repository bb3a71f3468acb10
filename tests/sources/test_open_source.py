from __future__ import annotations

import math
from fractions import Fraction

import pytest
from PIL import Image

from app import places
from app.errors import InputError, UsageError
from app.sources.demo import DemoSource
from app.sources.image_file import FolderSource, PictureSource
from app.sources.open import open_source
from app.sources.video_file import VideoFileSource


def test_the_kind_of_source_follows_what_is_there(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.mp4").write_bytes(b"anything")
    assert isinstance(open_source(str(tmp_path)), FolderSource)
    assert isinstance(open_source(str(tmp_path / "a.png")), PictureSource)
    assert type(open_source(str(tmp_path / "b.mp4"))) is VideoFileSource
    assert isinstance(open_source("demo"), DemoSource)


def test_the_demo_is_the_clip_that_comes_with_the_program():
    source = open_source("demo")
    assert isinstance(source, DemoSource)
    assert source.path == places.assets() / "demo.mp4"


def test_nothing_is_touched_until_the_source_is_entered(tmp_path):
    source = open_source(str(tmp_path / "missing.mp4"))
    with pytest.raises(InputError, match=r"missing\.mp4"), source:
        pass


def test_a_rate_is_for_a_folder(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with open_source(str(tmp_path), rate=29.97) as source:
        assert source.info.rate == Fraction(2997, 100)
    with pytest.raises(UsageError, match="--fps is for a folder"):
        open_source(str(tmp_path / "a.mp4"), rate=25)


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, 1e9])
def test_an_impossible_rate_is_refused(tmp_path, rate):
    with pytest.raises(UsageError, match="rate"):
        open_source(str(tmp_path), rate=rate)
