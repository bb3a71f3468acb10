"""What every registered edge tool must do, a new one included on arrival."""

from __future__ import annotations

import numpy as np
import pytest

from app.refine.edge import EdgeTool, edge_tools
from tests.contracts.parts import ALPHAS

NAMES = edge_tools.names()


@pytest.fixture(params=NAMES)
def tool(request: pytest.FixtureRequest) -> EdgeTool:
    return edge_tools.create(request.param)


@pytest.mark.parametrize("kind", ALPHAS)
def test_the_result_is_an_alpha_of_the_same_size(tool: EdgeTool, kind: str) -> None:
    given = ALPHAS[kind].copy()
    result = tool.apply(given)
    assert result.dtype == np.uint8
    assert result.shape == given.shape
    assert np.array_equal(given, ALPHAS[kind]), "the input was written to"


@pytest.mark.parametrize("kind", ["nobody", "all person"])
def test_with_its_defaults_it_invents_no_edge(tool: EdgeTool, kind: str) -> None:
    assert np.array_equal(tool.apply(ALPHAS[kind].copy()), ALPHAS[kind])


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_a_picture_of_one_row_or_column_is_no_problem(
    tool: EdgeTool, size: tuple[int, int]
) -> None:
    assert tool.apply(np.full(size, 128, np.uint8)).shape == size
