"""Models without a checkpoint: what a recipe names in its place, and what each name stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audio_ft.settings.rules import Refused, Rule, whole

# Networks on log-mel spectrograms, and how their configuration differs from that of a CRNN (`models/small.py`).
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "cnn": {"num_hidden_layers": 0},
    "gru": {"conv_dim": (), "num_hidden_layers": 2},
    "crnn": {},
}
# Estimators of scikit-learn on statistics of a clip (`models/estimator.py`), and the file that holds a fitted one.
ESTIMATORS = ("linear", "svm", "forest")
ESTIMATOR_FILE = "model.skops"
FROM_SCRATCH = (*ESTIMATORS, *NETWORKS)
# How the model types begin that transformers lacks.
OWN = "audio_ft_"


def is_from_scratch(model: str) -> bool:
    """Return whether a recipe's `model` is a name of these; a folder called so is given as ./cnn."""
    return model in FROM_SCRATCH


@dataclass(frozen=True)
class Selection:
    """Say from how many features an estimator learns: those with most mutual information, or principal components."""

    count: int
    components: bool = False

    @classmethod
    def of(cls, value: int | str) -> Selection:
        """Return what a recipe's `select` stands for: 40, or "pca:20"."""
        components = isinstance(value, str)
        return cls(int(str(value).removeprefix("pca:")), components)

    def describe(self, features: int) -> str:
        """Return it in words, for estimators of so many features."""
        if self.components:
            return f"{self.count} principal components of {features} features"
        return f"the {self.count} of {features} features with most mutual information"


def _selected(value: Any) -> int | str:
    if isinstance(value, str):
        if not re.fullmatch(r"pca:[1-9]\d{0,5}", value):
            raise Refused
        return value
    return int(whole(1, 100_000).read(value))


SELECT = Rule("a number of features from 1, or pca:NUMBER", _selected)
