"""Names of settings: where each belongs, whether it is typed with its part (`data.target`) or alone (`target`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

# What other tools and tutorials call a setting whose values mean the same here.
ALIASES = {
    "audio_column_name": "data.audio",
    "batch_size": "per_device_train_batch_size",
    "dataset_config_name": "data.name",
    "dataset_name": "data.path",
    "early_stopping_patience": "patience",
    "epochs": "num_train_epochs",
    "eval_batch_size": "per_device_eval_batch_size",
    "gradient_accumulation": "gradient_accumulation_steps",
    "label_column": "data.target",
    "label_column_name": "data.target",
    "language": "text.language",
    "learning_rate_head": "head_learning_rate",
    "lr": "learning_rate",
    "lr_scheduler": "lr_scheduler_type",
    "max_epochs": "num_train_epochs",
    "max_length_seconds": "window",
    "mixed_precision": "precision",
    "model_name_or_path": "model",
    "no_cuda": "use_cpu",
    "num_epochs": "num_train_epochs",
    "num_workers": "dataloader_num_workers",
    "optimizer": "optim",
    "random_state": "seed",
    "scheduler": "lr_scheduler_type",
    "speaker_column": "data.group",
    "steps": "max_steps",
    "test_size": "data.test",
    "text_column": "data.target",
    "text_column_name": "data.target",
    "train_batch_size": "per_device_train_batch_size",
    "val_size": "data.validation",
    "warmup": "warmup_steps",
    "warmup_ratio": "warmup_steps",  # a share of all steps, as a value below 1 of warmup_steps is
}


def full_name(name: str, own: Collection[str], parts: Mapping[str, Collection[str]]) -> str:
    """Return the one name of a setting: "target" and "label_column" are "data.target", "epochs" num_train_epochs.

    `own` are the names that need no part, which come first, and `parts` those of each part; a name that several parts
    have is that of the first. What nobody knows stays as it is.

    Example:
        >>> [full_name(name, {"seed"}, {"data": {"target", "seed"}}) for name in ("target", "seed", "epochs")]
        ['data.target', 'seed', 'num_train_epochs']
    """
    name = name.strip()
    if name in own:
        return name
    if name in ALIASES:
        return ALIASES[name]
    part = next((part for part, names in parts.items() if name in names), None)
    return f"{part}.{name}" if part else name
