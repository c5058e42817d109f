"""The files of a pushed repository: a run's files with local paths, tokens and private columns removed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.errors import InputError
from audio_ft.file_io import as_json, read_json
from audio_ft.models.scratch import ESTIMATOR_FILE
from audio_ft.redaction import (
    display_name,
    hub_id,
    local_paths,
    recording_name,
    redact,
    redact_recipe,
    redact_run,
    redact_text,
)
from audio_ft.run import ADAPTER_FOLDER, CHAIN_FILE, PREDICTIONS_FILE, RECIPE_FILE, RUN_FILE, Run

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

CARD_FILE = "README.md"
RESULTS_FOLDER = ".eval_results"
SAMPLES_FOLDER = "sample_audio"
# The files and fields in which transformers records the folder that something was loaded from.
CONFIG_FILES = (
    "config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json", "adapter_config.json",
)  # fmt: skip
PATH_FIELDS = ("_name_or_path", "name_or_path", "base_model_name_or_path")
# `meta` holds a row's other columns as they were in the data; these may describe people.
PRIVATE_COLUMNS = ["meta"]


def repository_files(
    run: Run, repository: str, *, predictions: bool = False, samples: Sequence[tuple[str, Path]] = ()
) -> list[CommitOperationAdd]:
    """Return the files of a run's repository: model, chain, recipe, run.json, card, scores, and what is asked for.

    Raises:
        InputError: the model folder lacks a file, or the recipe lacks a field that the card needs.
    """
    from huggingface_hub import CommitOperationAdd

    from audio_ft.reporting.card import eval_results

    redacted = redact_run(run)
    contents = model_files(run)
    contents |= {RUN_FILE: as_json(redacted.to_dict()), CARD_FILE: card(run, repository, samples).encode()}
    contents |= {f"{RESULTS_FOLDER}/{name}": text.encode() for name, text in eval_results(redacted).items()}
    contents |= {f"{SAMPLES_FOLDER}/{file.name}": file for _, file in samples}
    if predictions:
        contents[PREDICTIONS_FILE] = _predictions(run)
    return [CommitOperationAdd(path, content) for path, content in sorted(contents.items())]


def card(run: Run | str | Path, repository: str | None = None, samples: Sequence[tuple[str, Path]] = ()) -> str:
    """Return the model card of a run, or of its folder, in Markdown as it is published: without local paths.

    `repository` is the id on the Hub that the card is for; None is for the run's folder. `samples` are recordings that
    its page offers to try, each with its title.

    Raises:
        InputError: the recipe lacks a field that the card needs: intended_use, limits or consent.
    """
    from huggingface_hub import hf_hub_url

    from audio_ft.reporting.card import model_card

    run = Run.of(run)
    widget = [
        {"example_title": title, "src": hf_hub_url(str(repository), f"{SAMPLES_FOLDER}/{file.name}")}
        for title, file in samples
    ]
    return str(redact(model_card(redact_run(run), repository, widget), local_paths(run.recipe, run.folder)))


def model_files(run: Run) -> dict[str, Path | bytes]:
    """Return the files of a run's model as they are published, by path: as they are, or without local paths.

    Raises:
        InputError: the model folder lacks a file.
    """
    return {path: _redacted(path, file, run) for path, file in _model_files(run).items()}


def _model_files(run: Run) -> dict[str, Path]:
    """Return the files of the model folder and of a kept LoRA adapter, by path in the repository."""
    folder = run.model_folder
    found = _files(folder)
    missing = [name for name in ("config.json", CHAIN_FILE, RECIPE_FILE) if name not in found]
    if ESTIMATOR_FILE not in found and not any(path.endswith(".safetensors") for path in found):
        missing.append("*.safetensors")
    if missing:
        raise InputError(f"{folder} lacks {', '.join(missing)}, so the model is not complete; train again to push it.")
    adapter = _files(run.folder / ADAPTER_FOLDER)
    return found | {f"{ADAPTER_FOLDER}/{path}": file for path, file in adapter.items()}


def _files(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by relative path, without hidden ones: temporary or those of other programs."""
    paths = {file.relative_to(folder): file for file in folder.rglob("*") if file.is_file()}
    return {
        path.as_posix(): file for path, file in paths.items() if not any(part.startswith(".") for part in path.parts)
    }


def _redacted(path: str, file: Path, run: Run) -> bytes | Path:
    """Return a file of the model folder, rewritten where it would hold a path of this machine."""
    if path == RECIPE_FILE:
        # From the run and not from the file: push --set may have filled in fields for the card.
        return as_json(redact_recipe(run.recipe.to_dict(), local_paths(run.recipe, run.folder)))
    if file.name not in CONFIG_FILES:
        return file
    plain = read_json(file)
    public = display_name(run.recipe.model)  # of an anonymized run, not even the last part of a path
    redacted = plain | {
        name: hub_id(plain[name]) or public for name in PATH_FIELDS if isinstance(plain.get(name), str) and plain[name]
    }
    return file if redacted == plain else as_json(redacted)


def _predictions(run: Run) -> bytes:
    """Return predictions.parquet without folders of this machine and without private columns."""
    import pandas

    file, paths = run.folder / PREDICTIONS_FILE, local_paths(run.recipe, run.folder)
    if not file.is_file():
        raise InputError(f"There is no {file}; push without --predictions, or train again.")
    table = pandas.read_parquet(file).drop(columns=PRIVATE_COLUMNS, errors="ignore")
    table["file"] = [redact_text(recording_name(key, run.recipe.data.path), paths) for key in table["file"]]
    return table.to_parquet(index=False)
