"""The steps put together as the settings say."""

import numpy as np
import pytest

from app.chain import ChainSettings, open_chain
from app.errors import InputError, OptionError, WeightsMissing
from app.flow import run
from app.frames import Composite, Frame
from app.modnet.preprocess import NetworkSize


def frames(count: int, *, size: tuple[int, int] = (64, 36)) -> list[Frame]:
    rng = np.random.default_rng(0)
    return [
        Frame(rng.integers(0, 256, (size[1], size[0], 3), np.uint8), i, i / 30)
        for i in range(count)
    ]


@pytest.mark.parametrize("temporal", ["off", "ofd", "ofd:0.2", "ofd:0.1,replace_by=previous"])
@pytest.mark.parametrize("background", ["blur", "color:#00b140", "transparent", "original"])
def test_each_frame_gives_one_composite_at_its_own_size(temporal: str, background: str) -> None:
    items = frames(5)
    settings = ChainSettings(engine="null", temporal=temporal, background=background)
    with open_chain(settings) as chain:
        out: list[Composite] = list(run(items, chain.steps))
    assert [c.cutout.frame for c in out] == items
    for composite in out:
        assert composite.cutout.alpha.shape == (36, 64)
        assert (composite.rgb is None) == (background == "transparent")


def test_the_delay_is_that_of_the_temporal_filter() -> None:
    with open_chain(ChainSettings(engine="null", temporal="ofd")) as chain:
        assert chain.delay_frames == 1
    with open_chain(ChainSettings(engine="null", temporal="off")) as chain:
        assert chain.delay_frames == 0


def test_mirror_flips_the_picture_and_the_matte_with_it() -> None:
    item = frames(1)[0]
    settings = ChainSettings(engine="null", mirror=True, background="original", temporal="off")
    with open_chain(settings) as chain:
        (composite,) = run([item], chain.steps)
    assert (composite.cutout.frame.rgb == item.rgb[:, ::-1]).all()
    assert composite.cutout.frame.index == item.index


def test_without_refinement_the_foreground_is_the_frame_itself() -> None:
    settings = ChainSettings(engine="null", refine=False, temporal="off")
    with open_chain(settings) as chain:
        (composite,) = run(frames(1), chain.steps)
    assert composite.cutout.foreground is composite.cutout.frame.rgb


def test_what_is_wrong_with_a_name_shows_before_the_engine_is_loaded(tmp_path) -> None:
    wrong = {
        "temporal": (ChainSettings(temporal="kalman"), OptionError),
        "background": (ChainSettings(background="sunset"), OptionError),
        "file": (ChainSettings(background="image:nowhere.jpg", engine="null"), InputError),
        "weights": (ChainSettings(weights=str(tmp_path / "none.ckpt")), WeightsMissing),
    }
    for settings, error in wrong.values():
        with pytest.raises(error), open_chain(settings):
            pass


def test_the_description_is_what_really_runs() -> None:
    with open_chain(ChainSettings(engine="null", size=NetworkSize((512, 288)))) as chain:
        described = chain.describe((1280, 720))
    assert described["engine"] == "null"
    assert described["network_size"] == "512x288"
    assert described["steps"] == ["matting", "temporal", "refine", "composite"]
