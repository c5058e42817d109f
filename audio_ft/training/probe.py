"""Probe the frozen checkpoint before training: a baseline, a start for the new head, and the least that is kept."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.evaluation.baselines import MAX_ROWS
from audio_ft.evaluation.linear_probe import fit_probes, sample
from audio_ft.evaluation.probe import loss_of
from audio_ft.file_io import replacing
from audio_ft.inference.embeddings import layer_vectors, layers_used
from audio_ft.metrics import direction
from audio_ft.metrics.compute import plain_scores
from audio_ft.models.linear_head import LinearHead
from audio_ft.run import PROBE, PROBE_FILE
from audio_ft.tasks.base import HeadSettings
from audio_ft.training.messages import data_briefing
from audio_ft.training.processes import first_goes_first

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, TrainingArguments

    from audio_ft.inference.batching import Windows
    from audio_ft.recipe import Recipe
    from audio_ft.training.setup import Prepared


# Windows of a stream that are computed at once: as many as stay in memory.
STREAMED = 1_000


@dataclass(frozen=True)
class Probed:
    """Hold what linear probes found.

    Attributes:
        best: the probe with the best score on validation, by the metric that chooses among checkpoints too.
        start: the probe of the last layer, None where it is no better on validation than a constant.
        layers: how many layers the network has.
        penalty: the inverse penalty of `best`.
        scores: the scores of `best` on validation, by name.
        predictions: what `best` predicts for the readable test clips.
        seconds: how long it took.
    """

    best: LinearHead
    start: LinearHead | None
    layers: int
    penalty: float
    scores: Mapping[str, float]
    predictions: NDArray[Any]
    seconds: float

    def __str__(self) -> str:
        return f"layer {self.best.layers} of {self.layers}, inverse penalty {self.penalty:g}"

    def start_for(self, recipe: Recipe) -> LinearHead | None:
        """Return the head to start from, which averages the frames of the last layer, or None.

        A LoRA adapter that is kept alone has to fit the head of the checkpoint as transformers builds it.
        """
        other = recipe.pooling != "mean" or recipe.weighted_layers or recipe.keep_adapter
        return None if other else self.start

    def is_kept(self, recipe: Recipe, best: Mapping[str, Any]) -> bool:
        """Return whether the probe is better on validation than the `best` checkpoint, and may take its place."""
        metric, tuned = best["metric"], best.get("value")
        if tuned is None or metric not in self.scores or recipe.wise_ft_alpha is not None or recipe.keep_adapter:
            return False
        gain = self.scores[metric] - float(tuned)
        return gain > 0 if direction(metric) else gain < 0

    def describe(self, metric: str, tuned: float | None = None) -> dict[str, Any]:
        """Return that the probe was kept and why: it was asked for, or fine-tuning reached only `tuned`."""
        value = self.scores.get(metric)
        why = str(self) if value is None else f"{self}, {metric} {value:.4f} on the validation split"
        why = why if tuned is None else f"{why}, where fine-tuning reached {tuned:.4f}"
        return {"kept": PROBE, "metric": metric, "step": 0, "why": why} | ({} if value is None else {"value": value})

    def build(self, prepared: Prepared) -> PreTrainedModel:
        """Return the checkpoint with the best probe as its head, as `Task.build` returns it."""
        model = prepared.network(HeadSettings())
        self.best.install(model, prepared.adapter)
        return model

    def parameters(self, model: PreTrainedModel) -> dict[str, int]:
        """Return how many weights the probe as a network has, and how many of them it learned."""
        return {"total": model.num_parameters(), "trainable": self.best.weights.size + self.best.bias.size}

    def save(self, file: Path) -> None:
        """Write the probe, so that a resumed training does not compute it again."""
        heads = {"best": self.best} | ({"start": self.start} if self.start else {})
        arrays = {f"{name}.{part}": value for name, head in heads.items() for part, value in vars(head).items()}
        facts = {name: getattr(self, name) for name in ("layers", "penalty", "scores", "seconds")}
        with replacing(file) as unfinished, unfinished.open("wb") as stream:
            np.savez(stream, predictions=self.predictions, facts=json.dumps(facts), **arrays)

    @classmethod
    def load(cls, file: Path) -> Probed:
        """Read what `save` wrote."""
        with np.load(file) as found:
            heads: dict[str, Any] = {
                name: LinearHead(int(found[f"{name}.layers"]), *(found[f"{name}.{part}"] for part in
                                 ("mean", "scale", "weights", "bias")))
                for name in ("best", "start") if f"{name}.layers" in found
            }  # fmt: skip
            return cls(**{"start": None, **heads}, predictions=found["predictions"], **json.loads(str(found["facts"])))


def probe(
    prepared: Prepared,
    model: Any,
    arguments: TrainingArguments,
    folder: Path,
    log: Callable[[str], None],
    most: int = MAX_ROWS,
) -> Probed | None:
    """Fit linear probes on the layers of the checkpoint, and log the best; a resumed training reads them from the file.

    They learn from at most so many training windows, drawn by the recipe's seed.

    None where the recipe does without them, the task predicts something else than one target a clip, or nothing is
    pretrained.
    """
    recipe, file = prepared.recipe, prepared.place(folder) / PROBE_FILE
    if prepared.adapter.from_scratch or not prepared.task.probes or not (recipe.probe or recipe.method == "probe"):
        return None
    if recipe.method == "probe":
        for line in data_briefing(prepared):
            log(line)
    with first_goes_first():
        if not file.is_file():
            model.to(arguments.device).eval()
            found = _probed(prepared, model, arguments, most)
            found.save(file)
            log(f"probe       {found}: {_shown(prepared, found)} on validation; it took {found.seconds:.0f} s")
    return Probed.load(file)


def _shown(prepared: Prepared, found: Probed) -> str:
    """Return the score that chooses, or the first one where that is the loss."""
    name = prepared.resolved.metric if prepared.resolved.metric in found.scores else next(iter(found.scores))
    return f"{name} {found.scores[name]:.3f}"


def _probed(prepared: Prepared, model: PreTrainedModel, arguments: TrainingArguments, most: int) -> Probed:
    began = time.monotonic()
    task, adapter, seed = prepared.task, prepared.adapter, prepared.recipe.seed
    layers = layers_used(len(adapter.layers(model)))

    def vectors(windows: Windows, chosen: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        rows = np.arange(len(windows)) if chosen is None else chosen
        # Streamed windows are read in their order, as many at once as are kept in memory.
        parts = np.array_split(rows, 1 if windows.files is None else math.ceil(len(rows) / STREAMED))
        return np.concatenate(
            [layer_vectors(model, adapter, windows, part, bf16=bool(arguments.bf16)) for part in parts]
        )

    train, validation = (prepared.windows(split) for split in ("train", "validation"))
    chosen = sample(len(train), most, seed) if train.files is None else np.arange(min(len(train), most))
    learned, references = prepared.targets["train"][train.clips[chosen]], prepared.targets["validation"]
    present, known = np.unique(validation.clips), vectors(validation)

    def validate(column: int, head: LinearHead) -> tuple[NDArray[Any], NDArray[Any]]:
        found = task.predictions(head.logits(known[:, column]), validation.places, len(references))
        return found[present], references[present]

    def score(predictions: NDArray[Any], known: NDArray[Any]) -> float:
        metric = prepared.resolved.metric
        found = plain_scores(task.target.checked(predictions, known)).get(metric)
        # The metric may be the loss, or undefined for these clips: then the loss alone decides.
        if found is None:
            return -math.inf
        return found if direction(metric) else -found

    probes = fit_probes(task.target, layers, vectors(train, chosen), learned, validate, score, seed=seed)
    best = max(probes, key=lambda one: one.rank)
    constant = task.target.constant(learned, len(present))
    starts = constant is None or probes[-1].loss < loss_of(task.target, constant, references[present])
    column = layers.index(best.head.layers)
    scored = task.target.checked(*validate(column, best.head))
    predictions = np.zeros(0)
    # A probe alone is scored like any other model.
    if prepared.recipe.method != "probe" and prepared.predicts_test:
        test = prepared.windows("test")
        logits = best.head.logits(vectors(test)[:, column])
        found = task.predictions(logits, test.places, len(prepared.targets["test"]))
        predictions = found[prepared.rows("test").readable]
    return Probed(
        best=best.head,
        start=probes[-1].head if starts else None,
        layers=len(adapter.layers(model)),
        penalty=best.penalty,
        scores=plain_scores(scored),
        predictions=predictions,
        seconds=round(time.monotonic() - began, 1),
    )
