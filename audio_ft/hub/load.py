"""Load a saved model, or a plain transformers checkpoint, from a run's folder, a model folder or the Hub."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.steps import Mono, Resample
from audio_ft.data import Data
from audio_ft.errors import InputError
from audio_ft.evaluation.detector_folder import is_detector
from audio_ft.hub.download import pull
from audio_ft.inference.converted import BACKENDS, EXPORT_FILE, with_ctranslate2
from audio_ft.inference.embeddings import Encoder
from audio_ft.inference.predictor import Model
from audio_ft.models import load_adapter, load_config
from audio_ft.models.base import Adapter
from audio_ft.models.checkpoint import ADAPTER_CONFIG
from audio_ft.models.load import quiet_transformers
from audio_ft.recipe import Recipe
from audio_ft.run import CHAIN_FILE, MODEL_FOLDER, RECIPE_FILE, RUN_FILE, Run
from audio_ft.system.machine import pick_device
from audio_ft.system.machine import precision as precision_of
from audio_ft.targets.transcripts import Text
from audio_ft.tasks import CTC, task_class, task_of
from audio_ft.tasks.base import Task
from audio_ft.tasks.ctc_beam import Beam
from audio_ft.tasks.mms import adapter_file, adapter_language

logger = logging.getLogger(__name__)

PRECISIONS = ("float32", "bf16", "auto")


def load(
    path_or_repo: str | os.PathLike[str],
    *,
    revision: str | None = None,
    device: str | None = None,
    beam: Beam | None = None,
    language: str | None = None,
    backend: str = "transformers",
    precision: str = "float32",
) -> Model:
    """Load a model with the chain it was trained on: a run's folder, its model folder, or a Hub repository.

    A classifier or transcriber that audio_ft did not save has no chain: its recordings are resampled and mixed to one
    channel, as its feature extractor expects them, and a warning says so.

    Args:
        path_or_repo: a folder, user/name or user/name@revision.
        revision: a branch, tag or commit of a repository.
        device: "cpu", "cuda" or another name that torch knows; None takes the accelerator if there is one.
        beam: settings of a CTC beam search with a language model.
        language: what is spoken ("fr", "french"); None takes the model's own, or what a multilingual Whisper hears.
        backend: what computes the network: "transformers", or for a Whisper that transcribes "ctranslate2", converted
            once into the cache ("ctranslate2:float32": not in int8); "onnx:int8" is that file of an exported folder.
        precision: of the encoder: "float32", "bf16", or "auto", which is bf16 for a model with one answer a recording
            where the hardware multiplies bf16: 0.51 to 0.65 of the time. Probabilities of 200 one-second digits
            moved by .036 at most, and no answer changed (benchmarks/short_clips.py).

    Raises:
        InputError: there is no such folder or repository, it has no model, this machine has no such device, or the
            model cannot use a beam, the backend or the precision.
        AudioFTError: the Hub cannot be reached and the cache has no complete copy.
    """
    logger.debug("loading %s", path_or_repo)
    folder = model_folder(path_or_repo, revision)
    tuned = (folder / CHAIN_FILE).is_file()
    recipe, chain = _saved(folder) if tuned else _plain(folder, str(path_or_repo), revision, language)
    text = recipe.text if language is None else recipe.text.replace(language=language)
    adapter = load_adapter(str(folder))
    task = task_class(recipe.task).restore(load_config(str(folder)), folder, text)
    task = task if beam is None else task.with_language_model(beam)
    adapter = task.inference_adapter(adapter.with_window(recipe.window or adapter.longest_window))
    name, _, kind = backend.partition(":")
    if name == "onnx" or (folder / EXPORT_FILE).is_file():
        return _exported(Model(folder, None, adapter, task, chain, tuned), kind or "float32")
    chosen = pick_device(device)
    precision = _precision(precision, backend, adapter, task, chosen)

    def network() -> Any:
        with quiet_transformers():
            loaded: Any = task.load(adapter, folder)
        loaded.to(chosen).eval()
        if precision == "bf16":
            adapter.encode_in_bf16(loaded)
        return loaded

    model = Model(folder, None, adapter, task, chain, tuned, precision)
    if name == "ctranslate2":
        return with_ctranslate2(model, network, kind or None, chosen)
    return replace(model, network=network())


def _exported(model: Model, kind: str) -> Model:
    """Return an exported model with its network of a `kind` (float32, int8, int8-static), which onnxruntime computes.

    Raises:
        InputError: its folder holds no export, or none of this kind.
    """
    from audio_ft.inference.exported import with_exported

    if not (model.folder / EXPORT_FILE).is_file():
        raise InputError(f"{model.folder} is not an exported model: run `audio-ft export` first.")
    network, adapter, task = with_exported(model.folder, model.adapter, model.task, kind)
    return replace(model, network=network, adapter=adapter, task=task)


def _precision(wanted: str, backend: str, adapter: Adapter, task: Task, device: str) -> str:
    """Return the precision of the encoder, "float32" or "bf16".

    Raises:
        InputError: the backend or the precision is not known, or they do not go together.
    """
    name = backend.partition(":")[0]
    if name not in BACKENDS:
        raise InputError(f"backend={backend!r} is not known; use one of {', '.join(BACKENDS)}.")
    if wanted not in PRECISIONS:
        raise InputError(f"precision={wanted!r} is not known; use one of {', '.join(PRECISIONS)}.")
    if wanted == "bf16" and name != "transformers":
        raise InputError(f"precision='bf16' is for transformers; for {name} say backend='{name}:bfloat16'.")
    if wanted == "bf16" and adapter.fitted_at_once:
        raise InputError(f"precision='bf16' is for networks, and {adapter.name} is not one; leave it out.")
    if wanted != "auto":
        return wanted
    # In a transcript or in the times of events, rounding shows as another word or frame.
    if adapter.fitted_at_once or task.long_recordings != "pooled" or precision_of(device=device) != "bf16":
        return "float32"
    logger.info("computing in bf16, which is fast on this machine; precision=float32 computes as training scored")
    return "bf16"


def load_frozen(
    path_or_repo: str, *, own_weights: bool = True, chain: Chain | None = None, device: str | None = None
) -> Encoder:
    """Load the encoder of a run, a saved model or any checkpoint, as fixed features.

    Without `own_weights`, a run or a model that audio_ft saved gives the checkpoint that its training started from,
    with its cleaning: what was trained on labels has learned the wrong ones, too. `chain` is the cleaning of a
    checkpoint that audio_ft did not save, None for the default one.

    Raises:
        InputError: there is no such folder or checkpoint, or it cannot be loaded.
    """
    folder = model_folder(path_or_repo)
    if not (folder / RECIPE_FILE).is_file():
        return Encoder.load(path_or_repo, chain=chain, device=device)
    if own_weights:
        return Encoder.of(load(path_or_repo, device=device), path_or_repo)
    recipe = Recipe.load(folder / RECIPE_FILE)
    return Encoder.load(recipe.model, recipe.revision, chain=Chain.load(folder / CHAIN_FILE), device=device)


def _saved(folder: Path) -> tuple[Recipe, Chain]:
    """Return recipe and chain of a model that audio_ft saved."""
    return Recipe.load(folder / RECIPE_FILE), Chain.load(folder / CHAIN_FILE)


def _plain(folder: Path, name: str, revision: str | None, language: str | None) -> tuple[Recipe, Chain]:
    """Return how a checkpoint of transformers is used, which says nothing of cleaning.

    Raises:
        InputError: audio_ft saved it, and the chain was lost; or it has no head that predicts.
    """
    if (folder / RECIPE_FILE).is_file():
        raise InputError(
            f"{name} has a {RECIPE_FILE} and no {CHAIN_FILE}, so how its training audio was cleaned is unknown; copy "
            "the whole folder, or train again."
        )
    adapter = load_adapter(str(folder))
    task = task_of(adapter.config, name)
    spoken = adapter_language(folder, None, Text(language=language)) if task is CTC else None
    if spoken and not Path(name).expanduser().is_dir():
        repository, _, at = name.partition("@")
        adapter_file(repository, revision or at or None, spoken)
    logger.warning(
        "warning: %s has no %s, so nothing is known of its cleaning: recordings are resampled to %s Hz and mixed to "
        "one channel (task %s).",
        name, CHAIN_FILE, f"{adapter.sample_rate:,}", task.name,
    )  # fmt: skip
    chain = Chain((Resample(adapter.sample_rate), Mono()))
    return Recipe(model=name, data=Data(path="none"), task=task.name, text=Text(), chain=chain), chain


def model_folder(path_or_repo: str | os.PathLike[str], revision: str | None = None) -> Path:
    """Return the local folder of a saved model, downloaded from the Hub if it is a repository's id."""
    folder = Path(path_or_repo).expanduser()
    for found in (folder / MODEL_FOLDER, folder):
        if any((found / name).is_file() for name in ("config.json", ADAPTER_CONFIG)):
            return found
    if folder.is_dir():
        if (folder / RUN_FILE).is_file():
            Run.load(folder).require_model()
        if is_detector(folder):
            raise InputError(f"{path_or_repo} is a detector of anomalies; use it with `audio-ft predict {path_or_repo} "
                             f"FILES` or `audio-ft anomaly {path_or_repo} --data DATA`.")  # fmt: skip
        raise InputError(f"{path_or_repo} has no model; give the --output-dir of a finished training.")
    return pull(str(path_or_repo), revision)
