"""Splits: who is trained on and who is tested on, seeded, stratified by target and disjoint by group."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from audio_ft.data.group_split import Array, Places, by_group
from audio_ft.errors import InputError
from audio_ft.targets import Label, Target
from audio_ft.targets.cells import folded

SPLITS = ("train", "validation", "test")


class Split(Protocol):
    """What `leaks` asks of loaded data."""

    @property
    def splits(self) -> Mapping[str, Any]:
        """Return the rows of each split, with columns target, group and key."""

    @property
    def target(self) -> Target:
        """Return what the recordings are labeled with."""

    @property
    def group(self) -> str | None:
        """Return the name of the group column."""


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
    """Return the places of the rows of train, validation and test, each list sorted; a share of 0 gives an empty list.

    Rows of one group land on one side; a row without group (None) is a group of its own. Each class keeps its share
    in every split as well as whole groups allow, and a class too rare for all splits stays in train. The result
    depends on the seed and on the rows, not on their order: they are taken by key or, without, by group and target.
    What is stratified by, if anything, is up to the target. `by` names the group in messages.

    Raises:
        InputError: shares that are no shares, or too few clips or groups for the splits wanted.
    """
    shares = _shares(validation, test)
    wanted = [name for name in SPLITS if shares[name] > 0]
    if len(targets) < len(wanted):
        raise InputError(
            f"expected at least {len(wanted)} clips for {_list(wanted)}, got {len(targets)}; add recordings"
        )
    names: Sequence[Any] = keys or [(str(groups[row]) if groups else "", repr(own)) for row, own in enumerate(targets)]
    order = sorted(range(len(targets)), key=lambda row: names[row])
    strata = target.strata([targets[row] for row in order])
    generator = np.random.default_rng(seed)
    portions = np.array([shares[name] for name in wanted])
    if groups is None and not target.overlapping:
        placed = _by_class(np.array([own[0] for own in strata]), portions, generator)
    else:
        members = _members([groups[row] if groups else None for row in order])
        _check_groups(len(members), wanted, by)
        placed = by_group(strata, members, portions, generator)
    parts: dict[str, list[int]] = {name: [] for name in SPLITS}
    for place, row in sorted(zip(placed.tolist(), order, strict=True)):
        parts[wanted[place]].append(row)
    bare = [name for name in wanted if not parts[name]]
    if bare:
        raise InputError(
            f"too few clips for a {bare[0]} split that keeps every class in train; add recordings, or give the splits"
        )
    return parts


def _check_groups(number: int, wanted: Sequence[str], by: str) -> None:
    """Refuse fewer groups than splits."""
    if number < len(wanted):
        raise InputError(
            f"{by}: {_list(wanted)} need {len(wanted)} of them to be disjoint, got {number}; add recordings "
            "of others, give the splits yourself, or allow one on both sides with group=''"
        )


def _shares(validation: float, test: float) -> dict[str, float]:
    """Return the share of each split."""
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise InputError(
            f"expected shares of at least 0 and less than 1 together, got validation={validation}, test={test}"
        )
    return {"train": 1 - validation - test, "validation": validation, "test": test}


def _list(names: Sequence[str]) -> str:
    """Return "train, validation and test"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _by_class(codes: Places, portions: Array, generator: np.random.Generator) -> Places:
    """Return the split of each row, drawn within its class.

    Rounding is carried from class to class, so that each class and the whole are within one clip of their share; a
    class with a clip for every split has one in each, a smaller one is all in train.
    """
    placed = np.zeros(len(codes), dtype=np.int64)
    owed = np.zeros(len(portions))
    for code in np.unique(codes):
        rows = generator.permutation(np.flatnonzero(codes == code))
        if len(rows) < len(portions):
            continue
        due = owed + portions * len(rows)
        counts = np.maximum(1, np.floor(due + 0.5).astype(int))
        owed = np.clip(due - counts, -0.5, 0.5)
        start = 0
        for place in range(1, len(portions)):
            count = min(counts[place], len(rows) - start - (len(portions) - place))
            placed[rows[start : start + count]] = place
            start += count
    return placed


def _members(groups: Sequence[str | None]) -> list[list[int]]:
    """Return the rows of each group, groups sorted; a row without group stands alone."""
    found: dict[str, list[int]] = defaultdict(list)
    alone = []
    for row, group in enumerate(groups):
        if group is None:
            alone.append([row])
        else:
            found[group].append(row)
    return [found[group] for group in sorted(found)] + alone


def sample(targets: Sequence[Any], keys: Sequence[str], *, limit: int, seed: int, target: type[Target]) -> list[int]:
    """Return the sorted places of at most `limit` rows, every class with its share and, where it fits, at least one."""
    if len(targets) <= limit:
        return list(range(len(targets)))
    order = sorted(range(len(targets)), key=lambda row: keys[row])
    shuffled = [order[place] for place in np.random.default_rng(seed).permutation(len(order))]
    strata = dict(zip(shuffled, target.strata([targets[row] for row in shuffled]), strict=True))
    # Of several labels the rarest decides, so that each label is met.
    sizes = Counter(code for own in strata.values() for code in own)
    own_code = {row: min(codes, key=lambda code: (sizes[code], code), default=-1) for row, codes in strata.items()}
    counts, seen = Counter(own_code.values()), Counter[int]()
    ranked = []
    for row in shuffled:
        code = own_code[row]
        ranked.append((seen[code] > 0, (seen[code] + 0.5) / counts[code], code, row))
        seen[code] += 1
    return sorted(row for *_, row in sorted(ranked)[:limit])


def leaks(loaded: Split) -> tuple[str, ...]:
    """Return a warning for groups and for recordings that are in two splits, and for classes that a split lacks.

    Raises:
        InputError: an empty split, a single class, or labels that training never hears (names them).
    """
    rows = {name: table.select_columns(["target", "group", "key"])[:] for name, table in loaded.splits.items()}
    for name, columns in rows.items():
        if not columns["key"]:
            raise InputError(f"split {name!r} is empty; give it recordings, or leave it out")
    names = {name: loaded.target.names_in(columns["target"]) for name, columns in rows.items()}
    if "train" in rows:
        loaded.target.check_train(rows["train"]["target"])
        _check_labels(names)
    groups = {name: set(columns["group"]) - {None} for name, columns in rows.items()}
    notes = _shared(groups, f"{loaded.group or 'group'} value", "scores there flatter the model")
    notes += [
        f"no clip of {', '.join(lost)} in {name}"
        for name in rows
        if (lost := [label for label in names.get("train", ()) if label not in names[name]])
    ]
    return tuple(notes)


def _check_labels(names: Mapping[str, Sequence[str]]) -> None:
    """Refuse labels that only a score would meet."""
    for name, own in names.items():
        lost = [label for label in own if label not in set(names["train"])]
        if lost:
            raise InputError(
                f"labels {', '.join(map(repr, lost))} are in {name} and not in train; add recordings of them to train, "
                f"or take them out of {name}"
            )


def _shared(values: Mapping[str, set[str]], what: str, why: str) -> list[str]:
    """Return a warning for each pair of splits that have values in common; `what` names one of them."""
    notes = []
    names = [name for name in SPLITS if name in values]
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            both = sorted(values[first] & values[second])
            if both:
                shown = ", ".join(both[:5]) + (", …" if len(both) > 5 else "")
                values_in = f"{what}s in" if len(both) > 1 else f"{what} in"
                notes.append(f"{len(both)} {values_in} both {first} and {second} ({shown}): {why}")
            own, others = ({folded(value): value for value in values[name] - set(both)} for name in (first, second))
            alike = sorted(own.keys() & others.keys())
            if alike:
                shown = ", ".join(f"{own[value]!r} and {others[value]!r}" for value in alike[:5])
                values_in, differ = (f"{what}s in", "differ") if len(alike) > 1 else (f"{what} in", "differs")
                notes.append(f"{len(alike)} {values_in} {first} and {second} {differ} only by case, spaces or accents "
                             f"({shown}{', …' if len(alike) > 5 else ''}): if they are the same, {why}")  # fmt: skip
    return notes
