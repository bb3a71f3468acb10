"""Whether what the settings of a live run name is there, before anything is opened."""

from __future__ import annotations

from app.backgrounds.base import create_background
from app.chain import resolve_eight_bit, resolve_statistics, resolve_weights
from app.engines.select import candidates
from app.light.base import create_light
from app.matte_steps.base import open_matte_steps
from app.outputs.live_base import create_live_output
from app.refine.edge import edge_tools
from app.settings import LiveSettings
from app.sources.live_base import create_live_source
from app.temporal.base import temporal_filters


def check_names(settings: LiveSettings) -> None:
    """For a run that nobody can mend while it goes on, as on the command line.

    Loads no network, opens no device and starts no thread.

    Raises:
        MattecamError: a name, an option or a file is wrong.
    """
    create_live_source(settings.source).check()
    for output in settings.outputs:
        create_live_output(output)
    check_parts(settings)
    candidates(settings.engine, settings.device)
    chain = settings.chain()
    weights = resolve_weights(chain)
    resolve_statistics(chain, weights)
    resolve_eight_bit(chain, weights)


def check_parts(settings: LiveSettings) -> None:
    """The parts that are registered, their options, and the files of the matte steps.

    Raises:
        MattecamError: one of them is wrong.
    """
    temporal_filters.create_from_spec(settings.temporal)
    edge_tools.create_from_spec(settings.edge)
    create_background(settings.background)
    create_light(settings.light)
    open_matte_steps(settings.steps)
