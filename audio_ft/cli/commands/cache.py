"""Show what the cache holds, how large and how old, and clear it."""

from __future__ import annotations

import argparse
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from audio_ft.cli.console import columns, say, show_result
from audio_ft.cli.options import FLAG, add_options, number
from audio_ft.formatting import format_size

STAGE = "data"
EPILOG = """examples:
  audio-ft cache
  audio-ft cache --clear
  audio-ft cache --clear --older 30

The cache holds clean recordings, what was measured, unpacked archives, downloads and converted models. All of it is
made again when it is needed. AUDIO_FT_CACHE puts it elsewhere. Checkpoints from the Hub are in the cache of
huggingface_hub (`hf cache`)."""
DAY = 86_400.0
# Patterns in the folder. Whatever else is there is not ours: AUDIO_FT_CACHE may be any folder.
KINDS = {"clean-*": "clean recordings", "doctor/*": "measurements", "unpacked/*": "unpacked archives",
         "downloads/*": "downloads", "arrays/*": "saved arrays", "tables/*": "tables from Python",
         "ctranslate2/*": "converted models"}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """Hold a file of the cache, or a folder that is of use as a whole only, such as an unpacked archive.

    `files` counts those in it, `size` is in bytes, and `days` is how long ago any of it was last used.
    """

    path: Path
    kind: str
    files: int
    size: int
    days: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `cache`."""
    parser.add_argument("--clear", **FLAG, help="delete it; no training or prediction should be running")
    days = number(float, lambda count: count >= 0, "a number of days")
    parser.add_argument("--older", metavar="DAYS", type=days, default=0.0, help="only what was not used for so long")
    add_options(parser, "--json", json="sizes and ages")


def run(arguments: argparse.Namespace) -> None:
    """Show or clear the cache."""
    from audio_ft.cleaning.cache import cache_folder

    folder = cache_folder()
    found = [entry for entry in entries(folder) if entry.days >= arguments.older]
    if arguments.clear:
        delete(found, folder)
        found = entries(folder)
    kinds = list(dict.fromkeys(entry.kind for entry in found))
    content = {
        kind: {
            "files": sum(entry.files for entry in own),
            "bytes": sum(entry.size for entry in own),
            "oldest_days": round(max(entry.days for entry in own), 2),
            "newest_days": round(min(entry.days for entry in own), 2),
        }
        for kind in kinds
        if (own := [entry for entry in found if entry.kind == kind])
    }
    rows = [
        (
            kind,
            f"{one['files']:,} files",
            format_size(one["bytes"]),
            f"{one['newest_days']:.0f} to {one['oldest_days']:.0f} days old",
        )
        for kind, one in content.items()
    ]
    total = f"{folder}: {format_size(sum(entry.size for entry in found))}"
    show_result(arguments, {"folder": str(folder), "kinds": content}, [*(columns(rows) if rows else ()), total])


def entries(folder: Path) -> list[Entry]:
    """Return everything in the cache, the largest kind first."""
    found, now = [], time.time()
    for pattern, kind in KINDS.items():
        for path in sorted(folder.glob(pattern)):
            if path.is_symlink():
                continue
            facts = [one.stat() for one in (path.rglob("*") if path.is_dir() else [path]) if one.is_file()]
            used = max((max(one.st_atime, one.st_mtime) for one in facts), default=path.stat().st_mtime)
            found.append(Entry(path, kind, len(facts), sum(one.st_size for one in facts), max(now - used, 0) / DAY))
    sizes: Counter[str] = Counter()
    for entry in found:
        sizes[entry.kind] += entry.size
    return sorted(found, key=lambda entry: -sizes[entry.kind])


def delete(found: Sequence[Entry], folder: Path) -> None:
    """Delete what was found, and folders of ours that are empty then; say how much it was."""
    for entry in found:
        if entry.path.is_dir():
            shutil.rmtree(entry.path)
        else:
            entry.path.unlink(missing_ok=True)
    for name in {pattern.partition("/")[0] for pattern in KINDS if "/" in pattern}:
        with suppress(OSError):  # something is left in it, or it is not there
            (folder / name).rmdir()
    count, size = (sum(getattr(entry, what) for entry in found) for what in ("files", "size"))
    say(f"deleted: {count:,} files, {format_size(size)}, from {folder}")
