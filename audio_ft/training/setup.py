"""Everything before the first step: data read and split, recordings cleaned, conventions and targets resolved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.dataset import Cleaned, Cleaner, clean, estimate_seconds, header_seconds
from audio_ft.data import Loaded, load
from audio_ft.evaluation.scoring import Rows
from audio_ft.inference.batching import Windows
from audio_ft.models import load_adapter
from audio_ft.models.base import Adapter
from audio_ft.tasks import task_for
from audio_ft.tasks.base import Checkpoint, Task
from audio_ft.training.exclude import refuse_corrupt, report_unfit, without_unfit
from audio_ft.training.resolve import Facts, Resolved, resolve, resolve_input

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.recipe import Recipe

SPLITS = ("train", "validation", "test")
# Only these splits lose clips that cannot be trained on; every clip of test is scored.
FITTED = ("train", "validation")
# The window is resolved by the headers of at most this many training recordings.
SAMPLED = 20_000


@dataclass(frozen=True)
class Prepared:
    """Hold everything that training needs; `targets` are references, one row a clip.

    `excluded` pairs the key of each readable clip that cannot be trained on with its reason, by split.
    """

    recipe: Recipe
    loaded: Loaded
    adapter: Adapter
    task: Task
    resolved: Resolved
    cleaned: Mapping[str, Cleaned]
    targets: Mapping[str, NDArray[Any]]
    excluded: Mapping[str, tuple[tuple[str, str], ...]]

    def windows(self, split: str) -> Windows:
        """Return a split's rows with their targets."""
        return Windows(self.cleaned[split].rows, self.targets[split])

    def rows(self, split: str) -> Rows:
        """Return a split as it is scored."""
        return Rows(self.loaded.splits[split], self.cleaned[split])


def prepare(recipe: Recipe, tell: Callable[[str], None]) -> Prepared:
    """Read and split the data, read the checkpoint's conventions, and clean every split.

    Raises:
        InputError: data, checkpoint or chain that cannot be used together, or too many unreadable recordings.
    """
    adapter = load_adapter(recipe.model, recipe.revision)
    recipe.steps.require_rate(adapter.sample_rate)
    kind_of_task = task_for(recipe.task, adapter)
    loaded = load(recipe.data, targets=kind_of_task.targets, need=SPLITS)
    for warning in loaded.warnings:
        tell(f"warning: {warning}")
    checkpoint = Checkpoint(adapter, recipe.model, recipe.revision)
    task = kind_of_task.plan(
        dataclasses.replace(loaded.target, text=recipe.text), checkpoint, loaded.splits["train"]["target"]
    )
    durations = header_seconds(loaded.splits["train"], SAMPLED)
    given = resolve_input(recipe, adapter, task, durations, estimate_seconds(loaded.splits["train"]))
    adapter = given.adapter
    recipe = with_stored_chain(given.recipe, loaded)
    recipe.steps.require_rate(adapter.sample_rate)
    steps = recipe.steps.remaining(loaded.chain)
    cleaner = Cleaner(steps, adapter.sample_rate, adapter.window)
    cleaned = {split: clean(loaded.splits[split], cleaner, name=split) for split in SPLITS}
    refuse_corrupt(cleaned, recipe.max_corrupt, tell)
    excluded = {}
    for split in FITTED:
        cleaned[split], excluded[split] = without_unfit(cleaned[split], loaded.splits[split], task, adapter)
        report_unfit(split, excluded[split], cleaned[split], tell)
    for warning in shared_recordings(cleaned, loaded):
        tell(f"warning: {warning}")
    targets = {split: task.target.encode(loaded.splits[split]["target"]) for split in SPLITS}
    facts = facts_of(recipe, task, cleaned["train"], targets["train"])
    resolved = resolve(dataclasses.replace(given, recipe=recipe), task, facts)
    return Prepared(recipe, loaded, adapter, task, resolved, cleaned, targets, excluded)


def facts_of(recipe: Recipe, task: Task, cleaned: Cleaned, targets: NDArray[Any]) -> Facts:
    """Return what the settings depend on; balanced sampling changes the number of windows an epoch."""
    from audio_ft.training.sampler import BucketSampler

    windows = Windows(cleaned.rows, targets)
    classes = targets[windows.clips] if task.target.exclusive else None
    rows = len(BucketSampler(windows.lengths, 1, 0, classes=classes, balance=recipe.sampling))
    return Facts(rows, int(np.median(windows.lengths)), targets)


def with_stored_chain(recipe: Recipe, loaded: Loaded) -> Recipe:
    """Return the recipe with the chain of prepared recordings, unless it sets its own."""
    if loaded.chain is None or recipe.steps != DEFAULT_CHAIN:
        return recipe
    return dataclasses.replace(recipe, chain=Chain.from_dict({"steps": loaded.chain}))


def shared_recordings(cleaned: Mapping[str, Cleaned], loaded: Loaded) -> list[str]:
    """Return a warning for each pair of splits with recordings in common, compared by their clean samples."""
    first_seen: dict[str, dict[str, int]] = {}
    for split, rows in cleaned.items():
        table = rows.rows.select_columns(["clip", "start", "digest"]).to_pandas()
        table = table[table["start"] == 0]
        first_seen[split] = dict(zip(table["digest"], table["clip"], strict=True))
    warnings = []
    for position, split in enumerate(SPLITS):
        for other in SPLITS[position + 1 :]:
            both = sorted(first_seen[split].keys() & first_seen[other].keys())
            if both:
                one, two = (loaded.splits[name][first_seen[name][both[0]]]["key"] for name in (split, other))
                warnings.append(
                    f"{len(both)} recordings of {other} are in {split} too (first: {two} is {one}); "
                    "a score on them says nothing about new recordings, so remove them from one of the two."
                )
    return warnings
