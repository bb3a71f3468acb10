"""What a run is validated by, and which of its states is the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.errors import UsageError
from app.modnet.network import MODNet
from app.training import choice, heads, mix
from app.training.config import TrainingConfig
from app.training.looks import Told, teacher_of
from app.training.validation import Excerpt, Scores, read_excerpts, validate
from app.training.validation_kinds import Item, read_items, score
from app.weights import store

# Lower is better.
Rank = tuple[float, float]


class Judge:
    """Clips that show MAD and dtSSD, and items of every kind that decide, where there are any."""

    def __init__(self, config: TrainingConfig, say: Told = lambda text: None) -> None:
        """Raises InputError for what cannot be read, WeightsError for the reference."""
        self.excerpts: Sequence[Excerpt] = ()
        self.items: Sequence[Item] = ()
        self.reference: Mapping[str, choice.ItemScores] = {}
        told = config.validation
        self._config = config
        if told is None:
            return
        if told.clips or not told.kinds:
            self.excerpts = read_excerpts(told.clips, told.frames)
        if told.kinds:
            names = [kind.name for kind in told.kinds]
            if len(set(names)) < len(names) or any("/" in name for name in names):
                raise UsageError("validation.kinds need names that differ, without a slash.")
            teacher = teacher_of(config.looks, mix.longest_side(config.sizes), say)
            rooms = config.mix.rooms if config.mix is not None else ()
            self.items = read_items(told.kinds, rooms, teacher)

    def __bool__(self) -> bool:
        return bool(self.excerpts or self.items)

    def measure_reference(self, say: Told) -> None:
        """What the released weights make of the items; once a run. Raises WeightsError."""
        told = self._config.validation
        if not self.items or told is None:
            return
        say(f"Measuring {told.reference} on {len(self.items)} items")
        network, _ = heads.load(store.resolve(told.reference))
        self.reference = score(network.eval(), self.items)

    def scores(self, network: MODNet) -> Scores:
        """Of the network alone, with no filter after it."""
        seen = validate(network, self.excerpts) if self.excerpts else None
        if not self.items:
            assert seen is not None
            return seen
        items = score(network, self.items)
        mad, dtssd = choice.means(items) if seen is None else (seen.mad, seen.dtssd)
        return Scores(mad, dtssd, {} if seen is None else seen.by_clip, items)

    def verdict(self, scores: Scores) -> choice.Verdict | None:
        """None where no items of kinds decide."""
        return choice.judge(scores.items, self.reference) if self.items else None

    def rank(self, scores: Scores) -> Rank:
        """By the rule of choice.py, or by MAD."""
        verdict = self.verdict(scores)
        if verdict is None:
            return 0.0, scores.mad
        return float(verdict.merit.violations), verdict.merit.value
