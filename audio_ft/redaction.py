"""Remove local paths, names of people and tokens from whatever is published."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from audio_ft.data.parts.same_recording import hidden_key
from audio_ft.data.spec import JOINT
from audio_ft.recipe import Recipe
from audio_ft.run import Run
from audio_ft.settings.secrets import hide

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)


def hub_id(name: str) -> str | None:
    """Return a checkpoint's or data set's id on the Hub, or None for a local path."""
    if not _HUB_ID.fullmatch(name) or Path(name).exists():
        return None
    return name


def as_path(name: str) -> str:
    """Return ./data/words for a local folder data/words, which elsewhere could be taken for a Hub id."""
    return f"./{name}" if _HUB_ID.fullmatch(name) and Path(name).exists() else name


def display_name(name: str) -> str:
    """Return a Hub id as it is, and of a local path the last part only; of several sources all of them, joined."""
    if JOINT in name:
        return JOINT.join(map(display_name, name.split(JOINT)))
    return name if hub_id(name) else name.replace("\\", "/").rstrip("/").rpartition("/")[2]


# Keys of a split's counts that list recordings, each with the reason why it was left out.
EXCLUDED = ("unreadable", "excluded")


def redact_run(run: Run) -> Run:
    """Return the run as it may be published: local paths cut to their last part, no tokens, no names of speakers."""
    paths = local_paths(run.recipe, run.folder)
    unchanged = ("folder", "recipe", "labels", "scores", "baselines", "splits")
    names = [item.name for item in dataclasses.fields(run) if item.name not in unchanged]
    redacted = {name: redact(getattr(run, name), paths) for name in names}
    recipe = Recipe.from_dict(redact_recipe(run.recipe.to_dict(), paths))
    folder = run.recipe.data.path
    splits = {split: _without_folders(counts, paths, folder) for split, counts in run.splits.items()}
    redacted["data"] |= {"path": recipe.data.path, "warnings": redact(without_names(run.data), paths)}
    redacted["leaks"] = _without_names_of_pairs(run.leaks)
    # Folds may be called like the speakers in them.
    redacted["folds"] = {str(number): {**fold, "folder": f"fold-{number}"}
                         for number, fold in enumerate(run.folds.values(), start=1)}  # fmt: skip
    return dataclasses.replace(run, recipe=recipe, splits=splits, **redacted)


def without_names(data: Mapping[str, Any]) -> list[str]:
    """Return the warnings about a run's data without names of speakers and recordings and without transcripts."""
    # Greedy, up to the last parenthesis: names may contain parentheses.
    return [
        re.sub(r" \(.*\)" if names_groups(warning, data) else r" \(first: .*\)", "", warning, flags=re.DOTALL)
        for warning in data["warnings"]
    ]


def names_groups(warning: str, data: Mapping[str, Any], where: str = "") -> bool:
    """Return whether a warning names groups that are in two splits."""
    return bool(re.search(rf"{re.escape(str(data.get('group')))} values? in {where}", warning))


def _without_names_of_pairs(leaks: Mapping[str, Any]) -> dict[str, Any]:
    """Return a leak certificate with digests for the names of recordings and groups."""
    names = {"key", "other_key", "name", "other_name"}

    def hidden(pair: Mapping[str, str]) -> dict[str, str]:
        return {part: hidden_key(value) if part in names else value for part, value in pair.items()}

    return {**leaks, **{kind: list(map(hidden, leaks[kind])) for kind in ("pairs", "alike") if kind in leaks}}


def redact_recipe(plain: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    """Return a recipe's settings with local paths cut to their last part; a recipe refuses tokens."""
    redacted = redact(dict(plain), paths)
    for name in ("model", "teacher", "pretrain"):
        if plain.get(name):
            redacted[name] = display_name(plain[name])
    for name in ("data", "extra_eval"):
        if redacted.get(name):
            redacted[name] = _redacted_data(redacted[name], plain[name])
    redacted["training"] = {name: _last(value) for name, value in redacted["training"].items()}
    for name in ("chain", "augment"):
        if redacted[name]:
            redacted[name] = [{key: _last(value) for key, value in item.items()} for item in redacted[name]]
    return dict(redacted)


def _redacted_data(redacted: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of data with the last part of its paths, and digests for the names of copies."""
    named: dict[str, Any] = {"path": display_name(plain["path"])}
    if together := plain.get("together"):
        named["together"] = [[hidden_key(key) for key in keys] for keys in together]
    if sources := plain.get("sources"):
        named["sources"] = list(map(_redacted_data, redacted["sources"], sources))
    return {**redacted, **named}


def local_paths(recipe: Recipe, folder: Path) -> dict[str, str]:
    """Return {path on this machine: its replacement}, longest first, for a recipe and its run's folder."""
    named: list[str | Path] = [recipe.model, *(one.path for one in recipe.data.each), folder, Path.cwd()]
    named += [value for value in _strings(recipe.to_dict()) if os.path.isabs(value)]
    found = {form: os.path.basename(form) for path in named for form in _absolute_forms(path)}
    found |= dict.fromkeys(_absolute_forms(Path.home()), "~")
    return {form: found[form] for form in sorted(found, key=len, reverse=True)}


def redact(value: Any, paths: Mapping[str, str]) -> Any:
    """Return JSON-like data with local paths replaced in all text values; keys and numbers stay.

    Example:
        >>> redact({"log": ["read /home/ana/calls/a.wav"]}, {"/home/ana/calls": "calls"})
        {'log': ['read calls/a.wav']}
    """
    if isinstance(value, str):
        return redact_text(value, paths)
    if isinstance(value, Mapping):
        return {name: redact(inner, paths) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(redact(inner, paths) for inner in value)
    return value


def redact_text(text: str, paths: Mapping[str, str]) -> str:
    """Return a text without local paths and tokens; paths below the home folder are cut to their last part."""
    text = hide(text)
    for path, replacement in paths.items():
        if path in text:
            # Not inside a longer name or a web address; a full stop after the path ends a sentence.
            text = re.sub(rf"(?<![\w.:/~-]){re.escape(path)}(?![\w-]|\.\w)", replacement.replace("\\", r"\\"), text)
    return re.sub(r"~(?:/[^/\s\"',;)]+)+", lambda found: PurePosixPath(found[0]).name, text)


def _absolute_forms(name: str | Path) -> Iterator[str]:
    """Yield the absolute ways to write a path, except the root folder."""
    path = Path(name).expanduser()
    if path.exists() or path.is_absolute():
        for form in (str(name), str(path), os.path.abspath(path), str(path.resolve())):
            if os.path.isabs(form) and os.path.dirname(form) != form:
                yield form.rstrip("/")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | Sequence):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(inner)


def _last(value: Any) -> Any:
    return display_name(value) if isinstance(value, str) and os.path.isabs(os.path.expanduser(value)) else value


def _without_folders(counts: Mapping[str, Any], paths: Mapping[str, str], folder: str) -> dict[str, Any]:
    """Return a split's counts with each recording's name relative to the data in `folder`, or its last part."""
    # Before paths are replaced: with its beginning cut, a path from elsewhere would look like one in the data.
    named = {
        kind: [[recording_name(key, folder), reason] for key, reason in counts[kind]]
        for kind in EXCLUDED
        if kind in counts
    }
    return dict(redact({**counts, **named}, paths))


def recording_name(key: str, folder: str) -> str:
    """Return the name of a recording of the data in `folder`; the last part of one outside."""
    source, slash, rest = key.partition("/")
    if slash and source not in ("", "..") and (os.path.isabs(rest) or rest.startswith("../")):
        return f"{source}/{PurePosixPath(rest).name}"  # of one of several sources
    outside = (os.path.isabs(key) or key.startswith("../")) and not key.startswith(f"{folder.rstrip('/')}/")
    return PurePosixPath(key).name if outside else key
