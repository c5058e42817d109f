"""Write a manifest without what cannot be learned from, and a log that undoes it; recordings stay as they are."""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audio_ft.data import Loaded, load, sources
from audio_ft.data.columns import FILE, SPLIT
from audio_ft.data.find_target import target_column
from audio_ft.data.findings import Finding
from audio_ft.data.loader import ANY_CLASSES
from audio_ft.data.parts.rows import cut
from audio_ft.data.rows import Columns, File, Rows
from audio_ft.data.spec import Data
from audio_ft.data.splits import SPLITS
from audio_ft.doctor.inspection import Inspection, Recording
from audio_ft.doctor.table_lines import restored, without
from audio_ft.errors import InputError
from audio_ft.file_io import as_cell, read_json_lines, remove, table_text, write_text
from audio_ft.targets import Target

UNDO = ".undo.jsonl"
# What nobody wants to train on; other findings need a listener.
WHOLLY = ("unreadable", "silent", "copies with different targets")
# Of copies one is kept: in the split that scores, so that the others cannot flatter it.
BUT_ONE = ("copies in two splits", "duplicate")
# Settings that say where to find what the new manifest has in plain columns.
_DROPPED: dict[str, Any] = {"name": None, "revision": None, "root": None, "columns": (), "audio": None, "where": (),
                            "name_pattern": None, "splits": None, "limit": None}  # fmt: skip


@dataclass(frozen=True)
class Fixed:
    """Hold where the manifest and its undo log are, how many rows are left of how many, and how to read it.

    `settings` are those that the manifest needs to be read as the data was, beside its path.
    """

    manifest: Path
    undo: Path
    kept: int
    rows: int
    settings: tuple[str, ...]


def reasons(found: Inspection) -> dict[str, str]:
    """Return the keys of the recordings to exclude, each with the name of the finding that is the reason."""
    by_key = {one.key: one for one in found.recordings}
    excluded: dict[str, str] = {}
    for finding in found.findings:
        if finding.name in WHOLLY:
            excluded |= dict.fromkeys(finding.keys, finding.name)
    for finding in found.findings:
        if finding.name in BUT_ONE:
            for key in _but_one(finding, by_key, excluded):
                excluded.setdefault(key, finding.name)
    return excluded


def _but_one(finding: Finding, by_key: Mapping[str, Recording], excluded: Mapping[str, str]) -> Iterator[str]:
    """Yield the copies to leave out: all but the first in test, validation or train, in this order."""
    for keys in finding.together:
        left = [key for key in keys if key not in excluded]
        order = sorted(left, key=lambda key: -SPLITS.index(by_key[key].split) if by_key[key].split in SPLITS else 0)
        yield from order[1:]


def fix(
    data: Data, found: Inspection, output: str | os.PathLike[str], *, targets: Sequence[type[Target]] = ANY_CLASSES
) -> Fixed:
    """Write a csv of all rows but those that `reasons` excludes, with all columns, and a log that `undo` reads.

    `found` is the inspection of this data with every sample read, and `targets` are the kinds it looked for.

    Raises:
        InputError: the output exists or cannot be written, training refuses the data, its recordings are not files, or
            the new manifest would be read in another way.
    """
    target = Path(output)
    if found.problem is not None:
        raise InputError(f"--fix needs data that training can read, and this cannot be read: {found.problem}")
    if target.suffix.lower() != ".csv":
        raise InputError(f"{target}: expected a name that ends in .csv for the new manifest.")
    if target.exists():
        raise InputError(f"{target}: exists already; give another name for the new manifest, or remove it.")
    source = sources.read(data, classes=targets[-1].implied_by == "label")
    rows, column, _ = target_column(source.rows, data, targets[-1], source)
    used = (source.audio, column)
    keys = cut(rows, data, used, prepared=source.chain is not None, tracks=source.parts)[0].keys
    why = _rows_to_drop(found.recordings, reasons(found), keys, rows)
    table = list(_table(source.rows, source.audio, bool(source.parts), target))
    text = table_text(table)
    kept, lines = without(text, why)
    settings = _settings(data, found, column, target, kept, targets)
    log = target.with_name(target.name + UNDO)
    logged = [{"key": keys[row], "what": "excluded", "why": why[row], "row": row, "text": line} for row, line in lines]
    write_text(log, "".join(json.dumps(line) + "\n" for line in logged))
    write_text(target, kept)
    return Fixed(target, log, len(table) - len(why), len(table), settings)


def undo(manifest: str | os.PathLike[str]) -> int:
    """Put the rows that `fix` left out of a manifest back, remove its log, and return how many rows these are.

    Lines that were deleted from the log stay excluded.

    Raises:
        InputError: there is no such manifest, or no log beside it.
    """
    target = Path(manifest)
    log = target.with_name(target.name + UNDO)
    if not target.is_file() or not log.is_file():
        raise InputError(f"{target}: nothing to undo: expected a manifest of --fix, and its log {log.name} beside it.")
    lines = read_json_lines(log)
    text = target.read_bytes().decode("utf-8")
    write_text(target, restored(text, [(line["row"], line["text"]) for line in lines]))
    remove(log)
    return len(lines)


def _rows_to_drop(
    recordings: Sequence[Recording], excluded: Mapping[str, str], keys: Sequence[str], rows: Rows
) -> dict[int, str]:
    """Return the rows to leave out, each with its reason.

    A recording that is listed several times has "#2" and so on added to its key, in the order of splits.
    """
    at: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        at[key].append(row)
    listed: dict[str, list[Recording]] = defaultdict(list)
    for one in recordings:
        listed[one.key if one.key in at else re.sub(r"#\d+$", "", one.key)].append(one)
    dropped: dict[int, str] = {}
    for key, own in listed.items():
        gone = [one for one in own if one.key in excluded]
        if len(gone) == len(own):
            dropped |= dict.fromkeys(at[key], excluded[gone[0].key]) if gone else {}
            continue
        for one in gone:
            free = [row for row in at[key] if row not in dropped]
            row = max(free, key=lambda row: (rows.splits[row] == one.split, row))
            dropped[row] = excluded[one.key]
    return dropped


def _table(rows: Rows, audio: str, tracks: bool, target: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of the new manifest: file, split where the data has splits, and all other columns."""
    folder = os.path.abspath(target.parent)
    columns: Columns = dict(rows.columns)
    if tracks:  # the times in a label track are seconds, which a table has to say
        columns |= {f"{name}_seconds": columns.pop(name) for name in ("start", "end")}
    name = audio if audio in columns else FILE
    given = rows.split_names != ("",) and not any(cells == rows.splits for cells in columns.values())
    split = next(known for known in SPLIT if known not in columns) if given else ""
    for row, (key, recording) in enumerate(zip(rows.keys, rows.recordings, strict=True)):
        if not isinstance(recording, File):
            raise InputError(
                f"{key}: is stored in a table and not a file of its own, which a manifest could name; save the "
                "recordings as files first (`audio-ft prepare` does)."
            )
        path = os.path.abspath(recording.path)
        inside = path.startswith(os.path.join(folder, ""))
        cells = {name: os.path.relpath(path, folder) if inside else path}
        cells |= {split: rows.splits[row]} if split else {}
        yield cells | {other: as_cell(values[row], key) for other, values in columns.items() if other != name}


def _settings(
    data: Data, found: Inspection, column: str, target: Path, text: str, targets: Sequence[type[Target]]
) -> tuple[str, ...]:
    """Return the settings with which a manifest is read as the data was: those of the data, or explicit ones.

    Raises:
        InputError: the manifest would be read in another way.
    """
    expected = _read_as(load(data, targets=targets), set(reasons(found)))
    trial = target.with_name(f".{target.stem[:100]}.trial.csv")
    plain = data.replace(path=str(trial), **_DROPPED)
    # Labels of folders are whole names, and lists of labels were joined.
    separator = {"label": "", "labels": ";"}.get(found.kind, data.separator)
    explicit = plain.replace(target=column, kind=found.kind, separator=separator)
    try:
        write_text(trial, text)
        for settings in (plain, explicit):
            with suppress(InputError):
                if _read_as(load(settings, targets=targets), set()) == expected:
                    return tuple(_assignments(settings))
    finally:
        remove(trial)
    raise InputError(
        f"{target}: the new manifest would be read with other rows, targets, groups or parts than the data; name the "
        "columns with data.target=NAME and data.group=NAME, and run this again."
    )


def _read_as(loaded: Loaded, left_out: set[str]) -> Counter[Any]:
    """Count the rows by what training takes from them.

    Made splits change with the rows and do not count; where recordings are the groups, their folders do not.
    """
    made = "made here" in loaded.rule
    counts: Counter[Any] = Counter()
    for split, table in loaded.splits.items():
        names = [name for name in ("target", "group", "start", "end", "channel") if name in table.column_names]
        for key, *cells in zip(table["key"], *(table[name] for name in names), strict=True):
            if key not in left_out:
                counts[("" if made else split, *(str(cell).rpartition("/")[2] for cell in cells))] += 1
    return counts


def _assignments(settings: Data) -> Iterator[str]:
    """Yield KEY=VALUE for each setting that differs from its default."""
    default = Data(path=settings.path).to_dict()
    for name, value in settings.to_dict().items():
        if value != default.get(name) and name != "path":
            yield f"data.{name}={value if isinstance(value, str) else json.dumps(value)}"
