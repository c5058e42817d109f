"""Write processed recordings, features and split manifests from raw recordings, which stay as they are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.features import LogMel
from audio_ft.audio.features.export import write_arrays
from audio_ft.audio.output_paths import check_no_overlap, output_names
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.dataset import estimate_seconds
from audio_ft.cleaning.to_files import CHAIN_FILE, JOURNAL, Cleaning, Job, Report, claim_folder, clean_files
from audio_ft.data import Data, Loaded, load
from audio_ft.data.loader import ANY_CLASSES
from audio_ft.data.model_input import ModelInput
from audio_ft.data.splits import SPLITS
from audio_ft.errors import InputError
from audio_ft.file_io import as_cell, read_json, refuse_full_disk, replacing, write_json, write_table, write_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.targets import Target

PROCESSED, FEATURES, LISTS = "processed", "features", "splits"
MARKER, UNREADABLE, README = "prepared.json", "unreadable.csv", "README.txt"
FILE, RAW = "file_name", "raw_file"


@dataclass(frozen=True)
class Prepared:
    """Say what a prepared folder contains: clips by split, what cleaning did, and what could not be read."""

    folder: Path
    rule: str
    warnings: tuple[str, ...]
    clips: Mapping[str, int]
    report: Report


def prepare(
    data: Data,
    chain: Chain,
    folder: str | Path,
    *,
    targets: Sequence[type[Target]] = ANY_CLASSES,
    features: LogMel | ModelInput | None = None,
    max_corrupt: float = 0.05,
) -> Prepared:
    """Clean a data set with a chain and write recordings, features and manifests into a folder.

    `targets` are the kinds of target to try; `features` computes the features (None: a log-mel spectrogram). Finished
    recordings are skipped, so an interrupted call resumes and a second call only checks.

    Raises:
        InputError: data, chain or folder cannot be used, or the share of unreadable recordings is above `max_corrupt`.
    """
    folder, compute = Path(folder), features or LogMel()
    if Path(data.path).is_dir():
        check_no_overlap(Path(data.path), folder)
    loaded = load(data, targets=targets, need=SPLITS)
    if loaded.chain is not None:
        raise InputError(f"{data.path} is prepared already; train on it as it is, or prepare the raw recordings.")
    _claim(folder, data, chain, targets[-1], compute)
    jobs = Jobs(loaded, folder)
    _refuse_full_disk(loaded, chain, folder)
    report = clean_files(jobs, Cleaning(chain, WriteFeatures(compute)), folder, describe="preparing")
    errors = {outcome.key: outcome.error for outcome in report.errors}
    rows = {split: [(errors.get(key), row) for key, row in jobs.rows(split)] for split in SPLITS}
    good = {split: [row for error, row in pairs if error is None] for split, pairs in rows.items()}
    bad = [
        {"split": split, "reason": error, **row} for split in SPLITS for error, row in rows[split] if error is not None
    ]
    for row in bad:
        row.pop(FILE)  # it was not written
    write_table(folder / UNREADABLE, bad)
    _refuse_corrupt(max_corrupt, folder, good, bad)
    write_json(folder / MARKER, _marker(data, targets[-1], compute, loaded))
    clips = {split: len(own) for split, own in good.items()}
    write_text(folder / README, readme(folder, loaded, clips, len(bad), data, chain, compute))
    _write_lists(folder / LISTS, good)
    return Prepared(folder, loaded.rule, loaded.warnings, clips, report)


def raw_data(folder: Path) -> Data | None:
    """Return the data that a prepared folder was made from; None for any other folder."""
    marker = folder / MARKER
    if not marker.is_file():
        return None
    known = read_json(marker)
    return Data.from_dict(known["data"] | {"path": known["source"][0]}) if "data" in known else None


@dataclass(frozen=True)
class WriteFeatures:
    """Write the features of a job's finished file, computed from the file itself, rounding included."""

    compute: Callable[[Clip], NDArray[np.float32]]

    def __call__(self, job: Job) -> None:
        """Compute the array and write it completely or not at all."""
        if job.extra_target is not None:
            write_arrays(self.compute(read(job.target)), job.extra_target)


def _claim(folder: Path, data: Data, chain: Chain, kind: type[Target], compute: LogMel | ModelInput) -> None:
    """Claim the folder, or check that its content was prepared from the same data in the same way.

    Raises:
        InputError: it contains something else.
    """
    marker = folder / MARKER
    now = _marker(data, kind, compute, None)
    if marker.is_file():
        before = read_json(marker)
        for name, called in (("source", "source"), ("features", "features"), ("implied_by", "task")):
            if before.get(name) != now[name]:
                raise InputError(
                    f"{folder} was prepared with another {called} ({before.get(name)!r}, now {now[name]!r}); "
                    "give another folder, or remove this one."
                )
    elif (folder / CHAIN_FILE).is_file() and [path for path in folder.iterdir() if path.name != CHAIN_FILE]:
        raise InputError(f"{folder} contains the output of `audio-ft clean`; give an empty folder or a new one.")
    claim_folder(folder, chain)
    if not marker.is_file():
        write_json(marker, now)


def _marker(data: Data, kind: type[Target], compute: LogMel | ModelInput, loaded: Loaded | None) -> dict[str, Any]:
    """Return what later calls and `load` need to know; columns once data is loaded."""
    known: dict[str, Any] = {
        "source": [os.path.abspath(data.path) if os.path.exists(data.path) else data.path, data.name],
        "implied_by": kind.implied_by,
        "features": compute.describe(),
    }
    if loaded is not None:
        group = group_column(loaded)
        known |= {"target": loaded.column, "group": "" if data.group == "" else group, "kind": loaded.target.kind}
        known |= {"rule": loaded.rule, "data": data.to_dict()}
    return known


class Jobs(Sequence[Job]):
    """List the recordings to clean, each once even if listed repeatedly; stored content is read when indexed."""

    def __init__(self, loaded: Loaded, folder: Path) -> None:
        self._loaded, self._folder = loaded, folder
        self._recordings: list[tuple[str, int, str, str | None]] = []
        self._jobs_of: dict[str, list[str]] = {}
        seen: dict[str, str] = {}
        for split, table in loaded.splits.items():
            paths = _paths(table)
            self._jobs_of[split] = []
            for row, (key, path) in enumerate(zip(table["key"], paths, strict=True)):
                job = key if path is None else seen.setdefault(path, key)
                if job == key:
                    self._recordings.append((split, row, key, path))
                self._jobs_of[split].append(job)
        self._names = output_names(key for _, _, key, _ in self._recordings)

    def __len__(self) -> int:
        return len(self._recordings)

    def __getitem__(self, index: Any) -> Any:
        """Return one job, with the content of its recording where that is stored in a table."""
        split, row, key, path = self._recordings[index]
        name = self._names[key]
        source = path if path is not None else self._loaded.splits[split][row]["audio"]["bytes"]
        return Job(key, source, self._folder / PROCESSED / f"{name}.wav", self._folder / FEATURES / f"{name}.npy")

    def rows(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield for each row of a split the key of its job and its cells by column."""
        loaded, group = self._loaded, group_column(self._loaded)
        table = loaded.splits[split].select_columns(["key", "target", "group", "meta"])
        for job, row in zip(self._jobs_of[split], table, strict=True):
            cells = {FILE: f"{PROCESSED}/{self._names[job]}.wav", loaded.column: as_cell(row["target"], row["key"])}
            if group is not None and group != loaded.column:
                cells[group] = row["group"] or ""
            for name, value in json.loads(row["meta"]).items():
                cells[f"{name}_raw" if name in cells or name == RAW else name] = as_cell(value, row["key"])
            yield job, {**cells, RAW: row["key"]}


def _paths(table: Any) -> list[str | None]:
    """Return the path of each recording that is a file, None for one stored in the table."""
    import pyarrow.compute as pc

    audio = table.select_columns(["audio"]).with_format("arrow")[:].column("audio")
    stored = pc.is_valid(pc.struct_field(audio, "bytes")).to_pylist()
    paths = pc.struct_field(audio, "path").to_pylist()
    return [None if bytes_ else path for bytes_, path in zip(stored, paths, strict=True)]


def group_column(loaded: Loaded) -> str | None:
    """Return the column that groups are written to; groups from file names get a new column."""
    if loaded.group is None or "," not in loaded.group:
        return loaded.group
    return f"{loaded.group.partition(',')[0]}_id"


def _refuse_full_disk(loaded: Loaded, chain: Chain, folder: Path) -> None:
    """Refuse if recordings (16-bit) and features (at most as many float32 values) do not fit on the disk."""
    if not (folder / JOURNAL).is_file():
        needed = sum(map(estimate_seconds, loaded.splits.values())) * chain.output_rate(48_000) * (2 + 4)
        refuse_full_disk(folder, needed, "Preparing", "free some space or give a folder on a larger disk")


def _refuse_corrupt(allowed: float, folder: Path, good: Mapping[str, Sequence[Any]], bad: Sequence[Any]) -> None:
    """Refuse what training would refuse.

    Raises:
        InputError: too many recordings cannot be read, or all of a split.
    """
    total = sum(map(len, good.values())) + len(bad)
    empty = next((split for split, rows in good.items() if not rows), None)
    if empty is not None:
        raise InputError(
            f"None of the recordings of the {empty} split can be read; see {folder / UNREADABLE} for the reasons."
        )
    if len(bad) > allowed * total:
        raise InputError(
            f"{len(bad)} of {total} recordings cannot be read, more than the allowed {allowed:.0%}; "
            f"{folder / UNREADABLE} lists them: fix or remove them, or raise max_corrupt with --set."
        )


def _write_lists(folder: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write one manifest a split; all at once the first time, so that an unfinished folder has none."""
    with nullcontext(folder) if folder.is_dir() else replacing(folder) as place:
        place.mkdir(exist_ok=True)
        for split in SPLITS:
            write_table(place / f"{split}.csv", rows[split])


def readme(
    folder: Path,
    loaded: Loaded,
    clips: Mapping[str, int],
    bad: int,
    data: Data,
    chain: Chain,
    compute: LogMel | ModelInput,
) -> str:
    """Return ten lines that explain the folder."""
    flag = "" if loaded.target.implied_by == "label" else " --task transcription"
    counts = ", ".join(f"{split} {number:,}" for split, number in clips.items())
    unreadable = f"{bad:,} excluded, with the reasons" if bad else "none, so the file does not exist"
    group = group_column(loaded)
    columns = f"target {loaded.column!r}" + (f", group {group!r}" if group else "")
    lines = [
        f"Prepared by audio-ft from {data.path}; the raw files are untouched.",
        "processed/      clean recordings, 16-bit wav, with the folders and names of the raw ones",
        f"features/       one .npy a recording: {compute.describe()}",
        f"splits/         one csv a split, one row a recording: file_name, {columns}, other columns, {RAW}",
        f"                {counts} clips; {loaded.rule}",
        f"unreadable.csv  recordings that cannot be read: {unreadable}",
        "chain.json      the cleaning: " + "; ".join(step.describe() for step in chain.steps),
        "prepared.json   how this folder was made; training reads the columns from it",
        f"Train on it:    audio-ft train --model MODEL --data {folder} --output-dir RUN{flag}",
        "The trained model includes the cleaning: give it raw recordings, not those of processed/.",
    ]
    return "\n".join(lines) + "\n"
