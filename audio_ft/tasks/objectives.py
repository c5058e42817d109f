"""The loss and activation of a classification head for each kind of target.

A target without an objective has that of its base class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from audio_ft.errors import InputError
from audio_ft.targets import Label, Labels, Number, Target

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from audio_ft.tasks.base import HeadSettings


class Objective(ABC):
    """Define loss and activation of a head for one kind of target.

    `problem_type` is transformers' name for it; `weighs_classes` says whether focal loss and label smoothing apply.
    """

    problem_type: ClassVar[str]
    weighs_classes: ClassVar[bool] = True

    @staticmethod
    @abstractmethod
    def loss(logits: torch.Tensor, labels: torch.Tensor, head: HeadSettings, names: tuple[str, ...]) -> torch.Tensor:
        """Return the loss of float32 logits (batch, outputs) and labels from `Task.batch_labels`."""

    @staticmethod
    @abstractmethod
    def activate(logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions for clips from their mean logits (clips, outputs)."""


class CrossEntropy(Objective):
    """Softmax over classes, one of which is right.

    `labels` are class ids (batch,), or soft targets (batch, classes) as mixup makes them. The focal term is
    (1 - p)^gamma (Lin et al. 2017).
    """

    problem_type = "single_label_classification"

    @staticmethod
    def loss(logits: torch.Tensor, labels: torch.Tensor, head: HeadSettings, names: tuple[str, ...]) -> torch.Tensor:
        """Return the weighted, smoothed and focused cross-entropy."""
        import torch
        from torch.nn import functional

        weights = class_weights(head, names, logits)
        targets = labels if labels.ndim == 2 else functional.one_hot(labels, len(names))
        targets = targets.float() * (1 - head.label_smoothing) + head.label_smoothing / len(names)
        weighted = targets if weights is None else targets * weights
        log_probability = logits.log_softmax(-1)
        focus = power(-torch.expm1(log_probability), focal_gamma(head))
        return -(weighted * focus * log_probability).sum() / weighted.sum()

    @staticmethod
    def activate(logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities (clips, classes)."""
        shifted = np.exp(logits - logits.max(-1, keepdims=True))
        return shifted / shifted.sum(-1, keepdims=True)


class BinaryCrossEntropy(Objective):
    """A sigmoid for each class, any number of which are right; `labels` are 0 and 1 (batch, classes)."""

    problem_type = "multi_label_classification"

    @staticmethod
    def loss(logits: torch.Tensor, labels: torch.Tensor, head: HeadSettings, names: tuple[str, ...]) -> torch.Tensor:
        """Return the weighted, smoothed and focused binary cross-entropy."""
        import torch
        from torch.nn import functional

        targets = labels.float() * (1 - head.label_smoothing) + head.label_smoothing / 2
        weights = class_weights(head, names, logits)
        losses = functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction="none")
        probability = torch.sigmoid(logits)
        missed = targets * (1 - probability) + (1 - targets) * probability
        return (losses * power(missed, focal_gamma(head))).mean()

    @staticmethod
    def activate(logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities (clips, classes), by a form of the sigmoid that never overflows."""
        return 0.5 * (1 + np.tanh(0.5 * logits))


class SquaredError(Objective):
    """One output that is the number itself; `labels` are numbers (batch,)."""

    problem_type = "regression"
    weighs_classes = False

    @staticmethod
    def loss(logits: torch.Tensor, labels: torch.Tensor, head: HeadSettings, names: tuple[str, ...]) -> torch.Tensor:
        """Return the mean squared error."""
        from torch.nn import functional

        return functional.mse_loss(logits.squeeze(-1), labels.float())

    @staticmethod
    def activate(logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return numbers (clips,)."""
        return logits[:, 0]


OBJECTIVES: dict[type[Target], type[Objective]] = {
    Label: CrossEntropy,
    Labels: BinaryCrossEntropy,
    Number: SquaredError,
}


def objective_of(target: type[Target]) -> type[Objective]:
    """Return the objective of a kind of target.

    Raises:
        InputError: a classification head cannot learn it.
    """
    for kind in target.__mro__:
        if kind in OBJECTIVES:
            return OBJECTIVES[kind]
    raise InputError(f"A classification head cannot learn targets of kind {target.kind!r}.")


def class_weights(head: HeadSettings, names: tuple[str, ...], logits: torch.Tensor) -> Any:
    """Return a tensor of the classes' weights, None without any."""
    import torch

    if not isinstance(head.class_weights, Mapping):
        return None
    return torch.tensor([float(head.class_weights[name]) for name in names], device=logits.device)


def focal_gamma(head: HeadSettings) -> float:
    """Return the exponent of the focal term, 0 without one."""
    return head.focal_gamma if head.loss == "focal" else 0.0


def power(base: torch.Tensor, exponent: float) -> torch.Tensor:
    """Return base ** exponent of numbers from 0 to 1, clamped above 0 for a finite gradient."""
    return base.clamp(min=1e-30) ** exponent
