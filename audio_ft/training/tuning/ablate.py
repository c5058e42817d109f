"""What each cleaning step and each augmentation bought: all left out in turn, compared on the same validation clips."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.evaluation.compare_runs import comparisons, shared_clips
from audio_ft.evaluation.predictions import Predictions, tabulated
from audio_ft.file_io import FORMAT, read_versioned, remove, remove_unfinished, replacing, write_json
from audio_ft.folder_lock import LOCK_FILE, owned
from audio_ft.formatting import format_duration
from audio_ft.metrics import Score, resampling
from audio_ft.metrics.comparison import Comparison, over_trainings
from audio_ft.metrics.compute import plain_scores
from audio_ft.settings.rules import as_json
from audio_ft.system.machine import prepare_for_torch
from audio_ft.training.messages import progress
from audio_ft.training.processes import check_division
from audio_ft.training.repeated.seeds import check_seeds
from audio_ft.training.resolving.arguments import check_training
from audio_ft.training.resolving.refusals import as_probe
from audio_ft.training.run_folder import data_digest
from audio_ft.training.setup import Prepared, prepare
from audio_ft.training.tuning.trial import SHARED, fitted_quietly
from audio_ft.training.tuning.variants import Variant, variants_of
from audio_ft.training.weights.retention import score_split, tuned

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe

ABLATION_FILE = "ablation.json"


@dataclass(frozen=True)
class Bought:
    """Hold one row: what a part of the recipe bought.

    Attributes:
        left_out: its name; "all of cleaning" and "all augmentation" are several parts at once.
        phrase: what it does.
        comparison: the recipe as it is (second) compared with the recipe without it (first).
        verdict: "helps", "costs" or "neither".
        by_seed: the difference with each seed.
        seconds: how long its trainings took.
    """

    left_out: str
    phrase: str
    comparison: Comparison
    verdict: str
    by_seed: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class Ablation:
    """Hold the rows, in the order of the recipe, the validation score of the recipe as it is, and how they compare.

    `seeds` are the trainings of each row, `intervals` what the intervals resample.
    """

    metric: str
    score: Score
    rows: tuple[Bought, ...]
    seeds: int
    intervals: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        rows = [as_json(vars(row) | {"comparison": row.comparison.to_dict()}) for row in self.rows]
        return as_json(vars(self) | {"score": as_json(self.score), "rows": rows}) | {"split": "validation"}


def ablate(
    recipe: Recipe, output_dir: str | Path, *, overwrite: bool = False, log: Callable[[str], None] = progress
) -> Ablation:
    """Train a recipe as it is and without each cleaning step and augmentation, and compare them on validation.

    Nothing is predicted for the test split. With several `seeds` in the recipe each variant is trained with each, and
    intervals cover the chance of training too. With method=probe the steps alone are compared, in seconds. Called
    again, finished trainings are kept and a stopped one resumes; `output_dir` gets predictions and ablation.json.

    Args:
        recipe: what is taken apart.
        output_dir: an empty folder, or that of the same ablation.
        overwrite: start again in a folder with another ablation.
        log: receives a line a training.

    Example:
        >>> aft.ablate(recipe, "runs/ablation").rows[0].verdict  # doctest: +SKIP
        'helps'

    Raises:
        InputError: see `train`; or nothing can be left out, or the folder holds something else.
        AudioFTError: see `train`.
    """
    prepare_for_torch()  # before anything imports torch
    _require(recipe)
    check_division(recipe)
    if recipe.method == "probe":
        recipe, unused = as_probe(recipe)
        if unused:
            log(f"probe       takes clips as they are, without {', '.join(unused)} of the recipe")
    check_training(recipe)
    check_seeds(recipe)
    folder = Path(output_dir)
    _refuse_others(folder, overwrite)
    with owned(folder):
        remove_unfinished(folder)
        base = prepare(recipe, log)
        variants = variants_of(base)
        trainings = _Trainings(recipe, folder, base, log)
        log(f"ablation    {len(variants) * recipe.seeds} trainings: {', '.join(one.title for one in variants)}")
        tables = trainings.of(variants)
        found = _compared(variants, tables, trainings.seconds, base)
        write_json(folder / ABLATION_FILE, trainings.about | {"seconds": trainings.seconds, "result": found.to_dict()})
        remove(folder / SHARED)
    return found


def _require(recipe: Recipe) -> None:
    """Check that an ablation makes sense for a recipe."""
    from accelerate import PartialState

    if PartialState().num_processes > 1:
        raise InputError("ablate runs in one process; start it without torchrun.")
    if recipe.push_to_hub:
        raise InputError("push_to_hub is for one model, and ablate keeps none; leave it out.")
    if recipe.pretrain is not None:
        raise InputError("pretrain is for one training, and ablate runs many: run `audio-ft pretrain` once, and "
                         "give its checkpoint as model.")  # fmt: skip
    if recipe.budget is not None:
        raise InputError("budget is for one training, and ablate runs many; leave it out, or set max_steps.")
    if recipe.data.folds is not None and recipe.data.test_fold is None:
        raise InputError(f"data.folds={recipe.data.folds}: ablate compares on one validation split; set data.test_fold "
                         "to say which fold is left alone.")  # fmt: skip


def _refuse_others(folder: Path, overwrite: bool) -> None:
    """Check that a folder is free for an ablation, before the recordings are read."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder with --output-dir.")
    names = {path.name for path in folder.iterdir()} - {LOCK_FILE} if folder.is_dir() else set()
    if names and ABLATION_FILE not in names:
        raise InputError(f"{folder} holds other files ({', '.join(sorted(names)[:3])}); choose an empty --output-dir.")
    if overwrite and names:
        with owned(folder):
            for name in names:
                remove(folder / name)


class _Trainings:
    """Train variants one after the other; predictions and seconds of finished ones stay in the folder."""

    def __init__(self, recipe: Recipe, folder: Path, base: Prepared, log: Callable[[str], None]) -> None:
        self.recipe, self.folder, self.base, self.log = recipe, folder, base, log
        digests = {"recipe": base.recipe.digest, "data": data_digest(base)}
        self.about: dict[str, Any] = {"format": FORMAT, **digests}
        self.seconds: dict[str, float] = {}
        if (folder / ABLATION_FILE).is_file():
            known = read_versioned(folder / ABLATION_FILE)
            if changed := " and ".join(name for name in digests if known.get(name) != digests[name]):
                raise InputError(f"{folder} holds an ablation with another {changed}; choose another --output-dir, or "
                                 "pass --overwrite to start again.")  # fmt: skip
            self.seconds = dict(known["seconds"])

    def of(self, variants: Sequence[Variant]) -> dict[str, list[Predictions]]:
        """Return the predictions of each variant by its name, one table a seed."""
        seeds = range(self.recipe.seed, self.recipe.seed + self.recipe.seeds)
        todo = [(variant, seed) for seed in seeds for variant in variants]
        found: dict[str, list[Predictions]] = {variant.name: [] for variant in variants}
        for number, (variant, seed) in enumerate(todo, start=1):
            name = f"{variant.slug}-seed-{seed}"
            file, earlier = self.folder / f"{name}.parquet", name in self.seconds
            if not (earlier and file.is_file()):
                self._train(variant, seed, name, file)
            table = self._read(file)
            found[variant.name].append(table)
            self._say(number, len(todo), variant, table, earlier)
        return found

    def _train(self, variant: Variant, seed: int, name: str, file: Path) -> None:
        """Train one variant with one seed, and write what it predicts for the validation clips."""
        began = time.monotonic()
        write_json(self.folder / ABLATION_FILE, self.about | {"seconds": self.seconds})
        place = self.folder / name
        try:
            prepared, fitted = fitted_quietly(variant.of(self.recipe, seed), place, predicts_test=False)
        except InputError as error:
            raise InputError(f"{variant.title}: {error}") from error
        prepared = tuned(prepared, fitted.model)
        scored = score_split(prepared, fitted.model, "validation")
        table = tabulated("validation", prepared.rows("validation"), prepared.task.target, scored.predictions)
        with replacing(file) as unfinished:
            table.to_parquet(unfinished, index=False)
        self.seconds[name] = round(time.monotonic() - began, 1)
        write_json(self.folder / ABLATION_FILE, self.about | {"seconds": self.seconds})
        remove(place)

    def _read(self, file: Path) -> Predictions:
        import pandas

        return Predictions(pandas.read_parquet(file), self.base.task.target, self.recipe.seed)

    def _say(self, number: int, of: int, variant: Variant, table: Predictions, earlier: bool) -> None:
        """Log the score of a training, and about how long the others will take."""
        metric = self.base.task.target.headline
        value = plain_scores(table.target.checked(table.predicted, table.truth))[metric]
        left = statistics.fmean(self.seconds.values()) * (of - number)
        end = ", finished earlier" if earlier else f"; about {format_duration(left)} left" if number < of else ""
        self.log(f"training    {number} of {of}, {variant.title}: {metric} {value:.3f}{end}")


def _compared(
    variants: Sequence[Variant], tables: Mapping[str, list[Predictions]], seconds: Mapping[str, float], base: Prepared
) -> Ablation:
    """Return what each variant lacks, from the paired predictions of all seeds."""
    whole, *others = variants
    full, metric = tables[whole.name], base.task.target.headline
    return Ablation(
        metric=metric,
        score=_joined(full).score([metric])[metric],
        rows=tuple(_bought(variant, tables[variant.name], full, seconds) for variant in others),
        seeds=len(full),
        intervals=resampling(full[0].groups),
        seconds=round(sum(seconds.values()), 1),
    )


def _bought(
    variant: Variant, tables: Sequence[Predictions], full: Sequence[Predictions], seconds: Mapping[str, float]
) -> Bought:
    """Return the row of one variant."""
    compared = _difference(_joined(tables), _joined(full))
    by_seed: tuple[float, ...] = (compared.difference,)
    if len(tables) > 1:
        by_seed = tuple(_difference(one, two).difference for one, two in zip(tables, full, strict=True))
        compared = over_trainings(compared, by_seed)
    spent = sum(value for name, value in seconds.items() if name.startswith(f"{variant.slug}-seed-"))
    verdict = {"better": "helps", "worse": "costs"}.get(compared.verdict, "neither")
    return Bought(variant.name, variant.phrase, compared, verdict, by_seed, round(spent, 1))


def _difference(without: Predictions, full: Predictions) -> Comparison:
    """Compare by the main score, on the clips that both predicted."""
    return comparisons(*shared_clips(without, full), most=1)[0]


def _joined(tables: Sequence[Predictions]) -> Predictions:
    """Return the predictions of all seeds as one table, in which those for one clip are resampled together."""
    import pandas

    if len(tables) == 1:
        return tables[0]
    table = pandas.concat([one.table for one in tables], ignore_index=True)
    if resampling(tables[0].groups).startswith("clip"):
        table["group"] = table["file"]
    return dataclasses.replace(tables[0], table=table)
