"""Continue the pretraining of a recipe's checkpoint on recordings without labels, before it is fine-tuned."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.file_io import read_json, remove
from audio_ft.tasks.base import Checkpoint
from audio_ft.training.run_folder import PRETRAINING, last_checkpoint
from audio_ft.training.unlabeled.pretrain import RECORD, begin, fit
from audio_ft.training.unlabeled.source import Continued

if TYPE_CHECKING:
    from audio_ft.training.setup import Prepared
    from audio_ft.training.unlabeled.source import Unlabeled

# One pretraining serves all seeds of a recipe, so it has a seed of its own.
SEED, UNITS = 0, 100
SMOKE_STEPS = 4
# What the pretraining takes from the settings of the fine-tuning: where and how numbers are computed.
MACHINE = ("use_cpu", "bf16", "fp16")


def pretrained(
    prepared: Prepared, folder: Path, log: Callable[[str], None], on_line: Callable[[], None], *, smoke: bool
) -> Prepared:
    """Return a training whose checkpoint has learned from recordings without labels, in the folder of its run first.

    A stopped pretraining goes on, and a finished one is taken as it is, by other seeds too. `smoke` takes a few steps.

    Raises:
        InputError: see `pretrain`.
        AudioFTError: see `pretrain`.
    """
    recipe, found = prepared.recipe, prepared.unlabeled
    if recipe.pretrain is None or found is None:
        return prepared
    place = prepared.place(folder) / PRETRAINING
    training = {name: value for name, value in prepared.resolved.arguments().items() if name in MACHINE}
    settings = {"model": recipe.model, "epochs": recipe.pretrain_epochs,
                "learning_rate": recipe.pretrain_learning_rate, "units": UNITS, "seed": SEED,
                "training": training | ({"max_steps": SMOKE_STEPS} if smoke else {}),
                "recordings": found.digest}  # fmt: skip
    known = read_json(place / RECORD) if (place / RECORD).is_file() else {}
    if "result" not in known:
        place.mkdir(exist_ok=True)
        begin(place, settings)
        checkpoint = Checkpoint(prepared.adapter, recipe.model, recipe.revision)
        try:
            fit(checkpoint, found.cleaned, settings, place, log, on_line)
        except BaseException:
            if last_checkpoint(place) is None:
                remove(place)
            raise
    result = read_json(place / RECORD)["result"]
    log(f"pretrained  {result['steps']:,} steps, loss {result['before']:.3f} before and {result['after']:.3f} after")
    return dataclasses.replace(prepared, pretrained=Continued(place, _facts(settings, result, found)))


def _facts(settings: Mapping[str, Any], result: Mapping[str, Any], found: Unlabeled) -> dict[str, Any]:
    """Return what a run records of a pretraining."""
    kept = {name: settings[name] for name in ("epochs", "learning_rate")}
    counts = {"recordings": found.cleaned.clips, "unreadable": len(found.cleaned.errors), "copies": found.copies}
    return {**kept, **counts, **{name: result[name] for name in ("steps", "seconds", "before", "after", "new")}}
