"""Progress for the program that started a conversion."""

import base64
import json

import cv2
import numpy as np

from app.cli.progress_lines import ProgressLines


def test_lines_come_a_few_times_a_second_with_the_time_left_and_a_picture() -> None:
    now = [0.0]
    told: list[str] = []
    lines = ProgressLines(told.append, clock=lambda: now[0])
    picture = np.full((216, 384, 3), (200, 30, 30), np.uint8)
    lines(0, 100, None)
    for done in range(1, 101):
        now[0] += 0.1
        lines(done, 100, picture)
    read = [json.loads(line) for line in told]
    assert 34 <= len(read) <= 51
    halfway = next(line for line in read if line["frames"] >= 50)
    assert abs(halfway["seconds_left"] - 5.0) < 0.5
    assert read[-1]["frames"] == 100
    pictures = [line["picture"] for line in read if "picture" in line]
    assert 8 <= len(pictures) <= 11
    small = cv2.imdecode(np.frombuffer(base64.b64decode(pictures[0]), np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (108, 192, 3)
    assert small[50, 50, 2] > 180  # red


def test_what_is_not_known_is_null() -> None:
    told: list[str] = []
    ProgressLines(told.append, clock=lambda: 1.0)(3, None, np.zeros((90, 160), np.uint8))
    line = json.loads(told[0])
    assert (line["total"], line["seconds_left"]) == (None, None)
