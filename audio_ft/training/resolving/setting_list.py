"""Every setting of a training as one list: its name, what it may be, its default and what it is for."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError, did_you_mean
from audio_ft.recipe import PARTS, Recipe
from audio_ft.settings.names import ALIASES
from audio_ft.settings.rules import as_json
from audio_ft.training.resolving.arguments import MANAGED_ARGUMENTS
from audio_ft.training.resolving.defaults import Value
from audio_ft.training.setup import prepare

if TYPE_CHECKING:
    from audio_ft.settings import Settings

# The settings of TrainingArguments that matter here, with our default; "" is that of transformers.
TRAINING = {
    "learning_rate": "by the kind and size of the checkpoint; 0.001 with peft",
    "num_train_epochs": "enough for the steps that the task needs, 4 at least",
    "max_steps": "",
    "per_device_train_batch_size": "16, or what is usual for the task; halved where memory is too small",
    "per_device_eval_batch_size": "twice the training batch",
    "gradient_accumulation_steps": "1; doubled where memory is too small",
    "warmup_steps": "0.1",
    "lr_scheduler_type": "",
    "weight_decay": "0.01",
    "max_grad_norm": "",
    "optim": "",
    "label_smoothing_factor": "",
    "eval_strategy": "epoch, or several of a small set",
    "eval_steps": "an epoch",
    "save_total_limit": "1",
    "logging_steps": "a quarter of an epoch, 50 at most",
    "dataloader_num_workers": "one for each spare core with a GPU, otherwise 0",
    "activation_checkpointing": "",
    "report_to": "none",
    "use_cpu": "true without a GPU",
}
_PART_ITSELF = (*PARTS, "training")


@dataclass(frozen=True)
class Setting:
    """Hold one setting: its full name, what it may be, its default, what it is for, and what else it is called."""

    name: str
    kind: str
    default: str
    meaning: str
    aliases: tuple[str, ...] = ()
    common: bool = True

    def mentions(self, word: str) -> bool:
        """Return whether a word is in one of the names or in what it is for."""
        return word.lower() in " ".join((self.name, self.meaning, *self.aliases)).lower()


def list_settings(word: str = "") -> list[Setting]:
    """List what a training can be told: settings of the recipe, of data, text and events, and of TrainingArguments.

    Args:
        word: a setting by any of its names, which is returned alone, or a word in names and descriptions; without it
            the common settings are returned.

    Raises:
        InputError: no setting is about the word; the message names the closest one.

    Example:
        >>> list_settings("epochs")[0].name
        'num_train_epochs'
    """
    own = [one for one in _of(Recipe) if one.name not in _PART_ITSELF]
    every = [*own, *(one for kind in PARTS.values() for one in _of(kind)), *_of_trainer()]
    word = word.strip()
    if not word:
        return [one for one in every if one.common]
    exact = [one for one in every if one.name in (word, Recipe.full_name(word))]
    found = exact or [one for one in every if one.mentions(word)]
    if not found:
        raise InputError(f"No setting is about {word!r}.{did_you_mean(word, (one.name for one in every))}")
    return found


def resolved_values(recipe: Recipe, log: Callable[[str], None]) -> dict[str, Value]:
    """Return the settings that the recipe leaves open as a training on its data resolves them, each with its origin.

    The recordings are cleaned for that, and the training will find them clean.

    Raises:
        InputError: data, checkpoint and settings that cannot be used together.
    """
    resolved = prepare(recipe, log).resolved
    return {**resolved.training, **resolved.others}


def _of(kind: type[Settings]) -> list[Setting]:
    """Return the settings of one of our classes, with the sentences of its docstring."""
    meanings, kinds = documented(kind), kind._rules()
    return [
        _setting(kind.place(field.name), kinds[field.name].expected, _plain(field), meanings.get(field.name, ""))
        for field in dataclasses.fields(kind)
    ]


def _of_trainer() -> list[Setting]:
    """Return the settings of TrainingArguments that can be set, the common ones first."""
    from transformers import TrainingArguments

    fields = {field.name: field for field in dataclasses.fields(TrainingArguments) if field.init}
    order = [*TRAINING, *(name for name in fields if name not in TRAINING and name not in MANAGED_ARGUMENTS)]
    own = {field.name for field in dataclasses.fields(Recipe)}
    return [
        dataclasses.replace(
            _setting(name, _type_name(field.type), TRAINING.get(name) or _plain(field), field.metadata.get("help", "")),
            common=name in TRAINING,
        )
        for name in order
        if name not in own and (field := fields[name])
    ]


def _setting(name: str, kind: str, default: str, meaning: str) -> Setting:
    """Return a setting with its other names."""
    return Setting(name, kind, default, meaning, tuple(alias for alias, ours in ALIASES.items() if ours == name))


def documented(kind: type) -> Mapping[str, str]:
    """Return what the section "Attributes" of a class's docstring says of each."""
    section = re.search(r"^Attributes:\n((?: .*\n|\n)*)", f"{inspect.getdoc(kind)}\n", re.MULTILINE)
    entries = re.findall(r"^ {4}(\w+): ((?:.*\n)(?: {8}.*\n)*)", section[1] if section else "", re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def _plain(field: dataclasses.Field[Any]) -> str:
    """Return a default as it would be typed; "" where there is none or where nothing is set."""
    if field.default is dataclasses.MISSING or field.default in (None, ""):
        return ""
    value = as_json(field.default)
    if isinstance(value, dict | list):
        return ", ".join(step.get("step", "") for step in value.get("steps", ())) if isinstance(value, dict) else ""
    return str(value).lower() if isinstance(value, bool) else str(getattr(value, "value", value))


def _type_name(kind: Any) -> str:
    """Return the name of a type as transformers writes it, without modules and None."""
    text = kind.__name__ if isinstance(kind, type) else str(kind)
    names = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "dict": "a table"}
    plain = [part.strip().rpartition(".")[2] for part in text.split("|")]
    return " or ".join(dict.fromkeys(names.get(part, part) for part in plain if part not in ("None", "NoneType")))
