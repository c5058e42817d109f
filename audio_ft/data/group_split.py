"""Balance: whole groups placed in splits so that each class keeps its share in every split as well as may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Array = NDArray[np.float64]
# Above this many (group, class) cells the greedy placing is as good as it gets, and the search would be slow.
_SEARCHED_CELLS = 500_000
_SWAPPED_GROUPS = 64
# A class that training never hears, or an empty split, outweighs any imbalance.
_FORBIDDEN = 1e6


def by_group(
    strata: Sequence[Sequence[int]], members: Sequence[Sequence[int]], portions: Array, generator: np.random.Generator
) -> Places:
    """Return the split of each row, whole groups at a time."""
    held = [Counter(code for row in rows for code in strata[row]) for rows in members]
    totals = Counter(code for own in strata for code in own)
    classes = len(totals)
    # The last column counts clips, and weighs as much as all classes together.
    counts = [({**own, classes: len(rows)}) for own, rows in zip(held, members, strict=True)]
    whole = np.array([*(totals[code] for code in range(classes)), len(strata)], dtype=float)
    weight = np.array([*[1.0] * classes, max(1, classes)]) / whole**2
    places = _greedy(counts, whole, weight, portions, generator)
    if len(members) * (classes + 1) <= _SEARCHED_CELLS:
        table = np.zeros((len(members), classes + 1))
        for group, own in enumerate(counts):
            table[group, list(own)] = list(own.values())
        places = _improve(places, table, whole, weight, portions)
    placed = np.empty(len(strata), dtype=np.int64)
    for place, rows in zip(places, members, strict=True):
        placed[list(rows)] = place
    return placed


def _greedy(
    counts: Sequence[Mapping[int, int]], whole: Array, weight: Array, portions: Array, generator: np.random.Generator
) -> Places:
    """Place the groups that weigh most first, each where it brings the splits nearest to their shares."""
    heft = np.array([sum(number / whole[code] for code, number in own.items()) for own in counts])
    shuffled = generator.permutation(len(counts))
    lacking = portions[:, None] * whole
    heard = np.zeros(len(whole), dtype=bool)
    places = np.zeros(len(counts), dtype=np.int64)
    for group in shuffled[np.argsort(-heft[shuffled], kind="stable")]:
        codes = np.fromiter(counts[group], dtype=np.int64)
        numbers = np.fromiter(counts[group].values(), dtype=float)
        gap = lacking[:, codes]
        gain = ((gap**2 - (gap - numbers) ** 2) * weight[codes]).sum(axis=1) / portions
        gain[0] += _FORBIDDEN * (~heard[codes[:-1]]).sum()
        place = int(gain.argmax())
        lacking[place, codes] -= numbers
        heard[codes] |= place == 0
        places[group] = place
    return places


def _cost(counts: Array, whole: Array, weight: Array, portions: Array) -> Array:
    """Return how far counts (…, splits, classes + 1) are from their shares; forbidden states cost most."""
    gap = counts - portions[:, None] * whole
    cost = (gap**2 * weight).sum(axis=-1) @ (1 / portions)
    unheard = ((counts[..., 0, :-1] < 0.5) & (whole[:-1] > 0)).sum(axis=-1)
    empty = (counts[..., -1] < 0.5).sum(axis=-1)
    return np.asarray(cost + _FORBIDDEN * (unheard + len(whole) * empty))


def _improve(places: Places, table: Array, whole: Array, weight: Array, portions: Array) -> Places:
    """Move single groups, or swap two where they are few, as long as it brings the splits nearer to their shares."""
    places = places.copy()
    counts = np.stack([table[places == place].sum(axis=0) for place in range(len(portions))])
    groups = np.arange(len(table))
    first, second = np.triu_indices(len(table) if len(table) <= _SWAPPED_GROUPS else 0, k=1)
    for _ in range(100):
        now = float(_cost(counts, whole, weight, portions))
        best = now
        change: tuple[tuple[int, int], ...] | None = None
        for place in range(len(portions)):
            moved = np.repeat(counts[None], len(table), axis=0)
            moved[groups, places] -= table
            moved[:, place] += table
            costs = _cost(moved, whole, weight, portions)
            if costs.min() < best:
                best, change = float(costs.min()), ((int(costs.argmin()), place),)
        if len(first):
            swapped = np.repeat(counts[None], len(first), axis=0)
            pairs, difference = np.arange(len(first)), table[second] - table[first]
            swapped[pairs, places[first]] += difference
            swapped[pairs, places[second]] -= difference
            costs = _cost(swapped, whole, weight, portions)
            if costs.min() < best:
                pair = int(costs.argmin())
                best = float(costs.min())
                change = ((int(first[pair]), int(places[second[pair]])), (int(second[pair]), int(places[first[pair]])))
        if change is None or best > now - 1e-9:
            break
        for group, place in change:
            counts[places[group]] -= table[group]
            counts[place] += table[group]
            places[group] = place
    return places
