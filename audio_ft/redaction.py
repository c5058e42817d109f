"""What leaves this machine: paths, names of folders and secrets are taken out of whatever is published."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from audio_ft.recipe import Recipe

if TYPE_CHECKING:
    from audio_ft.run import Run


_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)


def hub_id(place: str) -> str | None:
    """Return a checkpoint's or data set's id on the Hub, or None for a place on somebody's machine."""
    if not _HUB_ID.fullmatch(place) or Path(place).exists():
        return None
    return place


def as_place(name: str) -> str:
    """Return what names a folder here, so that it is taken for one from anywhere: data/words may be an id as well."""
    return f"./{name}" if _HUB_ID.fullmatch(name) and Path(name).exists() else name


def shown(place: str) -> str:
    """Return a place as a card shows it: the folders above are nobody's business."""
    return place if hub_id(place) else place.replace("\\", "/").rstrip("/").rpartition("/")[2]


# Of a split, recordings with the reason why they were left out.
EXCLUDED = ("unreadable", "excluded")


def published(run: Run) -> Run:
    """Return the run as strangers may read it: places on this machine by their last part, no tokens."""
    places = local_places(run.recipe, run.folder)
    kept = ("folder", "recipe", "labels", "scores", "baselines", "splits")
    told = {item.name: cleaned(getattr(run, item.name), places) for item in dataclasses.fields(run)}
    recipe = Recipe.from_dict(published_recipe(run.recipe.to_dict(), places))
    home = run.recipe.data.path
    splits = {split: _without_folders(counts, places, home) for split, counts in run.splits.items()}
    told = {name: value for name, value in told.items() if name not in kept}
    told["data"] |= {"path": recipe.data.path, "warnings": cleaned(without_names(run.data), places)}
    return dataclasses.replace(run, recipe=recipe, splits=splits, **told)


def without_names(data: Mapping[str, Any]) -> list[str]:
    """Return the warnings about a run's data without the names of speakers and recordings, or what was said."""
    # Up to the last parenthesis: names may hold some of their own.
    return [
        re.sub(r" \(.*\)" if names_groups(warning, data) else r" \(first: .*\)", "", warning, flags=re.DOTALL)
        for warning in data["warnings"]
    ]


def names_groups(warning: str, data: Mapping[str, Any], where: str = "") -> bool:
    """Return whether a warning names groups that are in two splits."""
    return bool(re.search(rf"{re.escape(str(data.get('group')))} values? in {where}", warning))


def published_recipe(plain: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    """Return a recipe's settings with local places by their last part, and without tokens."""
    told = cleaned(dict(plain), places)
    told["model"] = shown(plain["model"])
    for name in ("data", "extra_eval"):
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
        return cleaned_text(value, places)
    if isinstance(value, Mapping):
        return {name: cleaned(inner, places) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(cleaned(inner, places) for inner in value)
    return value


def as_json(content: Any) -> bytes:
    """Return data as the JSON text that a run's own files hold."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def cleaned_text(text: str, places: Mapping[str, str]) -> str:
    """Return a text that names no place on this machine."""
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
    named = {
        kind: [[recording_name(key, home), why] for key, why in counts[kind]] for kind in EXCLUDED if kind in counts
    }
    return dict(cleaned({**counts, **named}, places))


def recording_name(key: str, home: str) -> str:
    """Return a recording's name in the data, which lies in `home`; one outside of it by its last part."""
    outside = (os.path.isabs(key) or key.startswith("../")) and not key.startswith(f"{home.rstrip('/')}/")
    return PurePosixPath(key).name if outside else key
