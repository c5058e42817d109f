"""Inspect a data set: what it contains and what is wrong with it, before cleaning and training."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.codec.installed import decoders
from audio_ft.data import Loaded, load, sources
from audio_ft.data.findings import Finding, ranked
from audio_ft.data.loader import ANY_CLASSES, target_column
from audio_ft.data.parts.rows import cut
from audio_ft.data.probe import duplicates, probe_all
from audio_ft.data.readers.tree import scan
from audio_ft.data.rows import Rows, Stored
from audio_ft.data.spec import Data
from audio_ft.doctor import set_findings
from audio_ft.doctor.facts import Durations, SplitFacts, durations_of, facts_of
from audio_ft.errors import InputError
from audio_ft.targets import Target, target_class
from audio_ft.targets.cells import as_text

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Inspection:
    """Hold what was found in a data set.

    `problem` is the error with which training would refuse it; `decoded` whether more than headers was read;
    `unreadable` pairs keys and reasons, `duplicates` lists keys of equal content, and `findings` come in
    the order in which to fix them.
    """

    path: str
    kind: str
    target: str | None
    group: str | None
    rule: str
    problem: str | None
    splits: Mapping[str, SplitFacts]
    durations: Durations | None
    rates: Mapping[int, int]
    channels: Mapping[int, int]
    formats: Mapping[str, int]
    notes: Mapping[str, int]
    unreadable: tuple[tuple[str, str], ...]
    duplicates: tuple[tuple[str, ...], ...]
    findings: tuple[Finding, ...]
    decoded: bool
    decoders: str
    reading: str = ""

    @property
    def kind_in_words(self) -> str:
        """Return the kind of target in words."""
        return target_class(self.kind).wording.short

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return dataclasses.asdict(self)


def inspect(
    data: Data,
    *,
    targets: Sequence[type[Target]] = ANY_CLASSES,
    decode: bool = False,
) -> Inspection:
    """Inspect recordings, their targets and splits; only headers are read unless `decode`.

    `targets` are the kinds of target to look for. Data that training would refuse is inspected as far as it can be
    read, and `problem` says what is wrong.

    Raises:
        InputError: the path does not exist, contains no recordings, or has a manifest that cannot be read.
    """
    loaded: Loaded | None = None
    problem = None
    try:
        loaded = load(data, targets=targets)
        rows = {name: _of_table(table) for name, table in loaded.splits.items()}
    except InputError as error:
        problem = str(error)
        rows = _without_targets(data, targets[-1], error).by_split()
    probed = {name: list(probe_all(part, decode=decode, name=name)) for name, part in rows.items()}
    kind = type(loaded.target) if loaded else targets[-1]
    facts = {name: facts_of(part, probed[name], kind) for name, part in rows.items()}
    every = [one for part in probed.values() for one in part]
    good = [one for one in every if one.error is None]
    equal = duplicates(every)
    findings = [
        *set_findings.of_notes(loaded.warnings if loaded else ()),
        *set_findings.of_copies(rows, equal),
        *set_findings.of_classes(facts),
        *set_findings.of_headers(every),
        *set_findings.of_empty_transcripts(rows, facts),
    ]
    return Inspection(
        path=data.path,
        kind=kind.kind,
        target=loaded.column if loaded else None,
        group=loaded.group if loaded else None,
        rule=loaded.rule if loaded else "",
        problem=problem,
        splits=facts,
        durations=durations_of(np.array([one.seconds for one in good])),
        rates=_counted(one.rate for one in good),
        channels=_counted(one.channels for one in good),
        formats=_counted(one.format for one in good),
        notes=_counted(note.partition(":")[0] for one in good for note in one.notes),
        unreadable=tuple((one.key, one.error) for one in every if one.error is not None),
        duplicates=tuple(equal),
        findings=ranked(findings),
        decoded=decode,
        decoders=decoders(),
        reading=loaded.reading if loaded else "",
    )


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
