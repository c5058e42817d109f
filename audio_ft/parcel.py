"""What a pushed repository holds: a run's files, without what is the business of its maker's machine alone."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from audio_ft.card.facts import facts
from audio_ft.card.names import shown
from audio_ft.errors import InputError
from audio_ft.recipe import Recipe
from audio_ft.run import CHAIN_FILE, PREDICTIONS_FILE, RECIPE_FILE, RUN_FILE
from audio_ft.training.workplace import ADAPTER_FOLDER

if TYPE_CHECKING:
    from audio_ft.run import Run

CARD_FILE = "README.md"
RESULTS_FOLDER = ".eval_results"
# Where transformers notes the folder that something was loaded from.
CONFIGURATIONS = (
    "config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json", "adapter_config.json",
)  # fmt: skip
LOADED_FROM = ("_name_or_path", "name_or_path", "base_model_name_or_path")
# Of a split, recordings with the reason why they were left out.
SET_ASIDE = ("unreadable", "set_aside")
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
    from audio_ft.card import eval_results

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
    from audio_ft.card import model_card

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


def published(run: Run) -> Run:
    """Return the run as strangers may read it: places on this machine by their last part, no tokens."""
    places = local_places(run.recipe, run.folder)
    kept = ("folder", "recipe", "labels", "scores", "baselines", "splits")
    told = {item.name: cleaned(getattr(run, item.name), places) for item in dataclasses.fields(run)}
    recipe = Recipe.from_dict(published_recipe(run.recipe.to_dict(), places))
    home = run.recipe.data.path
    splits = {split: _without_folders(counts, places, home) for split, counts in run.splits.items()}
    told = {name: value for name, value in told.items() if name not in kept}
    told["data"] |= {"path": recipe.data.path, "warnings": cleaned(facts(run).warnings, places)}
    return dataclasses.replace(run, recipe=recipe, splits=splits, **told)


def published_recipe(plain: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    """Return a recipe's settings with local places by their last part, and without tokens."""
    told = cleaned(dict(plain), places)
    told["model"] = shown(plain["model"])
    for name in ("data", "also"):
        if told.get(name):
            told[name]["path"] = shown(plain[name]["path"])
    told["training"] = {name: _last(value) for name, value in told["training"].items() if "token" not in name}
    for listed in ("chain", "augment"):
        told[listed] = told[listed] and [{name: _last(value) for name, value in one.items()} for one in told[listed]]
    return dict(told)


def local_places(recipe: Recipe, folder: Path) -> dict[str, str]:
    """Return {path on this machine: what is shown instead of it}, longest first, for a recipe and its run's folder."""
    named: list[str | Path] = [recipe.model, recipe.data.path, folder, Path.cwd()]
    named += [value for value in _strings(recipe.to_dict()) if os.path.isabs(value)]
    found = {form: os.path.basename(form) for place in named for form in _forms(place)}
    found |= dict.fromkeys(_forms(Path.home()), "~")
    return {form: found[form] for form in sorted(found, key=len, reverse=True)}


def cleaned(value: Any, places: Mapping[str, str]) -> Any:
    """Return JSON-like data in which no text names a place on this machine; keys and numbers stay."""
    if isinstance(value, str):
        return _cleaned_text(value, places)
    if isinstance(value, Mapping):
        return {name: cleaned(inner, places) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(cleaned(inner, places) for inner in value)
    return value


def as_json(content: Any) -> bytes:
    """Return data as the JSON text that a run's own files hold."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _cleaned_text(text: str, places: Mapping[str, str]) -> str:
    for place, instead in places.items():
        if place in text:
            # Not in the middle of a longer name, nor of an address on the web; a full stop after it ends the sentence.
            text = re.sub(rf"(?<![\w.:/~-]){re.escape(place)}(?![\w-]|\.\w)", instead.replace("\\", r"\\"), text)
    return re.sub(r"~(?:/[^/\s\"',;)]+)+", lambda found: PurePosixPath(found[0]).name, text)


def _forms(place: str | Path) -> Iterator[str]:
    """Yield the absolute ways to write a place, save the root of all, which is everybody's."""
    path = Path(place).expanduser()
    if path.exists() or path.is_absolute():
        for form in (str(place), str(path), os.path.abspath(path), str(path.resolve())):
            if os.path.isabs(form) and os.path.dirname(form) != form:
                yield form.rstrip("/")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | Sequence):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(inner)


def _last(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and os.path.isabs(os.path.expanduser(value)) else value


def _without_folders(counts: Mapping[str, Any], places: Mapping[str, str], home: str) -> dict[str, Any]:
    """Return a split's counts with recordings named as in the data; those that lay elsewhere by their last part."""
    # Named first: with its beginning cut, a path from elsewhere would look like one in the data.
    named = {kind: [[_name(key, home), why] for key, why in counts[kind]] for kind in SET_ASIDE if kind in counts}
    return dict(cleaned({**counts, **named}, places))


def _name(key: str, home: str) -> str:
    """Return a recording's name in the data, which lies in `home`; one outside of it by its last part."""
    outside = (os.path.isabs(key) or key.startswith("../")) and not key.startswith(f"{home.rstrip('/')}/")
    return PurePosixPath(key).name if outside else key


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
    table["file"] = [_cleaned_text(_name(key, run.recipe.data.path), places) for key in table["file"]]
    written = io.BytesIO()
    table.to_parquet(written, index=False)
    return written.getvalue()
