"""Pipelines of scikit-learn: standardize, select features, and classify or predict a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.models.scratch import Selection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.targets import Target

# More trees change no third decimal of a score, and take longer to ask.
TREES = 300
# What is tried of each estimator, the simplest first: `C` is an inverse penalty, `gamma` is for one feature of as many.
TRIED: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "linear": tuple({"C": strength} for strength in (0.01, 0.1, 1.0)),
    "svm": tuple({"C": strength, "gamma": width} for width in (0.25, 1.0) for strength in (1.0, 10.0)),
    "forest": tuple({"min_samples_leaf": least} for least in (4, 1)),
}


def pipeline_of(
    name: str,
    settings: Mapping[str, Any],
    target: Target,
    selector: list[Any],
    *,
    features: int,
    seed: int,
    class_weight: Any = None,
) -> Any:
    """Return an estimator by its name, with one of its `TRIED` settings, behind standardized and selected features.

    `features` is how many are selected.
    """
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if "gamma" in settings:
        settings = {**settings, "gamma": settings["gamma"] / features}
    if target.regression:
        # An SVM and a penalty depend on the unit of the number.
        estimator: Any = TransformedTargetRegressor(_regressor(name, settings, seed), transformer=StandardScaler())
    else:
        estimator = _classifier(name, settings, seed, class_weight)
        # One margin a class: scikit-learn's own counts the votes of pairs, so its answers are all equally certain (log
        # loss 0.77 and 0.32 on the validation splits of emotion_de and digits, instead of 0.64 and 0.29).
        estimator = OneVsRestClassifier(estimator) if name == "svm" or not target.exclusive else estimator
    return make_pipeline(StandardScaler(), *selector, estimator)


def selector_of(
    selection: Selection | None, target: Target, vectors: NDArray[np.float32], references: NDArray[Any], seed: int
) -> list[Any]:
    """Return the step that selects features of standardized vectors (n, k), fitted on training clips alone.

    Mutual information is that with the class, with the number, or its mean over the labels.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    if selection is None:
        return []
    if selection.components:
        return [PCA(selection.count, random_state=seed)]
    measure = mutual_info_regression if target.regression else mutual_info_classif
    columns = references.reshape(len(references), -1).T
    gains = np.mean([measure(vectors, column, random_state=seed) for column in columns], axis=0)
    # By place, so that the saved pipeline holds numbers and no function.
    kept = np.sort(np.argsort(-gains, kind="stable")[: selection.count])
    return [make_column_transformer(("passthrough", kept.tolist()))]


def _classifier(name: str, settings: Mapping[str, Any], seed: int, class_weight: Any) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    if name == "linear":
        return LogisticRegression(max_iter=1000, class_weight=class_weight, **settings)
    if name == "svm":
        return SVC(**settings)
    return RandomForestClassifier(TREES, random_state=seed, class_weight=class_weight, **settings)


def _regressor(name: str, settings: Mapping[str, Any], seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import Ridge
    from sklearn.svm import SVR

    if name == "linear":
        return Ridge(1 / settings["C"])
    if name == "svm":
        return SVR(**settings)
    return RandomForestRegressor(TREES, random_state=seed, max_features=1 / 3, **settings)
