"""Everything before the first step: data read and split, recordings cleaned, conventions and targets resolved."""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.cleaned import Cleaned
from audio_ft.cleaning.dataset import Cleaner, clean, seconds_to_clean
from audio_ft.cleaning.streamed import clean_again, is_streamed, stream
from audio_ft.data import Loaded, load
from audio_ft.data.leaks.certificate import Certificate
from audio_ft.errors import InputError
from audio_ft.evaluation.leaks import certificate_of
from audio_ft.evaluation.scoring import Rows
from audio_ft.formatting import format_duration
from audio_ft.inference.batching import Windows, windows_of
from audio_ft.models import load_adapter
from audio_ft.models.base import Adapter
from audio_ft.tasks import task_for
from audio_ft.tasks.base import Checkpoint, HeadSettings, Task, try_out
from audio_ft.training.leaks import refuse_leaks, with_copies_together
from audio_ft.training.resolving.refusals import check_draws, check_input
from audio_ft.training.resolving.resolve import Resolved, resolve, resolve_input
from audio_ft.training.steps.distillation import teacher_digest, teacher_of
from audio_ft.training.unlabeled.source import Continued, Unlabeled, check_pretraining, unlabeled_of

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from audio_ft.inference.predictor import Model
    from audio_ft.recipe import Recipe

logger = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
# Only these splits lose clips that cannot be trained on; every clip of test is scored.
FITTED = ("train", "validation")


@dataclass(frozen=True)
class Prepared:
    """Hold everything that training needs; `targets` are references, one row a clip.

    `excluded` pairs the key of each readable clip that cannot be trained on with its reason, by split. Trainings of the
    same data that differ by chance have one folder for what they share: see `place`. `callbacks` of Trainer follow its
    steps beside those of every training. Without `predicts_test` nothing is predicted for the test split. `teacher` is
    the model that the network also learns from. `unlabeled` are the recordings that its checkpoint learns from first,
    and `pretrained` is the checkpoint once it has.
    """

    recipe: Recipe
    loaded: Loaded
    adapter: Adapter
    task: Task
    resolved: Resolved
    cleaned: Mapping[str, Cleaned]
    targets: Mapping[str, NDArray[Any]]
    excluded: Mapping[str, tuple[tuple[str, str], ...]]
    certificate: Certificate
    shared: Path | None = None
    teacher: Model | None = None
    unlabeled: Unlabeled | None = None
    pretrained: Continued | None = None
    callbacks: tuple[Any, ...] = ()
    predicts_test: bool = True

    @property
    def learned_from(self) -> dict[str, str]:
        """Return the digests of what decides the weights beside recipe and data: {"teacher": …, "pretraining": …}."""
        return teacher_digest(self.teacher) | ({"pretraining": self.unlabeled.digest} if self.unlabeled else {})

    def network(self, head: HeadSettings) -> PreTrainedModel:
        """Return the checkpoint with the task's head, as fine-tuning starts from it."""
        checkpoint = Checkpoint(self.adapter, self.recipe.model, self.recipe.revision)
        model = self.task.build(checkpoint, head)
        if self.pretrained:
            self.pretrained.install(model, self.adapter)
        return model

    def place(self, folder: Path) -> Path:
        """Return where baselines and probe are written that chance does not change: `shared`, or the run's folder."""
        return self.shared or folder

    def windows(self, split: str) -> Windows:
        """Return a split's rows with their targets."""
        table = self.loaded.splits[split]
        return windows_of(self.cleaned[split], self.targets[split], self.task, self.adapter, table)

    def rows(self, split: str) -> Rows:
        """Return a split as it is scored."""
        return Rows(self.loaded.splits[split], self.cleaned[split])


def prepare(recipe: Recipe, log: Callable[[str], None], clips: int | None = None) -> Prepared:
    """Read and split the data, read the checkpoint's conventions, and clean every split.

    A training that goes on takes `clips` a step, on however many devices.

    Raises:
        InputError: data, checkpoint or chain that cannot be used together, or too many unreadable recordings, or
            splits that leak.
    """
    from audio_ft.training.steps.sampler import BucketSampler

    asked = recipe
    logger.debug("reading %s", recipe.model)
    adapter = load_adapter(recipe.model, recipe.revision)
    recipe.steps.require_rate(adapter.sample_rate)
    kind_of_task = task_for(recipe.task, adapter)
    logger.debug("reading %s", recipe.data.path)
    loaded = load(recipe.data, targets=kind_of_task.targets, need=SPLITS)
    recipe = with_stored_chain(recipe, loaded)
    for warning in loaded.warnings:
        log(f"warning: {warning}")
    train = loaded.splits["train"]
    checkpoint = Checkpoint(adapter, recipe.model, recipe.revision)
    target = dataclasses.replace(loaded.target, text=recipe.text, events=recipe.events)
    task = kind_of_task.plan(target, checkpoint, train["target"])
    for line in _checked_targets(task, loaded):
        log(line)
    logger.debug("trying out %s on silence", recipe.model)
    try_out(task, checkpoint)
    check_input(recipe, adapter, task)
    check_pretraining(recipe, adapter, task)
    check_draws(recipe, adapter, loaded.draws is not None)
    teacher = teacher_of(recipe, adapter, task)
    cleaner = Cleaner(recipe.steps.remaining(loaded.chain), adapter.sample_rate)
    if recipe.budget is not None:
        _require_time(recipe.budget, seconds_to_clean([loaded.splits[split] for split in SPLITS], cleaner))
    cleaned = {split: _cleaned(recipe, split, rows, cleaner) for split, rows in loaded.splits.items()}
    _check_readable(cleaned, recipe.max_corrupt, log)
    rows = {split: Rows(loaded.splits[split], cleaned[split]) for split in SPLITS}
    logger.debug("looking for copies across splits")
    certificate = Certificate.from_dict(loaded.leaks) if loaded.leaks else certificate_of(rows, task.target)
    if again := with_copies_together(asked, loaded, certificate, rows, task.target, log):
        return prepare(again, log, clips)
    refuse_leaks(certificate, recipe, log)
    unlabeled = unlabeled_of(recipe, adapter, rows, task, log)
    given = resolve_input(recipe, adapter, task, cleaned["train"].column("seconds"), cleaned["train"].seconds_before)
    adapter, recipe = given.adapter, given.recipe
    excluded = {}
    for split in FITTED:
        cleaned[split], excluded[split] = _without_unfit(split, rows[split], task, adapter, log)
    targets = {split: task.target.encode(loaded.splits[split]["target"]) for split in SPLITS}
    windows = windows_of(cleaned["train"], targets["train"], task, adapter)
    # Balanced sampling changes how many windows an epoch draws.
    classes = targets["train"][windows.clips] if task.target.exclusive else None
    drawn = len(BucketSampler(windows.lengths, 1, 0, classes=classes, balance=recipe.sampling))
    resolved = resolve(given, task, drawn, int(np.median(windows.lengths)), targets["train"], clips)
    return Prepared(recipe, loaded, adapter, task, resolved, cleaned, targets, excluded, certificate, teacher=teacher,
                    unlabeled=unlabeled)  # fmt: skip


def _checked_targets(task: Task, loaded: Loaded) -> list[str]:
    """Check that the network can predict the targets, in the languages of their clips, and return lines to log."""
    splits = loaded.splits.items()
    spoken = {name: (list(rows["language"]), rows["key"]) for name, rows in splits if "language" in rows.column_names}
    lines = task.check_targets({name: (list(rows["target"]), rows["key"]) for name, rows in splits})
    return lines + task.check_languages(spoken)


def _cleaned(recipe: Recipe, split: str, rows: Dataset, cleaner: Cleaner) -> Cleaned:
    """Return the clean rows of a split; those of train may be read or cleaned as they are needed."""
    if not is_streamed(rows):
        streamed = recipe.data.streaming and split == "train"
        return clean_again(rows, cleaner, name=split) if streamed else clean(rows, cleaner, name=split)
    if recipe.sampling != "none":
        raise InputError(
            f"sampling={recipe.sampling} repeats clips from all over the data, and they are streamed in the order of "
            "their files; set class_weights=balanced, or data.streaming=false."
        )
    return stream(rows, cleaner)


def with_stored_chain(recipe: Recipe, loaded: Loaded) -> Recipe:
    """Return the recipe with the chain of prepared recordings, unless it sets its own; it keeps the times of targets.

    Raises:
        InputError: targets have times, and the chain moves them.
    """
    if loaded.chain is not None and recipe.steps == DEFAULT_CHAIN:
        recipe = dataclasses.replace(recipe, chain=Chain.from_dict({"steps": loaded.chain}))
    return dataclasses.replace(recipe, chain=recipe.steps.keeping_time()) if loaded.target.has_times else recipe


def _require_time(budget: float, cleaning: float) -> None:
    """Check that a budget is longer than the cleaning, which is the work that comes first."""
    if cleaning > budget:
        raise InputError(
            f"budget: {format_duration(budget)} is too short: cleaning the recordings alone takes about "
            f"{format_duration(cleaning)}. Set a longer budget; cleaned recordings are kept for the next training."
        )


def _check_readable(cleaned: Mapping[str, Cleaned], allowed: float, log: Callable[[str], None]) -> None:
    """Log unreadable recordings, and check that they are few and leave some in each split."""
    errors = [error for split in cleaned.values() for error in split.errors]
    total = sum(split.clips for split in cleaned.values()) + len(errors)
    for key, reason in errors[:10]:
        log(f"excluded: {key}: {reason}")
    if len(errors) > 10:
        log(f"excluded: {len(errors) - 10} more; all are listed in run.json")
    for name, split in cleaned.items():
        if not split.clips:
            first = ": ".join(split.errors[0])
            raise InputError(f"Not one recording of the {name} split can be read (first: {first}).")
    if len(errors) > allowed * total:
        raise InputError(
            f"{len(errors)} of {total} recordings cannot be read (first: {': '.join(errors[0])}), more than the "
            f"allowed {allowed:.0%}; fix or remove them, or raise max_corrupt."
        )


def _without_unfit(
    split: str, rows: Rows, task: Task, adapter: Adapter, log: Callable[[str], None]
) -> tuple[Cleaned, tuple[tuple[str, str], ...]]:
    """Return a split without the clips that cannot be trained on, and key and reason of each of those, also logged."""
    windows = windows_of(rows.cleaned, None, task, adapter)
    targets, keys = list(rows.table["target"]), rows.table["key"]
    pieces = np.bincount(windows.clips)
    unfit = {}
    for clip, length in zip(windows.clips.tolist(), windows.lengths.tolist(), strict=True):
        reason = task.why_unlearnable(targets[clip], length, adapter)
        if reason is None and task.whole and pieces[clip] > 1:
            reason = f"longer than the window of {adapter.window:g} s (audio-ft segment cuts transcripts at pauses)"
        if reason is not None:
            unfit[clip] = reason
    if not unfit:
        return rows.cleaned, ()
    reasons = Counter(unfit.values())
    for reason, times in reasons.most_common(5):
        first = min(clip for clip, own in unfit.items() if own == reason)
        log(f"excluded: {times:,} of {split}: {reason} (first: {keys[first]})")
    if len(reasons) > 5:
        log(f"excluded: {split}: {len(reasons) - 5} more reasons; all are listed in run.json")
    excluded = tuple((keys[clip], reason) for clip, reason in sorted(unfit.items()))
    left = rows.cleaned.without(unfit)
    if not left.clips:
        raise InputError(f"Not one clip of the {split} split can be trained on (first: {': '.join(excluded[0])}).")
    return left, excluded
