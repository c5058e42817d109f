"""Evaluate a saved model on a labeled split, through the model's own cleaning and the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audio_ft.audio.codec.source import Part
from audio_ft.cleaning.place import source_of
from audio_ft.data import Data
from audio_ft.data.leaks.certificate import Certificate
from audio_ft.data.leaks.certify import Side
from audio_ft.evaluation.leaks import EVALUATED, compared_with, scores_without_leaks
from audio_ft.evaluation.predictions import Predictions, tabulated
from audio_ft.evaluation.scoring import Rows, clean_rows, load_split, score_rows
from audio_ft.evaluation.slices import check_columns, known_columns
from audio_ft.inference.predictor import Model
from audio_ft.metrics import Score, resampling
from audio_ft.settings.rules import as_json

# Recordings that are returned for timing.
SAMPLED = 20


@dataclass(frozen=True)
class Evaluation:
    """Hold the scores of one model on one split.

    Attributes:
        split: name of the split.
        scores: each score with its 95 % interval.
        n: clips that were scored.
        unreadable: key and reason of each recording that was excluded.
        resampling: what the intervals resample, and why.
        rule: how the split was made.
        warnings: what a reader should know about the data.
        predictions: predictions and references, one row a clip.
        sources: an even sample of the recordings, as `Model` takes them.
        certificate: what was compared with the recordings of the training, and found there; None without those.
        without_leaks: the scores without the clips that were found there, {} if none or all of them were.
    """

    split: str
    scores: Mapping[str, Score]
    n: int
    unreadable: tuple[tuple[str, str], ...]
    resampling: str
    rule: str
    warnings: tuple[str, ...]
    predictions: Predictions
    sources: tuple[str | bytes | Part, ...]
    certificate: Certificate | None = None
    without_leaks: Mapping[str, Score] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        """Return the scores with their intervals, for notebooks."""
        from audio_ft.plots.notebook import facts_html
        from audio_ft.plots.training import title_of

        rows = {title_of(name): score for name, score in self.scores.items()}
        return facts_html(f"{self.split}: {self.n:,} clips", rows, f"95 % intervals, resampled by {self.resampling}")

    def to_dict(self) -> dict[str, Any]:
        """Return {"scores": {name: {value, low, high, n}}}, a shape that stays stable, and "leaks" if known."""
        known: dict[str, Any] = {}
        if self.certificate:
            known = {"leaks": self.certificate.to_dict(), "scores_without_leaks": as_json(self.without_leaks)}
        return {"scores": as_json(self.scores), **known}


def evaluate(
    model: Model,
    data: Data | str | Path,
    split: str = "test",
    *,
    need: Sequence[str] = (),
    seed: int = 0,
    columns: Sequence[str] = (),
    trained: Mapping[str, Side] | None = None,
) -> Evaluation:
    """Score a model on one split of labeled data.

    Args:
        model: what `audio_ft.load` returned.
        data: recordings with targets that the model knows; a path or an id stands for `Data` with defaults.
        split: train, validation or test.
        need: splits to make where the data gives none: all three for data that the model was trained on, so that its
            training recordings stay out of the test; empty takes data without splits as the split asked for.
        seed: seed of the resamples.
        columns: columns to slice by, checked before the model is run.
        trained: what the model was trained on, from `evaluation.leaks.load_sides`, to find the clips that are in it.

    Raises:
        InputError: another backend than transformers computes the model, the data cannot be read, has labels that the
            model does not know or lacks a column, or no recording is readable.
    """
    network = model.torch_network("evaluate")
    loaded, chain = load_split(model, Data.accept(data), split, need)
    target, table = model.task.target, loaded.splits[split]
    if columns:
        check_columns(columns, known_columns(target, table["group"], table["meta"]))
    rows = Rows(table, clean_rows(table, chain, model.adapter.sample_rate, split))
    scored = score_rows(network, model.task, model.adapter, rows, seed=seed)
    present = rows.readable
    certificate = compared_with(trained, rows, target) if trained else None
    left = scores_without_leaks(certificate, rows, target, scored.predictions, seed, EVALUATED) if certificate else {}
    return Evaluation(
        split=split,
        scores=scored.scores,
        n=len(present),
        unreadable=rows.cleaned.errors,
        resampling=resampling(rows.groups),
        rule=loaded.rule,
        warnings=loaded.warnings,
        predictions=Predictions(tabulated(split, rows, target, scored.predictions), target, seed),
        sources=tuple(source_of(table[int(place)]) for place in present[:: max(1, len(present) // SAMPLED)]),
        certificate=certificate,
        without_leaks=left,
    )
