"""Several sources as one: their rows one after the other, each with its source and language, and how often it is drawn.

Each source is read and split by itself, so that its splits and groups are those it has alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.data.rows import Rows, merged
from audio_ft.data.spec import Data
from audio_ft.errors import InputError
from audio_ft.formatting import counted, first_five
from audio_ft.targets import Target
from audio_ft.targets.cells import sorted_names

# The columns that the rows of several sources have beside their own.
SOURCE, LANGUAGE = "source", "language"
# What is said of a source alone, and not of all of them.
_OWN = ("path", "sources", "weight", "temperature", "license", "source", "language")


@dataclass(frozen=True)
class Parts:
    """Hold the splits of data before they become tables; the attributes without text are those of `Loaded`.

    Attributes:
        rows: the rows of each split, with targets, groups and languages.
        kind: what the targets are.
        names: the labels seen in train, sorted.
        used: columns that are not among the others of a row.
        draws: how often each training row is drawn, compared with the others.
        sources: what is known of each of several sources, by name.
    """

    rows: dict[str, Rows]
    kind: type[Target]
    names: tuple[str, ...]
    used: set[str | None]
    column: str
    group: str | None
    rule: str
    notes: Sequence[str]
    chain: list[dict[str, Any]] | None
    reading: str
    folds: tuple[str, ...] = ()
    rights: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    draws: NDArray[np.float64] | None = None
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def members(data: Data) -> dict[str, Data]:
    """Return each of several sources by its name, with the settings of the whole that it does not set itself.

    Example:
        >>> list(members(Data.accept(["corpora/digits", "other/digits", "me/calls"])))
        ['digits', 'digits-2', 'calls']
    """
    usual = Data(path=data.path)
    shared = {item.name: getattr(data, item.name) for item in fields(Data) if item.name not in _OWN}
    shared = {name: value for name, value in shared.items() if value != getattr(usual, name)}
    found: dict[str, Data] = {}
    stems = [PurePath(source.path).stem or source.path for source in data.each]
    for stem, source in zip(stems, data.each, strict=True):
        if stems.count(stem) > 1 and source.language:
            stem = f"{stem}-{'-'.join(source.language.split())}"
        names = [stem, *(f"{stem}-{number}" for number in range(2, len(data.each) + 1))]
        missing = {name: value for name, value in shared.items() if getattr(source, name) == getattr(usual, name)}
        if source.language:
            missing.pop("language_column", None)
        found[next(name for name in names if name not in found)] = source.replace(**missing)
    return found


def united(parts: Mapping[str, Parts], data: Mapping[str, Data]) -> Parts:
    """Return several sources, given with their settings by name, as one.

    Raises:
        InputError: they have other kinds of targets, or were cleaned in other ways.
    """
    first, one = next(iter(parts.items()))
    for name, other in parts.items():
        if other.kind is not one.kind:
            raise InputError(
                f"{first} has {one.kind.wording.short} and {name} has {other.kind.wording.short}; one model predicts "
                "one of them: train on them apart, or set data.kind and data.target where they are read wrongly."
            )
        if other.chain != one.chain:
            raise InputError(
                f"{first} and {name} were prepared with different cleaning steps; prepare them alike, or give the raw "
                "recordings of both."
            )
    rows = {
        split: _joined({name: _marked(name, part, split, data[name].language) for name, part in parts.items()})
        for split in one.rows
    }
    rights: Counter[tuple[str, str]] = Counter()
    for part in parts.values():
        rights.update({(column, cell): count for column, cells in part.rights.items() for cell, count in cells.items()})
    columns = dict.fromkeys(column for column, _ in rights)
    return Parts(
        rows,
        one.kind,
        sorted_names(name for part in parts.values() for name in part.names),
        set(),
        " or ".join(dict.fromkeys(part.column for part in parts.values())),
        " or ".join(dict.fromkeys(part.group for part in parts.values() if part.group)) or None,
        "; ".join(f"{name}: {part.rule}" for name, part in parts.items()),
        [f"{name}: {note}" for name, part in parts.items() for note in part.notes] + _notes(parts, rows),
        one.chain,
        "; ".join(f"{name}: {part.reading}" for name, part in parts.items()),
        rights={column: {cell: n for (own, cell), n in rights.items() if own == column} for column in columns},
        sources={
            name: {"clips": {split: len(part.rows[split]) for split in rows}, "weight": data[name].weight}
            for name, part in parts.items()
        },
    )


def draws_of(rows: Rows, weights: Mapping[str, float], temperature: float) -> NDArray[np.float64] | None:
    """Return how often each training row is drawn (rows,), 1 on average; None where all are drawn alike.

    Args:
        rows: the training rows.
        weights: how often the rows of each source are drawn, by its name.
        temperature: languages of n rows are drawn in proportion to n^(1/temperature); sources where a row has no
            language.

    Raises:
        InputError: a temperature without languages or sources.
    """
    sources = rows.columns.get(SOURCE, [""] * len(rows)) if weights else [""] * len(rows)
    kinds: Sequence[Any] = rows.languages if rows.languages and None not in rows.languages else sources
    if temperature != 1 and not any(kinds):
        raise InputError(
            "data.temperature draws rare languages or sources more often, and the data has neither; leave it out, name "
            "the column of languages (data.language_column), or give several sources."
        )
    sizes = Counter(kinds)
    draws = np.array([weights.get(source, 1.0) for source in sources])
    draws *= [sizes[kind] ** (1 / temperature - 1) for kind in kinds]
    return None if np.allclose(draws, draws[0]) else draws / draws.mean()


def with_shares(
    sources: Mapping[str, Mapping[str, Any]], rows: Rows, draws: NDArray[np.float64] | None
) -> dict[str, dict[str, Any]]:
    """Return what is known of the sources with the share of the training rows that an epoch draws from each."""
    each = np.ones(len(rows)) if draws is None else draws
    own = np.array(rows.columns.get(SOURCE, ()))
    return {name: {**facts, "share": float(each[own == name].sum() / each.sum())} for name, facts in sources.items()}


def keep_together(data: Data, families: Sequence[tuple[str, ...]]) -> Data:
    """Return the data with recordings, listed by their keys, kept in one split; of each source those that are in it."""
    if data.sources is None:
        known = data.together or ()
        return data.replace(together=(*known, *(keys for keys in families if keys not in known)) or None)
    kept = []
    for name, source in zip(members(data), data.sources, strict=True):
        own = (tuple(key.removeprefix(f"{name}/") for key in keys if key.startswith(f"{name}/")) for keys in families)
        kept.append(keep_together(source, [keys for keys in own if len(keys) > 1]))
    return data.replace(sources=tuple(kept))


def _marked(name: str, part: Parts, split: str, language: str | None) -> Rows:
    """Return a split of a source with its name before keys and groups, and in a column beside the language."""
    rows = part.rows[split]
    languages = rows.languages or ([language] * len(rows) if language and len(language.split()) == 1 else [])
    columns = {column: cells for column, cells in rows.columns.items() if column not in part.used}
    columns |= {SOURCE: [name] * len(rows)} | ({LANGUAGE: list(languages)} if languages else {})
    return replace(
        rows,
        columns=columns,
        languages=languages,
        keys=[f"{name}/{key}" for key in rows.keys],
        groups=[group and f"{name}/{group}" for group in rows.groups],
    )


def _joined(rows: Mapping[str, Rows]) -> Rows:
    """Return the rows of several sources, one after the other."""

    def cells(name: str) -> list[Any]:
        each = [getattr(own, name) or [None] * len(own) for own in rows.values()]
        return [cell for own in each for cell in own] if any(getattr(own, name) for own in rows.values()) else []

    return replace(merged(rows), targets=cells("targets"), groups=cells("groups"), languages=cells("languages"))


def _notes(parts: Mapping[str, Parts], rows: Mapping[str, Rows]) -> list[str]:
    """Say which labels, speakers and recordings the sources share, where that is not what one would expect."""
    every = set().union(*(part.names for part in parts.values()))
    notes = [
        f"no clip of {name} has the label{'' if len(missing) == 1 else 's'} {first_five(sorted(missing))}"
        for name, part in parts.items()
        if (missing := every.difference(part.names))
    ]
    names = Counter(
        group
        for part in parts.values()
        for group in {own for split in part.rows.values() for own in split.groups if own}
    )
    if shared := sorted(str(group) for group, times in names.items() if times > 1):
        notes.append(
            f"{counted(len(shared), 'group')} ({first_five(shared)}) of the same name in several sources: taken as "
            "different ones"
        )
    found: dict[Any, set[str]] = {}
    for split in rows.values():
        for source, identity in zip(split.columns[SOURCE], split.identities, strict=True):
            found.setdefault(identity, set()).add(source)
    if twice := sum(len(own) > 1 for own in found.values()):
        notes.append(f"{counted(twice, 'recording')} in several sources")
    return notes
