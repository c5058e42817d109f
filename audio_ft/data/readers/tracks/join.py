"""Give each recording a row for each region of its label track."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from audio_ft.audio.clip import probe
from audio_ft.audio.output_paths import bare
from audio_ft.data.readers.tracks.find import Finder, Tracks
from audio_ft.data.readers.tracks.formats import FORMATS
from audio_ft.data.readers.tracks.region import Region
from audio_ft.data.rows import Columns, File, Source, Stored
from audio_ft.errors import AudioError, InputError
from audio_ft.formatting import counted

START, END, TIER, SPEAKER, CHANNEL, TEXT = "start", "end", "tier", "speaker", "channel", "text"
EVERY_TIER = "*"
# The tiers of a CTM: its words, each a part, or all words of a recording as its transcript.
WORDS, RECORDINGS = "words", "recordings"
# A tier that more than this share of the tracks has is of the same kind in all of them.
_SHARED = 0.5
# Labels are drawn by hand and rounded: how far (s) one may end after its recording without a note.
_ROUNDED = 0.1


class Placed(NamedTuple):
    """A region and the file that has it."""

    path: Path
    region: Region

    @property
    def place(self) -> str:
        """Return where it is, for messages."""
        return f"{self.path.name}, {self.region.place}"


def with_tracks(source: Source, tracks: Tracks, tier: str | None, recording_of: Finder, implied_by: str) -> Source:
    """Return a source of whole recordings with a row for each region of their tracks, and its other columns.

    `tier` is the setting; `implied_by` says for which targets the labels are, as in `Target.implied_by`.

    Raises:
        InputError: there is no such tier, or a region starts after the end of its recording.
    """
    found, notes = _by_recording(tracks, recording_of)
    if tracks.suffix == ".ctm":
        if tier not in (None, WORDS, RECORDINGS):
            raise InputError(f"data.tier: expected {WORDS!r} or {RECORDINGS!r} for CTM files, got {tier!r}")
        if (tier or (WORDS if implied_by == "label" else RECORDINGS)) == RECORDINGS:
            return _joined(source, found, tracks, notes)
        notes += [f"each word of the CTM is a part; data.tier={RECORDINGS} joins them to transcripts"]
    else:
        kept, said = _tiers(found, tier, tracks)
        notes += said
        found = {key: [one for one in own if one.region.tier in kept] for key, own in found.items()}
    rows = source.rows
    pairs = [(row, one) for row, key in enumerate(rows.keys)
             for one in sorted(found.get(key, ()), key=lambda one: one.region[:2])]  # fmt: skip
    notes += check_times({rows.keys[row]: rows.recordings[row] for row, _ in pairs}, found)
    taken = rows.take([row for row, _ in pairs])
    column = FORMATS[tracks.suffix].column
    own = _columns([one.region for _, one in pairs], column)
    if SPEAKER in rows.columns:
        own.pop(SPEAKER, None)
    return replace(source, rows=replace(taken, columns=taken.columns | own, numbers=[]), target=column,
                   implied_by=implied_by, parts=tracks.called, notes=(*source.notes, *notes))  # fmt: skip


def _by_recording(tracks: Tracks, recording_of: Finder) -> tuple[dict[str, list[Placed]], list[str]]:
    """Return the regions of each recording, and notes on what is left out."""
    found: dict[str, list[Placed]] = defaultdict(list)
    lost: list[str] = []
    for path, track in tracks.read.items():
        for region in track.regions:
            key = recording_of(bare(region.recording)) if region.recording else tracks.of[path]
            if key is None:
                lost.append(region.recording or path.name)
            else:
                found[key].append(Placed(path, region))
    notes = [tracks.others] if tracks.others else []
    if lost:
        which = counted(len(set(lost)), "recording")
        notes.append(f"labels of {which} that are not there left out (first: {lost[0]})")
    moments = {path.name: track.left_out for path, track in tracks.read.items() if track.left_out}
    if moments:
        notes.append(f"{counted(sum(moments.values()), 'label')} without a duration left out (first: in "
                     f"{next(iter(moments))})")  # fmt: skip
    return found, notes


def _tiers(found: dict[str, list[Placed]], tier: str | None, tracks: Tracks) -> tuple[set[str], list[str]]:
    """Return the tiers that are read, and a note where there are others.

    Without a setting it is the first of those that most recordings have (speakers in an RTTM), or all where each
    recording has others, such as tiers called after speakers.
    """
    sizes = Counter(one.region.tier for own in found.values() for one in own)
    listed = ", ".join(f"{name or 'unnamed'} ({counted(number, 'label')})" for name, number in sizes.items())
    if tier == EVERY_TIER:
        return set(sizes), []
    if tier is not None:
        if tier not in sizes:
            raise InputError(f"data.tier={tier!r} is in none of {tracks.called}; the tiers there are {listed}")
        return {tier}, []
    if len(sizes) < 2:
        return set(sizes), []
    having = Counter(name for own in found.values() for name in {one.region.tier for one in own})
    shared = [name for name in sizes if having[name] > _SHARED * len(found)]
    if not shared:
        return set(sizes), [f"all tiers are read, because recordings have different ones: {listed}; data.tier=NAME "
                            "chooses one"]  # fmt: skip
    first = SPEAKER.upper() if SPEAKER.upper() in shared else shared[0]
    return {first}, [f"tier {first!r} is read, of {listed}; data.tier=NAME chooses another, '{EVERY_TIER}' all"]


def _columns(regions: Sequence[Region], label: str) -> Columns:
    """Return the columns of regions; tier, speaker and channel only where they tell regions apart."""
    columns: Columns = {START: [one.start for one in regions], END: [one.end for one in regions],
                        label: [one.label for one in regions]}  # fmt: skip
    for name, least in ((TIER, 2), (SPEAKER, 1), (CHANNEL, 2)):
        cells = [getattr(one, name) for one in regions]
        if len(set(cells) - {""}) >= least and cells != columns[label]:
            columns[name] = cells
    return columns


def _joined(source: Source, found: dict[str, list[Placed]], tracks: Tracks, notes: list[str]) -> Source:
    """Return recordings with all their words as transcript, one row a channel where there are several."""
    rows = source.rows
    several = len({one.region.channel for own in found.values() for one in own}) > 1
    pairs = [(row, channel) for row, key in enumerate(rows.keys)
             for channel in sorted({one.region.channel if several else "" for one in found.get(key, ())})]  # fmt: skip
    taken = rows.take([row for row, _ in pairs])
    columns: Columns = taken.columns | {TEXT: [
        " ".join(one.region.label for one in sorted(found[rows.keys[row]], key=lambda one: one.region.start)
                 if not several or one.region.channel == channel)
        for row, channel in pairs
    ]}  # fmt: skip
    if several:
        columns[CHANNEL] = [channel for _, channel in pairs]
    said = f"transcripts are the words of {tracks.called}, joined; data.tier={WORDS} makes each word a part"
    return replace(source, rows=replace(taken, columns=columns, numbers=[]), notes=(*source.notes, said, *notes))


def check_times(recordings: dict[str, File | Stored], found: dict[str, list[Placed]]) -> Iterable[str]:
    """Return a note on regions that end after their recording; one that cannot be read is reported elsewhere.

    Raises:
        InputError: a region starts after the end.
    """
    late: list[str] = []
    for key, recording in recordings.items():
        try:
            seconds = probe(recording.content()).seconds
        except AudioError:
            continue
        for one in found[key]:
            if one.region.start >= seconds:
                raise InputError(f"{one.path}, {one.region.place}: it starts at {one.region.start:g} s, and {key} has "
                                 f"{seconds:.2f} s; correct it or remove it")  # fmt: skip
            if one.region.end > seconds + _ROUNDED:
                late.append(f"{one.place} at {one.region.end:g} s of {seconds:.2f} s")
    said = f"{counted(len(late), 'label')} cut at the end of the recording"
    return [f"{said} (first: {late[0]})"] if late else []
