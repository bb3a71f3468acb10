"""Pictures that are not opaque, from the file to what is written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app.backgrounds import create_background
from app.chain import ChainSettings
from app.convert import Conversion
from app.frames import Cutout, Frame, Matte
from app.matte_steps.base import open_matte_steps
from app.mirror import Mirror
from app.refine.refine import Refine
from app.sources.alpha import compose
from app.sources.pictures import read_whole
from app.views import View
from app.zoom import zoomed

PERSON, HIDDEN = (180, 120, 90), (255, 0, 255)


@pytest.fixture
def cut_out(tmp_path):
    """96x64: a person at the left, half transparent at the edge, magenta hidden elsewhere."""
    rgba = np.zeros((64, 96, 4), np.uint8)
    rgba[..., :3] = HIDDEN
    rgba[:, :48] = *PERSON, 255
    rgba[:, 46:48, 3] = 128
    path = tmp_path / "me.png"
    Image.fromarray(rgba).save(path)
    return path


def _cutout(path, settings=None):
    picture = read_whole(path)
    frame = Frame(picture.rgb, 0, 0.0, rgba=picture.rgba)
    matte = Matte(frame, np.ones((16, 24), np.float32))
    (cutout,) = Refine(colours=settings is not None).push(matte)
    return cutout


@pytest.mark.parametrize("refined", [False, True])
def test_the_cut_out_keeps_the_pictures_own_alpha_and_colors(cut_out, refined):
    cutout = _cutout(cut_out, object() if refined else None)
    assert cutout.alpha[32, [10, 46, 80]].tolist() == [255, 128, 0]
    assert np.abs(cutout.foreground[32, 46].astype(int) - PERSON).max() <= 2
    assert not (cutout.foreground == HIDDEN).all(axis=2).any()


def test_no_fringe_stays_on_another_background(cut_out):
    from app.compositing import blend

    cutout = _cutout(cut_out)
    green = np.zeros((64, 96, 3), np.uint8)
    green[...] = 0, 255, 0
    blended = blend(cutout.colours, green, cutout.alpha)
    assert blended[32, 80].tolist() == [0, 255, 0]
    expected = np.array(PERSON) * 128 / 255 + np.array((0, 255, 0)) * 127 / 255
    assert np.abs(blended[32, 46] - expected).max() <= 2


def test_mirror_and_zoom_keep_it(cut_out):
    picture = read_whole(cut_out)
    frame = Frame(picture.rgb, 0, 0.0, rgba=picture.rgba)
    (mirrored,) = Mirror().push(frame)
    assert mirrored.rgba is not None
    assert mirrored.rgba[32, [10, 90], 3].tolist() == [0, 255]
    part = zoomed(frame, 2.0, (0.25, 0.5))
    assert part.rgba is not None
    assert part.rgba.shape[:2] == part.rgb.shape[:2]
    assert (part.rgba[:, :46, 3] == 255).all()


def test_a_conversion_keeps_it(cut_out, tmp_path):
    settings = ChainSettings(engine="null", background="transparent")
    out = tmp_path / "out.png"
    Conversion(str(cut_out), out, settings).run()
    written = np.asarray(Image.open(out))
    assert (written[:, 48:, 3] == 0).all()
    assert not (written[..., :3] == HIDDEN).all(axis=2).any()
    original = tmp_path / "original.png"
    Conversion(str(cut_out), original, replace(settings), view=View.ORIGINAL).run()
    assert np.asarray(Image.open(original))[32, 80].tolist() == [255, 255, 255]


def test_a_background_is_composed_over_white_before_it_is_resized(tmp_path):
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[..., :3] = HIDDEN
    rgba[8:32, 8:32] = 0, 120, 255, 255
    path = tmp_path / "logo.png"
    Image.fromarray(rgba).save(path)
    frame = Frame(np.zeros((30, 30, 3), np.uint8), 0, 0.0)
    with create_background(str(path)) as background:
        seen = background.render(Cutout(frame, np.zeros((30, 30), np.uint8), frame.rgb))
    assert seen is not None
    assert seen[0, 0].tolist() == [255, 255, 255]
    assert (seen[..., 1] >= 119).all()  # magenta has none


def test_a_region_counts_where_it_is_painted_and_opaque(tmp_path):
    rgba = np.zeros((20, 20, 4), np.uint8)
    rgba[..., :3] = 255
    rgba[:, :10, 3] = 255
    path = tmp_path / "region.png"
    Image.fromarray(rgba).save(path)
    (step,) = open_matte_steps([f"keep-region:{path}"]).values()
    frame = Frame(np.zeros((20, 20, 3), np.uint8), 0, 0.0)
    kept = step.change(Matte(frame, np.zeros((20, 20), np.float32)))
    assert kept[10, 2] == pytest.approx(1, abs=0.05)
    assert kept[10, 18] == pytest.approx(0, abs=0.05)


def test_composing_is_exact_at_both_ends_and_rounded_between():
    rgba = np.array([[(1, 2, 3, 0), (1, 2, 3, 255), (0, 100, 255, 51)]], np.uint8)
    assert compose(rgba, (10, 20, 30))[0].tolist() == [[10, 20, 30], [1, 2, 3], [8, 36, 75]]
