"""Inspect a data set: what it contains and what is wrong with it, before cleaning and training."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.codec.installed import decoders
from audio_ft.data import Loaded, load, sources
from audio_ft.data.loader import ANY_CLASSES, target_column
from audio_ft.data.probe import Probed, duplicates, probe_all
from audio_ft.data.readers.tree import scan
from audio_ft.data.rows import Rows, Stored
from audio_ft.data.spec import Data
from audio_ft.data.splits import FLATTERS, first_five
from audio_ft.errors import InputError
from audio_ft.targets import Target, target_class
from audio_ft.targets.cells import as_text

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

# A class below this share of the largest one is rarely learned without weights.
IMBALANCE = 0.1
FEW_CLIPS = 10
SHORT_SECONDS, LONG_SECONDS = 0.1, 30.0


@dataclass(frozen=True)
class SplitFacts:
    """Count one split: clips listed, those readable and their seconds, groups (None without any), and targets.

    `classes` counts labels; `values` summarizes numbers (lowest, median, highest) and `words` transcripts (all words,
    those of the longest, empty transcripts).
    """

    clips: int
    readable: int
    seconds: float
    groups: int | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Durations:
    """Summarize durations in seconds; `histogram` holds (from, to, recordings)."""

    shortest: float
    median: float
    p95: float
    longest: float
    histogram: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True)
class Inspection:
    """Hold what was found in a data set.

    `problem` is the error with which training would refuse it; `decoded` whether more than headers was read;
    `unreadable` pairs keys and reasons, `duplicates` lists keys of equal content, `leaks` and `warnings` are sentences.
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
    leaks: tuple[str, ...]
    warnings: tuple[str, ...]
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
    facts = {name: _facts(part, probed[name], kind) for name, part in rows.items()}
    every = [one for part in probed.values() for one in part]
    good = [one for one in every if one.error is None]
    equal = duplicates(every)
    notes = loaded.warnings if loaded else ()
    known = tuple(note for note in notes if note.endswith(FLATTERS))
    return Inspection(
        path=data.path,
        kind=kind.kind,
        target=loaded.column if loaded else None,
        group=loaded.group if loaded else None,
        rule=loaded.rule if loaded else "",
        problem=problem,
        splits=facts,
        durations=_durations(np.array([one.seconds for one in good])),
        rates=_counted(one.rate for one in good),
        channels=_counted(one.channels for one in good),
        formats=_counted(one.format for one in good),
        notes=_counted(note.partition(":")[0] for one in good for note in one.notes),
        unreadable=tuple((one.key, one.error) for one in every if one.error is not None),
        duplicates=tuple(equal),
        leaks=(*known, *_leaks(rows, equal)),
        warnings=(*(note for note in notes if note not in known), *_warnings(facts, good, len(every))),
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
        return replace(rows, targets=list(map(as_text, rows.columns.get(column, []))))
    return source.rows


def _facts(rows: Rows, probed: Sequence[Probed], kind: type[Target]) -> SplitFacts:
    """Count one split."""
    good = [one.seconds for one in probed if one.error is None]
    counted: dict[str, Any] = kind.summary(rows.targets) if any(cell != "" for cell in rows.targets) else {}
    groups = len(set(rows.groups) - {None}) if rows.groups else None
    return SplitFacts(len(rows.keys), len(good), sum(good), groups, **counted)


def _counted(values: Iterable[Any]) -> dict[Any, int]:
    """Count each value, the most frequent first."""
    return dict(Counter(sorted(values, key=str)).most_common())


def _durations(seconds: NDArray[np.float64]) -> Durations | None:
    """Summarize durations; the last bar of the histogram holds all above the 95th percentile."""
    if not len(seconds):
        return None
    shortest, median, p95, longest = np.quantile(seconds, (0, 0.5, 0.95, 1)).tolist()
    rough = max(p95 - shortest, 0.01) / 8
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = np.floor(shortest / step) * step
    count = max(1, int(np.ceil((p95 - first) / step + 1e-9)))
    edges = [round(float(first + step * index), 6) for index in range(count + 1)]
    numbers = np.histogram(seconds, [*edges, np.inf])[0].tolist()
    bars = tuple((low, high, number) for (low, high), number in zip(pairwise([*edges, longest]), numbers, strict=True))
    return Durations(shortest, median, p95, longest, bars if numbers[-1] else bars[:-1])


def _leaks(rows: Mapping[str, Rows], equal: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield a sentence on recordings in two splits or with two targets; `load` warns of groups in two splits."""
    split = {key: name for name, part in rows.items() for key in part.keys}
    target = {
        key: str(value)
        for part in rows.values()
        if part.targets
        for key, value in zip(part.keys, part.targets, strict=True)
    }
    across = [keys for keys in equal if len({split[key] for key in keys}) > 1]
    differing = [keys for keys in equal if len({target.get(key) for key in keys}) > 1]
    if across:
        yield f"{len(across):,} recordings are in two splits, byte for byte ({across[0][0]} = {across[0][1]})"
    if differing:
        yield f"{len(differing):,} equal recordings have different targets ({differing[0][0]}, {differing[0][1]})"


def _warnings(facts: Mapping[str, SplitFacts], good: Sequence[Probed], every: int) -> Iterator[str]:
    """Yield sentences on what makes a data set hard to learn from or its scores hard to trust."""
    train = facts.get("train") or next(iter(facts.values()), None)
    classes = train.classes if train else {}
    if len(classes) > 1:
        least, most = min(classes, key=classes.__getitem__), max(classes, key=classes.__getitem__)
        if classes[least] < IMBALANCE * classes[most]:
            yield (f"unbalanced: {least} has {classes[least]:,} clips and {most} {classes[most]:,}; consider "
                   "--set class_weights=balanced or --set sampling=over")  # fmt: skip
        few = [name for name, number in classes.items() if number < FEW_CLIPS]
        if few:
            yield f"fewer than {FEW_CLIPS} clips to learn from: {first_five(few)}"
    low = sum(one.rate < 16_000 for one in good)
    unreadable = every - len(good)
    counted = {
        f"recordings are shorter than {SHORT_SECONDS:g} s": sum(one.seconds < SHORT_SECONDS for one in good),
        f"recordings are longer than {LONG_SECONDS:g} s; they are cut into windows":
            sum(one.seconds > LONG_SECONDS for one in good),
        f"of {len(good):,} recordings have rates below 16,000 Hz: the rate may reveal the class":
            low if low < len(good) else 0,
        f"of {every:,} recordings cannot be read ({unreadable / max(every, 1):.1%})": unreadable,
        "transcripts are empty": sum(split.words.get("empty", 0) for split in facts.values()),
    }  # fmt: skip
    yield from (f"{number:,} {what}" for what, number in counted.items() if number)
