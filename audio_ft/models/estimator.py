"""A scikit-learn pipeline as a network: it takes a batch of feature vectors and returns logits, and is saved by skops.

skops writes what an estimator is made of, not a pickle, and the types in a file are known before anything is built.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, PreTrainedConfig
from transformers.modeling_outputs import SequenceClassifierOutput

from audio_ft.errors import InputError
from audio_ft.models.scratch import ESTIMATOR_FILE

# What skops does not trust by itself of a pipeline of ours; code that compares and divides numbers.
TRUSTED = {
    "sklearn.tree._tree.Tree",
    "sklearn.feature_selection._mutual_info.mutual_info_classif",
    "sklearn.feature_selection._mutual_info.mutual_info_regression",
}
# The least probability that becomes a logit, and the logit of a class without a training clip.
LEAST, NEVER = 1e-3, -20.0


class EstimatorConfig(PreTrainedConfig):
    """Describe an estimator: its name, and by how much its scores are multiplied to be logits (see `fit`)."""

    model_type = "audio_ft_estimator"

    estimator: str = "svm"
    scale: float = 1.0


class Estimator(nn.Module):
    """Compute logits with a scikit-learn pipeline, which is None until it is fitted; all logits are then zero."""

    name_or_path = ""
    device = torch.device("cpu")  # wherever the network is sent

    def __init__(self, config: PreTrainedConfig, pipeline: Any = None) -> None:
        super().__init__()
        self.config, self.pipeline = config, pipeline

    def forward(self, input_features: torch.Tensor, **kwargs: Any) -> SequenceClassifierOutput:
        """Return logits (batch, outputs) of feature vectors (batch, k), which are its only hidden state."""
        vectors = input_features.double().cpu().numpy()
        logits = self.config.scale * self.scores(vectors) if self.pipeline is not None else np.zeros(
            (len(vectors), int(self.config.num_labels or 1)))  # fmt: skip
        shown = torch.from_numpy(np.asarray(logits, np.float32))
        return SequenceClassifierOutput(logits=shown, hidden_states=(input_features[:, None],))

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Return what becomes logits with a scale, (n, outputs): of classes and labels their scores, or numbers."""
        pipeline, outputs = self.pipeline, int(self.config.num_labels or 1)
        if self.config.problem_type == "regression":
            return np.asarray(pipeline.predict(vectors)).reshape(-1, 1)
        several = self.config.problem_type == "multi_label_classification"
        if hasattr(pipeline, "decision_function"):
            found = np.asarray(pipeline.decision_function(vectors)).reshape(len(vectors), -1)
        else:
            likely = np.clip(pipeline.predict_proba(vectors), LEAST, 1 - LEAST)
            found = np.log(likely / (1 - likely)) if several else np.log(likely)
        if several:
            return found
        if found.shape[1] == 1:  # of two classes scikit-learn scores the second one
            found = np.concatenate([np.zeros_like(found), found], 1)
        scores = np.full((len(vectors), outputs), NEVER)
        scores[:, np.asarray(pipeline.classes_, int)] = found
        return scores

    @property
    def usual(self) -> np.ndarray:
        """Return the mean of each feature over the training clips, (k,), by which a pipeline standardizes first."""
        return np.asarray(self.pipeline[0].mean_)

    def can_generate(self) -> bool:
        """Return that it writes no text."""
        return False

    def num_parameters(self, only_trainable: bool = False) -> int:
        """Return how many numbers the fitted pipeline holds."""
        return sum(map(_numbers, self.pipeline)) if self.pipeline is not None else 0

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and the pipeline."""
        self.config.architectures = ["EstimatorForAudioClassification"]
        self.config.save_pretrained(folder)
        skops_io().dump(self.pipeline, Path(folder) / ESTIMATOR_FILE)


def load_estimator(folder: Path, config: PreTrainedConfig) -> Estimator:
    """Load what `Estimator.save_pretrained` wrote.

    Raises:
        InputError: the file is missing or damaged, holds types that are not trusted, or skops is not installed.
    """
    file, skops = folder / ESTIMATOR_FILE, skops_io()
    if not file.is_file():
        raise InputError(f"{folder} has no {ESTIMATOR_FILE}; copy the whole folder, or train again.")
    # Of any class: a damaged archive fails wherever it is read first.
    try:
        foreign = set(skops.get_untrusted_types(file=file)) - TRUSTED
        pipeline = None if foreign else skops.load(file, trusted=sorted(TRUSTED))
    except Exception as error:
        raise InputError(f"{file} cannot be read ({type(error).__name__}); copy it again, or train again.") from error
    if foreign:
        raise InputError(f"{file} holds {', '.join(sorted(foreign))}, which could run code, so it is not loaded.")
    return Estimator(config, pipeline)


def skops_io() -> Any:
    """Return skops.io.

    Raises:
        InputError: skops is not installed.
    """
    try:
        from skops import io
    except ImportError as error:
        raise InputError("linear, svm and forest are saved by skops: pip install 'audio-ft[classical]'.") from error
    return io


def _numbers(step: Any) -> int:
    """Return how many fitted numbers a step of a pipeline holds, those of its parts included."""
    inner = [*getattr(step, "estimators_", ())]
    if hasattr(step, "tree_"):
        return int(step.tree_.node_count)
    values = (value for name, value in vars(step).items() if name.endswith("_") and isinstance(value, np.ndarray))
    return sum(map(_numbers, inner)) + sum(value.size for value in values if value.dtype.kind == "f")


AutoConfig.register(EstimatorConfig.model_type, EstimatorConfig)
