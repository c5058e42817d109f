"""List all files below a folder once, with size and modification time."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audio_ft.audio.clip import AUDIO_SUFFIXES
from audio_ft.data.readers.manifests import LIST_SUFFIXES, MANIFEST_SUFFIXES
from audio_ft.data.readers.tracks.formats import TRACK_SUFFIXES
from audio_ft.data.rows import Columns, File, Rows
from audio_ft.data.table.columns import FILE
from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.parallel import progress_bar

# Names of splits in data sets, and ours.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluate", "evaluation"), "test"),
}
# What the name of a list of recordings has beside the split.
_LIST_WORD = re.compile(r"file|list|set|s$")
_TEXT_SUFFIXES = LIST_SUFFIXES | {".lab", ".trn", ".transcript", ".cls", ".data"}
_TEXT_NAMES = ("wav.scp", "text", "prompts", "PROMPTS", "prompts-original")
_PROSE = ("readme", "license", "licence", "copying", "copyright", "citation")


def split_name(name: str) -> str | None:
    """Return train, validation or test for a name of a split, None for any other name."""
    return SPLIT_NAMES.get(name.strip().lower())


def split_in(path: str) -> str | None:
    """Return the one split that a file name contains ("testing_list.txt", "balanced_train_segments.csv"), else None."""
    words = re.findall(r"[a-z]+", Path(path).stem.lower())
    found = {split_name(word) or split_name(_LIST_WORD.sub("", word)) for word in words} - {None}
    return found.pop() if len(found) == 1 else None


@dataclass
class Tree:
    """Hold what is below a folder, by relative path: recordings, manifests, lists, folders; counts of the rest.

    `audio` has each entry that is called like a recording, also those that cannot be read: reading says why. `lists`
    are text files with the name of a split, such as testing_list.txt; `texts` others that may have transcripts, and
    `tracks` label tracks by their suffix.
    `skipped` are folders that were not searched: "_background_noise_" and the like are not classes. `unlisted` are
    folders that the system does not list, with its reason.
    """

    root: Path
    audio: dict[str, File] = field(default_factory=dict)
    manifests: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    tracks: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unlisted: dict[str, str] = field(default_factory=dict)
    other: Counter[str] = field(default_factory=Counter)

    def children(self, prefix: str = "") -> list[str]:
        """Return the names of the folders directly below `prefix` ("" or ending in /) that contain recordings."""
        start = len(prefix)
        return sorted({path[start:].split("/", 1)[0] for path in self.below(prefix) if "/" in path[start:]})

    def below(self, prefix: str = "") -> list[str]:
        """Return the recordings below `prefix`, sorted."""
        return sorted(path for path in self.audio if path.startswith(prefix))

    def rows(self, paths: Sequence[str], columns: Columns | None = None) -> Rows:
        """Return recordings as rows, with a column of their paths before the others."""
        return Rows({FILE: list(paths), **(columns or {})}, list(paths), [self.audio[path] for path in paths])

    def tables(self, prefix: str = "") -> list[str]:
        """Return the manifests directly in `prefix`, sorted."""
        return sorted(path for path in self.manifests if path.rpartition("/")[0] == prefix.rstrip("/"))

    def metadata(self, prefix: str = "") -> str | None:
        """Return the one metadata file directly in `prefix`."""
        found = [path for path in self.tables(prefix) if Path(path).stem.lower() == "metadata"]
        if len(found) > 1:
            raise InputError(f"{self.root}: {' and '.join(found)} both describe one folder; keep one of them")
        return found[0] if found else None

    def left_out(self) -> list[str]:
        """Say how many files are not recordings, and which folders were not searched."""
        notes = [
            f"folder {path} left out: a name that begins with _ is not a class; rename it if it is one"
            for path in sorted(self.skipped)
        ]
        notes += [f"folder {path} left out: it cannot be listed ({why})" for path, why in sorted(self.unlisted.items())]
        if self.other:
            kinds = ", ".join(f"{kind} {number}" for kind, number in sorted(self.other.items()))
            notes.append(f"{counted(self.other.total(), 'file')} left out that are not audio ({kinds})")
        return notes


def scan(root: Path) -> Tree:
    """List a folder with its subfolders; hidden files are skipped, links are followed once, real folders first.

    Raises:
        InputError: the folder itself cannot be listed.
    """
    tree = Tree(root)
    for path, entry in progress_bar(_walk(tree), desc="listing", unit=" files"):
        suffix = os.path.splitext(path)[1].lower()
        if _is_folder(entry):
            (tree.skipped if entry.name.startswith("_") else tree.folders).append(path)
        elif suffix in AUDIO_SUFFIXES:
            tree.audio[path] = file_at(entry.path)
        elif entry.is_symlink() and not os.path.exists(entry):
            tree.other["broken link"] += 1
        elif suffix in MANIFEST_SUFFIXES and file_at(entry.path).size >= 0:
            tree.manifests.append(path)
        elif suffix in TRACK_SUFFIXES and file_at(entry.path).size >= 0:
            tree.tracks.append(path)
        elif suffix in LIST_SUFFIXES and split_in(path) and file_at(entry.path).size >= 0:
            tree.lists.append(path)
        elif suffix != ".md" and not entry.name.lower().startswith(_PROSE):
            if (suffix in _TEXT_SUFFIXES or entry.name in _TEXT_NAMES) and file_at(entry.path).size >= 0:
                tree.texts.append(path)
            tree.other[suffix or "no suffix"] += 1
    return tree


def _walk(tree: Tree) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield (relative path, entry) for folders and files; each real folder once, so that links cannot loop.

    Linked folders come last: a folder that is also linked keeps its real name, which may be a label.
    """
    seen: set[tuple[int, int]] = set()
    waiting = deque([(os.fspath(tree.root), "")])
    while waiting:
        folder, prefix = waiting.popleft()
        try:
            about = os.stat(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if not prefix:
                raise InputError(f"{folder}: cannot be listed ({error.strerror}); check its permissions") from error
            tree.unlisted[prefix.rstrip("/")] = (error.strerror or str(error)).lower()
            continue
        if (about.st_dev, about.st_ino) in seen:
            continue
        seen.add((about.st_dev, about.st_ino))
        for entry in entries:
            if entry.name.startswith("."):  # "._x" are resource forks of macOS
                continue
            yield prefix + entry.name, entry
            if _is_folder(entry) and not entry.name.startswith("_"):
                add = waiting.append if entry.is_symlink() else waiting.appendleft
                add((entry.path, f"{prefix}{entry.name}/"))


def by_ending(keys: Iterable[str]) -> dict[str, str]:
    """Return the key for each way to write its path: below any of its folders, with suffix or not; "" where several."""
    found: dict[str, str] = {}
    for key in keys:
        steps = key.split("/")
        for start in range(len(steps)):
            ending = "/".join(steps[start:])
            for name in {ending, os.path.splitext(ending)[0]}:
                found[name] = "" if found.get(name, key) != key else key
    return found | {key: key for key in keys}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder or a link to one; links that form a loop lead to none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def file_at(path: str) -> File:
    """Return the file at a path, as a missing one if there is no regular file."""
    try:
        about = os.stat(path)
    except (OSError, ValueError):
        return File(path)
    return File(path, about.st_size, about.st_mtime_ns) if stat.S_ISREG(about.st_mode) else File(path)
