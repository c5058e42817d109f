"""Distillation: a network learns the probabilities of a teacher, a finished run, beside the labels.

Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network", section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.augmentation import Mixup
from audio_ft.errors import InputError
from audio_ft.file_io import file_digest
from audio_ft.formatting import first_five
from audio_ft.tasks.classification import Classification

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from audio_ft.inference.batching import Windows
    from audio_ft.inference.predictor import Model
    from audio_ft.models.base import Adapter
    from audio_ft.recipe import Recipe
    from audio_ft.tasks.base import Task

# The share of the loss that is the teacher's, and what divides logits before their probabilities are compared: the
# values with which DistilBERT and most recipes for classifiers begin.
SHARE, TEMPERATURE = 0.5, 2.0


@dataclass(frozen=True)
class Teacher:
    """Hold what a teacher predicts for the training windows.

    Attributes:
        logits: float32 (windows, outputs), in the order of the labels of the student.
        kind: of the targets: how probabilities follow from logits.
        name: the run, as the recipe has it.
    """

    logits: NDArray[np.float32]
    problem_type: str
    name: str

    def mixed(self, own: torch.Tensor, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return the loss of a batch with the teacher's part: `own` is that of the labels, `logits` (batch, outputs).

        `rows` are the places of the batch's windows.
        """
        import torch

        wanted = torch.as_tensor(self.logits[rows.cpu().numpy() % len(self.logits)], device=logits.device)
        return (1 - SHARE) * own + SHARE * divergence(logits.float(), wanted, self.problem_type)

    def describe(self) -> str:
        """Return a line for the log."""
        return (
            f"teacher     {self.name}: {SHARE:.0%} of the loss is how far the probabilities are from its, at "
            f"temperature {TEMPERATURE:g}"
        )


def divergence(logits: torch.Tensor, wanted: torch.Tensor, problem_type: str) -> torch.Tensor:
    """Return how far logits (batch, outputs) are from a teacher's, a mean over the batch.

    For classes it is the Kullback-Leibler divergence at `TEMPERATURE`, times its square so that gradients keep their
    size; for several labels the same of each label, for a number the squared difference.
    """
    import torch
    from torch.nn import functional

    if problem_type == "regression":
        return functional.mse_loss(logits, wanted)
    cool, aim = logits / TEMPERATURE, wanted / TEMPERATURE
    if problem_type == "multi_label_classification":
        probability = torch.sigmoid(aim)
        entropy = functional.binary_cross_entropy_with_logits(aim, probability)
        return TEMPERATURE**2 * (functional.binary_cross_entropy_with_logits(cool, probability) - entropy)
    return TEMPERATURE**2 * functional.kl_div(
        cool.log_softmax(-1), aim.log_softmax(-1), reduction="batchmean", log_target=True
    )


def teacher_of(recipe: Recipe, adapter: Adapter, task: Task) -> Model | None:
    """Return the model of a recipe's teacher, None without one.

    Raises:
        InputError: it cannot be loaded, predicts something else than the student, or the student cannot learn from it.
    """
    from audio_ft.hub.load import load

    if recipe.teacher is None:
        return None
    if not isinstance(task, Classification) or adapter.fitted_at_once or recipe.method == "probe":
        raise InputError("teacher: only networks that classify whole clips learn from one, step by step; leave it out.")
    if any(isinstance(augment, Mixup) for augment in recipe.augments):
        raise InputError("teacher: Mixup blends clips, for which a teacher has no prediction; leave one of them out.")
    found = load(recipe.teacher)
    own, its = task.target, found.task.target
    if not isinstance(found.task, Classification) or own.kind != its.kind or set(own.names) != set(its.names):
        apart = sorted(set(own.names) ^ set(its.names))
        what = f"other labels ({first_five(list(map(repr, apart)))})" if apart else its.wording.short
        raise InputError(f"teacher: {recipe.teacher} predicts {what}; give a run that was trained on the same labels.")
    if found.adapter.sample_rate != adapter.sample_rate:
        raise InputError(f"teacher: {recipe.teacher} takes {found.adapter.sample_rate:,} Hz, the student "
                         f"{adapter.sample_rate:,} Hz; give a teacher of the same rate.")  # fmt: skip
    return found


def teacher_digest(found: Model | None) -> dict[str, str]:
    """Return {"teacher": the digest of its weights}, for the record of a training; {} without a teacher."""
    return {"teacher": file_digest(found.folder / found.adapter.weights_file)} if found else {}


def taught(found: Model, recipe: Recipe, task: Any, windows: Windows) -> Teacher:
    """Return what a teacher predicts for training windows, which are not augmented for it."""
    from audio_ft.inference.batching import Collator, outputs_of

    names: tuple[str, ...] = found.task.target.names
    logits = outputs_of(found.network, found.task, Collator(found.adapter), windows, describe="teacher")
    order = [names.index(name) for name in task.target.names] or [0]
    return Teacher(logits[:, order].astype(np.float32), task.objective.problem_type, str(recipe.teacher))
