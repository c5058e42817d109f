"""Read recordings with label tracks: in a folder, beside a manifest, or a single track."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audio_ft.audio.clip import AUDIO_SUFFIXES
from audio_ft.data.readers.beside import folder_splits
from audio_ft.data.readers.elsewhere import finder
from audio_ft.data.readers.tracks.find import find_tracks
from audio_ft.data.readers.tracks.formats import FORMATS, TRACK_SUFFIXES
from audio_ft.data.readers.tracks.join import with_tracks
from audio_ft.data.readers.tracks.lines import is_label_track
from audio_ft.data.readers.tree import Tree, file_at, scan
from audio_ft.data.rows import Source
from audio_ft.data.spec import Data
from audio_ft.data.table.columns import FILE
from audio_ft.errors import InputError
from audio_ft.formatting import counted

# Fewer recordings with a track than this, in folders that may be classes, are a coincidence.
_MOST = 0.5


def read_tracks(tree: Tree, data: Data, listed: Source | None, implied_by: str) -> Source | None:
    """Read the label tracks of the recordings in a folder; None where there are none, or only a few.

    `listed` is what a manifest says of the recordings; its other columns are kept. `implied_by` says for which targets
    the labels are.

    Raises:
        InputError: a track cannot be read, or does not fit its recording.
    """
    if data.tracks == "" or not (data.tracks or tree.tracks or tree.texts or tree.lists):
        return None
    source = listed or _files(tree)
    recording_of = finder(source.rows.keys)
    tracks = find_tracks(tree, data.tracks, recording_of)
    if tracks is None:
        return None
    if data.tracks is None and tree.children() and tracks.covered <= _MOST * len(source.rows):
        return None
    found = with_tracks(source, tracks, data.tier, recording_of, implied_by)
    without = sorted(set(source.rows.keys) - set(found.rows.keys))
    note = [f"{counted(len(without), 'recording')} without any label left out (first: {without[0]})"] if without else []
    return replace(found, notes=(*found.notes, *note))


def is_track(path: Path) -> bool:
    """Tell whether a file is a label track by its suffix or, for a .txt, by its first line."""
    suffix = path.suffix.lower()
    return suffix in TRACK_SUFFIXES or (suffix == ".txt" and is_label_track(path))


def read_track(path: Path, data: Data, implied_by: str) -> Source:
    """Read a single track, whose recordings are beside it or below its folder, or below `data.root`.

    Raises:
        InputError: the track cannot be read, or none of its recordings is there.
    """
    folder = path.parent if data.root is None else Path(data.root).expanduser()
    twins = [path.stem + suffix for suffix in AUDIO_SUFFIXES if path.with_suffix(suffix).is_file()]
    # The folder of a track may be a large one, such as the folder of all downloads.
    tree = Tree(folder, {name: file_at(str(folder / name)) for name in twins}) if twins else scan(folder)
    source = _files(tree)
    recording_of = finder(source.rows.keys)
    tracks = find_tracks(tree, str(path), recording_of) if tree.audio else None
    if tracks is None:
        raise InputError(f"{path}: the recording of this {FORMATS[path.suffix.lower()].called} is not in {folder}; "
                         "give it the name of the track, or set data.root to its folder")  # fmt: skip
    return with_tracks(source, tracks, data.tier, recording_of, implied_by)


def _files(tree: Tree) -> Source:
    """Return the recordings of a folder as a list, in the splits that folders are named after."""
    paths = tree.below()
    return Source(tree.rows(paths).in_splits(folder_splits(paths)[1]), FILE)


def unused(tree: Tree) -> list[str]:
    """Return a note on label tracks that something else describes better."""
    if not tree.tracks:
        return []
    return [f"{counted(len(tree.tracks), 'label track')} not used (first: {tree.tracks[0]}); data.tracks="
            f"{Path(tree.tracks[0]).suffix} reads them"]  # fmt: skip
