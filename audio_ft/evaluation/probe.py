"""Probes: linear models on the frozen layers of an encoder, with out-of-fold predictions for every clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.data.splitting import splits
from audio_ft.errors import InputError
from audio_ft.evaluation.baselines import MAX_ROWS, logistic, ridge
from audio_ft.parallel import progress_bar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.targets import Target

FOLDS = 5
# Inverse penalties to choose among, from strong to weak. On 535 to 3,000 clips the best for wav2vec2-mini was one of
# the first two and for whisper-tiny.en the last one.
PENALTIES = (0.003, 0.01, 0.1)
# The predictions of so many probes, those with the least loss, are averaged: single layers differ by a few clips.
AVERAGED = 3
# Statistics of groups with fewer clips are those of chance.
FEWEST_IN_GROUP = 8
LEAST = 1e-12


@dataclass(frozen=True)
class Probe:
    """Name one probe: its layer (0 is the input of the first transformer layer), and its inverse penalty."""

    layer: int
    penalty: float


@dataclass(frozen=True)
class Probed:
    """Hold what probes predict for clips they were not trained on.

    Attributes:
        predictions: one prediction a clip, as the target's metrics take them; the mean of the chosen probes.
        probes: the chosen probes, the best first.
        loss: mean loss of the predictions, see `loss_of`.
        by_group: whether no group was both in training and in what was predicted.
        centered: whether each group's features were standardized by themselves.
    """

    predictions: NDArray[Any]
    probes: tuple[Probe, ...]
    loss: float
    by_group: bool
    centered: bool


def out_of_fold(
    target: Target,
    targets: Sequence[Any],
    features: NDArray[np.float32],
    groups: Sequence[str | None] | None,
    *,
    keys: Sequence[str],
    seed: int = 0,
) -> Probed:
    """Predict each clip by probes that were trained on the clips of other folds, disjoint by group where possible.

    Layers and penalties are those with the least loss on the given targets. Features are standardized within groups
    where that lowers the loss: it removes voice and channel, and uses no labels.

    Args:
        target: what to predict; its names are the classes in `targets`.
        targets: one for each clip.
        features: vectors (clips, layers, width), as `inference.embed` returns them.
        groups: the group of each clip, or None.
        keys: the names of the clips; the folds do not depend on their order.
        seed: seed of the folds.

    Raises:
        InputError: there are too few clips, or the target is not one that a linear model can learn.
    """
    references = target.encode(targets)
    folds, by_group = _folds(target, targets, groups, keys, seed)
    predict = partial(_predicted, target, references, folds, seed)
    middle, usual = features.shape[1] // 2, PENALTIES[1]
    centered = False
    if groups is not None and (within := standardized_within(features, groups)) is not None:
        losses = [loss_of(target, predict(each[:, middle], usual), references) for each in (features, within)]
        centered = losses[1] < losses[0]
        features = within if centered else features
    tried = list(_search(features, predict))
    ranked = sorted(tried, key=lambda one: loss_of(target, one[1], references))[:AVERAGED]
    predictions = np.mean([found for _, found in ranked], axis=0)
    return Probed(
        predictions, tuple(probe for probe, _ in ranked), loss_of(target, predictions, references), by_group, centered
    )


def loss_of(target: Target, predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the mean loss of predictions: log loss of labels, squared error of numbers."""
    if target.regression:
        return float(np.square(predictions - references).mean())
    if target.exclusive:
        return float(-np.log(np.maximum(predictions[np.arange(len(references)), references], LEAST)).mean())
    right = np.where(references == 1, predictions, 1 - predictions)
    return float(-np.log(np.maximum(right, LEAST)).mean())


def standardized_within(features: NDArray[np.float32], groups: Sequence[str | None]) -> NDArray[np.float32] | None:
    """Return features (clips, …) with mean 0 and deviation 1 in each group; None without groups that are large enough.

    Clips of small groups, and those without one, are standardized together.
    """
    names, codes, counts = np.unique([group or "" for group in groups], return_inverse=True, return_counts=True)
    large = (counts >= FEWEST_IN_GROUP) & (names != "")
    if large.sum() < 2:
        return None
    codes = np.where(large[codes], codes, -1)
    result = np.empty_like(features)
    for code in np.unique(codes):
        own = features[codes == code]
        result[codes == code] = (own - own.mean(0)) / (own.std(0) + 1e-6)
    return result


def _search(features: NDArray[np.float32], predict: Any) -> Iterator[tuple[Probe, NDArray[Any]]]:
    """Yield the predictions of a probe for each layer and penalty."""
    grid = [Probe(layer, penalty) for layer in range(features.shape[1]) for penalty in PENALTIES]
    for probe in progress_bar(grid, desc="probing layers", unit="probe"):
        yield probe, predict(features[:, probe.layer], probe.penalty)


def _predicted(
    target: Target,
    references: NDArray[Any],
    folds: NDArray[np.int64],
    seed: int,
    features: NDArray[np.float32],
    penalty: float,
) -> NDArray[Any]:
    """Return the predictions of one probe for every clip, each by the clips of other folds."""
    build = partial(ridge, penalty) if target.regression else partial(logistic, penalty)
    parts: list[NDArray[Any]] = []
    for fold in np.unique(folds):
        train = np.flatnonzero(folds != fold)
        if len(train) > MAX_ROWS:
            train = np.sort(np.random.default_rng(seed).choice(train, MAX_ROWS, replace=False))
        found = target.fit_predict(build, features[train], references[train], features[folds == fold])
        if found is None:
            raise InputError(f"A linear model cannot learn {target.wording.short}; give labels or numbers.")
        parts.append(found)
    order = np.concatenate([np.flatnonzero(folds == fold) for fold in np.unique(folds)])
    return np.concatenate(parts)[np.argsort(order)]


def _folds(
    target: Target, targets: Sequence[Any], groups: Sequence[str | None] | None, keys: Sequence[str], seed: int
) -> tuple[NDArray[np.int64], bool]:
    """Return the fold of each clip, and whether the folds are disjoint by group.

    They are not where there are too few groups, or where a class is in one fold only and could not be learned for it.
    """
    if len(targets) < FOLDS:
        raise InputError(f"expected at least {FOLDS} clips, got {len(targets)}; add recordings")
    kind, strata = type(target), type(target).strata(targets)
    count = min(FOLDS, len(set(groups) - {None}) + list(groups).count(None)) if groups is not None else 0
    if count > 1:
        placed = np.asarray(splits.folds(targets, groups, count, seed=seed, target=kind, keys=keys))
        where: dict[int, set[int]] = {}
        for fold, codes in zip(placed.tolist(), strata, strict=True):
            for code in codes:
                where.setdefault(code, set()).add(fold)
        if all(len(own) > 1 for own in where.values()):
            return placed, True
    return np.asarray(splits.folds(targets, None, FOLDS, seed=seed, target=kind, keys=keys)), False
