"""Write processed recordings, features and split manifests from raw recordings, which stay as they are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.features import LogMel
from audio_ft.audio.features.export import write_arrays
from audio_ft.audio.output_paths import check_no_overlap, output_names
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.forecast import estimate_seconds
from audio_ft.cleaning.place import PLACE, source_of
from audio_ft.cleaning.to_files import CHAIN_FILE, JOURNAL, Cleaning, Job, Report, claim_folder, clean_files
from audio_ft.data import Data, Loaded, load
from audio_ft.data.loader import ANY_CLASSES
from audio_ft.data.model_input import ModelInput
from audio_ft.data.rows import stored_paths
from audio_ft.data.shards import PLAN, is_shards
from audio_ft.data.splitting.splits import SPLITS
from audio_ft.data.table.columns import FILE
from audio_ft.data.unreadable import UNREADABLE, refuse_corrupt
from audio_ft.errors import InputError
from audio_ft.file_io import as_cell, read_json, refuse_full_disk, replacing, write_json, write_table, write_text
from audio_ft.folder_lock import LOCK_FILE, owned
from audio_ft.formatting import escaped
from audio_ft.targets import Target

PROCESSED, FEATURES, LISTS = "processed", "features", "splits"
MARKER, README, RAW = "prepared.json", "README.txt", "raw_file"


@dataclass(frozen=True)
class Prepared:
    """Say what a prepared folder contains: clips by split, what cleaning did, and what could not be read."""

    folder: Path
    rule: str
    warnings: tuple[str, ...]
    clips: Mapping[str, int]
    report: Report


def prepare(
    data: Data | str | Path,
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
        InputError: data, chain or folder cannot be used, or more than `max_corrupt` of the recordings not read.
    """
    data, folder, compute = Data.accept(data), Path(folder), features or LogMel()
    if Path(data.path).is_dir():
        check_no_overlap(Path(data.path), folder)
    loaded = load(data, targets=targets, need=SPLITS)
    if loaded.chain is not None:
        raise InputError(f"{data.path} is prepared already; train on it as it is, or prepare the raw recordings.")
    chain = chain.keeping_time() if loaded.target.has_times else chain
    marker: dict[str, Any] = {
        "source": [os.path.abspath(data.path) if os.path.exists(data.path) else data.path, data.name],
        "implied_by": targets[-1].implied_by,
        "features": compute.describe(),
    }
    with owned(folder):
        _claim(folder, chain, marker)
        return _prepare(loaded, data, chain, folder, compute, marker, max_corrupt)


def _prepare(
    loaded: Loaded,
    data: Data,
    chain: Chain,
    folder: Path,
    compute: LogMel | ModelInput,
    marker: dict[str, Any],
    max_corrupt: float,
) -> Prepared:
    """Clean the recordings of loaded data into a folder that has the marker, and write its lists."""
    if not (folder / JOURNAL).is_file():
        # 16-bit samples, and features of at most as many float32 values.
        needed = sum(map(estimate_seconds, loaded.splits.values())) * chain.output_rate(48_000) * (2 + 4)
        refuse_full_disk(folder, needed, "Preparing", "free some space or give a folder on a larger disk")
    jobs = Jobs(loaded, folder)
    report = clean_files(jobs, Cleaning(chain, partial(write_features, compute)), folder, describe="preparing")
    group = _group_column(loaded)
    good, bad = _listed(loaded, group, jobs, {outcome.key: outcome.error for outcome in report.errors})
    write_table(folder / UNREADABLE, bad)
    refuse_corrupt(max_corrupt, folder, good, bad)
    columns = {"target": loaded.column, "group": "" if data.group == "" else group, "kind": loaded.target.kind}
    write_json(folder / MARKER, marker | columns | {"rule": loaded.rule, "data": data.to_dict()})
    prepared = Prepared(folder, loaded.rule, loaded.warnings, {split: len(own) for split, own in good.items()}, report)
    write_text(folder / README, _readme(prepared, loaded, group, len(bad), data, compute))
    # All lists at once the first time, so that an unfinished folder has none.
    lists = folder / LISTS
    with nullcontext(lists) if lists.is_dir() else replacing(lists) as place:
        place.mkdir(exist_ok=True)
        for split in SPLITS:
            write_table(place / f"{split}.csv", good[split])
    return prepared


def raw_data(folder: Path) -> Data | None:
    """Return the data that a prepared folder was made from; None for any other folder."""
    if is_shards(str(folder)):
        return Data.from_dict(read_json(folder / PLAN)["data"])
    marker = folder / MARKER
    if not marker.is_file():
        return None
    known = read_json(marker)
    return Data.from_dict(known["data"] | {"path": known["source"][0]}) if "data" in known else None


def write_features(compute: Callable[[Clip], NDArray[np.float32]], job: Job) -> None:
    """Write the features of a job's finished file, computed from the file itself, rounding included."""
    if job.extra_target is not None:
        write_arrays(compute(read(job.target)), job.extra_target)


def _claim(folder: Path, chain: Chain, marker: Mapping[str, Any]) -> None:
    """Claim the folder, or check that its content was prepared from the same data in the same way."""
    file = folder / MARKER
    if file.is_file():
        before = read_json(file)
        for name, now in marker.items():
            if before.get(name) != now:
                called = "task" if name == "implied_by" else name
                raise InputError(
                    f"{folder} was prepared with another {called} ({before.get(name)!r}, now {now!r}); "
                    "give another folder, or remove this one."
                )
    elif (folder / CHAIN_FILE).is_file() and {path.name for path in folder.iterdir()} - {CHAIN_FILE, LOCK_FILE}:
        raise InputError(f"{folder} contains the output of `audio-ft clean`; give an empty folder or a new one.")
    claim_folder(folder, chain)
    if not file.is_file():
        write_json(file, marker)


class Jobs(Sequence[Job]):
    """List the recordings or parts to clean, each once even if listed repeatedly; stored content is read when indexed.

    `of` has the key of the job of each row by split, `names` the output name of each job.
    """

    def __init__(self, loaded: Loaded, folder: Path) -> None:
        self._splits, self._folder = loaded.splits, folder
        self.of: dict[str, list[str]] = {}
        places: dict[str, tuple[str, int, str | None]] = {}
        first: dict[tuple[str, Any], str] = {}
        for split, table in loaded.splits.items():
            self.of[split] = []
            spans = (
                zip(*(table[name] for name in PLACE[1:]), strict=True)
                if PLACE[1] in table.column_names
                else repeat(None)
            )
            each = zip(table["key"], stored_paths(table), spans, strict=False)  # repeat(None) has no end
            for row, (key, (stored, path), span) in enumerate(each):
                job = key if stored else first.setdefault((path, span), key)
                places.setdefault(job, (split, row, None if stored or span else path))
                self.of[split].append(job)
        self._places = list(places.items())
        self.names = output_names(places)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        """Return one job, with the content of its recording where that is stored in a table."""
        key, (split, row, path) = self._places[index]
        source = path if path is not None else source_of(self._splits[split][row])
        name = self.names[key]
        return Job(key, source, self._folder / PROCESSED / f"{name}.wav", self._folder / FEATURES / f"{name}.npy")


def _listed(
    loaded: Loaded, group: str | None, jobs: Jobs, errors: Mapping[str, str | None]
) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]]]:
    """Return the rows of each split's list, and those of recordings that cannot be read, with the reason."""
    good: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    bad: list[dict[str, Any]] = []
    for split in SPLITS:
        table = loaded.splits[split].select_columns(["key", "target", "group", "meta"])
        for job, row in zip(jobs.of[split], table, strict=True):
            cells = {loaded.column: as_cell(row["target"], row["key"])}
            if group is not None and group != loaded.column:
                cells[group] = row["group"] or ""
            for name, value in json.loads(row["meta"]).items():
                taken = name in cells or name in (FILE, RAW)
                cells[f"{name}_raw" if taken else name] = as_cell(value, row["key"])
            cells[RAW] = row["key"]
            if job in errors:
                bad.append({"split": split, "reason": errors[job], **cells})
            else:
                good[split].append({FILE: f"{PROCESSED}/{jobs.names[job]}.wav", **cells})
    return good, bad


def _group_column(loaded: Loaded) -> str | None:
    """Return the column that groups are written to; groups from file names get a new column."""
    if loaded.group is None or "," not in loaded.group:
        return loaded.group
    return f"{loaded.group.partition(',')[0]}_id"


def _readme(
    prepared: Prepared, loaded: Loaded, group: str | None, bad: int, data: Data, compute: LogMel | ModelInput
) -> str:
    """Return ten lines that explain the folder."""
    task = "events" if loaded.target.has_times else "transcription" if loaded.target.implied_by == "text" else ""
    flag = f" --task {task}" if task else ""
    counts = ", ".join(f"{split} {number:,}" for split, number in prepared.clips.items())
    unreadable = f"{bad:,} excluded, with the reasons" if bad else "none, so the file does not exist"
    columns = f"target {loaded.column!r}" + (f", group {group!r}" if group else "")
    steps = "; ".join(step.describe() for step in prepared.report.chain.steps)
    return f"""\
Prepared by audio-ft from {escaped(data.path)}; the raw files are untouched.
processed/      clean recordings, 16-bit wav, with the folders and names of the raw ones
features/       one .npy a recording: {compute.describe()}
splits/         one csv a split, one row a recording: file_name, {columns}, other columns, {RAW}
                {counts} clips; {escaped(loaded.rule)}
unreadable.csv  recordings that cannot be read: {unreadable}
chain.json      the cleaning: {steps}
prepared.json   how this folder was made; training reads the columns from it
Train on it:    audio-ft train --model MODEL --data {escaped(str(prepared.folder))} --output-dir RUN{flag}
The trained model includes the cleaning: give it raw recordings, not those of processed/.
"""
