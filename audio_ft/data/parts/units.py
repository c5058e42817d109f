"""Find the unit in which the times of rows fit their recordings, or that the rows are not parts of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from audio_ft.audio.clip import probe
from audio_ft.audio.codec.libsndfile import AudioInfo
from audio_ft.data.parts.times import UNITS, Times
from audio_ft.data.rows import Rows
from audio_ft.errors import AudioError, InputError

UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "min": "minutes", "h": "hours"}
# Recordings whose headers are read to check in which unit the times fit.
_CHECKED = 200
# Labels are drawn by hand and rounded: how far (s) a part may end after its recording, or differ from it in length.
_ROUNDED = 0.1
# Shorter parts (s) are not labeled: a vowel lasts longer.
_SHORTEST = 0.02
# Share of the parts that fit in the right unit (labels have errors), and the most that fit by chance in another one.
_FITS, _FAILS = 0.95, 0.5
# The last of the labels is in the second half of some recording; in the next smaller unit all would be near its start.
_REACHES = 0.5


class Recordings:
    """Hold the recordings of rows: which rows share one, and its header, which is read when it is asked for."""

    def __init__(self, rows: Rows) -> None:
        self.of = rows.identities
        self.repeated = len(set(self.of)) < len(self.of)
        self._recordings = rows.recordings
        self._known: dict[Any, AudioInfo | None] = {}

    def info(self, row: int) -> AudioInfo | None:
        """Return what the header of a row's recording says, None if it cannot be read."""
        name = self.of[row]
        if name not in self._known:
            try:
                self._known[name] = probe(self._recordings[row].content())
            except AudioError:
                self._known[name] = None
        return self._known[name]

    def sample(self) -> list[int]:
        """Return the rows of at most `_CHECKED` evenly spaced recordings, those that are readable."""
        names = list(dict.fromkeys(self.of))
        some = {names[at] for at in np.linspace(0, len(names) - 1, min(len(names), _CHECKED)).astype(int)}
        return [row for row, name in enumerate(self.of) if name in some and self.info(row)]


class TimeColumn(NamedTuple):
    """A column of times: its name, its unit ("" where that must be found out), and its values."""

    name: str
    unit: str
    times: Times

    def seconds(self, row: int, unit: str, rate: int) -> float | None:
        """Return the time of a row in seconds, read in `unit` where the column has none; None for a gap."""
        value, own = self.times.values[row], self.unit or unit
        return value if value is None else value / rate if own == "samples" else value * UNITS[own]


@dataclass(frozen=True)
class SpanColumns:
    """Hold the columns of starts and of ends or durations; `chosen`: a setting names one of them."""

    start: TimeColumn
    end: TimeColumn | None = None
    duration: TimeColumn | None = None
    chosen: bool = False

    @property
    def columns(self) -> list[TimeColumn]:
        """Return the columns that there are."""
        return [one for one in (self.start, self.end, self.duration) if one]

    @property
    def names(self) -> str:
        """Return the columns for messages: "columns 'start' and 'end'"."""
        names = " and ".join(repr(one.name) for one in self.columns)
        return f"columns {names}" if len(self.columns) > 1 else f"column {names}"

    def with_unit(self, unit: str) -> SpanColumns:
        """Return the columns with this unit where they have none."""
        found = {name: getattr(self, name) for name in ("start", "end", "duration")}
        return replace(self, **{name: one and one._replace(unit=one.unit or unit) for name, one in found.items()})

    def span(self, row: int, rate: int, unit: str = "s") -> tuple[float, float | None]:
        """Return start and stop of a row in seconds; a missing start is 0, a missing stop the end of the recording."""
        start = self.start.seconds(row, unit, rate) or 0.0
        if self.end is None:
            seconds = self.duration.seconds(row, unit, rate) if self.duration else None
            return start, None if seconds is None else start + seconds
        # Kaldi writes -1 for the end of the recording.
        return start, None if self.end.times.values[row] == -1 else self.end.seconds(row, unit, rate)


@dataclass(frozen=True)
class _Fit:
    """Say how parts fit their recordings in one unit.

    Attributes:
        fits: share of the parts that end before their recording does.
        reach: where the last part ends, as the largest share of a recording.
        median: median duration of the parts in seconds.
        whole: whether each recording is as long as its only part, and `elsewhere`: which is said to begin after 0.
        example: the first part that does not fit, in words.
    """

    fits: float
    reach: float
    median: float
    whole: bool
    elsewhere: bool
    example: str


def decide_unit(found: SpanColumns, recordings: Recordings, path: str) -> tuple[SpanColumns | None, str]:
    """Return the columns with the unit in which the parts fit; None where they are no parts, and why ("": whole files).

    Raises:
        InputError: several units fit, or none fits well enough to tell.
    """
    sample = recordings.sample()
    open_ = [one.times for one in found.columns if not one.unit]
    if found.chosen and not open_:
        return found, ""
    if not sample:
        return None, (f"column {found.start.name!r} seems to give the start of a row in its file; files are not cut, "
                      "because none of them can be read to check it")  # fmt: skip
    fractions = any(times.fractions for times in open_)
    units = ["s"] if not open_ else ["s", "ms"] if fractions else ["s", "ms", "samples"]
    fits = {unit: _fit(found, recordings, sample, unit) for unit in units}
    if (right := _right_unit(fits, fractions=fractions, known=not open_)) is not None:
        if not found.chosen and fits[right].whole:
            return None, _elsewhere(found) if fits[right].elsewhere else ""
        return found.with_unit(right), ""
    first, setting = fits["s"], f"data.start='{found.start.name}:ms' (or s, samples) and the same for end or duration"
    if not found.chosen and any(fit.whole for fit in fits.values()):
        return None, _elsewhere(found)
    if not found.chosen and first.fits < _FAILS:
        return None, (f"{found.names} are not used, because they do not fit the files ({first.example}); they may be "
                      f"places in another recording; if not, set {setting}")  # fmt: skip
    if first.fits < _FITS:
        raise InputError(f"{path}: {1 - first.fits:.0%} of the rows do not fit their files by {found.names} "
                         f"({first.example}); correct them, or set {setting}, or data.start=''")  # fmt: skip
    fitting = " or ".join(UNIT_NAMES.get(unit, unit) for unit, fit in fits.items() if fit.fits >= _FITS)
    raise InputError(f"{path}: {found.names} may be in {fitting}, and the files do not tell; set {setting}, or "
                     "data.start='' to use whole files")  # fmt: skip


def _elsewhere(found: SpanColumns) -> str:
    return f"{found.names} are not used: each file is as long as its row, so they are places in another recording"


def _right_unit(fits: dict[str, _Fit], *, fractions: bool, known: bool) -> str | None:
    """Return the only unit that parts can have, None if that is undecided."""
    good = {unit: fit for unit, fit in fits.items() if fit.fits >= _FITS}
    if known or (fractions and "s" in good):  # seconds are written with fractions, milliseconds hardly ever
        return next(iter(good), None)
    good = {unit: fit for unit, fit in good.items() if fit.median >= _SHORTEST}
    reaching = [unit for unit, fit in good.items() if fit.reach >= _REACHES]
    if len(reaching) == 1:
        return reaching[0]
    return next(iter(good)) if list(good) == ["s"] else None


def _fit(found: SpanColumns, recordings: Recordings, rows: Sequence[int], unit: str) -> _Fit:
    """Compare the parts of some rows with the durations of their recordings."""
    infos = [(row, info) for row in rows if (info := recordings.info(row))]
    spans = [found.span(row, info.rate, unit) for row, info in infos]
    seconds = np.array([info.seconds for _, info in infos])
    starts = np.array([start for start, _ in spans])
    ends = np.array([info.seconds if stop is None else stop for (_, stop), (_, info) in zip(spans, infos, strict=True)])
    good = (starts >= 0) & (starts < seconds) & (ends <= seconds + _ROUNDED)
    bad = int(np.argmin(good))
    return _Fit(
        fits=float(good.mean()),
        reach=float((ends / seconds).max()),
        median=float(np.median(ends - starts)),
        whole=not recordings.repeated and bool((np.abs(ends - starts - seconds) <= _ROUNDED).mean() >= _FITS),
        elsewhere=bool((starts > 0).any()),
        example=f"first: {starts[bad]:g} to {ends[bad]:g} s in a file of {seconds[bad]:.2f} s",
    )
