"""What every registered live source and live output must do before, and without, its device."""

from __future__ import annotations

import re

import pytest

from app.outputs.live_base import LiveOutput, live_outputs
from app.registry import NoOptions
from app.sources.live_base import LiveSource, live_sources

SENTENCE = re.compile(r"^[A-Z\"'].*[.!)]$|^[A-Z].*:.*$", re.DOTALL)


@pytest.fixture(params=live_outputs.names())
def output(request: pytest.FixtureRequest) -> LiveOutput:
    return live_outputs.create_from_spec(request.param)


@pytest.fixture(params=live_sources.names())
def source(request: pytest.FixtureRequest) -> LiveSource:
    name = request.param
    needs_path = live_sources.entry(name).options is not NoOptions and "path" in getattr(
        live_sources.entry(name).options, "__dataclass_fields__", {}
    )
    return live_sources.create_from_spec(f"{name}:clip.mp4" if needs_path else name)


def test_an_output_opens_nothing_when_it_is_made(output: LiveOutput) -> None:
    assert output.device is None


def test_an_output_may_be_closed_twice_and_interrupted_unopened(output: LiveOutput) -> None:
    output.interrupt()
    output.close()
    output.close()  # does not raise


def test_an_output_declares_what_the_pipeline_asks(output: LiveOutput) -> None:
    for flag in ("accepts_alpha", "private", "fixed_size", "paced"):
        assert isinstance(getattr(output, flag), bool)
    assert output.depth >= 1


def test_a_source_may_be_closed_twice_and_interrupted_unopened(source: LiveSource) -> None:
    source.interrupt()
    source.close()
    source.close()  # does not raise


@pytest.mark.parametrize("registry", [live_outputs, live_sources], ids=["outputs", "sources"])
def test_a_part_that_cannot_work_here_says_why_in_a_sentence(registry: object) -> None:
    assert registry in (live_outputs, live_sources)
    for entry in (*live_outputs.entries(), *live_sources.entries()):
        reason = entry.unavailable_because()
        assert reason is None or SENTENCE.match(reason), reason
