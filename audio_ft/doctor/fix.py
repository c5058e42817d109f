"""Write a corrected manifest, and a log that undoes the corrections; recordings stay as they are."""

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
from audio_ft.data.findings import Finding
from audio_ft.data.loader import ANY_CLASSES
from audio_ft.data.parts.rows import cut
from audio_ft.data.rows import Columns, File, Rows
from audio_ft.data.spec import Data
from audio_ft.data.splitting.splits import SPLITS
from audio_ft.data.table.columns import FILE, SPLIT
from audio_ft.data.table.find_target import target_column
from audio_ft.doctor.decisions import ACCEPT, EXCLUDE, Decisions, parts_of
from audio_ft.doctor.inspection import Inspection, Recording
from audio_ft.doctor.table_lines import changed, changed_back, restored, without
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

    `relabeled` rows have another target; `settings` are those that the manifest needs to be read as the data was,
    beside its path.
    """

    manifest: Path
    undo: Path
    kept: int
    rows: int
    relabeled: int
    settings: tuple[str, ...]


def reasons(found: Inspection, decisions: Decisions) -> dict[str, str]:
    """Return the keys of the recordings to exclude, each with its reason: a person's decision, or a finding's name.

    What a person decided to keep, or gave another target, is not excluded.
    """
    by_key = {one.key: one for one in found.recordings}
    excluded = dict.fromkeys(decisions.excluded, f"doubts: {EXCLUDE}")
    for finding in found.findings:
        if finding.name in WHOLLY:
            excluded |= dict.fromkeys(sorted({*finding.keys} - {*excluded}), finding.name)
    for finding in found.findings:
        if finding.name in BUT_ONE:
            for key in _but_one(finding, by_key, excluded):
                excluded.setdefault(key, finding.name)
    return {key: why for key, why in excluded.items() if key not in decisions.kept | {*decisions.accepted}}


def _but_one(finding: Finding, by_key: Mapping[str, Recording], excluded: Mapping[str, str]) -> Iterator[str]:
    """Yield the copies to leave out: all but the first in test, validation or train, in this order."""
    for keys in finding.together:
        left = [key for key in keys if key not in excluded]
        order = sorted(left, key=lambda key: -SPLITS.index(by_key[key].split) if by_key[key].split in SPLITS else 0)
        yield from order[1:]


def fix(
    data: Data,
    found: Inspection,
    output: str | os.PathLike[str],
    *,
    targets: Sequence[type[Target]] = ANY_CLASSES,
    decisions: Decisions | None = None,
) -> Fixed:
    """Write a csv of all rows but those that `reasons` excludes, with all columns, and a log that `undo` reads.

    `found` is the inspection of this data with every sample read, `targets` are the kinds it looked for, and
    `decisions` those of a person on doubtful clips.

    Raises:
        InputError: the output exists or cannot be written, training refuses the data, its recordings are not files,
            the decisions are about other data, or the new manifest would be read in another way.
    """
    target, decided = Path(output), decisions or Decisions()
    _refuse_output(target, found)
    source, loaded = sources.read(data, classes=targets[-1].implied_by == "label"), load(data, targets=targets)
    decided.check(loaded)
    rows, column, _ = target_column(source.rows, data, targets[-1], source)
    used, excluded = (source.audio, column), reasons(found, decided)
    keys = cut(rows, data, used, prepared=source.chain is not None, tracks=source.parts)[0].keys
    why = _rows_of(found.recordings, excluded, keys, rows)
    table = list(_table(source.rows, source.audio, bool(source.parts), target))
    if decided.accepted and column not in table[0]:
        raise InputError(
            f"{found.path}: its targets are in several columns, and a suggestion is one cell; change these rows by "
            "hand, and exclude or keep the others."
        )
    text, changes = changed(table_text(table), column, _rows_of(found.recordings, decided.accepted, keys, rows))
    kept, lines = without(text, why)
    expected = _read_as(loaded, set(excluded), decided.accepted)
    settings = _settings(data, found, column, target, kept, targets, expected)
    logged: list[dict[str, Any]] = [
        {"key": keys[row], "what": "relabeled", "why": f"doubts: {ACCEPT}", "row": row, "text": before, "now": now}
        for row, before, now in changes
    ]
    logged += [{"key": keys[row], "what": "excluded", "why": why[row], "row": row, "text": line} for row, line in lines]
    log = target.with_name(target.name + UNDO)
    write_text(log, "".join(json.dumps(line) + "\n" for line in logged))
    write_text(target, kept)
    return Fixed(target, log, len(table) - len(why), len(table), len(changes), settings)


def _refuse_output(target: Path, found: Inspection) -> None:
    if found.problem is not None:
        raise InputError(f"--fix needs data that training can read, and this cannot be read: {found.problem}")
    if target.suffix.lower() != ".csv":
        raise InputError(f"{target}: expected a name that ends in .csv for the new manifest.")
    if target.exists():
        raise InputError(f"{target}: exists already; give another name for the new manifest, or remove it.")


def undo(manifest: str | os.PathLike[str]) -> int:
    """Put the rows that `fix` left out or changed back, remove its log, and return how many rows these are.

    Rows whose lines were deleted from the log stay as they are.

    Raises:
        InputError: there is no such manifest, or no log beside it, or a changed row was changed again.
    """
    target = Path(manifest)
    log = target.with_name(target.name + UNDO)
    if not target.is_file() or not log.is_file():
        raise InputError(f"{target}: nothing to undo: expected a manifest of --fix, and its log {log.name} beside it.")
    lines = read_json_lines(log)
    text = target.read_bytes().decode("utf-8")
    text = restored(text, [(line["row"], line["text"]) for line in lines if "now" not in line])
    try:
        text = changed_back(text, [(line["text"], line["now"]) for line in lines if "now" in line])
    except ValueError as error:
        raise InputError(
            f"{target}: a row that --fix changed was changed again since; correct it by hand, and remove its line "
            f"from {log.name}."
        ) from error
    write_text(target, text)
    remove(log)
    return len(lines)


def _rows_of(
    recordings: Sequence[Recording], values: Mapping[str, str], keys: Sequence[str], rows: Rows
) -> dict[int, str]:
    """Return the rows of the recordings whose keys have a value, such as a reason to leave them out, with it.

    A recording that is listed several times has "#2" and so on added to its key, in the order of splits.
    """
    at: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        at[key].append(row)
    listed: dict[str, list[Recording]] = defaultdict(list)
    for one in recordings:
        listed[one.key if one.key in at else re.sub(r"#\d+$", "", one.key)].append(one)
    chosen: dict[int, str] = {}
    for key, own in listed.items():
        meant = [one for one in own if one.key in values]
        if len(meant) == len(own):
            chosen |= dict.fromkeys(at[key], values[meant[0].key]) if meant else {}
            continue
        for one in meant:
            free = [row for row in at[key] if row not in chosen]
            row = max(free, key=lambda row: (rows.splits[row] == one.split, row))
            chosen[row] = values[one.key]
    return chosen


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
    data: Data,
    found: Inspection,
    column: str,
    target: Path,
    text: str,
    targets: Sequence[type[Target]],
    expected: Counter[Any],
) -> tuple[str, ...]:
    """Return the settings with which a manifest is read as `expected`: those of the data, or explicit ones.

    Raises:
        InputError: the manifest would be read in another way.
    """
    trial = target.with_name(f".{target.stem[:100]}.trial.csv")
    plain = data.replace(path=str(trial), **_DROPPED)
    # Labels of folders are whole names, and lists of labels were joined.
    separator = {"label": "", "labels": ";"}.get(found.kind, data.separator)
    explicit = plain.replace(target=column, kind=found.kind, separator=separator)
    try:
        write_text(trial, text)
        for settings in (plain, explicit):
            with suppress(InputError):
                if _read_as(load(settings, targets=targets), set(), {}) == expected:
                    return tuple(_assignments(settings))
    finally:
        remove(trial)
    raise InputError(
        f"{target}: the new manifest would be read with other rows, targets, groups or parts than the data; name the "
        "columns with data.target=NAME and data.group=NAME, and run this again."
    )


def _read_as(loaded: Loaded, left_out: set[str], accepted: Mapping[str, str]) -> Counter[Any]:
    """Count the rows by what training takes from them; `accepted` are targets in place of those of the data.

    Made splits change with the rows and do not count; where recordings are the groups, their folders do not.
    """
    made, kind = "made here" in loaded.rule, type(loaded.target)
    new = {key: kind.parse_cell(cell, "the table of doubts", key) for key, cell in accepted.items()}
    counts: Counter[Any] = Counter()
    for split, table in loaded.splits.items():
        names = [name for name in ("group", "start", "end", "channel") if name in table.column_names]
        for key, target, *cells in zip(table["key"], table["target"], *(table[name] for name in names), strict=True):
            if key not in left_out:
                parts = tuple(parts_of(new.get(key, target)))
                counts[("" if made else split, parts, *(str(cell).rpartition("/")[2] for cell in cells))] += 1
    return counts


def _assignments(settings: Data) -> Iterator[str]:
    """Yield KEY=VALUE for each setting that differs from its default."""
    default = Data(path=settings.path).to_dict()
    for name, value in settings.to_dict().items():
        if value != default.get(name) and name != "path":
            yield f"data.{name}={value if isinstance(value, str) else json.dumps(value)}"
