"""Data in: a folder, a manifest or a data set of the Hub becomes undecoded rows in train, validation and test."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audio_ft.audio.codec.source import printable
from audio_ft.data import columns, splits
from audio_ft.data import sources as parts
from audio_ft.data.rows import Part, Source, merged
from audio_ft.data.spec import Data
from audio_ft.errors import InputError
from audio_ft.targets import Label, Labels, Number, Target
from audio_ft.targets.cells import as_text

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["ANY_CLASSES", "Data", "Loaded", "load"]

# Kinds of target to look for where labels are wanted; the last one takes whatever the others do not recognize.
ANY_CLASSES: tuple[type[Target], ...] = (Labels, Number, Label)
# A split made here that is further than this from the share asked for is worth a warning.
_UNEVEN = 0.05


@dataclass(frozen=True)
class Loaded:
    """Hold data that is ready to be cleaned.

    Attributes:
        splits: tables by split, with the columns audio (undecoded {bytes, path}), target (text, list of text or float),
            group (text or None), key (text, unique) and meta (JSON text of all other columns of the row).
        target: what the recordings are labeled with; its names are those seen in train, sorted, numbers by value.
        column: the column that the targets come from.
        group: the column that the groups come from, or what file names told; None without groups.
        rule: how the splits came about, in one sentence.
        warnings: what a user should know.
        chain: the steps that the recordings went through already, where `audio-ft prepare` wrote them.
        fingerprint: digest of names, sizes, times of change, targets and all other columns.
    """

    splits: dict[str, Dataset]
    target: Target
    column: str
    group: str | None
    rule: str
    warnings: tuple[str, ...]
    chain: list[dict[str, Any]] | None
    fingerprint: str


@dataclass(frozen=True)
class _Rows:
    """Rows of one split with what was made of their columns."""

    part: Part
    targets: list[Any]
    groups: list[str | None] | None

    def take(self, rows: Sequence[int]) -> _Rows:
        """Return the rows at these places."""
        groups = None if self.groups is None else [self.groups[row] for row in rows]
        return _Rows(self.part.take(rows), [self.targets[row] for row in rows], groups)


def load(
    data: Data,
    *,
    targets: Sequence[type[Target]] = ANY_CLASSES,
    need: Sequence[str] = splits.SPLITS,
    known: Target | None = None,
) -> Loaded:
    """Read data, find its columns and its splits, and return undecoded rows.

    `targets` are the kinds to look for, in order. `need` names the splits to return. Given ones are kept as they are;
    missing ones are carved out of train, unless a single split is asked of data without any, which then is that split.
    `known` is a model's target: no other kind is looked for then, and other labels are refused.

    Raises:
        InputError: anything in the data that cannot be used, with file or column and how to fix it.
    """
    if not need or any(name not in splits.SPLITS for name in need):
        raise InputError(f"split: expected some of {', '.join(splits.SPLITS)}, got {', '.join(need) or 'none'}")
    wanted = tuple(targets) if known is None else (type(known),)
    source = parts.read(data, classes=wanted[-1].implied_by == "label")
    given, notes = parts.by_split(data, source)
    given, alone = parts.needed(data, given, need)
    table = merged(list(given.values()))
    place = f"{data.path}" + (f" where {' and '.join(data.where)}" if data.where else "")
    column = target_column(table, data, wanted[-1], source)
    kind, cells, read = _recognized(table[column], column, data, wanted, source)
    group, groups, told = _groups(table, [name for part in given.values() for name in part.names], data, column, source)
    rows = _cut(given, cells, groups, kind, f"{place}, column {column!r}")
    rows, rule, uneven = _carve(rows, need, alone, data, kind, group)
    target = known or kind.of(_labels(rows, kind))
    _refuse_unknown(rows, kind, known)
    keyed = {name: (own.targets, own.part.keys) for name, own in rows.items()}
    notes = [*source.notes, *notes, *read, *told, *kind.warnings(keyed, target.names), *_twice(rows)]
    notes += [*columns.cuts(table), *uneven]
    if data.limit is not None:
        rows = {name: _limited(own, data, kind) for name, own in rows.items()}
        rule += f"; at most {data.limit:,} clips a split"
    used = {source.audio, column, group or ""}
    metas = {name: _metas(own.part, used) for name, own in rows.items()}
    keys = _unique({name: own.part.keys for name, own in rows.items()})
    tables = {name: _tabled(own, keys[name], metas[name], kind) for name, own in rows.items()}
    loaded = Loaded(tables, target, column, group, rule, tuple(notes), source.chain, _fingerprint(rows, metas, kind))
    return replace(loaded, warnings=(*notes, *splits.leaks(loaded)))


def target_column(table: Mapping[str, Sequence[Any]], data: Data, kind: type[Target], source: Source) -> str:
    """Return the column of targets: the one named, what the folders give, or the one that is found by its name.

    Raises:
        InputError: there is no such column, or several.
    """
    if data.target is not None:
        return columns.named(table, data.target, data.path)
    implied: str | None = getattr(source, kind.implied_by)
    return implied or columns.find(table, kind.column_names, kind.wording.cell, "target=NAME", data.path)


def _recognized(
    cells: Sequence[Any], column: str, data: Data, wanted: Sequence[type[Target]], source: Source
) -> tuple[type[Target], Sequence[Any], list[str]]:
    """Return the kind of target that cells are, the cells as they are to be parsed, and notes on that.

    A class folder is one label, also one called "0.5" or "rock;pop".
    """
    folder = source.label is not None and source.chain is None and data.target is None
    for kind in () if folder else wanted[:-1]:
        read, notes = kind.read(cells, column)
        if kind.recognizes(read, chosen=data.target is not None):
            return kind, read, notes
    return wanted[-1], *wanted[-1].read(cells, column)


def _cut(
    given: Mapping[str, Part], cells: Sequence[Any], groups: list[str | None] | None, kind: type[Target], place: str
) -> dict[str, _Rows]:
    """Cut targets and groups, which run over all parts, into rows by part."""
    rows, start = {}, 0
    for name, part in given.items():
        end = start + len(part)
        answers = kind.parse(cells[start:end], place, part.keys)
        rows[name] = _Rows(part, answers, None if groups is None else groups[start:end])
        start = end
    return rows


def _groups(
    table: Mapping[str, Sequence[Any]], names: Sequence[str], data: Data, target: str, source: Source
) -> tuple[str | None, list[str | None] | None, list[str]]:
    """Return the group's name, the group of each row (None where the cell is empty), and notes."""
    others = {name: cells for name, cells in table.items() if name != source.audio or name == data.group}
    wish = data.group if data.group is not None or source.group == target else source.group
    column = columns.find_group(others, wish, target, data.path)
    if column is not None:
        groups = [as_text(cell) or None for cell in table[column]]
        lost = groups.count(None)
        note = f"{lost:,} of {len(groups):,} rows have no {column!r}; each of them counts as a group of its own"
        return column, groups, [note] if lost else []
    read = columns.group_from_names(names) if wish is None else None
    return (read[0], list(read[1]), []) if read else (None, None, [])


def _carve(
    rows: dict[str, _Rows], need: Sequence[str], alone: bool, data: Data, kind: type[Target], group: str | None
) -> tuple[dict[str, _Rows], str, list[str]]:
    """Make the splits that are missing out of train; say how all of them came about, and what could not be helped."""
    missing = [name for name in need if name not in rows]
    given = ", ".join(name for name in splits.SPLITS if name in rows)
    if not missing:
        whole = f"no splits in the data: all of it taken as {given}"
        return rows, whole if alone else f"splits given by the data: {given}", []
    shares = {name: getattr(data, name) if name in missing else 0.0 for name in ("validation", "test")}
    nothing = [name for name in missing if not shares[name]]
    if nothing:
        raise InputError(f"data: {nothing[0]}=0 leaves no {nothing[0]} split, which is needed; give it a share")
    train = rows["train"]
    made = splits.split(train.targets, train.groups, **shares, seed=data.seed, target=kind, keys=train.part.keys,
                        by=group or "group")  # fmt: skip
    carved = {name: train.take(made[name]) for name in splits.SPLITS if made[name]}
    how = f"seed {data.seed}" + (f", stratified by {kind.stratified_by}" if kind.stratified_by else "")
    how += f", disjoint by {group}" if group else ", no groups known, so one speaker may be on several sides"
    parts_of = {"train": 1 - sum(shares.values()), **{name: shares[name] for name in missing}}
    ratio = _ratio(parts_of.values())
    became = {name: len(carved[name].targets) / len(train.targets) for name in parts_of}
    uneven = any(abs(became[name] - share) > _UNEVEN for name, share in parts_of.items())
    note = f"groups are too few or too unequal for {ratio}: the splits made here are {_ratio(became.values())}"
    all_rows = {**rows, **carved}
    if len(rows) == 1 and len(missing) == 2:
        rule = f"made here: {ratio}, {how}"
    else:
        rule = f"splits given by the data: {given}; {' and '.join(missing)} made here out of train: {ratio}, {how}"
    return {name: all_rows[name] for name in splits.SPLITS if name in all_rows}, rule, [note] if uneven else []


def _ratio(shares: Iterable[float]) -> str:
    """Return shares as "80/10/10"."""
    return "/".join(f"{100 * share:.3g}" for share in shares)


def _labels(rows: Mapping[str, _Rows], kind: type[Target]) -> tuple[str, ...]:
    """Return the names of the classes: those in train, else all."""
    return kind.names_in(rows["train"].targets) if "train" in rows else _seen(rows, kind)


def _seen(rows: Mapping[str, _Rows], kind: type[Target]) -> tuple[str, ...]:
    return kind.names_in([own for part in rows.values() for own in part.targets])


def _refuse_unknown(rows: Mapping[str, _Rows], kind: type[Target], known: Target | None) -> None:
    """Refuse labels that a model does not know."""
    strange = [name for name in _seen(rows, kind) if name not in set(known.names)] if known and known.names else []
    if known is not None and strange:
        raise InputError(f"labels {', '.join(map(repr, strange))} are unknown to the model, which knows "
                         f"{', '.join(map(repr, known.names))}; rename them or filter them out with where")  # fmt: skip


def _limited(rows: _Rows, data: Data, kind: type[Target]) -> _Rows:
    """Return at most `limit` rows."""
    limit = data.limit or len(rows.targets)
    return rows.take(splits.sample(rows.targets, rows.part.keys, limit=limit, seed=data.seed, target=kind))


def _twice(rows: Mapping[str, _Rows]) -> list[str]:
    """Warn of recordings that are listed more than once."""
    listed = Counter(key for own in rows.values() for key in own.part.keys)
    twice = sorted(key for key, number in listed.items() if number > 1)
    sides = Counter(key for own in rows.values() for key in set(own.part.keys))
    across = sorted(key for key, number in sides.items() if number > 1)
    notes = [f"{_counted(twice)} listed more than once (first: {twice[0]})"] if twice else []
    if across:
        notes.append(f"{_counted(across)} in two splits (first: {across[0]}): scores there flatter the model")
    return notes


def _counted(keys: Sequence[str]) -> str:
    return "1 recording is" if len(keys) == 1 else f"{len(keys):,} recordings are"


def _unique(keys: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the keys, "#2" and so on added to one that is there already."""
    seen: Counter[str] = Counter()
    unique: dict[str, list[str]] = {}
    for name, own in keys.items():
        unique[name] = []
        for key in own:
            seen[key] += 1
            unique[name].append(key if seen[key] == 1 else f"{key}#{seen[key]}")
    return unique


def _metas(part: Part, used: set[str]) -> list[str]:
    """Return the other columns of each row as JSON text."""
    names = [name for name in part.columns if name not in used]
    cells = [[None if cell != cell else cell for cell in part.columns[name]] for name in names]
    if not names:
        return ["{}"] * len(part)
    return [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=str)
            for row in zip(*cells, strict=True)]  # fmt: skip


def _tabled(rows: _Rows, keys: list[str], metas: list[str], kind: type[Target]) -> Dataset:
    """Return the rows as a table.

    Raises:
        InputError: a file name or a cell that is no UTF-8, which no table can hold.
    """
    try:
        return _table(rows, keys, metas, kind)
    except UnicodeEncodeError as error:
        raise InputError(
            f"{printable(error.object)[:200]}: expected UTF-8, got bytes that are none; rename the file (convmv does a "
            "whole folder), or mend the cell"
        ) from error


def _table(rows: _Rows, keys: list[str], metas: list[str], kind: type[Target]) -> Dataset:
    """Return the rows as a table with the columns audio, target, group, key and meta."""
    import pyarrow as pa
    from datasets import Audio, Dataset, Features, Value

    text = Value("string")
    features = Features(audio=Audio(decode=False), target=kind.storage(), group=text, key=text, meta=text)
    groups = rows.groups or [None] * len(keys)
    cells = {"target": rows.targets, "group": groups, "key": keys, "meta": metas}
    part = rows.part
    if part.stored is None:
        # Built as a table, because encoding paths as examples would import torchcodec.
        nothing, paths = pa.nulls(len(keys), pa.binary()), pa.array(part.files, pa.string())
        audio = pa.StructArray.from_arrays([nothing, paths], ["bytes", "path"])
        return Dataset(pa.table({"audio": audio, **cells}, schema=features.arrow_schema))
    # Columns are added to all stored rows and rows are picked after, so that no recording is copied.
    table = part.stored
    for name, own in cells.items():
        spread: list[Any] = [None] * len(table)
        for place, cell in zip(part.places, own, strict=True):
            spread[place] = cell
        table = table.add_column(name, spread, feature=features[name])
    return table.select(part.places)


def _fingerprint(rows: Mapping[str, _Rows], metas: Mapping[str, list[str]], kind: type[Target]) -> str:
    """Return the digest of everything that decides what a training sees, recordings by size and time of change."""
    digest = hashlib.sha256(kind.kind.encode())
    for name, own in rows.items():
        part = own.part
        digest.update(json.dumps([name, len(part), part.stored and part.stored._fingerprint]).encode())
        sides = [part.keys, part.stats or part.places, own.targets, own.groups or [None] * len(part), metas[name]]
        digest.update(json.dumps(sides, ensure_ascii=True).encode())
    return digest.hexdigest()
