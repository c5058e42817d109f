"""Trainer for audio: sampling by length, the task's loss, learning rates by layer, and clean evaluation batches."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback

from audio_ft.errors import AudioFTError
from audio_ft.training.freeze import GradualUnfreezing, parameter_groups
from audio_ft.training.sampler import BucketSampler

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.utils.data import DataLoader
    from transformers import PreTrainedModel, TrainerControl, TrainerState, TrainingArguments

    from audio_ft.inference.batching import Collator
    from audio_ft.models.base import Adapter
    from audio_ft.recipe import Recipe
    from audio_ft.tasks.base import Task
    from audio_ft.training.ema import WeightAverage
    from audio_ft.training.resolve import Resolved


class AudioTrainer(Trainer):
    """Train with bucketed sampling, the task's loss, separate learning rates, and clean batches for evaluation."""

    def __init__(
        self,
        *,
        recipe: Recipe,
        adapter: Adapter,
        task: Task,
        resolved: Resolved,
        sampler: BucketSampler,
        eval_collator: Collator,
        name_of: Callable[[int], str],
        average: WeightAverage | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Set by create_optimizer.
        self.head_rate: float | None = None
        self.average = average
        if average is not None:
            self.add_callback(average)
        self.recipe, self.adapter, self.task, self.resolved = recipe, adapter, task, resolved
        self.bucket_sampler, self.eval_collator, self.name_of = sampler, eval_collator, name_of
        # Our loss is a mean over the batch; Trainer must divide it by the accumulation steps.
        self.model_accepts_loss_kwargs = False

    def _get_train_sampler(self, train_dataset: Any = None) -> BucketSampler:
        return self.bucket_sampler

    def _get_eval_sampler(self, eval_dataset: Any) -> torch.utils.data.SequentialSampler:
        # Scores rely on the order of rows, which Trainer would change when it groups by length.
        return torch.utils.data.SequentialSampler(eval_dataset)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Return evaluation batches without augmentation, including the last one when training drops it."""
        training, self.data_collator = self.data_collator, self.eval_collator
        dropped, self.args.dataloader_drop_last = self.args.dataloader_drop_last, False
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator, self.args.dataloader_drop_last = training, dropped

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate the averaged weights, which are the ones saved."""
        with self._averaged():
            return super().evaluate(*args, **kwargs)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the averaged weights; a checkpoint also gets the optimizer's weights."""
        with self._averaged():
            super().save_model(output_dir, _internal_call)
        if self.average is not None and _internal_call and output_dir is not None and self.args.should_save:
            self.average.save(Path(output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self.average is not None:
            self.average.restore(Path(resume_from_checkpoint))

    def _averaged(self) -> AbstractContextManager[None]:
        return nullcontext() if self.average is None else self.average.applied()

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the task's loss of a batch.

        Raises:
            AudioFTError: the loss is not finite; another step would ruin the weights.
        """
        indices = inputs.pop("index", None)
        labels = inputs.pop("labels")
        loss, outputs = self.task.loss(model, inputs, labels, self.resolved.head)
        if model.training and not torch.isfinite(loss):
            names = ", ".join(self.name_of(int(index)) for index in indices) if indices is not None else "unknown"
            raise AudioFTError(
                f"The loss of step {self.state.global_step + 1} is {loss.item()}, so training stops before it "
                f"ruins the weights. The batch held: {names}. Lower learning_rate, or set precision=float32."
            )
        return (loss, {"outputs": outputs}) if return_outputs else loss

    def prediction_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], prediction_loss_only: bool, ignore_keys: Any = None
    ) -> tuple[Any, Any, Any]:
        """Return loss, outputs and labels of an evaluation batch: nothing else is kept in memory."""
        inputs = self._prepare_inputs(inputs)
        labels = inputs["labels"]
        with torch.no_grad(), self.compute_loss_context_manager():
            loss, outputs = self.compute_loss(model, dict(inputs), return_outputs=True)
            audio = {name: value for name, value in inputs.items() if name not in ("labels", "index")}
            kept = self.task.predict_step(self.accelerator.unwrap_model(model), self.adapter, audio, outputs["outputs"])
        return loss.detach(), kept.detach(), labels

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Build Trainer's optimizer with parameter groups: a new head learns faster than the pretrained layers."""
        network: Any = self.model
        optimizer, settings = self.get_optimizer_cls_and_kwargs(self.args, network)
        # Trainer builds the optimizers that group parameters themselves (GaLore, LOMO, Muon …).
        arranged = not isinstance(optimizer, type) or settings.keys() & {"params", "model", "optimizer_dict"}
        if self.optimizer is not None or arranged:
            return super().create_optimizer()
        self.head_rate = float(self.resolved.others["head_learning_rate"].value)
        groups = parameter_groups(
            network,
            self.adapter,
            decay_names=set(self.get_decay_parameter_names(network)),
            learning_rate=self.args.learning_rate,
            head_learning_rate=self.head_rate,
            layer_decay=self.recipe.layer_decay,
            weight_decay=self.args.weight_decay,
        )
        self.optimizer = optimizer(groups, **settings)
        return self.optimizer


class EpochSetter(TrainerCallback):
    """Set the epoch of sampler and collator, also after a resume."""

    def __init__(self, sampler: BucketSampler, collator: Collator) -> None:
        self.sampler, self.collator = sampler, collator

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Set the epoch on both."""
        epoch = int((state.epoch or 0) + 1e-6)
        self.sampler.set_epoch(epoch)
        self.collator.epoch = epoch


def callbacks(
    recipe: Recipe,
    arguments: TrainingArguments,
    model: PreTrainedModel,
    adapter: Adapter,
    sampler: BucketSampler,
    collator: Collator,
) -> list[TrainerCallback]:
    """Return the callbacks of a recipe."""
    chosen: list[TrainerCallback] = [EpochSetter(sampler, collator)]
    if recipe.patience and arguments.eval_strategy != "no":
        chosen.append(EarlyStoppingCallback(early_stopping_patience=recipe.patience))
    if recipe.freeze == "gradual":
        chosen.append(GradualUnfreezing(model, adapter))
    return chosen
