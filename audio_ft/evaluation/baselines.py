"""Baselines: scores of methods without a fine-tuned network on the same clips; one is an entry of `BASELINES`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.features.mfcc_statistics import mfcc_statistics
from audio_ft.evaluation.event_baseline import cut_at_pauses
from audio_ft.file_io import replacing
from audio_ft.metrics.event_samples import as_objects
from audio_ft.parallel import parallel_map
from audio_ft.targets.label import class_probabilities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.evaluation.scoring import Rows
    from audio_ft.targets import Target

logger = logging.getLogger(__name__)

# Ten times scikit-learn's default penalty and the deltas of the features were chosen on the validation speakers of two
# small data sets (spoken digits, acted emotion); the default overfits the training speakers.
INVERSE_PENALTY = 0.1
# More rows hardly change a linear model with 120 inputs, and a baseline must not take longer than the fine-tuning.
MAX_ROWS = 20_000


@dataclass(frozen=True)
class Baseline:
    """Predict without a network.

    `features` turns a clean recording (samples, rate in Hz) into a vector; `classifier` and `regressor` build
    scikit-learn estimators.
    """

    features: Callable[[NDArray[np.float32], int], NDArray[np.float32]]
    classifier: Callable[[], Any]
    regressor: Callable[[], Any]


def logistic(inverse_penalty: float = INVERSE_PENALTY) -> Any:
    """Return logistic regression on standardized features."""
    from sklearn.linear_model import LogisticRegression

    return _standardized(LogisticRegression(C=inverse_penalty, max_iter=1000))


def ridge(inverse_penalty: float = 1.0) -> Any:
    """Return ridge regression on standardized features."""
    from sklearn.linear_model import Ridge

    return _standardized(Ridge(1 / inverse_penalty))


def _standardized(estimator: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), estimator)


LINEAR = Baseline(mfcc_statistics, logistic, ridge)


def baseline_predictions(
    target: Target, train: Rows, test: Rows, rate: int, *, seed: int = 0
) -> dict[str, NDArray[Any]]:
    """Return what each baseline that can learn the target predicts for the readable test clips, as metrics take it.

    `rate` is that of the rows in Hz.
    """
    logger.debug("computing baselines")
    references = target.encode(train.table.select(train.readable)["target"])
    constant = target.constant(references, len(test.readable))
    if constant is None:
        return {}
    predicted = {name: method(target, references, train, test, rate, seed) for name, method in BASELINES.items()}
    return {name: found for name, found in {**predicted, target.constant_name: constant}.items() if found is not None}


def write_baselines(predictions: Mapping[str, NDArray[Any]], file: Path) -> None:
    """Write the predictions of baselines, a column for each and a row for each test clip; nothing where there are none.

    The rows are those of the test split in predictions.parquet.
    """
    import pandas

    if predictions:
        with replacing(file) as unfinished:
            columns = {name: [_cell(one) for one in found] for name, found in predictions.items()}
            pandas.DataFrame(columns).to_parquet(unfinished, index=False)


def read_baselines(file: Path) -> dict[str, NDArray[Any]]:
    """Return what `write_baselines` wrote, {} without a file."""
    import pandas

    if not file.is_file():
        return {}
    return {str(name): _cells(list(cells)) for name, cells in pandas.read_parquet(file).items()}


def _cell(prediction: Any) -> Any:
    """Return a prediction as a cell: lists of events as lists of numbers."""
    return [[float(part) for part in one] for one in prediction] if isinstance(prediction, tuple) else prediction


def _cells(cells: list[Any]) -> NDArray[Any]:
    """Return the predictions in cells; lists in lists are of different lengths and stay objects."""
    nested = any(isinstance(cell, np.ndarray) and (cell.dtype == object or not cell.size) for cell in cells)
    return as_objects([[tuple(one) for one in cell] for cell in cells]) if nested else np.stack(cells)


def predict(
    baseline: Baseline, target: Target, references: NDArray[Any], train: Rows, test: Rows, rate: int, seed: int = 0
) -> NDArray[Any] | None:
    """Return a baseline's predictions for the test clips, learned from at most MAX_ROWS training clips.

    None for targets that are not learned from one row a clip.
    """
    if target.has_times:
        return None
    chosen = np.arange(len(references))
    if train.cleaned.shuffled:
        chosen = chosen[:MAX_ROWS]
    if len(chosen) > MAX_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(chosen), MAX_ROWS, replace=False))
    count = len(chosen) + len(test.readable)
    samples = chain(waves(train, chosen), waves(test, np.arange(len(test.readable))))
    features = _features(baseline, samples, count, rate)
    build = baseline.regressor if target.regression else baseline.classifier
    return target.fit_predict(build, features[: len(chosen)], references[chosen], features[len(chosen) :])


def predict_pieces(
    baseline: Baseline, target: Target, references: NDArray[Any], train: Rows, test: Rows, rate: int, seed: int = 0
) -> NDArray[Any] | None:
    """Return the events that a baseline predicts where recordings are cut at pauses; None for targets without times."""
    if not target.has_times:
        return None

    def classify(learned: NDArray[Any], ids: NDArray[np.int64], others: NDArray[Any]) -> NDArray[np.float64]:
        return class_probabilities(baseline.classifier, learned, ids, others, len(target.names))

    def describe(pieces: Iterator[NDArray[np.float32]], count: int) -> NDArray[np.float64]:
        return _features(baseline, pieces, count, rate)

    learned, others = (waves(rows, np.arange(len(rows.readable))) for rows in (train, test))
    return cut_at_pauses(list(references), learned, others, rate, describe, classify)


# Each returns its predictions, or None for a target that it cannot learn, by the name in tables; the majority class,
# the mean or no event is the other baseline.
BASELINES = {
    "linear on MFCC": partial(predict, LINEAR),
    "cut at pauses": partial(predict_pieces, LINEAR),
}


def _features(baseline: Baseline, samples: Iterator[NDArray[np.float32]], count: int, rate: int) -> NDArray[np.float64]:
    """Return the features (clips, k) of `count` clean recordings."""
    compute = partial(_computed, baseline.features, rate)
    found = parallel_map(compute, samples, count, describe="baseline features", unit=" clips")
    return np.stack(list(found)).astype(np.float64)


def _computed(features: Any, rate: int, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return features(samples, rate)


def waves(rows: Rows, chosen: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    """Yield the clean samples (time,) of the chosen readable recordings."""
    yield from map(rows.cleaned.wave, rows.readable[chosen].tolist())
