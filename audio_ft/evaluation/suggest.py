"""Suggest which recordings to label next, and label the ones of which a model is sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.data.rows import File, audio_table
from audio_ft.errors import InputError
from audio_ft.evaluation.calibration import fitted_temperature, tempered
from audio_ft.evaluation.scoring import clean_rows
from audio_ft.inference.batching import Collator, outputs_of, windows_of
from audio_ft.inference.embeddings import embed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.evaluation.predictions import Predictions
    from audio_ft.inference.predictor import Model

    Floats = NDArray[np.float64]

# Distances between more recordings than this are too many to keep; the most uncertain ones are chosen among.
MOST = 20_000


@dataclass(frozen=True)
class Suggested:
    """Hold what a model predicts for unlabeled recordings.

    Attributes:
        files: the recordings that could be read.
        predictions: the predicted label of each, or list of labels.
        confidence: its calibrated probability (files,); of several labels, that of the least certain one.
        uncertainty: entropy of the probabilities from 0 to 1 (files,); of several labels, the mean over them.
        order: indices of all files, the ones to label first at the beginning.
        calibration: how the confidence was calibrated, in one sentence.
        calibrated: whether it can be trusted as a probability.
        unreadable: file and reason of each recording that was left out.
    """

    files: tuple[str, ...]
    predictions: tuple[Any, ...]
    confidence: Floats
    uncertainty: Floats
    order: NDArray[np.int64]
    calibration: str
    calibrated: bool
    unreadable: tuple[tuple[str, str], ...]


def suggest(model: Model, files: Sequence[str], validation: Predictions | None, count: int) -> Suggested:
    """Predict unlabeled recordings, and order them by how much a label would tell.

    The first is the one of the greatest uncertainty; each of the next ones has the greatest product of its uncertainty
    and its distance to the nearest one before, in the embeddings of the network's last layer.

    Args:
        model: a classifier.
        files: paths of recordings.
        validation: what the model predicted for labeled clips that it was not trained on; their temperature calibrates
            the confidence. None leaves it as the network gives it.
        count: how many of the order are chosen so; the others follow by uncertainty.

    Raises:
        InputError: the model does not predict labels, or no recording can be read.
    """
    task, target = model.task, model.task.target
    if not target.ranked:
        instead = "audio-ft doubts ranks transcripts to check" if target.by_words else "choose by hand, or at random"
        raise InputError(
            f"suggest needs a model that predicts labels, whose confidence can be calibrated, and this one predicts "
            f"{target.wording.short}; {instead}."
        )
    network = model.torch_network("suggest")
    table, places = audio_table([File(str(path)) for path in files])
    table = table.select(places).add_column("key", list(map(str, files)))
    adapter = model.adapter
    cleaned = clean_rows(table, model.chain, adapter.sample_rate)
    windows = windows_of(cleaned, None, task, adapter)
    outputs = outputs_of(network, task, Collator(adapter, task), windows, describe="predicting")
    readable = cleaned.used
    probabilities = task.predictions(outputs, windows.places, len(files))[readable]
    temperature, why = fitted_temperature(validation) if target.exclusive else (None, "several labels a clip")
    if temperature is not None:
        probabilities = tempered(probabilities, temperature)
    vectors = embed(network, adapter, cleaned)[:, -1]
    confidence, uncertainty = _sureness(probabilities, exclusive=target.exclusive)
    found: Any = target
    return Suggested(
        files=tuple(str(files[row]) for row in readable),
        predictions=tuple(found.predicted(found.as_dict(row)) for row in probabilities),
        confidence=confidence,
        uncertainty=uncertainty,
        order=diverse(uncertainty, vectors, count),
        calibration=f"confidence at temperature {temperature:.2f}, fitted on the validation split"
        if temperature is not None
        else f"confidence as the network gives it ({why})",
        calibrated=temperature is not None or why.startswith("no validation clip is wrong"),
        unreadable=cleaned.errors,
    )


def diverse(uncertainty: Floats, vectors: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return all indices, first `count` that are uncertain and unlike each other, then the others by uncertainty.

    Greedy k-center selection (Sener and Savarese 2018) with distances weighted by uncertainty.

    Args:
        uncertainty: (files,), at least 0.
        vectors: embeddings (files, width).
        count: how many to choose so.
    """
    ranked = np.argsort(-uncertainty, kind="stable")
    pool = ranked[:MOST]
    features = (vectors[pool] - vectors[pool].mean(0)) / (vectors[pool].std(0) + 1e-6)
    weights = uncertainty[pool] + 1e-9
    nearest = np.full(len(pool), np.inf)
    chosen: list[int] = []
    for _ in range(min(count, len(pool))):
        scores = weights if not chosen else weights * nearest
        scores = np.where(np.isin(np.arange(len(pool)), chosen), -np.inf, scores)
        best = int(scores.argmax())
        chosen.append(best)
        nearest = np.minimum(nearest, np.linalg.norm(features - features[best], axis=1))
    first = pool[chosen]
    return np.concatenate([first, ranked[~np.isin(ranked, first)]])


def _sureness(probabilities: Floats, *, exclusive: bool) -> tuple[Floats, Floats]:
    """Return confidence and uncertainty of each row of probabilities (clips, labels)."""
    from scipy.stats import entropy

    if exclusive:
        return probabilities.max(1), np.asarray(entropy(probabilities, axis=1) / np.log(probabilities.shape[1]))
    either = np.maximum(probabilities, 1 - probabilities)
    halves = entropy(np.stack([probabilities, 1 - probabilities]), axis=0) / np.log(2)
    return either.min(1), np.asarray(halves.mean(1))
