"""Clean recordings into files, in parallel and resumable.

A journal in the folder lists each file with the state of its recording, and only changed recordings are cleaned again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from audio_ft.audio.clip import read
from audio_ft.audio.codec.encode import encode
from audio_ft.audio.codec.source import NO_MEMORY, Part
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.place import stamp_of
from audio_ft.errors import AudioError, InputError, naming
from audio_ft.file_io import append_json_line, read_json_lines, remove_unfinished, replacing
from audio_ft.folder_lock import LOCK_FILE, owned
from audio_ft.formatting import counted, format_duration
from audio_ft.parallel import KILLED, parallel_map

logger = logging.getLogger(__name__)

CHAIN_FILE = "chain.json"
JOURNAL = ".done.jsonl"


@dataclass(frozen=True)
class Job:
    """Hold one recording to clean and the file to write; `source` is a path, the content of a file, or a part.

    `extra_target` is a second file that `Cleaning.then` writes, if any.
    """

    key: str
    source: str | bytes | Part
    target: Path
    extra_target: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """Describe the result for one recording; `seconds` are the durations before the chain and after each step.

    In the journal `target` is relative to the folder, so that the folder can be moved.
    """

    key: str
    target: str
    stamp: str
    seconds: Sequence[float] = ()
    notes: Sequence[str] = ()
    error: str | None = None


@dataclass(frozen=True)
class Cleaning:
    """Do one job: read, clean, write, then call `then`; can be pickled for worker processes."""

    chain: Chain
    then: Callable[[Job], None] | None = None

    def __call__(self, job: Job) -> Outcome:
        """Clean one recording into its file, or raise `InputError` if that cannot be written."""
        stamp, target = stamp_of(job.source), str(job.target)
        try:
            with naming(job.key):
                clip = read(job.source)
                seconds = [clip.seconds]
                for _, after in self.chain.trace(clip):
                    clip = after
                    seconds.append(clip.seconds)
                if not clip.length:
                    return Outcome(job.key, target, stamp, error="nothing is left after cleaning")
        except AudioError as error:
            return Outcome(job.key, target, stamp, error=error.reason)
        except MemoryError:
            return Outcome(job.key, target, stamp, error=NO_MEMORY)
        try:
            content = encode(clip.samples, clip.rate, job.target)
        except InputError as error:  # too long for a WAV file
            return Outcome(job.key, target, stamp, error=str(error).removeprefix(f"{target}: "))
        with replacing(job.target, make_parents=True) as unfinished:
            unfinished.write_bytes(content)
        if self.then is not None:
            self.then(job)
        return Outcome(job.key, target, stamp, seconds, clip.notes)

    def killed(self, job: Job) -> Outcome:
        """Return the outcome of a job with which its process dies."""
        return Outcome(job.key, str(job.target), stamp_of(job.source), error=KILLED)


@dataclass(frozen=True)
class Report:
    """Summarize a folder of cleaned files: outcomes in the order of the jobs, and how many were done already."""

    chain: Chain
    outcomes: tuple[Outcome, ...]
    already_done: int

    @property
    def errors(self) -> tuple[Outcome, ...]:
        """Return the recordings that could not be read."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is not None)

    @property
    def written(self) -> tuple[Outcome, ...]:
        """Return the recordings that were cleaned."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is None)

    def seconds(self) -> list[float]:
        """Return the total duration in seconds before the chain and after each step."""
        return [sum(column) for column in zip(*(outcome.seconds for outcome in self.written), strict=True)]

    def notes(self) -> Counter[str]:
        """Count the recordings by kind of note."""
        return Counter(kind for outcome in self.written for kind in {note.partition(":")[0] for note in outcome.notes})


def clean_files(
    jobs: Sequence[Job], cleaning: Cleaning, folder: Path, *, describe: str = "cleaning", workers: int | None = None
) -> Report:
    """Clean recordings into files below `folder` and return a report.

    Raises:
        InputError: the folder has files of another chain, another process writes there, or it cannot be written.
    """
    with owned(folder):
        claim_folder(folder, cleaning.chain)
        return _clean_files(jobs, cleaning, folder, describe, workers)


def _clean_files(jobs: Sequence[Job], cleaning: Cleaning, folder: Path, describe: str, workers: int | None) -> Report:
    done = {line["key"]: Outcome(**line) for line in read_json_lines(folder / JOURNAL)}
    keys, waiting = [], []
    for index, job in enumerate(jobs):
        keys.append(job.key)
        if not _is_done(job, done.get(job.key), folder):
            waiting.append(index)
    if waiting:
        remove_unfinished(folder, below=True)
        # Indexed one at a time: a job may hold the content of its recording.
        unfinished = (jobs[index] for index in waiting)
        outcomes = parallel_map(
            cleaning, unfinished, len(waiting), describe=describe, workers=workers, died=cleaning.killed
        )
        for outcome in outcomes:
            done[outcome.key] = replace(outcome, target=Path(outcome.target).relative_to(folder).as_posix())
            append_json_line(folder / JOURNAL, asdict(done[outcome.key]))
    return Report(cleaning.chain, tuple(done[key] for key in keys), len(jobs) - len(waiting))


def _is_done(job: Job, outcome: Outcome | None, folder: Path) -> bool:
    """Return whether the recording is unchanged and its files exist; an unreadable one is tried again."""
    return (
        outcome is not None
        and outcome.error is None
        and outcome.stamp == stamp_of(job.source)
        and outcome.target == job.target.relative_to(folder).as_posix()
        and job.target.is_file()
        and (job.extra_target is None or job.extra_target.is_file())
    )


def claim_folder(folder: Path, chain: Chain) -> None:
    """Write the chain into an empty folder, or check that the files there were made with the same chain.

    Raises:
        InputError: the folder has files of another chain or other files, or cannot be written.
    """
    file = folder / CHAIN_FILE
    if file.is_file():
        existing = Chain.load(file)
        if existing.digest != chain.digest:
            raise InputError(
                f"{folder} has recordings cleaned with another chain ({existing.describe().rstrip('.')}); choose "
                "another folder, or delete this one."
            )
        return
    if folder.is_dir() and any(path.name != LOCK_FILE for path in folder.iterdir()):
        raise InputError(f"{folder} has other files; choose an empty folder or a new one.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        chain.save(file)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); choose another folder.") from error


def summary(report: Report) -> list[str]:
    """Return aligned lines: durations after each step, notes, and unreadable recordings."""
    lines = []
    if seconds := report.seconds():
        total = f"{counted(len(report.written), 'recording')}, total"
        lines.append(f"{total:<54}{format_duration(seconds[0]):>12}")
        for step, before, after in zip(report.chain.steps, seconds, seconds[1:], strict=False):
            cut = before - after
            changed = abs(cut) > max(0.0005 * before, 0.001)
            difference = f"{'-' if cut > 0 else '+'}{format_duration(abs(cut))}" if changed else "="
            phrase = step.describe()
            phrase = phrase if len(phrase) <= 51 else phrase[:50] + "…"
            lines.append(f"  {phrase:<52}{format_duration(after):>12}{difference:>13}")
    lines += [f"note: {number:,} x {note}" for note, number in report.notes().most_common(6)]
    lines += [f"cannot be read: {outcome.key}: {outcome.error}" for outcome in report.errors[:10]]
    if len(report.errors) > 10:
        lines.append(f"cannot be read: {len(report.errors) - 10:,} more; {JOURNAL} in the new folder lists all")
    return lines
