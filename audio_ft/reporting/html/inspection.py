"""Write an inspection as one HTML page: what to fix with players, numbers, histograms and a table of recordings."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from audio_ft.audio.clip import read
from audio_ft.audio.player import waveform_svg
from audio_ft.data.findings import Finding
from audio_ft.doctor.inspection import Inspection, Recording
from audio_ft.errors import AudioError
from audio_ft.formatting import counted, format_duration
from audio_ft.plots.comparisons import histogram
from audio_ft.redaction import display_name
from audio_ft.reporting.html.figures import SMALL, Picture, picture
from audio_ft.reporting.html.recordings import PLAYER_SECONDS, Player, player, progress
from audio_ft.reporting.html.render import write_page

# A finding shows so many recordings, and names so many more. Twenty findings of ten-second clips take three megabytes.
PLAYERS, NAMES = 3, 200
# Rows of the table of recordings; browsers are slow with more.
ROWS = 2_000
# Of each measurement: its caption, its name and unit on the axis, and the factor to that unit.
_HISTOGRAMS = (
    ("Duration", "seconds", "Duration", "s", 1.0),
    ("Loudness without pauses", "loudness", "Loudness", "LUFS", 1.0),
    ("Signal-to-noise ratio, an estimate", "snr", "SNR", "dB", 1.0),
    ("Frequency up to which there is content", "bandwidth", "Bandwidth", "kHz", 0.001),
)


@dataclass(frozen=True)
class Shown:
    """Hold a recording that a finding shows: its numbers, its waveform as <svg> and its player."""

    recording: Recording
    facts: str
    waveform: str
    player: Player | None


def write_inspection(found: Inspection, output: str | os.PathLike[str], *, audio: bool = True) -> Path:
    """Write an inspection as one HTML file that needs neither network nor other files, and return its path.

    Without `audio`, the page has no players and no waveforms.

    Raises:
        InputError: the file cannot be written.
    """
    target = Path(output)
    write_page(gather(found, audio=audio), target, "inspection.html")
    return target


def gather(found: Inspection, *, audio: bool = True) -> dict[str, Any]:
    """Return what the template shows as `page`."""
    known = {one.key: one for one in found.recordings}
    total: Counter[str] = Counter()
    for facts in found.splits.values():
        total.update(facts.classes)
    return {
        "found": found,
        "audio": audio,
        "made": date.today().isoformat(),
        "problem": found.problem and found.problem.replace(found.path, display_name(found.path)),
        "lead": _lead(found),
        "formats": _formats(found),
        "findings": [_finding(finding, known, audio) for finding in progress(found.findings, "findings")],
        "classes": [name for name, _ in total.most_common()],
        "histograms": list(_histograms(found)),
        "rows": sorted(found.recordings, key=lambda one: (-len(one.findings), one.key))[:ROWS],
    }


def _lead(found: Inspection) -> str:
    counts = Counter(finding.severity for finding in found.findings)
    said = [counted(counts[name], what) for name, what in (("error", "error"), ("warning", "warning")) if counts[name]]
    begin = f"{counted(len(found.recordings), 'recording')}, {format_duration(found.seconds)}"
    return f"{begin}: {' and '.join(said) if said else 'nothing to fix'}."


def _formats(found: Inspection) -> list[tuple[str, str]]:
    """Return rates, channels and formats, each with the number of its recordings."""
    rates = {f"{rate:,} Hz": count for rate, count in found.rates.items()}
    return [("Rates", _counts(rates)), ("Channels", _counts(found.channels)), ("Formats", _counts(found.formats))]


def _counts(counts: Mapping[Any, int]) -> str:
    if len(counts) < 2:
        return str(next(iter(counts), "nothing readable"))
    return ", ".join(f"{value} × {count:,}" for value, count in counts.items())


def _finding(finding: Finding, known: Mapping[str, Recording], audio: bool) -> dict[str, Any]:
    """Return a finding with its first recordings to listen to, and the names of more."""
    shown = [_shown(known[key], audio) for key in finding.keys[:PLAYERS] if key in known]
    more = finding.keys[len(shown) : len(shown) + NAMES]
    return {"finding": finding, "shown": shown, "more": more, "left": len(finding.keys) - len(shown) - len(more)}


def _shown(recording: Recording, audio: bool) -> Shown:
    facts = recording.header.error or _facts(recording)
    if not audio:
        return Shown(recording, facts, "", None)
    try:
        clip = read(recording.source.content(), seconds=PLAYER_SECONDS)
    except AudioError:
        return Shown(recording, facts, "", None)
    waveform = waveform_svg(clip.samples) if clip.length else ""
    sound, seconds = player(clip), recording.header.seconds
    return Shown(recording, facts, waveform, sound and replace(sound, seconds=seconds, cut=seconds > PLAYER_SECONDS))


def _facts(recording: Recording) -> str:
    """Return "2.00 s · 16,000 Hz · peak −3.1 dBFS · −23.4 LUFS · SNR 31 dB"."""
    parts = [f"{recording.header.seconds:,.2f} s", f"{recording.header.rate:,} Hz"]
    if (one := recording.measured) is not None:
        values = (("peak {:.1f} dBFS", one.peak), ("{:.1f} LUFS", one.loudness), ("SNR {:.0f} dB", one.snr))
        parts += [form.format(value).replace("-", "−") for form, value in values if value is not None]
    return " · ".join(parts)


def _histograms(found: Inspection) -> Iterator[tuple[Picture, str]]:
    """Yield a histogram and its caption for each measurement of at least one recording."""
    good = [one for one in found.recordings if one.header.error is None]
    for caption, field, name, unit, factor in _HISTOGRAMS:
        holders = [one.header for one in good] if field == "seconds" else [one.measured for one in good if one.measured]
        values = [value * factor for one in holders if (value := getattr(one, field)) is not None]
        if values:
            figure = histogram(values, name=name, unit=unit, width=SMALL)
            yield picture(figure), f"{caption}: {counted(len(values), 'recording')}."
