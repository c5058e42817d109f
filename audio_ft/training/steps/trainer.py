"""Trainer for audio: sampling by length, the task's loss, learning rates by layer, and clean evaluation batches."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback

from audio_ft.errors import AudioFTError, InputError
from audio_ft.inference.batching import Collator, Windows
from audio_ft.metrics.compute import plain_scores
from audio_ft.training.resolving.arguments import clips_a_step
from audio_ft.training.steps.callbacks import EpochSetter
from audio_ft.training.steps.distillation import taught
from audio_ft.training.steps.frozen import VectorCollator, Vectors, computed_once, described, why_each_epoch
from audio_ft.training.steps.pace import Pace
from audio_ft.training.steps.sampler import BucketSampler
from audio_ft.training.steps.shares import WEIGHT, share_of, weigh, without_repeats
from audio_ft.training.steps.stream_order import StreamSampler
from audio_ft.training.weights.divided import check_checkpoint, prepare_division
from audio_ft.training.weights.ema import WeightAverage
from audio_ft.training.weights.freeze import GradualUnfreezing, parameter_groups

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.utils.data import DataLoader
    from transformers import PreTrainedModel, TrainingArguments

    from audio_ft.metrics.samples import Sample
    from audio_ft.training.resolving.resolve import Resolved
    from audio_ft.training.setup import Prepared


class AudioTrainer(Trainer):
    """Train with bucketed sampling, the task's loss, separate learning rates, and clean batches for evaluation."""

    def __init__(
        self, prepared: Prepared, resolved: Resolved, model: PreTrainedModel, arguments: TrainingArguments
    ) -> None:
        recipe, adapter, task = prepared.recipe, prepared.adapter, prepared.task
        windows, validation = prepared.windows("train"), prepared.windows("validation")
        classes = prepared.targets["train"][windows.clips] if task.target.exclusive else None
        seed = arguments.data_seed if arguments.data_seed is not None else arguments.seed
        sampler = (
            BucketSampler(
                windows.lengths,
                clips_a_step(arguments),
                seed,
                classes=classes,
                balance=recipe.sampling,
                draws=None if prepared.loaded.draws is None else prepared.loaded.draws[windows.clips],
            )
            if windows.files is None
            else StreamSampler.of(windows.lengths, windows.files, arguments, seed)
        )
        collator = Collator(adapter.masking(resolved.head.mask), task, recipe.augments, seed=seed, training=True)
        self.by_length: list[int] = np.argsort(validation.lengths, kind="stable").tolist()
        # What a frozen encoder makes of clips that do not change is computed once.
        self.frozen = ""
        kept: dict[str, Vectors] = {}
        if recipe.freeze == "encoder" and recipe.peft is None and task.probes:
            if why := why_each_epoch(prepared, resolved, model, arguments):
                self.frozen = f"frozen      the encoder is run in each epoch: {why}"
            else:
                kept = computed_once(prepared, model, arguments)
                self.frozen = described(kept)
        self.teacher = taught(prepared.teacher, recipe, task, windows) if prepared.teacher else None
        training: Any = VectorCollator(task) if kept else collator
        self.pace = Pace.of(arguments, recipe.training, resolved.metric, len(sampler), len(validation))
        callbacks: list[TrainerCallback] = [EpochSetter(sampler, training), self.pace, *prepared.callbacks]
        if recipe.patience and arguments.eval_strategy != "no":
            callbacks.append(EarlyStoppingCallback(early_stopping_patience=self.pace.evaluations(recipe.patience)))
        if recipe.freeze == "gradual":
            callbacks.append(GradualUnfreezing(model, adapter))
        self.validation_sample = validation_sample(prepared, validation, self.by_length)
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=kept.get("train", windows),
            eval_dataset=kept.get("validation", validation),
            data_collator=training,
            compute_metrics=partial(validation_scores, resolved.metric, self.validation_sample),
            callbacks=callbacks,
        )
        prepare_division(self.accelerator, model, adapter)
        # The network does not compute the loss of a step, and Trainer has nothing to divide: see shares.py.
        self.model_accepts_loss_kwargs, self.loss_is_scaled_for_ga = False, True
        self.prepared, self.resolved = prepared, resolved
        self.bucket_sampler = sampler
        self.eval_collator: Any = VectorCollator(task) if kept else Collator(adapter, task)
        # Set by create_optimizer.
        self.head_rate: float | None = None
        self.average = WeightAverage(model) if recipe.average_weights else None
        if self.average is not None:
            self.add_callback(self.average)

    @property
    def loads_best(self) -> bool:
        """Return whether the best checkpoint is loaded at the end, because there is one."""
        return bool(self.args.load_best_model_at_end and self.state.best_model_checkpoint)

    def _get_train_sampler(self, train_dataset: Any = None) -> BucketSampler:
        return self.bucket_sampler

    def _get_eval_sampler(self, eval_dataset: Any) -> Any:
        # Similar lengths together, with little padding; `validation_sample` brings them back in order.
        return self.by_length

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
        if self.is_fsdp_enabled and output_dir is not None:
            # Trainer looks in each process whether the folder of the best checkpoint is there before it writes into it.
            Path(output_dir).mkdir(parents=True, exist_ok=True)
        with self._averaged():
            super().save_model(output_dir, _internal_call)
        if self.average is not None and _internal_call and output_dir is not None and self.args.should_save:
            self.average.save(Path(output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        check_checkpoint(self.accelerator, Path(resume_from_checkpoint))
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self.average is not None:
            self.average.restore(Path(resume_from_checkpoint))

    def _averaged(self) -> AbstractContextManager[None]:
        return nullcontext() if self.average is None else self.average.applied()

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> tuple[list[Any], Any]:
        """Return the batches of a step on this device, and the weight of the whole step."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        is_last = self.accelerator.gradient_state.end_of_dataloader
        if is_last and self.accelerator.num_processes > 1 and not self.args.dataloader_drop_last:
            without_repeats(batches[-1], self.bucket_sampler, self.args.train_batch_size, self.accelerator)
        return batches, weigh(batches, self.prepared.task, self.resolved.head, self.accelerator)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the task's loss of a batch, and for an evaluation the outputs to keep.

        Raises:
            AudioFTError: the loss is not finite; another step would ruin the weights.
        """
        task, indices, labels = self.prepared.task, inputs.pop("index"), inputs.pop("labels")
        weight = inputs.pop(WEIGHT, None)
        loss, outputs = task.loss(model, inputs, labels, self.resolved.head)
        if self.teacher is not None and model.training:
            loss = self.teacher.mixed(loss, outputs, indices)
        if model.training and not torch.isfinite(loss):
            clips, keys = self.prepared.windows("train").clips, self.prepared.loaded.splits["train"]["key"]
            names = ", ".join(keys[int(clips[index % len(clips)])] for index in indices.tolist())
            raise AudioFTError(
                f"The loss of step {self.state.global_step + 1} is {loss.item()}, so training stops before it "
                f"ruins the weights. The batch held: {names}. Lower learning_rate, or set precision=float32."
            )
        if not return_outputs:
            return share_of(loss, weight, num_items_in_batch, self.accelerator.num_processes)
        network = self.accelerator.unwrap_model(model)
        return loss, {"kept": task.predict_step(network, self.prepared.adapter, inputs, outputs)}

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Build Trainer's optimizer with parameter groups: a new head learns faster than the pretrained layers."""
        network: Any = self.model
        optimizer, settings = self.get_optimizer_cls_and_kwargs(self.args, network)
        # Trainer's other optimizers (GaLore, LOMO, Muon …) group parameters themselves.
        if isinstance(optimizer, type) and not settings.keys() & {"params", "model", "optimizer_dict"}:
            self.head_rate = float(self.resolved.others["head_learning_rate"].value)
            settings["params"] = parameter_groups(
                network,
                self.prepared.adapter,
                decay_names=set(self.get_decay_parameter_names(network)),
                learning_rate=self.args.learning_rate,
                head_learning_rate=self.head_rate,
                layer_decay=self.prepared.recipe.layer_decay,
                weight_decay=self.args.weight_decay,
            )
        self.optimizer_cls_and_kwargs = (optimizer, settings)
        return super().create_optimizer(model)


def validation_sample(prepared: Prepared, windows: Windows, order: list[int]) -> Callable[[Any], Sample]:
    """Return the function that turns logits, in this order of the windows, into one checked prediction a clip."""
    task, references = prepared.task, prepared.targets["validation"]
    present, places, back = np.unique(windows.clips), windows.places, np.argsort(order)

    def gather(outputs: Any) -> Sample:
        found = np.asarray(outputs.predictions)[back]
        predictions = task.tuned(found, places, references).predictions(found, places, len(references))[present]
        return task.target.checked(predictions, references[present])

    return gather


def validation_scores(metric: str, gather: Callable[[Any], Sample], outputs: Any) -> dict[str, float]:
    """Return the scores of an evaluation's outputs.

    Raises:
        InputError: the metric that chooses among checkpoints is not one of them.
    """
    scores = plain_scores(gather(outputs))
    if metric != "loss" and metric not in scores:
        raise InputError(f"metric: {metric!r} is not among the validation scores; use one of {', '.join(scores)}.")
    return scores
