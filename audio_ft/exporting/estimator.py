"""A fitted linear model or support vector machine as layers of torch, which its exporter translates to ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from audio_ft.errors import InputError
from audio_ft.models.estimator import NEVER, Estimator

# A tree compares features with thresholds: one that rounds to the other side of one takes another branch.
FOREST = (
    "forest models cannot be exported: features that are computed in float32 can fall on the other side of a threshold "
    "and take another branch. Export a linear model or an svm, which such rounding hardly changes."
)


class Affine(nn.Module):
    """Compute weighted sums of features (batch, k) and a bias: (batch, outputs)."""

    weights: torch.Tensor
    bias: torch.Tensor

    def __init__(self, weights: Any, bias: Any) -> None:
        super().__init__()
        self.register_buffer("weights", _single(np.atleast_2d(weights)))
        self.register_buffer("bias", _single(np.atleast_1d(bias)))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the sums."""
        return nn.functional.linear(features, self.weights, self.bias)


class Radial(nn.Module):
    """Compute the margin of a support vector machine whose kernel is radial: (batch, 1)."""

    support: torch.Tensor
    dual: torch.Tensor
    bias: torch.Tensor

    def __init__(self, machine: Any) -> None:
        super().__init__()
        self.gamma = float(machine._gamma)
        self.register_buffer("support", _single(machine.support_vectors_))
        self.register_buffer("dual", _single(machine.dual_coef_))
        self.register_buffer("bias", _single(machine.intercept_))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the margin of features (batch, k)."""
        # Not by the products of vectors: the difference of their large squares would lose digits.
        apart = (features[:, None] - self.support).square().sum(-1)
        return nn.functional.linear(torch.exp(-self.gamma * apart), self.dual, self.bias)


class EstimatorLayers(nn.Module):
    """Compute the logits of a fitted `Estimator` from feature vectors (batch, k)."""

    order: torch.Tensor
    base: torch.Tensor

    def __init__(self, estimator: Estimator) -> None:
        super().__init__()
        config, steps = estimator.config, list(estimator.pipeline)
        self.before = nn.Sequential(*map(_prepared, steps[:-1]))
        self.margins = nn.ModuleList(_margins(steps[-1]))
        self.scale, outputs = float(config.scale), int(config.num_labels or 1)
        self.several = config.problem_type != "single_label_classification"
        classes = np.arange(outputs) if self.several else np.asarray(estimator.pipeline.classes_, int)
        # The place of each margin among the outputs; a class without a training clip keeps `NEVER`.
        placing = np.zeros((len(classes), outputs))
        placing[np.arange(len(classes)), classes] = 1
        self.register_buffer("order", _single(placing))
        self.register_buffer("base", _single(np.where(placing.any(0), 0.0, NEVER)))

    def forward(self, input_features: torch.Tensor) -> Any:
        """Return `logits` (batch, outputs)."""
        features = self.before(input_features)
        found = torch.cat([margin(features) for margin in self.margins], 1)
        if found.shape[1] == 1 and not self.several:  # of two classes scikit-learn scores the second one
            found = torch.cat([torch.zeros_like(found), found], 1)
        return SimpleNamespace(logits=self.scale * (found @ self.order + self.base))


def _prepared(step: Any) -> Affine:
    """Return a step before the estimator: features are standardized, chosen or projected.

    Raises:
        InputError: it is another step.
    """
    kind = type(step).__name__
    if kind == "StandardScaler":
        return Affine(np.diag(1 / step.scale_), -step.mean_ / step.scale_)
    if kind == "PCA":
        return Affine(step.components_, -step.components_ @ step.mean_)
    if kind == "ColumnTransformer":
        ((_, _, columns),) = step.transformers
        return Affine(np.eye(step.n_features_in_)[list(columns)], np.zeros(len(columns)))
    raise InputError(f"{kind} cannot be exported; train the model again with select=NUMBER or select=pca:NUMBER.")


def _margins(estimator: Any) -> list[nn.Module]:
    """Return the layers whose outputs together are the margins of an estimator, or its number.

    Raises:
        InputError: no layers compute it.
    """
    kind = type(estimator).__name__
    if kind == "OneVsRestClassifier":
        return [layer for one in estimator.estimators_ for layer in _margins(one)]
    if kind == "TransformedTargetRegressor":
        unit = estimator.transformer_
        return [nn.Sequential(*_margins(estimator.regressor_), Affine(np.diag(unit.scale_), unit.mean_))]
    makers: Mapping[str, Any] = {"SVC": Radial, "SVR": Radial}
    if kind in makers:
        return [makers[kind](estimator)]
    if kind in ("LogisticRegression", "Ridge"):
        return [Affine(estimator.coef_, estimator.intercept_)]
    raise InputError(FOREST if "Forest" in kind else f"{kind}: a label that every or no training clip has cannot be "
                     "exported; leave it out of the data.")  # fmt: skip


def _single(values: Any) -> torch.Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)
