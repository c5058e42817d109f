"""Find listed recordings where they really are: names without a suffix, and paths of another machine."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from audio_ft.audio.output_paths import bare, is_audio
from audio_ft.errors import InputError
from audio_ft.formatting import counted

# Files among which the listed ones are searched.
_SEARCHED = 100_000
_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True)
class Found:
    """Hold the absolute path of each listed name, None where it was not found, and what was recognized."""

    paths: list[str | None]
    how: str


def recordings_below(folder: Path) -> list[str]:
    """Return the relative paths of the recordings below a folder, sorted, among its first files."""
    every = (
        os.path.relpath(os.path.join(where, name), folder).replace(os.sep, "/")
        for where, folders, names in os.walk(folder)
        if folders.sort() is None  # in an order that does not depend on the disk
        for name in sorted(names)
    )
    return sorted(filter(is_audio, islice(every, _SEARCHED)))


def stems_at_hand(folder: Path, known: Collection[str] = ()) -> set[str]:
    """Return the names without suffix of the recordings below a folder, which `known` lists if it is not empty."""
    return {os.path.basename(bare(path)) for path in known or recordings_below(folder)}


def finder(recordings: Iterable[str]) -> Callable[[str], str | None]:
    """Return a function that finds a recording by its path without suffix, or by its name where no other has it."""
    at = {bare(path): path for path in recordings}
    named: dict[str, list[str]] = defaultdict(list)
    for stem, path in at.items():
        named[os.path.basename(stem)].append(path)

    def find(stem: str) -> str | None:
        same = named.get(os.path.basename(stem), [])
        return at.get(stem) or (same[0] if len(same) == 1 else None)

    return find


def find_elsewhere(names: Sequence[str], folder: Path, known: Collection[str], setting: str) -> Found | None:
    """Find recordings below a folder whose listed paths do not exist; None where no name is found.

    Folders of a path are dropped from its beginning, equally many for all, until one folder contains them; else each
    recording is found by its name alone. A name may lack its suffix, or have that of another format. `known` are the
    recordings below the folder, () lists them; `setting` is the one that decides.

    Raises:
        InputError: a name fits several recordings.
    """
    below = sorted(known) or recordings_below(folder)
    steps = [_steps(name) for name in names]
    places: dict[str, list[str]] = defaultdict(list)
    for path in below:
        places[os.path.basename(bare(path))].append(path)
    if not any(bare(step[-1]) in places or step[-1] in places for step in steps):
        return None
    found = _moved(steps, places) or [_by_name(step, places, folder, setting) for step in steps]
    here = [path for path in found if path]
    if len({tuple(step) for step, path in zip(steps, found, strict=True) if path}) > len(set(here)):
        raise InputError(f"{folder}: several listed names are one file there; set {setting}")
    shared = os.path.commonpath([os.path.dirname(path) or "." for path in here])
    where = folder if shared in ("", ".") else folder / shared
    first = next(row for row, path in enumerate(found) if path)
    how = (f"{counted(len(set(here)), 'recording')} found in {where}, such as '{names[first]}' in "
           f"{found[first]}; {setting} chooses another folder")  # fmt: skip
    return Found([path and os.path.join(os.path.abspath(folder), path) for path in found], how)


def _moved(steps: Sequence[Sequence[str]], places: dict[str, list[str]]) -> list[str | None] | None:
    """Return paths that exist below one folder after equally many first folders are dropped; None if some do not."""
    exact = {path for paths in places.values() for path in paths}
    named: dict[str, str] = {}
    for path in sorted(exact):
        named.setdefault(bare(path), path)

    def at(top: str, rest: Sequence[str]) -> str | None:
        path = "/".join(filter(None, (top, *rest)))
        return path if path in exact else named.get(path) or named.get(bare(path))

    for drop in range(min(map(len, steps))):
        tops = list({top for step in steps for top in _tops(step[drop:], places)})
        if len(tops) == 1 and all(at(tops[0], step[drop:]) for step in steps):
            return [at(tops[0], step[drop:]) for step in steps]
    return None


def _tops(rest: Sequence[str], places: dict[str, list[str]]) -> Iterable[str]:
    """Yield the folders below which a path exists."""
    ending = bare("/".join(rest)), "/".join(rest)
    for path in (*places.get(bare(rest[-1]), ()), *places.get(rest[-1], ())):
        for end in ending:
            if f"/{bare(path)}".endswith(f"/{end}"):
                yield bare(path)[: -len(end)].rstrip("/")


def _by_name(step: Sequence[str], places: dict[str, list[str]], folder: Path, setting: str) -> str | None:
    """Return the one recording with a name; one with the same suffix comes first."""
    name = step[-1]
    fitting = places.get(bare(name)) or places.get(name) or []
    same = [path for path in fitting if os.path.basename(path) == name] or fitting
    if len(same) > 1:
        raise InputError(
            f"{folder}: '{name}' is listed, and {same[0]} and {same[1]} are called that; set {setting} to the folder "
            "of the right ones"
        )
    return same[0] if same else None


def _steps(name: str) -> list[str]:
    """Return the folders and the file name of a path as Windows or any other system writes it."""
    plain = _DRIVE.sub("", name.strip().replace("\\", "/"))
    return [step for step in plain.split("/") if step not in ("", ".", "..")] or [name]
