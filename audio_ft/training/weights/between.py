"""Keep weights between the start from a probe and the fine-tuned ones, unless validation says that this loses.

Fine-tuning also learns what only the training recordings have in common, and on the way back to the start a network
forgets that before it forgets the task (Wortsman et al. 2022, WiSE-FT). The fine-tuned checkpoint was chosen by the
very score it is compared with, so its lead is partly luck: the position nearest to the start within one standard error
of the best is kept (the rule of Breiman et al. 1984, Classification and Regression Trees, with a paired error).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audio_ft.metrics import direction
from audio_ft.metrics.compute import measured_scores
from audio_ft.metrics.intervals import standard_error
from audio_ft.metrics.registry import metrics_of
from audio_ft.metrics.units import Units, bootstrap

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from audio_ft.metrics.samples import Sample
    from audio_ft.metrics.units import FloatArray
    from audio_ft.training.steps.trainer import AudioTrainer

# From the start (0) to the fine-tuned weights (1), the nearest first. In 11 trainings of wav2vec2-mini and hubert-mini
# 0.75 raised the accuracy on unheard test speakers by .012 in the mean, and 0.5, tried too, by .001.
POSITIONS = (0.75, 1.0)
RESAMPLES = 300


@dataclass(frozen=True)
class Tried:
    """Hold one position, its score on validation, and the predictions behind it."""

    position: float
    value: float
    sample: Sample


def keep_best_position(
    trainer: AudioTrainer, build_start: Callable[[], PreTrainedModel], best: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Leave the trainer's network at the position that is chosen, and return `best` with it.

    Args:
        trainer: holds the best checkpoint of its training, in one piece.
        build_start: builds the network that the training started from.
        best: which checkpoint that is, from `describe_best`.
    """
    network: Any = trainer.accelerator.unwrap_model(trainer.model)
    start = build_start().state_dict()
    tuned = {name: weight.detach().clone() for name, weight in network.state_dict().items()}
    tried = []
    for position in POSITIONS:
        place_between(network, start, tuned, position)
        tried.append(validated(trainer, best["metric"], position))
    kept = chosen(tried, best["metric"])
    place_between(network, start, tuned, kept.position)
    if kept.position == 1:
        return best
    why = f"{best['why']}; {kept.value:.4f} with weights {kept.position:g} of the way to it from the probe"
    return {**best, "value": kept.value, "position": kept.position, "why": why}


def place_between(
    network: Any, start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor], position: float
) -> None:
    """Set the weights of a network to those so far from start (0) to end (1), in place."""
    for name, weight in network.state_dict().items():
        if weight.is_floating_point():
            weight.copy_(start[name].to(end[name]).lerp(end[name], position))


def validated(trainer: AudioTrainer, metric: str, position: float) -> Tried:
    """Return the score of the trainer's network on the validation split; callbacks and history do not learn of it."""
    found = trainer.evaluation_loop(trainer.get_eval_dataloader(), description="validation")
    return Tried(position, float((found.metrics or {})[f"eval_{metric}"]), trainer.validation_sample(found))


def replicates(sample: Sample, metric: str) -> FloatArray:
    """Return a score of resampled clips, (resamples,); of two samples of the same clips, the same ones."""
    metrics = [each for each in metrics_of(sample.kind) if metric in each.names]

    def statistic(weights: FloatArray) -> FloatArray:
        return measured_scores(metrics, sample, weights)[metric][1].values

    return bootstrap(statistic, Units.of(len(sample)), resamples=RESAMPLES)


def chosen(tried: list[Tried], metric: str) -> Tried:
    """Return the first that is within one standard error of the best; a loss has no error."""
    sign = 1 if direction(metric) else -1
    best = max(tried, key=lambda one: sign * one.value)

    def error(one: Tried) -> float:
        """Return the standard error of the difference to the best."""
        if metric == "loss":
            return 0.0
        return standard_error(replicates(best.sample, metric) - replicates(one.sample, metric), len(one.sample))

    return next(one for one in tried if one is best or sign * (best.value - one.value) < error(one))
