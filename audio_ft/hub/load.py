"""Load a saved model from a run's folder, a model folder or a Hub repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cleaning.chain import Chain
from audio_ft.errors import InputError
from audio_ft.hub.download import pull
from audio_ft.inference.predictor import Model
from audio_ft.models import load_adapter, load_config
from audio_ft.models.load import quiet_transformers
from audio_ft.recipe import Recipe
from audio_ft.run import CHAIN_FILE, MODEL_FOLDER, RECIPE_FILE
from audio_ft.system import pick_device
from audio_ft.tasks import task_class

if TYPE_CHECKING:
    from audio_ft.tasks.ctc_beam import Beam


def load(
    path_or_repo: str | os.PathLike[str],
    *,
    revision: str | None = None,
    device: str | None = None,
    beam: Beam | None = None,
) -> Model:
    """Load a model with the chain it was trained on: a run's folder, its model folder, or a Hub repository.

    Args:
        path_or_repo: a folder, user/name or user/name@revision.
        revision: a branch, tag or commit of a repository.
        device: "cpu", "cuda" or another name that torch knows; None takes the accelerator if there is one.
        beam: settings of a CTC beam search with a language model.

    Raises:
        InputError: there is no such folder or repository, it has no model, this machine has no such device, or the
            model cannot use a beam.
        AudioFTError: the Hub cannot be reached and the cache has no complete copy.
    """
    folder = _model_folder(path_or_repo, revision)
    if not (folder / CHAIN_FILE).is_file():
        raise InputError(
            f"{path_or_repo} has no {CHAIN_FILE}, so how its training audio was cleaned is unknown; "
            "audio_ft loads only models that audio_ft saved."
        )
    recipe = Recipe.load(folder / RECIPE_FILE)
    adapter = load_adapter(str(folder))
    task = task_class(recipe.task).restore(load_config(str(folder)), folder, recipe.text)
    task = task if beam is None else task.with_language_model(beam)
    adapter = task.inference_adapter(adapter.with_window(recipe.window or adapter.longest_window))
    chosen = pick_device(device)
    with quiet_transformers():
        network: Any = task.load(adapter, folder)
        network.to(chosen).eval()
    return Model(folder, network, adapter, task, Chain.load(folder / CHAIN_FILE))


def _model_folder(path_or_repo: str | os.PathLike[str], revision: str | None) -> Path:
    """Return the local folder of a saved model, downloaded from the Hub if it is a repository's id."""
    folder = Path(path_or_repo).expanduser()
    for found in (folder / MODEL_FOLDER, folder):
        if (found / "config.json").is_file():
            return found
    if folder.is_dir():
        raise InputError(f"{path_or_repo} has no model; give the --output-dir of a finished training.")
    return pull(str(path_or_repo), revision)
