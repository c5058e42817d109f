"""Assign whole groups to splits so that each class keeps its share in every split as well as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Splits = NDArray[np.int64]
Array = NDArray[np.float64]
# With more (group, class) cells than this the greedy result is as good, and the search would be slow.
_SEARCHED_CELLS = 500_000
_SWAPPED_GROUPS = 64
# A class missing in train, or an empty split, outweighs any imbalance.
_FORBIDDEN = 1e6


def by_group(
    strata: Sequence[Sequence[int]], members: Sequence[Sequence[int]], portions: Array, generator: np.random.Generator
) -> Splits:
    """Return the split of each row, whole groups at a time."""
    of_group = [Counter(code for row in rows for code in strata[row]) for rows in members]
    totals = Counter(code for codes in strata for code in codes)
    classes = len(totals)
    # The last column counts clips, and weighs as much as all classes together.
    counts = [{**count, classes: len(rows)} for count, rows in zip(of_group, members, strict=True)]
    whole = np.array([*(totals[code] for code in range(classes)), len(strata)], dtype=float)
    weight = np.array([*[1.0] * classes, max(1, classes)]) / whole**2
    splits = _greedy(counts, whole, weight, portions, generator)
    if len(members) * (classes + 1) <= _SEARCHED_CELLS:
        table = np.zeros((len(members), classes + 1))
        for group, count in enumerate(counts):
            table[group, list(count)] = list(count.values())
        splits = _improve(splits, table, whole, weight, portions)
    placed = np.empty(len(strata), dtype=np.int64)
    for split, rows in zip(splits, members, strict=True):
        placed[list(rows)] = split
    return placed


def _greedy(
    counts: Sequence[Mapping[int, int]], whole: Array, weight: Array, portions: Array, generator: np.random.Generator
) -> Splits:
    """Assign the largest groups first, each where it brings the splits nearest to their shares."""
    sizes = np.array([sum(number / whole[code] for code, number in count.items()) for count in counts])
    shuffled = generator.permutation(len(counts))
    lacking = portions[:, None] * whole
    trained = np.zeros(len(whole), dtype=bool)
    splits = np.zeros(len(counts), dtype=np.int64)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        codes = np.fromiter(counts[group], dtype=np.int64)
        numbers = np.fromiter(counts[group].values(), dtype=float)
        gap = lacking[:, codes]
        gain = ((gap**2 - (gap - numbers) ** 2) * weight[codes]).sum(axis=1) / portions
        gain[0] += _FORBIDDEN * (~trained[codes[:-1]]).sum()
        split = int(gain.argmax())
        lacking[split, codes] -= numbers
        trained[codes] |= split == 0
        splits[group] = split
    return splits


def _cost(counts: Array, whole: Array, weight: Array, portions: Array) -> Array:
    """Return how far counts (…, splits, classes + 1) are from their shares; forbidden states cost most."""
    gap = counts - portions[:, None] * whole
    cost = (gap**2 * weight).sum(axis=-1) @ (1 / portions)
    untrained = ((counts[..., 0, :-1] < 0.5) & (whole[:-1] > 0)).sum(axis=-1)
    empty = (counts[..., -1] < 0.5).sum(axis=-1)
    return np.asarray(cost + _FORBIDDEN * (untrained + len(whole) * empty))


def _improve(splits: Splits, table: Array, whole: Array, weight: Array, portions: Array) -> Splits:
    """Move single groups, or swap two where they are few, as long as it brings the splits nearer to their shares."""
    splits = splits.copy()
    counts = np.stack([table[splits == split].sum(axis=0) for split in range(len(portions))])
    moved = np.tile(np.arange(len(table)), len(portions))
    moved_to = np.repeat(np.arange(len(portions)), len(table))
    first, second = np.triu_indices(len(table) if len(table) <= _SWAPPED_GROUPS else 0, k=1)
    amounts = np.concatenate([table[moved], table[first] - table[second]])
    changes = np.arange(len(amounts))
    for _ in range(100):
        changed = np.repeat(counts[None], len(amounts), axis=0)
        changed[changes, splits[np.concatenate([moved, first])]] -= amounts
        changed[changes, np.concatenate([moved_to, splits[second]])] += amounts
        costs = _cost(changed, whole, weight, portions)
        best = int(costs.argmin())
        if costs[best] > _cost(counts, whole, weight, portions) - 1e-9:
            break
        counts = changed[best]
        if best < len(moved):
            splits[moved[best]] = moved_to[best]
        else:
            pair = [first[best - len(moved)], second[best - len(moved)]]
            splits[pair] = splits[pair[::-1]]
    return splits
