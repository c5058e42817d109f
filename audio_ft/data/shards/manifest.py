"""The manifest of merged shards, and what is missing before they are merged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audio_ft.audio.codec.packed import address_of
from audio_ft.data.shards.plan import FORMAT, SHARDS, Plan
from audio_ft.data.shards.write import written_facts
from audio_ft.errors import InputError
from audio_ft.file_io import read_json
from audio_ft.formatting import counted

MANIFEST, ROWS = "manifest.json", "rows"


def manifest_of(folder: Path) -> dict[str, Any]:
    """Return the manifest of merged shards.

    Raises:
        InputError: they are not merged, or by another audio_ft.
    """
    file = folder / MANIFEST
    if not file.is_file():
        missing = missing_shards(folder, Plan.load(folder))
        first = f"{counted(len(missing), 'shard')} missing (first: {missing[0]}); write them, then " if missing else ""
        raise InputError(f"{folder}: its shards are not merged: {first}run audio-ft prepare --merge {folder}")
    known = read_json(file)
    if known["format"] != FORMAT:
        raise InputError(f"{file}: written by another audio_ft; run audio-ft prepare --merge {folder}")
    return known


def missing_shards(folder: Path, plan: Plan) -> list[str]:
    """Return the names of shards that are missing or unfinished."""
    return [name for name in plan.names if written_facts(folder, name) is None]


def address(root: str, shard: str, row: int) -> str:
    """Return the address of a row of a shard below a folder or an address."""
    return address_of(f"{root}/{SHARDS}/{shard}.parquet", row)
