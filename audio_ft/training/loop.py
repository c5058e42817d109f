"""Build the network and fit it with transformers.Trainer, from the start or from a checkpoint."""

from __future__ import annotations

import atexit
import dataclasses
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import AudioFTError
from audio_ft.hub.push import sends_checkpoints
from audio_ft.run import ADAPTER_FOLDER, PROBE
from audio_ft.system.machine import device_names
from audio_ft.training.messages import briefing
from audio_ft.training.probe import Probed, probe
from audio_ft.training.processes import LOST, OTHER_ENDED, leave_process_group
from audio_ft.training.resolving.arguments import build_arguments, precision_of
from audio_ft.training.run_folder import CHECKPOINTS, METRICS_FILE, last_checkpoint
from audio_ft.training.steps.determinism import deterministic_sums
from audio_ft.training.steps.trackers import Trackers, tracked
from audio_ft.training.weights.between import keep_best_position
from audio_ft.training.weights.divided import whole
from audio_ft.training.weights.lora import Adapters
from audio_ft.training.weights.retention import Retention, score_untuned

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, TrainingArguments

    from audio_ft.metrics import Score
    from audio_ft.models.linear_head import LinearHead
    from audio_ft.training.resolving.resolve import Resolved
    from audio_ft.training.setup import Prepared
    from audio_ft.training.steps.trainer import AudioTrainer
    from audio_ft.training.timed.time_limit import Stage


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """Hold a fitted network, its training history and why this checkpoint was kept.

    `baselines` are the predictions of its linear probe for the test clips, by name; {} without one. `facts` are further
    fields of its `Run`.
    """

    model: PreTrainedModel
    untuned: Mapping[str, Score]
    retention: Mapping[str, Mapping[str, Mapping[str, Score]]]
    history: tuple[Mapping[str, Any], ...]
    best: Mapping[str, Any]
    parameters: Mapping[str, int]
    precision: str
    settings: Mapping[str, Any]
    trackers: Trackers
    baselines: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def fit(
    prepared: Prepared,
    folder: Path,
    log: Callable[[str], None],
    on_line: Callable[[], None],
    near_end: Callable[[], object],
    stage: Stage | None = None,
) -> Fitted:
    """Fine-tune, from the folder's last checkpoint if there is one, and return the best network by validation alone.

    When the accelerator's memory is too small for the batch, half of it is tried with twice the accumulation: each
    step has the same clips, so the last checkpoint stays valid. `log` receives lines of progress, `on_line` is called
    after each line of metrics.jsonl, `near_end` when some seconds of the training are left.

    Raises:
        InputError: settings that TrainingArguments or the network refuse.
        AudioFTError: a loss that is not finite, memory too small for a single clip, or a process that prepares batches
            or trains beside this one has ended.
    """
    import torch
    from accelerate.utils.memory import clear_device_cache

    atexit.register(leave_process_group)
    resolved = prepared.resolved
    while True:
        try:
            return _fit(prepared, resolved, folder, log, on_line, near_end, stage)
        except torch.OutOfMemoryError as error:
            batch = int(resolved.arguments()["per_device_train_batch_size"])
            if batch == 1:
                raise AudioFTError(
                    f"The memory of {', '.join(device_names()) or 'this machine'} is too small for one clip of "
                    f"{prepared.adapter.window:g} s; set a smaller window or model, or activation_checkpointing=true."
                ) from error
            resolved = resolved.halved()
            log(f"memory is too small for {batch} clips at once; trying {batch // 2}")
        except RuntimeError as error:
            if any(sign in str(error) for sign in LOST):
                raise AudioFTError(OTHER_ENDED) from error
            if "DataLoader worker" not in str(error):
                raise
            raise AudioFTError(
                "A process that prepares batches was killed by the system, most often because memory ran out. Close "
                "other programs and run the same command again, which goes on from the last checkpoint; to need "
                "less memory, set dataloader_num_workers=0."
            ) from error
        # Outside the except clause, where the error no longer holds on to the tensors of the failed attempt.
        clear_device_cache(garbage_collection=True)


def _fit(
    prepared: Prepared,
    resolved: Resolved,
    folder: Path,
    log: Callable[[str], None],
    on_line: Callable[[], None],
    near_end: Callable[[], object],
    stage: Stage | None,
) -> Fitted:
    from transformers import set_seed

    from audio_ft.training.steps.trainer import AudioTrainer

    place = stage.folder if stage else folder
    recipe, resume = prepared.recipe, last_checkpoint(place)
    # Trackers name the run after its folder.
    settings = {"run_name": folder.resolve().name, **resolved.arguments()}
    arguments = build_arguments(settings, place.resolve() / CHECKPOINTS)
    set_seed(arguments.seed)
    model = build(prepared, resolved)
    untuned = score_untuned(prepared, model, arguments, folder, log)
    probed = probe(prepared, model, arguments, folder, log)
    if probed and recipe.method == "probe":
        return only_probed(prepared, probed, arguments, folder)
    start = probed.start_for(recipe) if probed else None
    resolved = resolved.starting_from_probe() if start else resolved
    begin_from(model, prepared, start, stage)
    retention = Retention(prepared, model)
    retention.measure("untuned", untuned)
    adapters = select_trainable(prepared, model)
    parameters = {"total": model.num_parameters(), "trainable": model.num_parameters(only_trainable=True)}
    with tracked(arguments.report_to, folder) as trackers:
        trainer = AudioTrainer(prepared, resolved, model, arguments)
        add_callbacks(trainer, place, log, on_line, near_end, stage)
        for line in () if stage else briefing(trainer, parameters, resume):
            log(line)
        with deterministic_sums() if arguments.device.type == "cpu" else nullcontext():
            trainer.train(resume_from_checkpoint=str(resume) if resume else None)
        trackers.attach(trainer)
    build_start = partial(build, prepared, resolved, start) if start and not (stage or adapters) else None
    best = keep_weights(trainer, build_start)
    model = retention.model = whole(model, partial(build, prepared, resolved))
    if adapters is not None:
        if recipe.keep_adapter:
            adapters.save(folder / ADAPTER_FOLDER, recipe.model)
        model = retention.model = adapters.merge(partial(build, prepared, resolved, start))
    retention.finish()
    fitted = Fitted(
        model=model,
        untuned=untuned,
        retention=retention.scores,
        history=tuple(trainer.state.log_history),
        best=best,
        parameters=parameters,
        precision=precision_of(arguments),
        settings=resolved.used(arguments, trainer.head_rate),
        trackers=trackers,
        baselines={PROBE: probed.predictions} if probed else {},
    )
    return better(prepared, fitted, probed, retention) if probed else fitted


def better(prepared: Prepared, fitted: Fitted, probed: Probed, retention: Retention) -> Fitted:
    """Return the fine-tuned network, or the probe in its place where that is better on validation.

    What is measured of forgetting then gets the scores of the probe too: they are those of the saved model.
    """
    best = fitted.best
    if not probed.is_kept(prepared.recipe, best):
        return fitted
    model: Any = probed.build(prepared)
    model.to(fitted.model.device)
    why, retention.model = probed.describe(best["metric"], best["value"]), model
    retention.measure(PROBE)
    return dataclasses.replace(fitted, model=model, best=why, parameters=probed.parameters(model))


def build(prepared: Prepared, resolved: Resolved, start: LinearHead | None = None) -> PreTrainedModel:
    """Return the checkpoint with the task's head, which starts from a probe where there is one."""
    logger.debug("building the network")
    model = prepared.network(resolved.head)
    if start:
        start.install(model, prepared.adapter)
    return model


def begin_from(model: PreTrainedModel, prepared: Prepared, start: LinearHead | None, stage: Stage | None) -> None:
    """Give a network the head of a probe, or the weights that an earlier stage of a budget has left, in place."""
    if start:
        start.install(model, prepared.adapter)
    if stage and stage.weights:
        model.load_state_dict(dict(stage.weights))


def only_probed(prepared: Prepared, probed: Probed, arguments: TrainingArguments, folder: Path) -> Fitted:
    """Return the probe as the fitted network."""
    model: Any = probed.build(prepared)
    model.to(arguments.device)
    with tracked([], folder) as trackers:
        return Fitted(
            model=model,
            untuned={},
            retention={},
            history=(),
            best=probed.describe(prepared.resolved.metric),
            parameters=probed.parameters(model),
            precision=precision_of(arguments),
            settings={"metric": dataclasses.asdict(prepared.resolved.others["metric"])},
            trackers=trackers,
        )


def select_trainable(prepared: Prepared, model: PreTrainedModel) -> Adapters | None:
    """Freeze layers in place as the recipe says, and return the LoRA matrices if it asks for them."""
    from audio_ft.training.weights.freeze import freeze

    recipe, adapter = prepared.recipe, prepared.adapter
    if recipe.peft is None:
        freeze(model, adapter, recipe.freeze)
    if recipe.peft != "lora":
        return None
    # The convolutions have no LoRA matrices, so a backward pass through them would be wasted.
    freeze(model, adapter, "feature_encoder")
    return Adapters(recipe, model, adapter, prepared.task.from_scratch)


def add_callbacks(
    trainer: AudioTrainer,
    folder: Path,
    log: Callable[[str], None],
    on_line: Callable[[], None],
    near_end: Callable[[], object],
    stage: Stage | None = None,
) -> None:
    """Add callbacks for time, progress, metrics.jsonl, the end and, if the recipe says so, uploads to the Hub."""
    from transformers import PrinterCallback

    from audio_ft.training.steps.callbacks import LimitedMemory, MetricsFile, NearEnd, Progress
    from audio_ft.training.steps.checkpoint_upload import Uploads

    recipe = trainer.prepared.recipe
    trainer.remove_callback(PrinterCallback)
    if stage:
        trainer.add_callback(stage.limit)  # before those that show how many steps are left
    trainer.add_callback(LimitedMemory())
    if not trainer.is_world_process_zero():
        return
    patience = trainer.pace.evaluations(recipe.patience) if trainer.args.eval_strategy != "no" else 0
    trainer.add_callback(Progress(log, trainer.resolved.metric, patience * trainer.pace.epochs))
    trainer.add_callback(MetricsFile(folder / METRICS_FILE, on_line))
    trainer.add_callback(NearEnd(near_end))
    if recipe.push_to_hub and sends_checkpoints(recipe):
        trainer.add_callback(Uploads(trainer.prepared, folder, log))


def keep_weights(trainer: AudioTrainer, build_start: Callable[[], PreTrainedModel] | None) -> Mapping[str, Any]:
    """Leave the weights to keep in the trainer's network, and return which these are.

    Weights nearer to the start are tried where it can be built, validation chooses, and no device holds a part alone.
    """
    if trainer.average is not None and not trainer.loads_best:
        trainer.average.swap()
    best = describe_best(trainer)
    validation_chooses = "value" in best and trainer.prepared.recipe.wise_ft_alpha is None
    if build_start is None or not validation_chooses or trainer.is_fsdp_enabled:
        return best
    return keep_best_position(trainer, build_start, best)


def describe_best(trainer: AudioTrainer) -> dict[str, Any]:
    """Return which checkpoint was kept and why."""
    state, metric = trainer.state, trainer.resolved.metric
    if state.best_metric is None or not trainer.loads_best:
        never = state.best_metric is None
        reason = "nothing was evaluated during training" if never else "load_best_model_at_end is off"
        return {"metric": metric, "step": state.global_step, "why": f"the last step, because {reason}"}
    side = "highest" if trainer.args.greater_is_better else "lowest"
    return {
        "metric": metric,
        "value": float(state.best_metric),
        "step": int(state.best_global_step or state.global_step),
        "why": f"{side} {metric} on the validation split ({state.best_metric:.4f})",
    }
