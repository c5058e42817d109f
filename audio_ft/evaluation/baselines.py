"""What a model must beat: the majority answer, and a linear model on MFCC statistics.

Both answer in the shape `metrics.score` takes, so that they stand beside the model with intervals of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_ft.audio.features.mfcc_statistics import FloatArray
from audio_ft.errors import InputError

# The change between frames, and a penalty ten times scikit-learn's default, were chosen on the validation speakers of
# two small sets (spoken digits, acted emotion); the default fits the training speakers too closely.
_INVERSE_PENALTY = 0.1
# More rows hardly move a linear model with 60 inputs, and a baseline must not outlast the fine-tuning.
MAX_ROWS = 20_000


def _targets(kind: str, train_targets: ArrayLike, n_classes: int | None) -> tuple[NDArray[Any], int]:
    targets = np.asarray(train_targets)
    if kind not in ("single", "multi", "regression"):
        raise InputError(f"kind must be one of single, multi, regression, not {kind!r}")
    if not len(targets):
        raise InputError("a baseline needs at least one training clip; there are none")
    if kind == "single":
        targets = targets.astype(np.int64)
        return targets, n_classes or int(targets.max()) + 1
    return targets.astype(np.float64), targets.shape[1] if kind == "multi" else 0


def majority(kind: str, train_targets: ArrayLike, n: int, n_classes: int | None = None) -> FloatArray:
    """Answer every clip alike: the training set's class frequencies, of which the most frequent wins, or its mean.

    Args:
        kind: "single", "multi" or "regression".
        train_targets: class ids (m,), a 0/1 matrix (m, classes), or floats (m,).
        n: number of clips to answer.
        n_classes: number of classes; without it the greatest training id counts (single).

    Returns:
        Probabilities (n, classes), or floats (n,).

    Raises:
        InputError: unknown kind, or no training clips.
    """
    targets, classes = _targets(kind, train_targets, n_classes)
    if kind == "single":
        return np.tile(np.bincount(targets, minlength=classes) / len(targets), (n, 1))
    return np.tile(targets.mean(axis=0), (n, 1)) if kind == "multi" else np.full(n, targets.mean())


def linear(
    kind: str,
    train_features: ArrayLike,
    train_targets: ArrayLike,
    test_features: ArrayLike,
    n_classes: int | None = None,
    *,
    seed: int = 0,
) -> FloatArray:
    """Answer by a linear model on standardized features: logistic regression, one against the rest, or ridge.

    Trains on at most 20,000 clips, drawn with `seed` when there are more.

    Args:
        kind: "single" (logistic regression), "multi" (one a class), "regression" (ridge).
        train_features: (m, k).
        train_targets: class ids (m,), a 0/1 matrix (m, classes), or floats (m,).
        test_features: (n, k).
        n_classes: number of classes; without it the greatest training id counts (single).
        seed: seed of the draw.

    Returns:
        Probabilities (n, classes), or floats (n,).

    Raises:
        InputError: unknown kind, no training clips, or features and targets that do not fit.
    """
    targets, classes = _targets(kind, train_targets, n_classes)
    features, questions = np.asarray(train_features, np.float64), np.asarray(test_features, np.float64)
    if features.ndim != 2 or len(features) != len(targets) or questions.shape[1:] != features.shape[1:]:
        raise InputError(
            f"train features {features.shape} must be one row per target ({len(targets)}), as wide as {questions.shape}"
        )
    if len(features) > MAX_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(features), MAX_ROWS, replace=False))
        features, targets = features[rows], targets[rows]
    if kind == "multi":
        columns = [_logistic(features, targets[:, c].astype(np.int64), questions, 2)[:, 1] for c in range(classes)]
        return np.stack(columns, axis=1)
    if kind == "single":
        return _logistic(features, targets, questions, classes)
    return _ridge(features, targets, questions)


def _logistic(features: FloatArray, targets: NDArray[np.int64], questions: FloatArray, classes: int) -> FloatArray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    seen = np.unique(targets)
    answers = np.zeros((len(questions), classes))
    if len(seen) == 1:
        # A class that all training clips share, or none of a multi-label column: nothing to separate.
        answers[:, seen[0]] = 1.0
    else:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=_INVERSE_PENALTY, max_iter=1000)).fit(
            features, targets
        )
        answers[:, seen] = model.predict_proba(questions)
    return answers


def _ridge(features: FloatArray, targets: FloatArray, questions: FloatArray) -> FloatArray:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), Ridge()).fit(features, targets)
    return np.asarray(model.predict(questions), dtype=np.float64)
