"""What a pushed repository holds: a run's files, without what is the business of its maker's machine alone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from audio_ft.errors import InputError
from audio_ft.redaction import (
    as_json,
    cleaned,
    cleaned_text,
    local_places,
    published,
    published_recipe,
    recording_name,
    shown,
)
from audio_ft.run import ADAPTER_FOLDER, CHAIN_FILE, PREDICTIONS_FILE, RECIPE_FILE, RUN_FILE

if TYPE_CHECKING:
    from audio_ft.run import Run

CARD_FILE = "README.md"
RESULTS_FOLDER = ".eval_results"
# Where transformers notes the folder that something was loaded from.
CONFIGURATIONS = (
    "config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json", "adapter_config.json",
)  # fmt: skip
LOADED_FROM = ("_name_or_path", "name_or_path", "base_model_name_or_path")
# A row's other columns, as the data had them: ages, addresses, whatever somebody once wrote down.
PRIVATE_COLUMNS = ("meta",)


@dataclass(frozen=True)
class Item:
    """Name a file of the repository and hold its bytes, or say where they lie."""

    path: str
    content: bytes | Path

    @property
    def size(self) -> int:
        """Return the file's size in bytes."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)


def pack(run: Run, repository: str, *, predictions: bool = False) -> tuple[Item, ...]:
    """Return the files of a run's repository: model, chain, recipe, run, card, scores, and predictions if wanted.

    Raises:
        InputError: the model folder is not whole, or the recipe lacks what the card needs.
    """
    from audio_ft.reporting.card import eval_results

    files, told = model_files(run), published(run)
    items = [Item(path, _model_file(path, file, run)) for path, file in files.items()]
    items.append(Item(RUN_FILE, as_json(told.to_dict())))
    items.append(Item(CARD_FILE, card(run, repository).encode()))
    items += [Item(f"{RESULTS_FOLDER}/{name}", text.encode()) for name, text in eval_results(told).items()]
    if predictions:
        items.append(Item(PREDICTIONS_FILE, _predictions(run)))
    return tuple(sorted(items, key=lambda item: item.path))


def card(run: Run, repository: str | None = None) -> str:
    """Return a run's model card as strangers may read it; see `model_card`.

    Raises:
        InputError: the recipe lacks what the card needs.
    """
    from audio_ft.reporting.card import model_card

    return str(cleaned(model_card(published(run), repository), local_places(run.recipe, run.folder)))


def model_files(run: Run) -> dict[str, Path]:
    """Return what lies in the model folder and a kept adapter, by its place in the repository.

    Raises:
        InputError: no weights, no configuration, or no chain.
    """
    folder = run.model_folder
    found = dict(_files(folder))
    missing = [name for name in ("config.json", CHAIN_FILE, RECIPE_FILE) if name not in found]
    if not any(path.endswith(".safetensors") for path in found):
        missing.append("*.safetensors")
    if missing:
        raise InputError(f"{folder} lacks {', '.join(missing)}, so it is no whole model; train again to push it.")
    adapter = run.folder / ADAPTER_FOLDER
    return found | {f"{ADAPTER_FOLDER}/{path}": file for path, file in _files(adapter)}


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder with their places in it, save hidden ones, which are half-written or nobody's."""
    for file in sorted(folder.rglob("*")):
        place = file.relative_to(folder)
        if file.is_file() and not any(part.startswith(".") for part in place.parts):
            yield place.as_posix(), file


def _model_file(path: str, file: Path, run: Run) -> bytes | Path:
    """Return a file of the model folder, rewritten where it would name a place on this machine."""
    if PurePosixPath(path).name not in (RECIPE_FILE, *CONFIGURATIONS):
        return file
    if path == RECIPE_FILE:
        # Not the file: words for the card may have been told after the training.
        return as_json(published_recipe(run.recipe.to_dict(), local_places(run.recipe, run.folder)))
    plain = json.loads(file.read_text(encoding="utf-8"))
    clean = plain | {name: shown(plain[name]) for name in LOADED_FROM if isinstance(plain.get(name), str)}
    return file if clean == plain else as_json(clean)


def _predictions(run: Run) -> bytes:
    """Return the table of predictions without folders of this machine and without private columns.

    Raises:
        InputError: the run has no such table.
    """
    import pandas

    file, places = run.folder / PREDICTIONS_FILE, local_places(run.recipe, run.folder)
    if not file.is_file():
        raise InputError(f"There is no {file}; push without --predictions, or train again.")
    table = pandas.read_parquet(file)
    table = table.drop(columns=[name for name in PRIVATE_COLUMNS if name in table])
    table["file"] = [cleaned_text(recording_name(key, run.recipe.data.path), places) for key in table["file"]]
    written = io.BytesIO()
    table.to_parquet(written, index=False)
    return written.getvalue()
