"""Fit a scikit-learn estimator on statistics of the training clips, with the settings that are best on validation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.evaluation.baselines import MAX_ROWS
from audio_ft.evaluation.linear_probe import sample
from audio_ft.evaluation.probe import loss_of
from audio_ft.metrics import direction
from audio_ft.metrics.compute import plain_scores
from audio_ft.models.scratch import Selection
from audio_ft.parallel import parallel_map
from audio_ft.tasks.base import Checkpoint, HeadSettings, Places
from audio_ft.training.loop import Fitted
from audio_ft.training.messages import data_briefing
from audio_ft.training.small.pipelines import TRIED, pipeline_of, selector_of
from audio_ft.training.steps.trackers import tracked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.inference.batching import Windows
    from audio_ft.training.setup import Prepared

# Factors that make scores to logits: margins are none, and the certainty of a forest is not calibrated.
SCALES = (1.0, 0.5, 2.0, 4.0, 8.0)
# How often each group of features is shuffled, among so many validation clips at most.
SHUFFLES, SHUFFLED = 5, 300


@dataclass(frozen=True)
class Judged:
    """Hold a fitted pipeline with its settings, the scale of its logits, and loss and scores on validation."""

    pipeline: Any
    settings: Mapping[str, Any]
    scale: float
    loss: float
    scores: Mapping[str, float]

    def describe(self, metric: str) -> str:
        """Return the settings and the score that chooses, "C 10: f1_macro 0.812 on the validation split"."""
        settings = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        score = f"{metric} {self.scores[metric]:.4f}" if metric in self.scores else f"loss {self.loss:.4f}"
        return f"{settings}: {score} on the validation split"

    def rank(self, metric: str | None) -> tuple[float, float]:
        """Return what is greatest for the best: the score of a recipe's `metric`, then the loss, as with probes."""
        value = self.scores.get(metric or "", 0.0)
        return (value if metric in self.scores and direction(str(metric)) else -value), -self.loss


@dataclass(frozen=True)
class Judge:
    """Score a network's pipelines on the vectors (windows, k) of the validation clips."""

    prepared: Prepared
    network: Any
    vectors: NDArray[np.float32]
    windows: Windows

    def __call__(self, pipeline: Any, settings: Mapping[str, Any]) -> Judged:
        """Return a fitted pipeline with the scale that has the least loss."""
        target = self.prepared.task.target
        self.network.pipeline = pipeline
        scores, references = self.network.scores(self.vectors), self._references
        losses = {scale: loss_of(target, self._predictions(scale * scores), references)
                  for scale in (SCALES[:1] if target.regression else SCALES)}  # fmt: skip
        scale = min(losses, key=losses.__getitem__)
        found = plain_scores(target.checked(self._predictions(scale * scores), references))
        return Judged(pipeline, settings, scale, losses[scale], found)

    def importance(self, groups: Sequence[str], best: Judged) -> dict[str, float]:
        """Return by how much the loss grows when a group of features is shuffled among the clips, greatest first.

        This is permutation importance (Breiman 2001) of features that describe one thing together: `groups` names the
        group of each column.
        """
        target, rng = self.prepared.task.target, np.random.default_rng(self.prepared.recipe.seed)
        rows = sample(len(self.vectors), SHUFFLED, self.prepared.recipe.seed)
        few = dataclasses.replace(self, vectors=self.vectors[rows])
        self.network.pipeline = best.pipeline

        def loss(vectors: NDArray[np.float32]) -> float:
            scores = best.scale * self.network.scores(vectors)
            references = self.prepared.targets["validation"][self.windows.clips[rows]]
            each = Places(np.arange(len(rows)), np.zeros(len(rows)), np.zeros(len(rows)))
            return loss_of(target, self.prepared.task.predictions(scores, each, len(rows)), references)

        usual, found = loss(few.vectors), {}
        for group in dict.fromkeys(groups):
            columns, grown = np.flatnonzero(np.asarray(groups) == group), []
            for _ in range(SHUFFLES):
                vectors = few.vectors.copy()
                vectors[:, columns] = vectors[rng.permutation(len(rows))][:, columns]
                grown.append(loss(vectors) - usual)
            found[group] = round(float(np.mean(grown)), 4)
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @property
    def _references(self) -> NDArray[Any]:
        return self.prepared.targets["validation"][np.unique(self.windows.clips)]

    def _predictions(self, logits: NDArray[np.float64]) -> NDArray[Any]:
        count = len(self.prepared.targets["validation"])
        found = self.prepared.task.predictions(logits, self.windows.places, count)
        return found[np.unique(self.windows.clips)]


def fit_estimator(
    prepared: Prepared, folder: Path, log: Callable[[str], None], near_end: Callable[[], object]
) -> Fitted:
    """Fit the recipe's estimator on the training split, and choose its settings by the validation split.

    Features are standardized and selected by the training clips alone.

    Raises:
        InputError: skops, by which it is saved, is not installed.
    """
    from audio_ft.models.estimator import skops_io

    skops_io()  # before the work, not after it
    near_end()
    for line in data_briefing(prepared):
        log(line)
    recipe, task, adapter = prepared.recipe, prepared.task, prepared.adapter
    metric, target = prepared.resolved.metric, task.target
    train, validation = prepared.windows("train"), prepared.windows("validation")
    chosen = sample(len(train), MAX_ROWS, recipe.seed)
    vectors, known = described(prepared, train, chosen), described(prepared, validation, np.arange(len(validation)))
    learned = prepared.targets["train"][train.clips[chosen]]
    network: Any = task.build(Checkpoint(adapter, recipe.model), HeadSettings())
    selection = None if recipe.select is None else Selection.of(recipe.select)
    judge = Judge(prepared, network, known, validation)
    selector = selector_of(selection, target, vectors, learned, recipe.seed)
    weights = class_weights(prepared)
    judged = []
    for settings in TRIED[recipe.model]:
        pipeline = pipeline_of(recipe.model, settings, target, selector, seed=recipe.seed, class_weight=weights,
                               features=selection.count if selection else vectors.shape[1])  # fmt: skip
        judged.append(judge(pipeline.fit(vectors, learned), settings))
        log(f"{recipe.model:<12}{judged[-1].describe(metric)}")
    best = max(judged, key=lambda one: one.rank(recipe.metric))
    importance = judge.importance(adapter.feature_groups, best)
    network.pipeline, network.config.scale = best.pipeline, best.scale
    why = best.describe(metric) + (f"; {selection.describe(vectors.shape[1])}" if selection else "")
    facts = {"kept": recipe.model, "metric": metric, "step": 0, "why": why, "importance": importance}
    numbers = network.num_parameters()
    with tracked([], folder) as trackers:
        return Fitted(
            model=network,
            untuned={},
            retention={},
            history=(),
            best=facts | ({"value": best.scores[metric]} if metric in best.scores else {}),
            parameters={"total": numbers, "trainable": numbers},
            precision="float32",
            settings={"metric": dataclasses.asdict(prepared.resolved.others["metric"])},
            trackers=trackers,
        )


def described(prepared: Prepared, windows: Windows, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the vectors (n, k) of the chosen windows."""
    waves = (windows.wave(int(place)) for place in chosen)
    extract = prepared.adapter.extract
    found = parallel_map(extract, waves, len(chosen), describe="features", unit=" clips")
    return np.stack([features["input_features"] for features in found])


def class_weights(prepared: Prepared) -> Any:
    """Return the weights of classes as scikit-learn takes them, by class id, None without any."""
    weights = prepared.resolved.head.class_weights
    if not isinstance(weights, Mapping):
        return None
    return {place: weights[name] for place, name in enumerate(prepared.task.target.names)}
