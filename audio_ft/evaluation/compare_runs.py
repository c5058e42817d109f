"""Compare two finished runs on the clips that both predicted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.evaluation.predictions import Predictions
from audio_ft.metrics.comparison import Comparison, compare
from audio_ft.metrics.compute import plain_scores

if TYPE_CHECKING:
    from pandas import DataFrame

    from audio_ft.run import Run

# Clips of two runs are matched by file and occurrence: a file may be in a split more than once.
Key = tuple[str, int]
# Decoders may differ by so many seconds; a greater difference shows another recording of the same name.
SAME_LENGTH = 0.1


@dataclass(frozen=True)
class Paired:
    """Hold the comparison of two runs on a split.

    Attributes:
        split: its name.
        headline: the comparison by the target's main score.
        others: comparisons by the other scores, less conclusive the more there are.
        only_first: files that only the first run predicted; they are left out.
        only_second: files that only the second run predicted.
        unlike: files of another duration in the second run, so other recordings of the same name.
    """

    split: str
    headline: Comparison
    others: tuple[Comparison, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    unlike: tuple[str, ...] = ()


def compare_runs(first: Run, second: Run, split: str = "test") -> Paired:
    """Compare two runs on the clips of a split that both predicted, matched by file name.

    Raises:
        InputError: the runs have different targets or references, or no clip in common.
    """
    _require_alike(first, second)
    one, two = (Predictions.of(run).split(split) for run in (first, second))
    rows = [_rows(each.table) for each in (one, two)]
    shared = [key for key in rows[0] if key in rows[1]]
    if not shared:
        raise InputError(_nothing_shared(first, second, split, rows))
    one, two = (
        replace(each, table=each.table.iloc[[row[key] for key in shared]].reset_index(drop=True))
        for each, row in zip((one, two), rows, strict=True)
    )
    _require_same_truth(first, second, one, two)
    headline, *others = _comparisons(one, two)
    left_out = _missing(rows[0], rows[1]), _missing(rows[1], rows[0])
    return Paired(split, headline, tuple(others), *left_out, _unlike(one.table, two.table))


def _missing(keys: Collection[Key], other: Collection[Key]) -> tuple[str, ...]:
    """Return the files of clips that only one run has, each once."""
    return tuple(dict.fromkeys(key[0] for key in keys if key not in other))


def _unlike(one: DataFrame, two: DataFrame) -> tuple[str, ...]:
    """Return the files whose recordings differ in duration; older runs did not record it."""
    if "seconds" not in one or "seconds" not in two:
        return ()
    apart = (one["seconds"].astype(float) - two["seconds"].astype(float)).abs() > SAME_LENGTH
    return tuple(map(str, one["file"][apart]))


def _comparisons(one: Predictions, two: Predictions) -> list[Comparison]:
    """Compare by every score that both have, without per-class scores, the headline first."""
    # Only one of the runs may name the language that normalizes transcripts; both are compared in it.
    target = two.target if two.target.text.language and not one.target.text.language else one.target
    truth = target.stored_references(one.table)
    first, second = (target.checked(target.reordered(each.predicted, each.target), truth) for each in (one, two))
    known = plain_scores(first), plain_scores(second)
    names = [target.headline, *(name for name in known[0] if name != target.headline and name in known[1])]
    groups = one.groups or two.groups
    return [compare(first, second, groups=groups, seed=one.seed, metric=name) for name in names]


def _rows(table: DataFrame) -> dict[Key, int]:
    """Return the row of each clip by its file and how often that file occurred before."""
    before = table.groupby("file").cumcount()
    return {(str(file), int(count)): row for row, (file, count) in enumerate(zip(table["file"], before, strict=True))}


def _require_alike(first: Run, second: Run) -> None:
    if first.kind != second.kind:
        raise InputError(
            f"{first.folder} predicts targets of kind {first.kind!r}, {second.folder} of kind {second.kind!r}; "
            "only runs of one kind can be compared."
        )
    apart = set(first.labels) ^ set(second.labels)
    if apart:
        named = ", ".join(repr(label) for label in sorted(apart)[:5])
        raise InputError(
            f"{first.folder} and {second.folder} have different labels: only one of them knows {named}"
            f"{' and others' if len(apart) > 5 else ''}. Train both on the same labels."
        )


def _nothing_shared(first: Run, second: Run, split: str, rows: Sequence[dict[Key, int]]) -> str:
    counts = [
        f"{run.folder} has {len(keys):,} {split} clips" + (f", such as {next(iter(keys))[0]}" if keys else "")
        for run, keys in zip((first, second), rows, strict=True)
    ]
    return f"There are no common clips to compare: {' and '.join(counts)}. Compare runs on the same data and split."


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
    """Return a reference in comparable form: several labels are equal in any order."""
    return sorted(value) if isinstance(value, list | tuple | np.ndarray) else value
