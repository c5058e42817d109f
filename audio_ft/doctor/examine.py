"""Examine the recordings of a data set in parallel; what is measured is kept, so that a stopped examination goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cleaning.cache import cache_folder
from audio_ft.cleaning.place import stamp_of
from audio_ft.data.probe import Probed
from audio_ft.data.rows import File, Rows, Stored
from audio_ft.doctor.measure import Measured, measure
from audio_ft.errors import AudioError, InputError
from audio_ft.file_io import append_json_line, read_json_lines, write_bytes
from audio_ft.parallel import KILLED, parallel_map

if TYPE_CHECKING:
    from audio_ft.audio.codec.source import Part

logger = logging.getLogger(__name__)

# Raised when the same samples would be measured differently; older measurements are then not used.
VERSION = 2


@dataclass(frozen=True)
class Result:
    """Hold what was measured of the recording with this stamp, or why it cannot be read."""

    stamp: str
    measured: Measured | None
    error: str = ""


@dataclass(frozen=True)
class Journal:
    """Keep results in a file of JSON lines, one a recording, which grows while recordings are examined.

    A recording has a stamp of its path, size and time of change: after any change it is examined again.
    """

    file: Path

    @classmethod
    def of(cls, path: str) -> Journal:
        """Return the journal of the data at a path."""
        place = hashlib.sha256(os.path.abspath(os.path.expanduser(path)).encode("utf-8", "surrogateescape"))
        return cls(cache_folder() / "doctor" / f"{place.hexdigest()[:24]}-v{VERSION}.jsonl")

    def read(self) -> dict[str, Result]:
        """Return the results by stamp; a line that was not finished is left out."""
        found = {}
        for line in read_json_lines(self.file):
            measured = line.get("measured")
            if measured is not None:
                measured = Measured(**measured | {"notes": tuple(measured["notes"])})
            found[line["stamp"]] = Result(line["stamp"], measured, line.get("error", ""))
        return found

    def is_writable(self) -> bool:
        """Return whether results can be kept; where they cannot, a warning says so."""
        return self._keeps(self._open)

    def _open(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.open("ab").close()

    def add(self, result: Result) -> bool:
        """Add a result, and return whether more can be kept; where they cannot, a warning says so."""
        return self._keeps(lambda: append_json_line(self.file, dataclasses.asdict(result)))

    def rewrite(self, results: Mapping[str, Result]) -> None:
        """Leave only these results, in a file that is written whole, if that can be written."""
        lines = (json.dumps(dataclasses.asdict(result)) + "\n" for result in results.values())
        self._keeps(lambda: write_bytes(self.file, "".join(lines).encode()))

    def _keeps(self, write: Callable[[], None]) -> bool:
        """Write, and return whether that succeeded: results are at hand, and only the next examination would lack them.

        A result of which half was written is left out when the journal is read.
        """
        try:
            write()
        except (OSError, InputError) as error:
            why = error.strerror if isinstance(error, OSError) else getattr(error.__cause__, "strerror", error)
            logger.warning("warning: %s: results cannot be kept there for the next time (%s); make space, or set "
                           "AUDIO_FT_CACHE to another folder", self.file.parent, why)  # fmt: skip
            return False
        return True


@dataclass(frozen=True)
class Examination:
    """Hold the recordings to examine, those whose header can be read, and the results that are known already."""

    journal: Journal
    recordings: tuple[tuple[Probed, File | Stored, str], ...]
    known: dict[str, Result]

    @classmethod
    def of(cls, path: str, rows: Mapping[str, Rows], headers: Mapping[str, Sequence[Probed]]) -> Examination:
        """Return the examination of the data at a path; results of recordings that have not changed are known."""
        found = [
            (header, recording, _stamp(header.path, recording.content()))
            for name, part in rows.items()
            for header, recording in zip(headers[name], part.recordings, strict=True)
            if header.error is None
        ]
        journal = Journal.of(path)
        return cls(journal, tuple(found), journal.read())

    @property
    def seconds_left(self) -> float:
        """Return the duration of the recordings whose results are not known."""
        return sum(header.seconds for header, _, stamp in self.recordings if stamp not in self.known)

    def run(self) -> dict[str, Result]:
        """Examine what is left, and return the result of each recording by its key."""
        left = [(recording, stamp) for _, recording, stamp in self.recordings if stamp not in self.known]
        found = dict(self.known)
        # Recordings that are stored in a table are read only when it is their turn.
        work = ((recording.content(), stamp) for recording, stamp in left)
        keeps = bool(left) and self.journal.is_writable()
        for result in parallel_map(_examine, work, len(left), describe="examining", died=_died):
            found[result.stamp] = result
            keeps = keeps and self.journal.add(result)
        current = {stamp: found[stamp] for _, _, stamp in self.recordings}
        if keeps and len(found) > len(current):
            self.journal.rewrite(current)
        return {header.key: current[stamp] for header, _, stamp in self.recordings}


def _stamp(path: str, source: Any) -> str:
    text = f"{os.path.abspath(path) if path else ''}|{stamp_of(source)}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _examine(item: tuple[str | bytes | Part, str]) -> Result:
    source, stamp = item
    try:
        return Result(stamp, measure(source))
    except AudioError as error:
        return Result(stamp, None, error.reason)


def _died(item: tuple[str | bytes | Part, str]) -> Result:
    return Result(item[1], None, KILLED)
