"""Describe data: where it is, which columns, rows and splits to use. Nothing is read here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from audio_ft.data.in_memory import is_table, saved
from audio_ft.data.splitting.splits import SPLITS
from audio_ft.data.table.columns import parse_condition
from audio_ft.data.table.name_patterns import name_pattern
from audio_ft.errors import InputError
from audio_ft.settings import Settings
from audio_ft.settings.rules import LARGEST_SEED, Refused, Rule, each, either, flag, number, optional, path, text, whole
from audio_ft.targets import target_class


def _conditions(value: Any) -> tuple[str, ...]:
    conditions: tuple[str, ...] = each(text()).read([value] if isinstance(value, str) else value)
    for condition in conditions:
        parse_condition(condition)
    return conditions


def _names(value: Any) -> tuple[str, ...]:
    """Return names of columns, given as a list or with commas."""
    names: tuple[str, ...] = each(text()).read(value.split(",") if isinstance(value, str) else value)
    return tuple(name.strip() for name in names)


def _pattern(value: Any) -> str:
    pattern: str = text().read(value)
    name_pattern(pattern)  # refuses what is not one
    return pattern


def _tracks(value: Any) -> str:
    """Return a path or a suffix; "" is none."""
    return text().read(os.fspath(value) if isinstance(value, os.PathLike) else value)


def _target(value: Any) -> str:
    """Return a column, or several as one text with commas."""
    return text().read(value) if isinstance(value, str) else ",".join(each(text()).read(value))


def _separator(value: Any) -> str:
    """Return a separator; shells pass a tab as two characters."""
    return text().read(value).replace("\\t", "\t").replace("\\n", "\n")


def _words(value: Any) -> tuple[str, ...]:
    """Return words, given as names are, without empty ones."""
    return tuple(filter(None, _names(value)))


def _kind(value: Any) -> str:
    name: str = text().read(value)
    try:
        return target_class(name).kind
    except InputError as error:
        raise Refused from error


def _renaming(value: Any) -> dict[str, str]:
    """Return {name in the data: ours} for a renaming in either direction."""
    if not isinstance(value, Mapping):
        raise Refused
    renaming = {text().read(name): text().read(other) for name, other in value.items()}
    for pairs in (renaming, {theirs: ours for ours, theirs in renaming.items()}):
        if all(ours in SPLITS for ours in pairs.values()):
            return pairs
    raise Refused


def _sources(value: Any) -> tuple[Data, ...]:
    """Return several sources, each given as `Data.accept` takes it."""
    if not isinstance(value, list | tuple) or not value:
        raise Refused
    inner = [one.get("sources") if isinstance(one, Mapping) else getattr(one, "sources", None) for one in value]
    if any(inner) or any(isinstance(one, list | tuple) for one in value):
        raise InputError("data.sources: one of several sources has sources itself; list all of them in one list.")
    return tuple(map(Data.accept, value))


# Between the paths of several sources.
JOINT = " + "
TOGETHER = Rule('lists of recordings such as [["a.wav", "b.wav"]]', each(each(text())).read)
SOURCES = Rule("a list of paths, or of settings of data", _sources)
SHARE = number(0, 1, below=True)
RENAMING = Rule(f"names such as {{'dev': 'validation'}}, with {', '.join(SPLITS)} on one side", _renaming)


@dataclass(frozen=True)
class Data(Settings):
    """Say where recordings and their targets are.

    Attributes:
        path: folder, manifest (csv, tsv, txt, jsonl, json, xlsx, parquet), label track, zip or tar archive, saved
            `datasets` folder, or id on the Hub.
        name: configuration on the Hub.
        revision: revision on the Hub.
        root: folder of the recordings that a manifest lists; None finds it.
        columns: names of the columns of a manifest without a header ("file_name,text,speaker"); () finds them.
        audio: column of the recordings; None finds it.
        target: column of the labels, numbers or transcripts; None finds it. Several columns of 0 and 1, one for each
            label, are named with commas or a pattern ("dog,cat", "label_*").
        kind: what the targets are: label, labels (several a clip), number, transcript or events; None decides by the
            cells.
        separator: what separates the labels in a cell; "": nothing, None decides by the cells.
        gaps: words that mean that a row has no target ("nan,?"); []: only empty cells. None: the usual ones.
        name_pattern: form of the file names whose parts are columns ("{speaker}_{label}_{take}"); {name:N} has N
            characters, {} is not kept, and / stands between folders.
        group: column of groups (speakers), by which splits are disjoint; None finds it, "": there is none.
        start: column of where a row begins in its file, alone or with its unit (s, ms, us, min, h, samples) as in
            "start:ms"; None finds it, "": rows are whole files.
        end: column of where it ends, likewise.
        duration: column of how long it is, likewise, where no column says where it ends.
        channel: column of the channel that a row is, as in "channel" or "channel:1", where 1 is the number of the first
            channel; None finds it, "": all channels.
        tracks: label tracks (.txt of Audacity, .TextGrid, .eaf, .rttm, .ctm, .stm, .srt, .vtt): their suffix, or the
            folder or file that has them; None finds those beside recordings, "": none.
        tier: the tier of tracks with several, "*" for all; "words" or "recordings" for what a row of a CTM is.
        where: filters that rows must meet ("language=en", "duration>1"; = != > >= < <=), on any column; where folders
            or files are the splits, `split` is such a column.
        splits: {name in the data: ours}, ours being train, validation or test; or {ours: name in the data}.
        folds: column whose values are tested in turn ("fold"; "speaker" leaves one speaker out at a time), or how many
            folds to make here, disjoint by group; `audio-ft train` then trains once for each.
        together: lists of recordings that stay in one split where splits are made here; training adds the copies that
            it finds.
        test_fold: the one fold to test on; the others are train. Without `folds`, the data's own column of folds.
        validation: share of the validation split where it must be made.
        test: share of the test split where it must be made.
        seed: seed of splits and samples.
        limit: most clips a split, stratified; for smoke runs.
        streaming: read the training clips from the shards of audio-ft prepare, or clean those of other data, whenever
            a batch needs them, instead of keeping clean copies in the cache; None: only shards with more than 20 GB.
        license: license of the data, for the model card.
        source: where the data comes from, for the model card.
        language: code of the language spoken ("fr"), or several with spaces, for the model card; one of several sources
            gives its clips this language.
        language_column: column of the language of each clip, in which a multilingual Whisper then learns and writes
            it; scores are also given by language.
        weight: as one of several sources, how often its clips are drawn, compared with those of the others.
        temperature: T above 1 draws rare languages (or sources, where languages are not known) more often: a language
            of n clips is drawn in proportion to n^(1/T). 1: each clip once an epoch.
        sources: several sources in one training, each a path or settings of its own; what is set beside them holds for
            those that do not set it. `path` is then their paths, joined. In a recipe: data=[Data("a", weight=2), "b"].

    Raises:
        InputError: a setting has another type or is outside its range.
    """

    prefix: ClassVar[str] = "data"
    shorthand: ClassVar[str] = "path"

    path: Annotated[str, path("a path, or an id on the Hub")]
    name: str | None = None
    revision: str | None = None
    root: Annotated[str | None, path("a folder")] = None
    columns: Annotated[tuple[str, ...], Rule('names such as "file_name,text"', _names)] = ()
    audio: str | None = None
    target: Annotated[str | None, Rule("a column, or a list of columns", _target)] = None
    group: str | None = None
    start: str | None = None
    end: str | None = None
    duration: str | None = None
    channel: str | None = None
    tracks: Annotated[str | None, Rule("a suffix such as .eaf, a folder or a file", _tracks)] = None
    tier: str | None = None
    where: Annotated[tuple[str, ...], Rule('filters such as "language=en"', _conditions)] = ()
    splits: Annotated[Mapping[str, str] | None, RENAMING] = None
    validation: Annotated[float, SHARE] = 0.1
    test: Annotated[float, SHARE] = 0.1
    seed: Annotated[int, whole(0, LARGEST_SEED)] = 0
    limit: Annotated[int | None, whole(1)] = None
    license: str | None = None
    source: str | None = None
    language: str | None = None
    name_pattern: Annotated[str | None, Rule('a form of file names such as "{speaker}_{label}_{take}"', _pattern)] = (
        None
    )
    kind: Annotated[str | None, Rule("one of label, labels, number, transcript, events", _kind)] = None
    separator: Annotated[str | None, Rule('text such as ","', _separator)] = None
    gaps: Annotated[tuple[str, ...] | None, Rule('words such as "nan,?", or a list of them', _words)] = None
    folds: Annotated[str | int | None, either(whole(2, 1000), path("a column"))] = None
    test_fold: Annotated[str | int | None, either(whole(), text())] = None
    together: Annotated[tuple[tuple[str, ...], ...] | None, TOGETHER] = None
    streaming: Annotated[bool | None, optional(flag())] = None
    language_column: str | None = None
    weight: Annotated[float, number(0, 1_000_000, above=True)] = 1.0
    temperature: Annotated[float, number(1, 1_000_000)] = 1.0
    sources: Annotated[tuple[Data, ...] | None, SOURCES] = None

    @classmethod
    def accept(cls, value: Any) -> Data:
        """Return data given as itself, as its path, or as a table in memory, whose paths start from the working folder.

        A list of these is several sources.

        Raises:
            InputError: see the class; or a table that cannot be saved in the cache.
        """
        if isinstance(value, list | tuple):
            return cls(path=JOINT, sources=tuple(value))
        if not is_table(value):
            return super().accept(value)
        place = saved(value)
        return cls(path=str(place), root=os.getcwd() if place.suffix == ".parquet" else None)

    def check(self) -> None:
        """Refuse shares that leave nothing to train on, and a separator where there is nothing to separate."""
        if self.sources is not None:
            self._check_sources(self.sources)
        if self.separator and self.kind not in (None, "labels", "events"):
            raise InputError(
                f"data.separator={self.separator!r} is for several labels a clip, and data.kind is {self.kind}; leave "
                "one of them out"
            )
        if self.validation + self.test >= 1:
            raise InputError(
                "data: expected validation and test shares of less than 1 together, "
                f"got {self.validation} and {self.test}"
            )

    def _check_sources(self, sources: tuple[Data, ...]) -> None:
        """Refuse what several sources do not have, and say for the whole what its sources say for themselves."""
        if any(source.streaming is not None for source in sources):
            raise InputError("data.streaming is for all sources together; set it beside them.")
        for name in ("folds", "test_fold"):
            if any(getattr(source, name) for source in (self, *sources)):
                raise InputError(
                    f"data.{name} is for a single source, and here are {len(sources)}; leave it out, or train on one."
                )
        object.__setattr__(self, "path", JOINT.join(source.path for source in sources))
        for name, joint in (("license", ", "), ("source", "; "), ("language", " ")):
            said = dict.fromkeys(filter(None, (getattr(source, name) for source in sources)))
            if getattr(self, name) is None and said:
                object.__setattr__(self, name, joint.join(said))

    @property
    def each(self) -> tuple[Data, ...]:
        """Return the sources, which are the data itself where it is a single one."""
        return self.sources or (self,)

    def with_limit(self, most: int) -> Data:
        """Return the data with at most so many clips a split, of each source."""
        sources = self.sources and tuple(source.with_limit(most) for source in self.sources)
        return self.replace(limit=min(self.limit or most, most), sources=sources)

    def with_paths(self, change: Callable[[str], str]) -> Data:
        """Return the data with the path of each source changed by a function."""
        if self.sources is None:
            return self.replace(path=change(self.path))
        return self.replace(sources=tuple(source.with_paths(change) for source in self.sources))
