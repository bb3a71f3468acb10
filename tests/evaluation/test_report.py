"""Means, ratios and pictures of what was found."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.errors import UsageError
from app.evaluation.report import (
    CURVES,
    RATIO_FLOOR,
    ItemReport,
    Judgement,
    Report,
    Specimen,
    error_map,
    geometric_mean,
    nice_ceiling,
    ratio,
    write_contact_sheet,
    write_curves,
)


def specimen(*, size: tuple[int, int] = (64, 36), index: int = 0) -> Specimen:
    width, height = size
    alpha = np.zeros((height, width), np.uint8)
    return Specimen.of(
        np.full((height, width, 3), 90, np.uint8), alpha + 128, alpha, index=index, mad=502.0
    )


def judgement(mad: float | None, flicker: float | None = None) -> Judgement:
    scores = {"mad": mad, "excess_flicker": flicker}
    series = {name: [1.0, None, 3.0, 2.5] for name in CURVES}
    return Judgement(scores, specimen(), series)


def report(
    ours: Sequence[tuple[float | None, float | None]],
    plain: Sequence[tuple[float | None, float | None]] = (),
) -> Report:
    items = [
        ItemReport(
            f"clip {place}", 4, "64x36", "96x64", judgement(*scores),
            judgement(*plain[place]) if plain else None,
        )
        for place, scores in enumerate(ours)
    ]  # fmt: skip
    return Report("video", items, {"engine": "null"}, {"engine": "null"} if plain else None)


def test_one_hard_clip_does_not_drown_the_others_in_the_ratio() -> None:
    found = report([(1.0, 1.0), (400.0, 1.0)], [(2.0, 1.0), (200.0, 1.0)])
    assert found.mean["mad"] == pytest.approx(200.5)
    assert found.baseline_mean["mad"] == pytest.approx(101)
    assert found.ratio["mad"] == pytest.approx(1.0)  # halved here, doubled there
    assert [item.ratio["mad"] for item in found.items] == [0.5, 2.0]


def test_what_is_unknown_takes_no_part() -> None:
    found = report([(1.0, None), (None, 3.0)], [(4.0, 2.0), (1.0, 1.0)])
    assert found.ratio == pytest.approx({"mad": 0.25, "excess_flicker": 3.0})
    assert found.mean == {"mad": 1.0, "excess_flicker": 3.0}
    assert report([(None, None)], [(1.0, 1.0)]).ratio["mad"] is None


def test_a_perfect_zero_makes_no_ratio_zero_or_infinite() -> None:
    assert ratio(0.0, 0.0) == 1
    assert ratio(0.0, 1.0) == RATIO_FLOOR
    assert ratio(1.0, 0.0) == 1 / RATIO_FLOOR
    assert ratio(None, 1.0) is None
    assert ratio(1.0, None) is None


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=9))
def test_the_geometric_mean_lies_between_the_extremes_and_inverts(values: list[float]) -> None:
    mean = geometric_mean(values)
    inverse = geometric_mean([1 / value for value in values])
    assert mean is not None
    assert inverse is not None
    assert min(values) * (1 - 1e-9) <= mean <= max(values) * (1 + 1e-9)
    assert mean * inverse == pytest.approx(1)


def test_json_has_items_means_ratios_and_settings_with_null_for_the_unknown() -> None:
    found = json.loads(json.dumps(report([(1.0, None)], [(2.0, 1.0)]).as_dict()))
    (item,) = found["items"]
    assert item["name"] == "clip 0"
    assert item["mad"] == 1.0
    assert item["excess_flicker"] is None
    assert item["baseline"] == {"mad": 2.0, "excess_flicker": 1.0}
    assert item["ratio"] == {"mad": 0.5, "excess_flicker": None}
    assert found["mean"] == {"mad": 1.0, "excess_flicker": None}
    assert found["ratio"]["mad"] == 0.5
    assert found["settings"] == {"engine": "null"}
    without = report([(1.0, None)]).as_dict()
    assert "ratio" not in without
    assert "baseline" not in without


def test_the_error_map_is_red_for_too_much_and_blue_for_too_little() -> None:
    truth = np.array([[0, 255, 100]], np.uint8)
    alpha = np.array([[255, 0, 100]], np.uint8)
    drawn = error_map(Specimen(np.zeros((1, 3, 3), np.uint8), truth, alpha, 0, 0.0))
    assert drawn[0].tolist() == [[255, 0, 0], [0, 0, 255], [255, 255, 255]]


def test_a_specimen_of_a_large_picture_is_kept_small() -> None:
    kept = specimen(size=(4000, 3000))
    assert kept.rgb.shape == (400, 533, 3)
    assert kept.truth.shape == kept.alpha.shape == (400, 533)
    assert specimen(size=(1, 900)).rgb.shape == (400, 1, 3)


@pytest.mark.parametrize("baseline", [False, True])
def test_the_contact_sheet_has_a_row_for_each_item(tmp_path: Path, baseline: bool) -> None:
    scores = [(1.0, 1.0)] * 3
    path = tmp_path / "new" / "sheet.png"
    write_contact_sheet(report(scores, scores if baseline else ()), path)
    with Image.open(path) as sheet:
        width, height = sheet.size
        tile = 200 * 64 // 36 + 4
        assert abs(width - tile * (6 if baseline else 4)) <= 6
        assert height == 3 * (200 + 18 + 4)


@pytest.mark.parametrize("baseline", [False, True])
def test_the_curves_are_drawn_in_a_row_for_each_clip(tmp_path: Path, baseline: bool) -> None:
    scores = [(1.0, 1.0)] * 2
    path = tmp_path / "curve.png"
    write_curves(report(scores, scores if baseline else ()), path)
    with Image.open(path) as sheet:
        assert sheet.size == (3 * 420, 2 * 160)
        colours = {colour for _, colour in sheet.getcolors(1 << 20) or ()}
    assert (200, 60, 30) in colours


def test_a_picture_needs_the_name_of_a_picture(tmp_path: Path) -> None:
    for write in (write_contact_sheet, write_curves):
        with pytest.raises(UsageError, match=r"\.png"):
            write(report([(1.0, 1.0)]), tmp_path / "sheet.pdf")


@given(st.floats(1e-9, 1e9))
def test_the_axis_ends_at_a_round_number_not_far_above(value: float) -> None:
    top = nice_ceiling(value)
    assert value <= top <= value * 2.6
    assert f"{top:.0e}"[0] in "125"


def test_the_axis_of_nothing_ends_at_one() -> None:
    assert nice_ceiling(0.0) == 1.0
