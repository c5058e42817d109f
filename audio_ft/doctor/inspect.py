"""Inspect a data set: what it contains and what is wrong with it, before cleaning and training."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.codec.installed import decoders
from audio_ft.data import Loaded, load, sources
from audio_ft.data.findings import Finding, ranked
from audio_ft.data.leaks.certify import certify, copies_of
from audio_ft.data.loader import ANY_CLASSES
from audio_ft.data.parts.rows import cut
from audio_ft.data.probe import Probed, duplicates, probe_all
from audio_ft.data.readers.tree import scan
from audio_ft.data.rows import Rows, Stored
from audio_ft.data.spec import Data
from audio_ft.data.table.find_target import TranscriptsFound, target_column
from audio_ft.doctor import set_findings
from audio_ft.doctor.checks import of_samples
from audio_ft.doctor.examine import Examination
from audio_ft.doctor.facts import durations_of, facts_of
from audio_ft.doctor.inspection import Inspection, Recording
from audio_ft.doctor.leaks import of_changed_copies, sides_of
from audio_ft.doctor.measure import Measured
from audio_ft.errors import InputError
from audio_ft.targets import Target, Transcript
from audio_ft.targets.cells import as_text

if TYPE_CHECKING:
    from datasets import Dataset

# A second of speech takes 3 to 6 ms of one core: so much takes about a minute, and more is examined on request.
QUICK_SECONDS = 3 * 3600.0


def inspect(
    data: Data | str | Path,
    *,
    targets: Sequence[type[Target]] | None = None,
    decode: bool | None = None,
) -> Inspection:
    """Inspect recordings, their targets and splits.

    `targets` are the kinds of target to look for; None: labels, or transcripts where there are no labels. Data that
    training would refuse is inspected as far as it can be read, and `problem` says what is wrong. `decode` is whether
    to read every sample, or only headers; None reads all of up to three hours. What was measured is not measured again.

    Raises:
        InputError: the path does not exist, contains no recordings, or has a manifest that cannot be read.
    """
    data = Data.accept(data)
    loaded, rows, problem = _read(data, targets or ANY_CLASSES, others=targets is None)
    headers, measured, decoded = _examined(data.path, rows, decode)
    kind = type(loaded.target) if loaded else (targets or ANY_CLASSES)[-1]
    facts = {name: facts_of(part, headers[name], kind) for name, part in rows.items()}
    every = [one for part in headers.values() for one in part]
    good = [one for one in every if one.error is None]
    equal = _equal(every, measured) if decoded else duplicates(every)
    sides, rule = sides_of(rows, measured, kind), loaded.rule if loaded else ""
    copies = copies_of(sides)
    found = ranked([
        *set_findings.of_notes(loaded.warnings if loaded else ()),
        *set_findings.of_copies(rows, equal),
        *of_changed_copies(sides, copies, equal, "made here" in rule),
        *set_findings.of_classes(facts),
        *set_findings.of_headers(every),
        *set_findings.of_empty_transcripts(rows, facts),
        *of_samples(every, [measured.get(one.key) for one in every]),
    ])  # fmt: skip
    return Inspection(
        path=data.path,
        kind=kind.kind,
        target=loaded.column if loaded else None,
        group=loaded.group if loaded else None,
        rule=rule,
        problem=problem,
        splits=facts,
        durations=durations_of(np.array([one.seconds for one in good])),
        rates=_counted(one.rate for one in good),
        channels=_counted(one.channels for one in good),
        formats=_counted(one.format for one in good),
        unreadable=tuple((one.key, one.error) for one in every if one.error is not None),
        duplicates=tuple(equal),
        findings=found,
        recordings=_recordings(rows, headers, measured, found),
        decoded=decoded,
        decoders=decoders(),
        reading=loaded.reading if loaded else "",
        leaks=certify(sides, copies).summary() if decoded and len(sides) > 1 else "",
    )


def _examined(
    path: str, rows: Mapping[str, Rows], decode: bool | None
) -> tuple[dict[str, list[Probed]], dict[str, Measured], bool]:
    """Return headers with the errors of reading samples, what was measured, and whether every sample was read."""
    headers = {name: list(probe_all(part, name=name)) for name, part in rows.items()}
    examination = Examination.of(path, rows, headers)
    decoded = examination.seconds_left <= QUICK_SECONDS if decode is None else decode
    results = examination.run() if decoded else {}
    measured = {key: result.measured for key, result in results.items() if result.measured}
    errors = {key: result.error for key, result in results.items() if result.measured is None}
    headers = {
        name: [replace(one, error=errors.get(one.key, one.error)) for one in part] for name, part in headers.items()
    }
    return headers, measured, decoded


def _read(
    data: Data, targets: Sequence[type[Target]], *, others: bool = False
) -> tuple[Loaded | None, dict[str, Rows], str | None]:
    """Return the data as training would load it and its rows by split; or None, what can be read, and the problem.

    With `others`, transcripts are read where there are no labels.
    """
    try:
        loaded = load(data, targets=targets)
    except TranscriptsFound as error:
        if others:
            return _read(data, (Transcript,))
        return None, _without_targets(data, targets[-1], error).by_split(), str(error)
    except InputError as error:
        return None, _without_targets(data, targets[-1], error).by_split(), str(error)
    return loaded, {name: _of_table(table) for name, table in loaded.splits.items()}, None


def _equal(headers: Sequence[Probed], measured: Mapping[str, Measured]) -> list[tuple[str, ...]]:
    """Return the keys of recordings with equal samples, whatever their containers; silent ones are no copies."""
    alike: dict[str, list[str]] = defaultdict(list)
    for header in headers:
        if (found := measured.get(header.key)) and not found.silent:
            alike[found.digest].append(header.key)
    return [tuple(keys) for keys in alike.values() if len(keys) > 1]


def _recordings(
    rows: Mapping[str, Rows],
    headers: Mapping[str, Sequence[Probed]],
    measured: Mapping[str, Measured],
    findings: Sequence[Finding],
) -> tuple[Recording, ...]:
    """Return what is known of each recording."""
    named: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        for key in finding.keys:
            named[key].append(finding.name)
    found = []
    for name, part in rows.items():
        targets = part.targets or [""] * len(part)
        groups = part.groups or [None] * len(part)
        for header, source, target, group in zip(headers[name], part.recordings, targets, groups, strict=True):
            facts = header, measured.get(header.key), tuple(named.get(header.key, ()))
            found.append(Recording(header.key, source, name, as_text(target), group, *facts))
    return tuple(found)


def _of_table(table: Dataset) -> Rows:
    """Return a split that `load` made as rows."""
    groups = list(table["group"])
    recordings = [Stored(table, row, "") for row in range(len(table))]
    return Rows({}, list(table["key"]), recordings, targets=list(table["target"]), groups=groups if any(groups) else [])


def _without_targets(data: Data, kind: type[Target], error: InputError) -> Rows:
    """Return what can be read of data that `load` refuses: splits and cells, or just recordings; none raise `error`."""
    try:
        source = sources.read(data, classes=kind.implied_by == "label")
    except InputError:
        folder = Path(data.path).expanduser()
        if not folder.is_dir() or not (tree := scan(folder)).audio:
            raise error from None
        keys = tree.below()
        return Rows({}, keys, [tree.audio[key] for key in keys]).in_splits("")
    with suppress(InputError):
        rows, column, _ = target_column(source.rows, data, kind, source)
        with suppress(InputError):
            rows = cut(rows, data, (source.audio, column), tracks=source.parts)[0]
        return replace(rows, targets=list(map(as_text, rows.columns.get(column, []))))
    return source.rows


def _counted(values: Iterable[Any]) -> dict[Any, int]:
    """Count each value, the most frequent first."""
    return dict(Counter(sorted(values, key=str)).most_common())
