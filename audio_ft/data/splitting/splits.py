"""Make train, validation and test splits: seeded, stratified by target and disjoint by group."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from audio_ft.data.leaks.alike import look_alike
from audio_ft.data.rows import Rows
from audio_ft.data.splitting.group_split import Array, Splits, by_group
from audio_ft.errors import InputError
from audio_ft.formatting import counted, first_five
from audio_ft.targets import Label, Target

SPLITS = ("train", "validation", "test")
# How warnings of overlapping splits end.
FLATTERS = "scores there flatter the model"


def split(
    targets: Sequence[Any],
    groups: Sequence[str | None] | None = None,
    *,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    target: type[Target] = Label,
    keys: Sequence[str] | None = None,
    by: str = "group",
) -> dict[str, list[int]]:
    """Return the sorted row indices of train, validation and test; a share of 0 gives an empty list.

    Splits are disjoint by group; a row without group (None) is a group by itself. Each class keeps its share in every
    split as well as whole groups allow, and a class too rare for all splits stays in train. The result depends on the
    seed and on the rows, not on their order: they are sorted by key or, without keys, by group and target. The target
    defines the strata. `by` names the group in messages.

    Raises:
        InputError: the shares are invalid, or there are too few clips or groups for the requested splits.
    """
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise InputError(
            f"expected shares of at least 0 and less than 1 together, got validation={validation}, test={test}"
        )
    shares = {"train": 1 - validation - test, "validation": validation, "test": test}
    wanted = [name for name in SPLITS if shares[name] > 0]
    named = " and ".join(filter(None, (", ".join(wanted[:-1]), wanted[-1])))
    if len(targets) < len(wanted):
        raise InputError(f"expected at least {len(wanted)} clips for {named}, got {len(targets)}; add recordings")
    portions = np.array([shares[name] for name in wanted])
    placed = _placed(targets, groups, portions, seed, target, keys, f"{by}: {named}")
    parts: dict[str, list[int]] = {name: [] for name in SPLITS}
    for row, number in enumerate(placed):
        parts[wanted[number]].append(row)
    empty = next((name for name in wanted if not parts[name]), None)
    if empty is not None:
        raise InputError(
            f"too few clips for a {empty} split that keeps every class in train; add recordings, or define the "
            "splits in the data"
        )
    return parts


def folds(
    targets: Sequence[Any],
    groups: Sequence[str | None] | None,
    count: int,
    *,
    seed: int = 0,
    target: type[Target] = Label,
    keys: Sequence[str] | None = None,
    by: str = "group",
) -> list[int]:
    """Return the fold of each row, 0 to `count` - 1: equally large, disjoint by group, each class spread over all.

    The other arguments are those of `split`.

    Raises:
        InputError: there are fewer clips or groups than folds.
    """
    if len(targets) < count:
        raise InputError(f"expected at least {count} clips for {count} folds, got {len(targets)}; add recordings")
    return _placed(targets, groups, np.full(count, 1 / count), seed, target, keys, f"{by}: {count} folds")


def _placed(
    targets: Sequence[Any],
    groups: Sequence[str | None] | None,
    portions: Array,
    seed: int,
    target: type[Target],
    keys: Sequence[str] | None,
    what: str,
) -> list[int]:
    """Return for each row which of the portions it is in; `what` names group and portions in messages."""
    of_rows = groups or [None] * len(targets)
    names: Sequence[Any] = keys or [
        (str(group or ""), repr(value)) for group, value in zip(of_rows, targets, strict=True)
    ]
    order = sorted(range(len(targets)), key=lambda row: names[row])
    strata = target.strata([targets[row] for row in order])
    generator = np.random.default_rng(seed)
    if groups is None and not target.overlapping:
        placed = _by_class(np.array([codes[0] for codes in strata]), portions, generator)
    else:
        members = _members([of_rows[row] for row in order])
        if len(members) < len(portions):
            # Parts of one recording stay together whatever the setting.
            by_recording = what.startswith("recording:")
            fix = (
                "add others"
                if by_recording
                else "add recordings of others, allow one in several splits with data.group=''"
            )
            raise InputError(
                f"{what} need {len(portions)} of them to be disjoint, got {len(members)}; {fix}, or define the splits "
                "in the data"
            )
        placed = by_group(strata, members, portions, generator)
    number_of = dict(zip(order, placed.tolist(), strict=True))
    return [number_of[row] for row in range(len(targets))]


def _by_class(codes: Splits, portions: Array, generator: np.random.Generator) -> Splits:
    """Return the split of each row, drawn within its class.

    Rounding is carried over to the next class, so that each class and the whole are within one clip of their share; a
    class with a clip for every split has one in each, a smaller one is entirely in train.
    """
    placed = np.zeros(len(codes), dtype=np.int64)
    carried = np.zeros(len(portions))
    for code in np.unique(codes):
        rows = generator.permutation(np.flatnonzero(codes == code))
        if len(rows) < len(portions):
            continue
        due = carried + portions * len(rows)
        counts = np.maximum(1, np.floor(due + 0.5).astype(int))
        carried = np.clip(due - counts, -0.5, 0.5)
        start = 0
        for split_number in range(1, len(portions)):
            count = min(counts[split_number], len(rows) - start - (len(portions) - split_number))
            placed[rows[start : start + count]] = split_number
            start += count
    return placed


def _members(groups: Sequence[str | None]) -> list[list[int]]:
    """Return the rows of each group, groups sorted; a row without group is a group by itself, after them."""
    found: dict[tuple[int, Any], list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        found[(1, row) if group is None else (0, group)].append(row)
    return [found[key] for key in sorted(found)]


def sample(targets: Sequence[Any], keys: Sequence[str], *, limit: int, seed: int, target: type[Target]) -> list[int]:
    """Return the sorted indices of at most `limit` rows; each class has its share and, where it fits, at least one."""
    if len(targets) <= limit:
        return list(range(len(targets)))
    order = sorted(range(len(targets)), key=lambda row: keys[row])
    shuffled = [order[index] for index in np.random.default_rng(seed).permutation(len(order))]
    strata = dict(zip(shuffled, target.strata([targets[row] for row in shuffled]), strict=True))
    # A row with several labels counts for its rarest, so that each label is included.
    sizes = Counter(code for codes in strata.values() for code in codes)
    code_of = {row: min(codes, key=lambda code: (sizes[code], code), default=-1) for row, codes in strata.items()}
    counts, seen = Counter(code_of.values()), Counter[int]()
    ranked = []
    for row in shuffled:
        code = code_of[row]
        ranked.append((seen[code] > 0, (seen[code] + 0.5) / counts[code], code, row))
        seen[code] += 1
    return sorted(row for *_, row in sorted(ranked)[:limit])


def leaks(parts: Mapping[str, Rows], target: Target, group: str | None) -> tuple[str, ...]:
    """Return a warning for groups that are in two splits, and for classes that a split lacks.

    `group` is the name of the groups, for messages.

    Raises:
        InputError: a split is empty, or train has a single class or lacks a label of another split.
    """
    for name, rows in parts.items():
        if not len(rows):
            raise InputError(f"split {name!r} is empty; add recordings, or leave it out")
    labels = {name: target.names_in(rows.targets) for name, rows in parts.items()}
    notes: list[str] = []
    if "train" in parts:
        target.check_train(parts["train"].targets)
    for first, second in itertools.combinations([name for name in SPLITS if name in parts], 2):
        notes += _shared(parts, first, second, f"{group or 'group'} value")
    for name, own in labels.items():
        untrained = [label for label in own if label not in labels.get("train", own)]
        if untrained:
            raise InputError(
                f"labels {first_five(list(map(repr, untrained)))} are in {name} and not in train; add recordings of "
                f"them to train, or remove them from {name}"
            )
        absent = [label for label in labels.get("train", ()) if label not in own]
        if absent:
            notes.append(f"no clip of {first_five(absent)} in {name}")
    return tuple(notes)


def _shared(parts: Mapping[str, Rows], first: str, second: str, what: str) -> Iterator[str]:
    """Yield a warning for groups that two splits have in common, and for those that differ only in spelling."""
    mine, others = ({value for value in parts[name].groups if value is not None} for name in (first, second))
    both = mine & others
    if both:
        yield f"{counted(len(both), what)} in both {first} and {second} ({first_five(sorted(both))}): {FLATTERS}"
    alike = [f"{name!r} and {other!r}" for name, other in look_alike(mine - both, others - both)]
    if alike:
        differ = "differs" if len(alike) == 1 else "differ"
        yield (f"{counted(len(alike), what)} in {first} and {second} {differ} only in spelling "
               f"({first_five(alike)}): if they are the same, {FLATTERS}")  # fmt: skip
