"""Write a fitted network as an ordinary transformers repository, with its chain and recipe beside it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.run import CHAIN_FILE, RECIPE_FILE, write_json

if TYPE_CHECKING:
    from audio_ft.training.fitting import Fitted
    from audio_ft.training.preparation import Prepared


def save_model(prepared: Prepared, fitted: Fitted, folder: Path) -> None:
    """Write weights, configuration, feature extractor, chain.json and recipe.json into a folder that appears whole.

    The recipe is written with the window that was settled, so that long recordings are cut the same way at prediction.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    # The checkpoint's own masking comes back: ours was fitted to the training clips and is no business of the next
    # user's.
    for name in prepared.head.mask:
        setattr(fitted.model.config, name, getattr(prepared.family.config, name))
    fitted.model.save_pretrained(partial)
    prepared.task.save(prepared.task.hearing(prepared.family), partial)
    prepared.recipe.steps.save(partial / CHAIN_FILE)
    write_json(partial / RECIPE_FILE, prepared.recipe.to_dict())
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
