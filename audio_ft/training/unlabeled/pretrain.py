"""Continue the self-supervised pretraining of Wav2Vec2 and HuBERT on recordings without labels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.data.spec import Data
from audio_ft.data.unlabeled import recordings
from audio_ft.errors import AudioFTError, InputError
from audio_ft.file_io import read_json, remove, write_json
from audio_ft.folder_lock import owned
from audio_ft.inference.batching import BATCH, Windows
from audio_ft.models import load_adapter
from audio_ft.models.checkpoint import weights_folder
from audio_ft.models.load import quiet_transformers
from audio_ft.models.weights import load_network, tensor_shapes
from audio_ft.system.memory import freed_memory_kept
from audio_ft.tasks.base import Checkpoint
from audio_ft.training.resolving.arguments import build_arguments
from audio_ft.training.run_folder import CHECKPOINTS, METRICS_FILE, last_checkpoint
from audio_ft.training.unlabeled.masked_batches import SelfSupervisedCollator, unit_labels
from audio_ft.training.unlabeled.source import KINDS, require_objective

if TYPE_CHECKING:
    from audio_ft.cleaning.cleaned import Cleaned
    from audio_ft.models.base import Adapter

logger = logging.getLogger(__name__)

RECORD = "pretraining.json"
# The parts that are above the encoder in the objective.
HEADS = {"wav2vec2": ("quantizer", "project_q", "project_hid"), "hubert": ("final_proj",)}
# A window of so many seconds is what fits in memory; a twentieth of them shows the loss on recordings that are not
# learned.
SECONDS, HELD_OUT = 10.0, 0.05


@dataclass(frozen=True)
class Pretrained:
    """Hold a checkpoint whose pretraining was continued.

    Attributes:
        folder: an ordinary checkpoint, which `--model` takes.
        before: the loss on held-out recordings at the start.
        after: the same at the end.
        steps: optimizer steps.
        seconds: of recordings that were learned from.
        new: the parts that the checkpoint lacked, which began at random.
    """

    folder: Path
    before: float
    after: float
    steps: int
    seconds: float
    new: tuple[str, ...]


def pretrain(
    model: str,
    data: Data | str | Path,
    output_dir: str | Path,
    *,
    epochs: float = 10.0,
    learning_rate: float = 1e-4,
    units: int = 100,
    seed: int = 0,
    training: Mapping[str, Any] | None = None,
    log: Callable[[str], None] = logger.info,
) -> Pretrained:
    """Continue pretraining on recordings without labels, and write an ordinary checkpoint to `output_dir`.

    Wav2Vec2 learns its contrastive objective, HuBERT to name masked units: k-means clusters of its own middle layer.
    All weights learn. Called again with the same settings and data, a killed training resumes from its last checkpoint.

    Args:
        model: a Wav2Vec2 or HuBERT checkpoint; of HuBERT and small checkpoints the heads usually begin anew.
        data: recordings, of all splits: leave those of your test out.
        output_dir: an empty folder, or that of an interrupted training.
        epochs: passes over the recordings.
        learning_rate: the greatest one, after a warm-up of a tenth of the steps.
        units: HuBERT's k-means clusters.
        seed: of masks, units and order.
        training: other settings of TrainingArguments.
        log: receives each line of progress.

    Raises:
        InputError: another architecture, no recordings, or a folder with another pretraining.
        AudioFTError: a loss that is not finite.
    """
    adapter, folder = load_adapter(model), Path(output_dir).expanduser()
    require_objective(model, adapter)
    found = recordings(Data.accept(data))
    chain = Chain(()) if found.chain is not None else DEFAULT_CHAIN
    chain.require_rate(adapter.sample_rate)
    settings = {"model": model, "epochs": epochs, "learning_rate": learning_rate, "units": units, "seed": seed,
                "training": dict(training or {}), "recordings": found.fingerprint}  # fmt: skip
    with owned(folder):
        begin(folder, settings)
        cleaned = clean(found.table, Cleaner(chain, adapter.sample_rate), name="recordings")
        with freed_memory_kept():
            return fit(Checkpoint(adapter, model), cleaned, settings, folder, log)


def begin(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write what is pretrained, or check that a folder holds the same one, unfinished.

    Raises:
        InputError: it holds something else.
    """
    if (folder / RECORD).is_file():
        known = read_json(folder / RECORD)
        if "result" in known or known != settings:
            state = "a finished pretraining" if "result" in known else "another pretraining"
            raise InputError(f"{folder} holds {state}; give another --output.")
    elif any(path.name != ".lock" and not path.name.startswith(".") for path in folder.iterdir()):
        raise InputError(f"{folder} is not empty; give another --output.")
    write_json(folder / RECORD, settings)


def fit(
    checkpoint: Checkpoint,
    cleaned: Cleaned,
    settings: Mapping[str, Any],
    folder: Path,
    log: Callable[[str], None],
    on_line: Callable[[], None] = lambda: None,
) -> Pretrained:
    """Pretrain on clean recordings as `begin` marked it in a folder, and save an ordinary checkpoint there.

    `on_line` is called after each line of metrics.jsonl.

    Raises:
        InputError: there is nothing to learn from.
        AudioFTError: a loss that is not finite.
    """
    if not cleaned.clips:
        raise InputError(f"None of the recordings can be read (first: {', '.join(cleaned.errors[0])}).")
    log(f"pretraining {cleaned.clips:,} recordings, {cleaned.seconds / 60:.1f} min")
    adapter = checkpoint.adapter.with_window(min(SECONDS, checkpoint.adapter.longest_window))
    checkpoint = replace(checkpoint, adapter=adapter)
    done = _fit(checkpoint, Windows(cleaned, None, adapter.window), settings, folder, log, on_line)
    write_json(folder / RECORD, {**settings, "result": {**vars(done), "folder": None, "new": list(done.new)}})
    remove(folder / CHECKPOINTS)
    return done


def _fit(
    checkpoint: Checkpoint,
    windows: Windows,
    settings: Mapping[str, Any],
    folder: Path,
    log: Callable[[str], None],
    on_line: Callable[[], None],
) -> Pretrained:
    """Train, and save the network."""
    from transformers import PrinterCallback, Trainer, set_seed

    from audio_ft.models.self_supervised import MASKED, Contrastive, MaskedUnits
    from audio_ft.training.steps.callbacks import LimitedMemory, MetricsFile, Progress

    adapter, seed = checkpoint.adapter, int(settings["seed"])
    kind = adapter.config.model_type
    set_seed(seed)
    # Without a share of masked frames, the network has no embedding of them.
    usual = {name: getattr(adapter.config, name) for name in ("mask_time_prob", "apply_spec_augment")}
    with quiet_transformers():
        network: Any = load_network(KINDS[kind], checkpoint.name, adapter, checkpoint.revision, new_head=True,
                                    new=("masked_spec_embed",), mask_time_prob=MASKED[kind],
                                    apply_spec_augment=True)  # fmt: skip
    network = adapter.fit(network).requires_grad_(True)
    names = tensor_shapes(weights_folder(checkpoint.name, checkpoint.revision))
    new = tuple(part for part in HEADS[kind] if not any(name.startswith(f"{part}.") for name in names))
    units = unit_labels(network, adapter, windows, int(settings["units"]), seed) if kind == "hubert" else None
    objective = Contrastive(network) if units is None else MaskedUnits(network, int(settings["units"]))
    if new:
        log(f"new         {', '.join(new)}: not in the checkpoint, so they begin at random")
    learned, held_out = _apart(windows, seed)
    collator = SelfSupervisedCollator(adapter, units, MASKED[kind], int(getattr(adapter.config, "num_negatives", 100)))
    resume = last_checkpoint(folder)
    trainer = Trainer(
        model=objective,
        args=build_arguments(_arguments(settings, len(learned)), folder / CHECKPOINTS),
        train_dataset=learned,
        eval_dataset=held_out,
        data_collator=collator,
        callbacks=[MetricsFile(folder / METRICS_FILE, on_line), Progress(log, "loss"), LimitedMemory()],
    )
    trainer.remove_callback(PrinterCallback)
    before = _held_out_loss(trainer, seed)
    log(f"before      loss {before:.3f} on held-out recordings")
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    after = _held_out_loss(trainer, seed)
    log(f"after       loss {after:.3f} on held-out recordings, {trainer.state.global_step:,} steps")
    if not np.isfinite(after):
        raise AudioFTError(f"{folder}: the loss is not finite; set a smaller learning rate.")
    _save(network, adapter, usual, folder)
    seconds = float(windows.lengths[learned.indices].sum() / adapter.sample_rate)
    return Pretrained(folder, before, after, int(trainer.state.global_step), seconds, new)


def _apart(windows: Any, seed: int) -> tuple[Any, Any]:
    """Return the windows to learn from, and those that are held out.

    Raises:
        InputError: there is one window.
    """
    from torch.utils.data import Subset

    order = np.random.default_rng(seed).permutation(len(windows)).tolist()
    held = max(1, round(HELD_OUT * len(windows)))
    if len(windows) <= held:
        raise InputError("one recording is too few: some are held out to show the loss; give more.")
    return Subset(windows, order[held:]), Subset(windows, order[:held])


def _arguments(settings: Mapping[str, Any], windows: int) -> dict[str, Any]:
    """Return the settings of TrainingArguments; about ten checkpoints, of which the last is kept."""
    batch = int(settings["training"].get("per_device_train_batch_size", BATCH))
    steps = max(1, round(settings["epochs"] * windows / batch))
    usual = {
        "per_device_train_batch_size": batch,
        "num_train_epochs": float(settings["epochs"]),
        "learning_rate": settings["learning_rate"],
        "warmup_steps": 0.1,
        "weight_decay": 0.01,
        "seed": settings["seed"],
        "logging_steps": max(1, steps // 50),
        "save_strategy": "steps",
        "save_steps": max(1, steps // 10),
        "save_total_limit": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "label_names": [],
    }
    return {**usual, **settings["training"]}


def _held_out_loss(trainer: Any, seed: int) -> float:
    """Return the loss on the held-out windows, with the same masks each time."""
    import torch

    held, total, frames, before = trainer.eval_dataset, 0.0, 0, np.random.get_state()
    network = trainer.model.eval()
    np.random.seed(seed)  # the drawing of masks is that of transformers, which takes no generator
    try:
        for start in range(0, len(held), BATCH):
            batch = trainer.data_collator(held.__getitems__(list(range(start, min(start + BATCH, len(held))))))
            with torch.inference_mode():
                inputs = {name: value.to(trainer.args.device) for name, value in batch.items()}
                count = int(batch["mask"].sum())
                total, frames = total + float(network(**inputs)["loss"]) * count, frames + count
    finally:
        np.random.set_state(before)
    return total / frames


def _save(network: Any, adapter: Adapter, usual: Mapping[str, Any], folder: Path) -> None:
    """Write the network with the configuration of its checkpoint, and its feature extractor."""
    for name, value in usual.items():
        setattr(network.config, name, value)
    if not usual["mask_time_prob"] and not network.config.mask_feature_prob:
        del adapter.encoder(network).masked_spec_embed  # which such a network does not have
    with quiet_transformers():
        network.save_pretrained(folder)
        adapter.extractor.save_pretrained(folder)
