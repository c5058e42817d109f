"""Recordings through a chain into files: whole or not at all, in parallel, and what is finished is not done again.

A journal beside the files says what each came from; a file is finished when its recording is unchanged since then.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.audio.clip import read, write
from audio_ft.audio.codec.source import printable
from audio_ft.errors import AudioError, InputError
from audio_ft.file_io import append_json_line, read_json_lines, remove_unfinished
from audio_ft.formatting import format_duration
from audio_ft.parallel import parallel_map

if TYPE_CHECKING:
    from audio_ft.cleaning.chain import Chain

logger = logging.getLogger(__name__)

CHAIN_FILE = "chain.json"
JOURNAL = ".done.jsonl"


@dataclass(frozen=True)
class Job:
    """Name one recording to clean and the file to write; `source` is a path or a file's content.

    `beside` is a file that `Cleaning.then` writes along with the target, if any.
    """

    key: str
    source: str | bytes
    target: Path
    beside: Path | None = None

    def stamp(self) -> str:
        """Return what changes when the recording does: size and time of change, or a digest of stored content."""
        if isinstance(self.source, bytes):
            return hashlib.sha256(self.source).hexdigest()[:32]
        try:
            about = os.stat(self.source)
        except (OSError, ValueError):
            return "missing"
        return f"{about.st_size}|{about.st_mtime_ns}"


@dataclass(frozen=True)
class Outcome:
    """Say what became of one recording; `seconds` are its durations before the chain and after each of its steps."""

    key: str
    target: str
    stamp: str
    seconds: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class Cleaning:
    """Do one job in whatever process: read, clean, write; then whatever `then` makes of the file."""

    chain: Chain
    then: Callable[[Job], None] | None = None

    def __call__(self, job: Job) -> Outcome:
        """Clean one recording into its file.

        Raises:
            InputError: a place that cannot be written.
        """
        stamp, target = job.stamp(), str(job.target)
        try:
            clip = read(job.source)
            seconds = [clip.seconds]
            for _, after in self.chain.trace(clip):
                clip = after
                seconds.append(clip.seconds)
            if not clip.length:
                return Outcome(job.key, target, stamp, error="nothing is left of it after cleaning")
        except AudioError as error:
            return Outcome(job.key, target, stamp, error=error.reason)
        job.target.parent.mkdir(parents=True, exist_ok=True)
        write(clip, job.target)
        if self.then is not None:
            self.then(job)
        return Outcome(job.key, target, stamp, tuple(seconds), clip.notes)


@dataclass(frozen=True)
class Report:
    """Sum up a folder of cleaned files: outcomes in the order of the jobs, and how many of them were there already."""

    chain: Chain
    outcomes: tuple[Outcome, ...]
    found: int

    @property
    def errors(self) -> tuple[Outcome, ...]:
        """Return what could not be read."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is not None)

    @property
    def written(self) -> tuple[Outcome, ...]:
        """Return what stands as a clean file."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is None)

    def seconds(self) -> list[float]:
        """Return the seconds of all files together, before the chain and after each of its steps."""
        return [sum(column) for column in zip(*(outcome.seconds for outcome in self.written), strict=True)]

    def notes(self) -> Counter[str]:
        """Count what reading and cleaning noticed, by kind."""
        kinds = [{note.partition(":")[0] for note in outcome.notes} for outcome in self.written]
        return Counter(kind for own in kinds for kind in own)


@dataclass(frozen=True)
class Journal:
    """Remember in a folder which outcomes stand, so that a killed cleaning goes on and a second one does nothing."""

    folder: Path
    known: dict[str, Outcome] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> Journal:
        """Read the journal of a folder; a last line that a kill cut short is passed over."""
        known = {}
        for plain in read_json_lines(folder / JOURNAL):
            outcome = Outcome(**plain | {"seconds": tuple(plain["seconds"]), "notes": tuple(plain["notes"])})
            known[outcome.key] = outcome
        return cls(folder, known)

    def stands(self, job: Job) -> bool:
        """Tell whether a job is done: the same recording, and its file still there.

        What could not be read is tried again: a permission or a decoder that lacked may be there by now.
        """
        outcome = self.known.get(job.key)
        if outcome is None or outcome.stamp != job.stamp() or outcome.target != self.relative(job.target):
            return False
        return outcome.error is None and job.target.is_file() and (job.beside is None or job.beside.is_file())

    def relative(self, target: str | Path) -> str:
        """Return a target as it is remembered, so that the folder can move."""
        return Path(target).relative_to(self.folder).as_posix()

    def add(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Write outcomes down as they come, each before it is yielded."""
        for outcome in outcomes:
            append_json_line(self.folder / JOURNAL, asdict(outcome) | {"target": self.relative(outcome.target)})
            yield outcome


def clean_files(
    jobs: Sequence[Job], cleaning: Cleaning, folder: Path, *, describe: str = "cleaning", workers: int | None = None
) -> Report:
    """Clean recordings into files below `folder`, which holds no other chain's, and say what became of each.

    Raises:
        InputError: the folder holds files of another chain, or cannot be written.
    """
    claim(folder, cleaning.chain)
    journal = Journal.open(folder)
    keys, waiting = [], []
    for place, job in enumerate(jobs):
        keys.append(job.key)
        if not journal.stands(job):
            waiting.append(place)
    if waiting:
        remove_unfinished(folder, below=True)
        results = parallel_map(
            cleaning, (jobs[place] for place in waiting), len(waiting), describe=describe, workers=workers
        )
        for outcome in journal.add(results):
            journal.known[outcome.key] = outcome
    return Report(cleaning.chain, tuple(journal.known[key] for key in keys), len(jobs) - len(waiting))


def claim(folder: Path, chain: Chain) -> None:
    """Write the chain into a folder before its first file, or check that the files there are of the same chain.

    Raises:
        InputError: another chain's files, or something else, lie there.
    """
    from audio_ft.cleaning.chain import Chain

    file = folder / CHAIN_FILE
    if file.is_file():
        theirs = Chain.load(file)
        if theirs.digest != chain.digest:
            raise InputError(
                f"{folder} holds recordings cleaned by another chain ({theirs.describe().rstrip('.')}); give another "
                "folder, or remove this one."
            )
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} holds other files already; give an empty folder or a new one.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        chain.save(file)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); give another folder.") from error


def summary(report: Report) -> list[str]:
    """Return aligned lines: what each step cut, what was noticed, and what could not be read."""
    lines = []
    seconds = report.seconds()
    if seconds:
        count = f"{len(report.written):,} recording{'s' if len(report.written) != 1 else ''}"
        lines.append(f"{count + ', together':<54}{format_duration(seconds[0]):>12}")
        for step, before, after in zip(report.chain.steps, seconds, seconds[1:], strict=False):
            cut = before - after
            changed = abs(cut) > max(0.0005 * before, 0.001)
            told = f"{'-' if cut > 0 else '+'}{format_duration(abs(cut))}" if changed else "="
            lines.append(f"  {_short(step.describe(), 51):<52}{format_duration(after):>12}{told:>13}")
    lines += [f"noticed: {number:,} x {note}" for note, number in report.notes().most_common(6)]
    errors = report.errors
    lines += [f"cannot be read: {printable(outcome.key)}: {outcome.error}" for outcome in errors[:10]]
    if len(errors) > 10:
        lines.append(f"cannot be read: {len(errors) - 10:,} more")
    return lines


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
