"""Two finished runs compared on the clips that both answered about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.evaluation.predictions import Predictions
from audio_ft.metrics.comparison import Comparison, compared
from audio_ft.metrics.compute import plain_scores

if TYPE_CHECKING:
    from pandas import DataFrame

    from audio_ft.run import Run

# A clip's answer in one run goes with the other run's by this name: a file may be in a split more than once.
Key = tuple[str, int]
# Seconds by which decoders may differ about one recording; more are another recording of the same name.
SAME_LENGTH = 0.1


@dataclass(frozen=True)
class Paired:
    """Hold what comparing two runs on a split found.

    Attributes:
        split: its name.
        headline: the comparison by the kind's own score.
        others: comparisons by the kind's other scores, which have less to say the more of them there are.
        only_first: files that only the first run answered about; they are left out.
        only_second: files that only the second run answered about.
        unlike: files that last otherwise in the second run, so that they are other recordings of the same name.
    """

    split: str
    headline: Comparison
    others: tuple[Comparison, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    unlike: tuple[str, ...] = ()


def compare_runs(first: Run, second: Run, split: str = "test") -> Paired:
    """Compare two runs on the clips of a split that both answered about, matched by file name.

    Raises:
        InputError: the runs answer different questions, have no clip in common, or disagree on what is right.
    """
    _require_alike(first, second)
    one, two = (Predictions.of(run).split(split) for run in (first, second))
    places = [_places(each.table) for each in (one, two)]
    shared = [key for key in places[0] if key in places[1]]
    if not shared:
        raise InputError(_nothing_shared(first, second, split, places))
    one, two = (
        replace(each, table=each.table.iloc[[place[key] for key in shared]].reset_index(drop=True))
        for each, place in zip((one, two), places, strict=True)
    )
    _require_same_truth(first, second, one, two)
    headline, *others = _comparisons(one, two)
    left_out = _missing(places[0], places[1]), _missing(places[1], places[0])
    return Paired(split, headline, tuple(others), *left_out, _unlike(one.table, two.table))


def _missing(mine: Collection[Key], other: Collection[Key]) -> tuple[str, ...]:
    """Return the files of clips that only one run has, each once."""
    return tuple(dict.fromkeys(key[0] for key in mine if key not in other))


def _unlike(one: DataFrame, two: DataFrame) -> tuple[str, ...]:
    """Return the files whose recordings last otherwise; older runs did not note how long they are."""
    if "seconds" not in one or "seconds" not in two:
        return ()
    apart = (one["seconds"].astype(float) - two["seconds"].astype(float)).abs() > SAME_LENGTH
    return tuple(map(str, one["file"][apart]))


def _comparisons(one: Predictions, two: Predictions) -> list[Comparison]:
    """Compare by every score that both have over all classes, the target's own first."""
    # Only one of the runs may name the language that normalizes transcripts; both are compared in it.
    target = two.target if two.target.language and not one.target.language else one.target
    truth = target.stored_references(one.table)
    first, second = (target.checked(target.reordered(each.predicted, each.target), truth) for each in (one, two))
    known = plain_scores(first), plain_scores(second)
    names = [target.headline, *(name for name in known[0] if name != target.headline and name in known[1])]
    groups = one.groups or two.groups
    return [compared(first, second, groups=groups, seed=one.seed, metric=name) for name in names]


def _places(table: DataFrame) -> dict[Key, int]:
    """Return the row of each clip by its file and how often that file came before."""
    seen = table.groupby("file").cumcount()
    return {(str(file), int(time)): row for row, (file, time) in enumerate(zip(table["file"], seen, strict=True))}


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
            f"{first.folder} and {second.folder} choose among different labels: only one of them knows {named}"
            f"{' and others' if len(apart) > 5 else ''}. Train both on the same labels."
        )


def _nothing_shared(first: Run, second: Run, split: str, places: Sequence[dict[Key, int]]) -> str:
    held = [next(iter(each), None) for each in places]
    said = [
        f"{run.folder} has {len(each):,} {split} clips" + (f", such as {key[0]}" if key else "")
        for run, each, key in zip((first, second), places, held, strict=True)
    ]
    return f"Not one clip to compare on: {' and '.join(said)}. Runs on the same data and split can be compared."


def _require_same_truth(first: Run, second: Run, one: Predictions, two: Predictions) -> None:
    truths = [[_plain(value) for value in each.table["reference"]] for each in (one, two)]
    apart = [place for place, (mine, other) in enumerate(zip(*truths, strict=True)) if mine != other]
    if apart:
        file, mine, other = one.table["file"][apart[0]], truths[0][apart[0]], truths[1][apart[0]]
        raise InputError(
            f"The references of {len(apart):,} of {len(one):,} clips differ: {file} is {mine!r} in {first.folder} and "
            f"{other!r} in {second.folder}. Score both runs against the same references."
        )


def _plain(value: Any) -> Any:
    """Return a reference as something to compare: several labels are the same in any order."""
    return sorted(value) if isinstance(value, list | tuple | np.ndarray) else value
