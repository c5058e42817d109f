"""Compare two finished runs on the clips that both predicted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.evaluation.predictions import Predictions
from audio_ft.formatting import first_five
from audio_ft.metrics import comparison
from audio_ft.metrics.comparison import Comparison
from audio_ft.metrics.compute import plain_scores
from audio_ft.run import Run

if TYPE_CHECKING:
    from pandas import DataFrame, MultiIndex

# Decoders may differ by so many seconds; a greater difference shows another recording of the same name.
SAME_LENGTH = 0.1


@dataclass(frozen=True)
class Matched:
    """Hold what two runs predicted for the clips of a split that both predicted, row by row.

    Attributes:
        split: its name.
        first: predictions of the first run.
        second: predictions of the second run, in the order of the first.
        only_first: files that only the first run predicted; they are left out.
        only_second: files that only the second run predicted.
        unlike: files of another duration in the second run, so other recordings of the same name.
    """

    split: str
    first: Predictions = field(repr=False, compare=False)
    second: Predictions = field(repr=False, compare=False)
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    unlike: tuple[str, ...]

    def compared(self) -> Paired:
        """Return the comparison by the headline and by the other scores."""
        headline, *others = comparisons(self.first, self.second)
        return Paired(**vars(self), headline=headline, others=tuple(others))


@dataclass(frozen=True)
class Paired(Matched):
    """Hold the comparison of two runs on the clips that both predicted.

    Attributes:
        headline: the comparison by the target's main score.
        others: comparisons by the other scores, less conclusive the more there are.
    """

    headline: Comparison
    others: tuple[Comparison, ...]

    def _repr_html_(self) -> str:
        """Return the verdict and the score of both runs, for notebooks."""
        from audio_ft.plots.notebook import facts_html

        one = self.headline
        difference = f"{one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
        rows = {"first": f"{one.first:.3f}", "second": f"{one.second:.3f}", "difference": difference}
        return facts_html(
            f"{one.metric}: {one.verdict}", rows, f"{one.n:,} clips of the {self.split} split that both predicted"
        )


def compare(first: Run | str | Path, second: Run | str | Path, split: str = "test") -> Paired:
    """Compare two runs, or their folders, on the clips of a split that both predicted, matched by file name.

    Raises:
        InputError: the runs have different targets or references, or no clip in common.
    """
    return match(Run.of(first), Run.of(second), split).compared()


def match(first: Run, second: Run, split: str = "test") -> Matched:
    """Return the predictions of two runs for the clips of a split that both predicted, matched by file name.

    Raises:
        InputError: the runs have different targets or references, or no clip in common.
    """
    _require_alike(first, second)
    one, two = (Predictions.of(run).split(split) for run in (first, second))
    files, theirs = _clips(one.table), _clips(two.table)
    if not files.isin(theirs).any():
        counts = [
            f"{run.folder} has {len(index):,} {split} clips" + (f", such as {index[0][0]}" if len(index) else "")
            for run, index in ((first, files), (second, theirs))
        ]
        raise InputError(
            f"There are no common clips to compare: {' and '.join(counts)}. Compare runs on the same data and split."
        )
    one, two = shared_clips(one, two)
    shared = _clips(one.table)
    _require_same_truth(first, second, one, two)
    only_first, only_second = (
        tuple(index[~index.isin(shared)].get_level_values("file").unique()) for index in (files, theirs)
    )
    return Matched(split, one, two, only_first, only_second, _unlike(one.table, two.table))


def shared_clips(one: Predictions, two: Predictions) -> tuple[Predictions, Predictions]:
    """Return the clips of two tables that are in both, in the order of the first."""
    files, theirs = _clips(one.table), _clips(two.table)
    shared = files[files.isin(theirs)]
    first, second = (
        replace(each, table=each.table.iloc[index.get_indexer(shared)].reset_index(drop=True))
        for each, index in ((one, files), (two, theirs))
    )
    return first, second


def _clips(table: DataFrame) -> MultiIndex:
    """Return the index by which clips are matched: file and occurrence, as a file may be in a split more than once."""
    from pandas import MultiIndex

    return MultiIndex.from_arrays([table["file"].astype(str), table.groupby("file").cumcount()], names=["file", "nth"])


def _unlike(one: DataFrame, two: DataFrame) -> tuple[str, ...]:
    """Return the files whose recordings differ in duration; older runs did not record it."""
    if "seconds" not in one or "seconds" not in two:
        return ()
    apart = (one["seconds"].astype(float) - two["seconds"].astype(float)).abs() > SAME_LENGTH
    return tuple(map(str, one["file"][apart]))


def comparisons(one: Predictions, two: Predictions, most: int | None = None) -> list[Comparison]:
    """Compare by every score that both have, without per-class scores, the headline first, or by the first `most`."""
    # Only one of the runs may name the language that normalizes transcripts; both are compared in it.
    target = two.target if two.target.text.language and not one.target.text.language else one.target
    truth = target.stored_references(one.table)
    first, second = (target.checked(target.reordered(each.predicted, each.target), truth) for each in (one, two))
    known = plain_scores(first), plain_scores(second)
    names = [target.headline, *(name for name in known[0] if name != target.headline and name in known[1])]
    groups = one.groups or two.groups
    return [comparison.compare(first, second, groups=groups, seed=one.seed, metric=name) for name in names[:most]]


def _require_alike(first: Run, second: Run) -> None:
    if first.kind != second.kind:
        raise InputError(
            f"{first.folder} predicts targets of kind {first.kind!r}, {second.folder} of kind {second.kind!r}; "
            "only runs of one kind can be compared."
        )
    apart = set(first.labels) ^ set(second.labels)
    if apart:
        raise InputError(
            f"{first.folder} and {second.folder} have different labels: only one of them knows "
            f"{first_five(list(map(repr, sorted(apart))))}. Train both on the same labels."
        )


def _require_same_truth(first: Run, second: Run, one: Predictions, two: Predictions) -> None:
    pairs = zip(*([_plain(value) for value in each.table["reference"]] for each in (one, two)), strict=True)
    differing = [(row, *pair) for row, pair in enumerate(pairs) if pair[0] != pair[1]]
    if differing:
        row, mine, other = differing[0]
        file = one.table["file"][row]
        raise InputError(
            f"The references of {len(differing):,} of {len(one):,} clips differ: {file} is {mine!r} in {first.folder} "
            f"and {other!r} in {second.folder}. Score both runs against the same references."
        )


def _plain(value: Any) -> Any:
    """Return a reference in comparable form: several labels or events are equal in any order."""
    return sorted(value, key=str) if isinstance(value, list | tuple | np.ndarray) else value
