"""A whole clip through the chain, without a frame lost: what `mattecam convert` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from app.chain import ChainSettings, files_read, open_chain
from app.errors import InputError
from app.flow import StageTimes, run
from app.frames import Frame
from app.outputs.base import Picture
from app.outputs.open import open_output
from app.outputs.read_files import Reading
from app.sources.base import Source
from app.sources.open import file_read, open_source
from app.views import View, channels, output_size, show


@dataclass
class Conversion:
    """One conversion: what is asked for, and while it runs and afterwards, how far it came.

    input, output: files, or `-`: standard input, standard output. format: of an output that is a
    pipe; see `open_output`.
    frames_in, frames_out: counts so far. total: how many there will be, None where unknown; it may
    be an estimate. skipped: frames of the source that could not be decoded.
    picture: the last one that was written.
    description: what it runs on, from the moment the chain is open.
    """

    input: str
    output: Path
    settings: ChainSettings
    view: View = View.COMPOSITE
    rate: Fraction | float | None = None
    force: bool = False
    format: str | None = None
    frames_in: int = 0
    frames_out: int = 0
    skipped: int = 0
    total: int | None = None
    description: dict[str, Any] = field(default_factory=dict)
    times: StageTimes = field(default_factory=StageTimes)
    picture: Picture | None = field(default=None, repr=False, compare=False)

    def run(self, *, progress: Callable[[Conversion], None] = lambda _: None) -> None:
        """Converts. `progress` is called when the chain is open, and after each frame.

        Raises MattecamError. Whatever happens, KeyboardInterrupt included, the output is closed
        and what was written so far can be played.
        """
        settings = self._settings_for_view()
        transparent = settings.background == "transparent"
        kind = channels(self.view, transparent=transparent)
        with open_source(self.input, rate=self.rate) as source:
            info = source.info
            self.total = info.frame_count
            settings = replace(settings, one_scene=settings.one_scene and info.one_scene)
            # Made before the chain is opened, so that what is wrong with the name shows at once;
            # entered after it, so that nothing is replaced when the chain cannot run.
            output = open_output(
                self.output,
                size=output_size(self.view, info.size),
                info=info,
                channels=kind,
                force=self.force,
                reads=[Reading("the input itself", file_read(self.input)), *files_read(settings)],
                stem=source.stem,
                format_name=self.format,
            )
            with open_chain(settings, frame_size=info.size) as chain, output:
                self.description = chain.describe(info.size)
                progress(self)
                for composite in run(self._counted(source), chain.steps, self.times):
                    frame = composite.cutout.frame
                    picture = show(self.view, composite)
                    output.write(picture, index=frame.index, captured_at=frame.captured_at)
                    self.picture = picture
                    self.frames_out += 1
                    progress(self)
                self.description = chain.describe(info.size)
        if self.frames_out == 0:
            raise InputError(f"{self.input} has no frame that can be decoded.")

    def _counted(self, source: Source) -> Iterator[Frame]:
        for frame in source:
            self.frames_in += 1
            self.skipped = source.skipped
            yield frame
        self.skipped = source.skipped

    def _settings_for_view(self) -> ChainSettings:
        """A view that shows no background needs none made."""
        if self.view in (View.MATTE, View.FOREGROUND):
            return replace(self.settings, background="transparent")
        if self.view is View.ORIGINAL:
            return replace(self.settings, background="original")
        return self.settings
