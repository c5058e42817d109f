"""End a trial early whose validation score falls behind those of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
from transformers import TrainerCallback

if TYPE_CHECKING:
    from transformers import TrainerState


class Pruning(TrainerCallback):
    """Report each evaluation to a trial of optuna, and end the training where its pruner says so.

    `values` holds the scores so far, by the number of the evaluation.
    """

    def __init__(self, trial: optuna.Trial, metric: str) -> None:
        self.trial, self.metric = trial, metric
        self.values: dict[int, float] = {}

    def on_evaluate(self, args: Any, state: TrainerState, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Report the score of an evaluation.

        Raises:
            TrialPruned: it is worse than the median of the other trials at this point.
        """
        value = (metrics or {}).get(f"eval_{self.metric}")
        if value is None:
            return
        number = len(self.values)
        self.values[number] = float(value)
        self.trial.report(float(value), number)
        if self.trial.should_prune():
            raise optuna.TrialPruned
