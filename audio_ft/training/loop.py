"""Build the network and fit it with transformers.Trainer, from the start or from a checkpoint."""

from __future__ import annotations

import atexit
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import AudioFTError, InputError
from audio_ft.inference.batching import Collator
from audio_ft.metrics.compute import plain_scores
from audio_ft.run import ADAPTER_FOLDER
from audio_ft.system import device_names, pick_device
from audio_ft.tasks.base import Checkpoint
from audio_ft.training.arguments import build_arguments
from audio_ft.training.lora import Adapters
from audio_ft.training.messages import briefing
from audio_ft.training.retention import Retention, score_untuned
from audio_ft.training.run_folder import CHECKPOINTS, METRICS_FILE, last_checkpoint
from audio_ft.training.trackers import Trackers, tracked

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainingArguments

    from audio_ft.inference.batching import Windows
    from audio_ft.metrics import Score
    from audio_ft.training.resolve import Resolved
    from audio_ft.training.setup import Prepared
    from audio_ft.training.trainer import AudioTrainer


@dataclass(frozen=True)
class Fitted:
    """Hold a fitted network, its training history and why this checkpoint was kept."""

    model: PreTrainedModel
    untuned: Mapping[str, Score]
    retention: Mapping[str, Mapping[str, Mapping[str, Score]]]
    history: tuple[Mapping[str, Any], ...]
    best: Mapping[str, Any]
    parameters: Mapping[str, int]
    precision: str
    settings: Mapping[str, Any]
    trackers: Trackers


def fit(
    prepared: Prepared,
    folder: Path,
    resume: Path | None,
    tell: Callable[[str], None],
    logged: Callable[[], None] = lambda: None,
) -> Fitted:
    """Fine-tune, from `resume` if it is a checkpoint, and return the best network by the validation split alone.

    When the accelerator's memory is too small for the batch, half of it is tried with twice the accumulation, which
    makes the same optimizer steps, and the training goes on from its last checkpoint. `logged` is called whenever
    something was.

    Raises:
        InputError: settings that TrainingArguments or the network refuse.
        AudioFTError: a loss that is not finite, or memory too small for a single clip.
    """
    import torch

    resolved = prepared.resolved
    while True:
        try:
            return _fit(prepared, resolved, folder, resume, tell, logged)
        except torch.OutOfMemoryError as error:
            batch = int(resolved.arguments()["per_device_train_batch_size"])
            if batch == 1:
                raise AudioFTError(
                    f"The memory of {', '.join(device_names()) or 'this machine'} is too small for one clip of "
                    f"{prepared.adapter.window:g} s; set a smaller window or model, or activation_checkpointing=true."
                ) from error
            resolved = resolved.halved()
            tell(f"memory is too small for {batch} clips at once; trying {batch // 2}")
        # Outside the except clause, where the error no longer holds on to the tensors of the failed attempt.
        if (device := pick_device()) != "cpu":
            torch.get_device_module(device).empty_cache()
        # Each step has the same clips as before, so the last checkpoint is still valid.
        resume = last_checkpoint(folder / CHECKPOINTS) or resume


def _fit(
    prepared: Prepared,
    resolved: Resolved,
    folder: Path,
    resume: Path | None,
    tell: Callable[[str], None],
    logged: Callable[[], None],
) -> Fitted:
    from transformers import set_seed

    recipe = prepared.recipe
    metric, windows = resolved.metric, prepared.windows("train")
    # Trackers name the run after its folder.
    arguments = build_arguments(
        {"run_name": folder.resolve().name, **resolved.arguments()}, folder.resolve() / CHECKPOINTS
    )
    leave_group_at_exit()
    set_seed(arguments.seed)
    checkpoint = Checkpoint(prepared.adapter, recipe.model, recipe.revision)
    build = partial(prepared.task.build, checkpoint, resolved.head)
    model = build()
    untuned = score_untuned(prepared, model, arguments, folder, tell)
    retention = Retention(prepared, model)
    retention.measure("untuned", untuned)
    adapters = select_trainable(prepared, model)
    parameters = count_parameters(model)
    with tracked(arguments.report_to, folder), Trackers(arguments.report_to, folder) as trackers:
        trainer = build_trainer(prepared, resolved, model, arguments, windows)
        add_callbacks(trainer, prepared, folder, metric, tell, logged)
        tell(briefing(prepared, resolved, arguments, len(trainer.bucket_sampler), parameters, resume))
        with deterministic_sums(arguments.device.type == "cpu"):
            trainer.train(resume_from_checkpoint=str(resume) if resume else None)
        trackers.attach(trainer)
    if trainer.average is not None and not (arguments.load_best_model_at_end and trainer.state.best_model_checkpoint):
        trainer.average.keep()
    if adapters is not None:
        if recipe.keep_adapter:
            adapters.save(folder / ADAPTER_FOLDER, recipe.model)
        model = retention.model = adapters.merge(build)
    retention.measure("fine-tuned")
    if retention.interpolate():
        retention.measure("interpolated")
    return Fitted(
        model=model,
        untuned=untuned,
        retention=retention.scores,
        history=tuple(trainer.state.log_history),
        best=describe_best(trainer, metric),
        parameters=parameters,
        precision="bf16" if arguments.bf16 else "fp16" if arguments.fp16 else "float32",
        settings=resolved.used(arguments, trainer.head_rate),
        trackers=trackers,
    )


def select_trainable(prepared: Prepared, model: PreTrainedModel) -> Adapters | None:
    """Freeze layers in place as the recipe says, and return the LoRA matrices if it asks for them."""
    from audio_ft.training.freeze import freeze

    recipe, adapter = prepared.recipe, prepared.adapter
    if recipe.peft == "lora":
        # The convolutions have no LoRA matrices, so a backward pass through them would be wasted.
        freeze(model, adapter, "feature_encoder")
        return Adapters(recipe, model, adapter, prepared.task.from_scratch)
    if recipe.peft is None:
        freeze(model, adapter, recipe.freeze)
    return None


def count_parameters(model: PreTrainedModel) -> dict[str, int]:
    """Return the number of parameters, and of trainable ones."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return {"total": sum(size for size, _ in sizes), "trainable": sum(size for size, learns in sizes if learns)}


def add_callbacks(
    trainer: AudioTrainer,
    prepared: Prepared,
    folder: Path,
    metric: str,
    tell: Callable[[str], None],
    logged: Callable[[], None],
) -> None:
    """Add callbacks for progress, metrics.jsonl and, if the recipe says so, uploads to the Hub."""
    from transformers import PrinterCallback

    from audio_ft.training.checkpoint_upload import Uploads
    from audio_ft.training.metrics_log import Journal
    from audio_ft.training.progress import Screen

    recipe = prepared.recipe
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Screen(tell, metric))
    trainer.add_callback(Journal(folder / METRICS_FILE, logged))
    # LoRA checkpoints are not complete models until the matrices are merged, at the end.
    if recipe.push_to_hub and recipe.peft != "lora" and trainer.args.hub_strategy != "end":
        trainer.add_callback(Uploads(prepared, folder, tell))


def build_trainer(
    prepared: Prepared, resolved: Resolved, model: PreTrainedModel, arguments: TrainingArguments, windows: Windows
) -> AudioTrainer:
    """Return the trainer with sampler, collators, validation scores and callbacks."""
    from audio_ft.training.ema import WeightAverage
    from audio_ft.training.sampler import BucketSampler
    from audio_ft.training.trainer import AudioTrainer, callbacks

    recipe, adapter, task = prepared.recipe, prepared.adapter, prepared.task
    classes = prepared.targets["train"][windows.clips] if task.target.exclusive else None
    seed = arguments.data_seed if arguments.data_seed is not None else arguments.seed
    sampler = BucketSampler(windows.lengths, arguments.train_batch_size, seed, classes=classes, balance=recipe.sampling)
    training = Collator(adapter.masking(resolved.head.mask), task, recipe.augments, seed=seed, training=True)
    keys = prepared.loaded.splits["train"]["key"]
    validation = prepared.windows("validation")
    return AudioTrainer(
        recipe=recipe,
        adapter=adapter,
        task=task,
        resolved=resolved,
        sampler=sampler,
        eval_collator=Collator(adapter, task),
        name_of=lambda index: str(keys[int(windows.clips[index % len(windows)])]),
        average=WeightAverage(model) if recipe.average_weights else None,
        model=model,
        args=arguments,
        train_dataset=windows,
        eval_dataset=validation,
        data_collator=training,
        compute_metrics=validation_scores(prepared, validation, resolved.metric),
        callbacks=callbacks(recipe, arguments, model, adapter, sampler, training),
    )


def validation_scores(prepared: Prepared, windows: Windows, metric: str) -> Callable[[Any], dict[str, float]]:
    """Return the function that turns logits into validation scores, with one prediction a clip."""
    task, references = prepared.task, prepared.targets["validation"]
    present = np.unique(windows.clips)

    def compute(outputs: Any) -> dict[str, float]:
        kept = np.asarray(outputs.predictions)
        predictions = task.predictions(kept, windows.clips, len(references))[present]
        scores = plain_scores(task.target.checked(predictions, references[present]))
        if metric != "loss" and metric not in scores:
            raise InputError(f"metric: {metric!r} is not among the validation scores; use one of {', '.join(scores)}.")
        return scores

    return compute


def describe_best(trainer: AudioTrainer, metric: str) -> dict[str, Any]:
    """Return which checkpoint was kept and why."""
    state, higher = trainer.state, trainer.args.greater_is_better
    if state.best_metric is None:
        return {
            "metric": metric,
            "step": state.global_step,
            "why": "the last step, because nothing was evaluated during training",
        }
    if not (trainer.args.load_best_model_at_end and state.best_model_checkpoint):
        return {
            "metric": metric,
            "step": state.global_step,
            "why": "the last step, because load_best_model_at_end is off",
        }
    side = "highest" if higher else "lowest"
    return {
        "metric": metric,
        "value": float(state.best_metric),
        "step": int(state.best_global_step or state.global_step),
        "why": f"{side} {metric} on the validation split ({state.best_metric:.4f})",
    }


@contextmanager
def deterministic_sums(on_processor: bool) -> Iterator[None]:
    """Make sums of gradients on the CPU deterministic within the context.

    torch adds gradients of indexed lookups, such as the positions of Whisper's decoder, in the order in which threads
    finish, so two trainings of one recipe differ after some steps. On accelerators determinism costs speed and is left
    to `full_determinism` of TrainingArguments.
    """
    import torch

    if not on_processor:
        yield
        return
    before = (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled())
    settings: Any = torch.utils.deterministic
    filled = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling uninitialized memory would cost time for every tensor, and hide reads of memory nobody wrote.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        settings.fill_uninitialized_memory = filled


@functools.cache
def leave_group_at_exit() -> None:
    """Register, once, that this process leaves its process group before the interpreter exits.

    Otherwise the interpreter stops the group's threads while they run, and the program sometimes aborts after all work
    is done.
    """
    atexit.register(_leave)


def _leave() -> None:
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
