"""Find the label tracks of recordings: files of the same name, in any folder, or lists that name recordings."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from audio_ft.audio.output_paths import bare
from audio_ft.data.readers.tracks.formats import FORMATS, TRACK_SUFFIXES
from audio_ft.data.readers.tracks.lines import is_label_track
from audio_ft.data.readers.tracks.region import Track
from audio_ft.data.readers.tree import Tree, scan
from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.parallel import progress_bar

Finder = Callable[[str], "str | None"]


@dataclass(frozen=True)
class Tracks:
    """Hold label tracks of one format.

    Attributes:
        suffix: the suffix of their files, as in `FORMATS`.
        read: the content of each file.
        of: the recording that each file is named after, None where it is named after none.
        covered: how many recordings have one.
        others: what is said of tracks that are not used; "" without any.
    """

    suffix: str
    read: Mapping[Path, Track]
    of: Mapping[Path, str | None]
    covered: int
    others: str = ""

    @property
    def called(self) -> str:
        """Return what the files are, in words: "3 Audacity label files"."""
        return counted(len(self.read), FORMATS[self.suffix].called)


def find_tracks(tree: Tree, setting: str | None, recording_of: Finder) -> Tracks | None:
    """Return the tracks of most recordings; None where there are none, or the setting is "".

    `setting` is a suffix such as ".eaf", or a folder or a file of tracks, in the place of those in `tree`.

    Raises:
        InputError: a track cannot be read, or the setting leads to none.
    """
    if setting == "":
        return None
    suffix = (setting or "").lower()
    chosen = suffix if suffix in FORMATS else None
    by_suffix = _files(tree if chosen or setting is None else _place(Path(setting).expanduser()), chosen)
    found = [_owned(own, files, recording_of) for own, files in by_suffix.items()]
    found = sorted((one for one in found if one.covered), key=lambda one: -one.covered)
    if not found:
        if setting:
            raise InputError(f"{tree.root}: data.tracks={setting!r} gives no label track of a recording there; they "
                             f"have its name and one of {', '.join(sorted(FORMATS))}")  # fmt: skip
        return None
    best, *rest = found
    others = [f"{one.called} not used; data.tracks={one.suffix} reads them instead" for one in rest]
    return Tracks(best.suffix, best.read, best.of, best.covered, "; ".join(others))


def _place(path: Path) -> Tree:
    """Return a folder of tracks, or one with a single one."""
    if path.is_dir():
        return scan(path)
    if not path.is_file() or path.suffix.lower() not in FORMATS:
        raise InputError(f"data.tracks: expected a suffix, a folder or a file of label tracks, got {str(path)!r}; "
                         f"suffixes are {', '.join(sorted(FORMATS))}")  # fmt: skip
    return Tree(path.parent, tracks=[path.name] if path.suffix.lower() in TRACK_SUFFIXES else [],
                texts=[path.name] if path.suffix.lower() not in TRACK_SUFFIXES else [])  # fmt: skip


def _files(tree: Tree, chosen: str | None) -> dict[str, list[tuple[Path, str]]]:
    """Return the tracks in a tree by suffix, with their path below its root."""
    found: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    texts = (path for path in (*tree.texts, *tree.lists) if path.lower().endswith(".txt"))
    for path in sorted((*tree.tracks, *texts)):
        suffix = os.path.splitext(path)[1].lower()
        if chosen in (None, suffix) and (suffix != ".txt" or is_label_track(tree.root / path)):
            found[suffix].append((tree.root / path, path))
    return found


def _owned(suffix: str, files: list[tuple[Path, str]], recording_of: Finder) -> Tracks:
    """Return the tracks of one suffix with their recordings."""
    bar = progress_bar(files, desc="reading tracks", unit=" files")
    read = {path: FORMATS[suffix].read(path) for path, _ in bar}
    of = {path: next(_owners(name, read[path], recording_of), None) for path, name in files}
    named = {region.recording for path, track in read.items() for region in track.regions if region.recording}
    covered = Counter(filter(None, (*of.values(), *(recording_of(bare(name)) for name in named))))
    return Tracks(suffix, read, of, len(covered))


def _owners(name: str, track: Track, recording_of: Finder) -> Iterator[str]:
    """Yield the recordings that a track may be of: "a.txt", "a.wav.txt" and "a.en.srt" are of a.wav."""
    stem = os.path.splitext(name)[0]
    for one in (stem, bare(stem), *map(bare, track.media), os.path.splitext(stem)[0]):
        if owner := recording_of(one):
            yield owner
