"""Show what the cache holds, how large and how old, and clear it."""

from __future__ import annotations

import argparse
import time
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

The cache holds clean recordings, what was measured, unpacked archives and downloads. All of it is made again when it is
needed. AUDIO_FT_CACHE puts it elsewhere. Checkpoints from the Hub are in the cache of huggingface_hub (`hf cache`)."""
DAY = 86_400.0
# Patterns in the folder. Whatever else is there is not ours: AUDIO_FT_CACHE may be any folder.
KINDS = {"clean-*": "clean recordings", "doctor/*": "measurements", "unpacked/**/*": "unpacked archives",
         "downloads/**/*": "downloads", "arrays/**/*": "saved arrays", "tables/**/*": "tables from Python"}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """Hold one file of the cache: what it is, its size in bytes and its age in days since it was last used."""

    path: Path
    kind: str
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
    kinds = list(dict.fromkeys(entry.kind for entry in found))
    content = {
        kind: {
            "files": len(own),
            "bytes": sum(entry.size for entry in own),
            "oldest_days": round(max(entry.days for entry in own), 2),
            "newest_days": round(min(entry.days for entry in own), 2),
        }
        for kind in kinds
        if (own := [entry for entry in found if entry.kind == kind])
    }
    if arguments.clear:
        for entry in found:
            entry.path.unlink(missing_ok=True)
        for name in {pattern.partition("/")[0] for pattern in KINDS if "/" in pattern}:
            _remove_empty(folder / name)
        say(f"deleted: {len(found):,} files, {format_size(sum(entry.size for entry in found))}, from {folder}")
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
    """Return every file of the cache, the largest kind first."""
    found, now = [], time.time()
    for pattern, kind in KINDS.items():
        for path in sorted(folder.glob(pattern)):
            if path.is_symlink() or not path.is_file():
                continue
            facts = path.stat()
            days = max(now - max(facts.st_atime, facts.st_mtime), 0) / DAY
            found.append(Entry(path, kind, facts.st_size, days))
    sizes: dict[str, int] = {}
    for entry in found:
        sizes[entry.kind] = sizes.get(entry.kind, 0) + entry.size
    return sorted(found, key=lambda entry: -sizes[entry.kind])


def _remove_empty(folder: Path) -> None:
    """Remove a folder, and those in it, that have become empty."""
    for path in (*sorted(folder.rglob("*"), reverse=True), folder):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
