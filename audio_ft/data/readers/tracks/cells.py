"""Cells that hold the regions of a recording, as exports of annotation tools have them: [{"start": …, "end": …}, …]."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from audio_ft.data.readers.tracks.join import CHANNEL, END, START, Placed, check_times
from audio_ft.data.readers.tracks.label_studio import ANNOTATOR, GROUND_TRUTH, content_of
from audio_ft.data.readers.tracks.region import Region, seconds_in, track_of
from audio_ft.data.rows import Columns, Rows, Source
from audio_ft.data.spec import Data
from audio_ft.data.table.columns import names_target, parse_condition
from audio_ft.errors import InputError
from audio_ft.file_io import parse_json
from audio_ft.formatting import counted
from audio_ft.targets.cells import missing

# The fields of labels; others are texts.
_LABELS = ("labels", "label", "choices")


def has_regions(cells: Sequence[Any]) -> bool:
    """Tell whether each filled cell of a column is a list of regions, some of which are filled."""
    first = next((cell for cell in cells if not missing(cell)), None)
    if isinstance(first, str) and not first.lstrip().startswith("["):
        return False
    lists = [_list(cell) for cell in cells if not missing(cell)]
    every = [one for own in lists for one in own or ()]
    return None not in lists and bool(every) and all(
        isinstance(one, dict) and {START, END} <= one.keys() for one in every)  # fmt: skip


def with_regions(source: Source, path: Path, data: Data) -> Source:
    """Return a source with a row for each region of its cells, if there are such cells and no better targets.

    Of several annotations of a recording one is used: the ground truth, or that of the busiest annotator, unless a
    filter chooses. Regions of two columns with the same times are one row. The times of words beside a transcript are
    left alone.

    Raises:
        InputError: a time is none, a region ends before it starts, or starts after the end of its recording.
    """
    names = [name for name, cells in source.rows.columns.items() if name != source.audio and has_regions(cells)]
    if not names:
        return source
    if not _are_targets(names, source, data):
        note = f"column {names[0]!r} has regions of the recordings, not used; data.target={names[0]} reads them"
        return replace(source, notes=(*source.notes, note))
    rows, notes = _one_annotation(source.rows, data.where)
    lists = {name: list(map(_list, rows.columns[name])) for name in names}
    regions = [_regions({name: own[row] or () for name, own in lists.items()}, path, _item(rows, row))
               for row in range(len(rows))]  # fmt: skip
    without = regions.count({})
    notes += [f"{counted(without, 'row')} of {path.name} without a region left out"] if without else []
    every = [(row, region, said) for row, own in enumerate(regions) for region, said in own.items()]
    pairs = [one for one in every if one[1].end > one[1].start]
    if moments := len(every) - len(pairs):
        notes.append(f"{counted(moments, 'region')} of {path.name} without a duration left out")
    if not pairs:
        raise InputError(f"{path}: no recording has a region; label some, or set data.target=NAME to another column")
    found: dict[str, list[Placed]] = defaultdict(list)
    for row, region, _ in pairs:
        found[rows.keys[row]].append(Placed(path, region))
    notes += check_times({rows.keys[row]: rows.recordings[row] for row, *_ in pairs}, found)
    taken = rows.take([row for row, *_ in pairs])
    columns: Columns = {name: cells for name, cells in taken.columns.items() if name not in names}
    columns |= {START: [region.start for _, region, _ in pairs], END: [region.end for _, region, _ in pairs]}
    columns |= {name: [said.get(name) for *_, said in pairs] for name in names}
    channels = [region.channel for _, region, _ in pairs]
    if len(set(channels) - {""}) > 1:
        columns[CHANNEL] = channels
    fields = {field for own in lists[names[0]] for one in own or () for field in one}
    of_labels = bool(fields & set(_LABELS))
    return replace(source, rows=replace(taken, columns=columns), target=names[0],
                   implied_by="label" if of_labels else "text", notes=(*source.notes, *notes),
                   parts=f"{counted(len(pairs), 'region')} in column {names[0]!r}")  # fmt: skip


def _are_targets(names: Sequence[str], source: Source, data: Data) -> bool:
    """Return whether columns with regions hold the targets: one is chosen or called so, or no other is."""
    if data.target is not None:
        return data.target in names
    called = list(filter(names_target, source.rows.columns))
    return not called or any(name in called for name in names)


def _item(rows: Rows, row: int) -> str:
    return f"item {rows.numbers[row]:,}" if rows.numbers else f"item {row + 1:,}"


def _list(cell: Any) -> list[Any] | None:
    """Return the list in a cell, which a CSV holds as JSON; None where it is none."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        with suppress(InputError):
            cell = parse_json(cell, "")
    return cell if isinstance(cell, list) else [] if missing(cell) else None


def _regions(cells: Mapping[str, Sequence[Any]], path: Path, item: str) -> dict[Region, dict[str, Any]]:
    """Return the regions of a row, with what each column says of them."""
    found: dict[Region, dict[str, Any]] = defaultdict(dict)
    for name, regions in cells.items():
        for number, one in enumerate(regions, start=1):
            place = f"{item}, region {number:,} of {name!r}"
            start, end = (seconds_in(one[key], f"{path}, {place}") for key in (START, END))
            # Where two columns describe the regions, one that both have is told by its id, if any, and its times.
            own = str(number) if len(cells) < 2 else str(one.get("id") or "")
            channel = "" if one.get(CHANNEL) is None else str(one[CHANNEL])
            region = Region(start, end, "", f"{item}, region at {start:g} s", own, channel=channel)
            track_of(path, [region])
            found[region][name] = content_of(one)
    return dict(found)


def _one_annotation(rows: Rows, where: Sequence[str]) -> tuple[Rows, list[str]]:
    """Return the rows with one annotation for each recording, and a note where there were several."""
    people = rows.columns.get(ANNOTATOR)
    if people is None or any(parse_condition(one)[0] == ANNOTATOR for one in where):
        return rows, []
    of: dict[Any, list[int]] = defaultdict(list)
    for row, identity in enumerate(rows.identities):
        of[identity].append(row)
    several = [own for own in of.values() if len(own) > 1]
    if not several:
        return rows, []
    counts = Counter(map(str, people))
    truth = rows.columns.get(GROUND_TRUTH, [None] * len(rows))
    kept = sorted(max(own, key=lambda row: (bool(truth[row]), counts[str(people[row])], row)) for own in of.values())
    named = ", ".join(sorted({str(people[row]) for own in several for row in own}))
    said = "the ground truth is used, or that of who annotated most"
    note = f"{counted(len(several), 'recording')} with several annotations (of {named}): {said}"
    return rows.take(kept), [f"{note}; data.where='{ANNOTATOR}=NAME' chooses one"]
