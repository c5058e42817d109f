"""Files written whole or not at all, and the JSON and tables in them."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.system import shown_size

if TYPE_CHECKING:
    from collections.abc import Mapping


def finite(value: Any) -> Any:
    """Return a value of the history, None for a number without a word in JSON, such as an overflown gradient norm."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(file: Path, content: Any) -> None:
    """Write JSON in one step: a reader sees the old file or the new one, never half of it."""
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, file)


def as_cell(value: Any, key: str) -> Any:
    """Return a value as a cell that reads back as the same: labels joined by ";", other lists and records as JSON.

    Raises:
        InputError: a label that itself holds ";".
    """
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        split = next((item for item in value if ";" in item), None)
        if split is not None:
            raise InputError(f"{key}: label {split!r} holds ';', which parts labels in a csv; rename it.")
        return ";".join(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value


def write_table(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as csv, columns in the order in which they first appear; no rows leave no file."""
    if not rows:
        file.unlink(missing_ok=True)
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    # A carriage return ends a row where it is read and is left bare where it is written.
    bare = any("\r" in cell for row in rows for cell in row.values() if isinstance(cell, str))
    quoting: Any = csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n", quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    write_text(file, text.getvalue())


def write_text(file: Path, text: str) -> None:
    """Write a text in one move, and not at all when it stands there already."""
    content = text.encode("utf-8", "backslashreplace")
    if file.is_file() and file.read_bytes() == content:
        return
    part = file.with_name(f".{secrets.token_hex(8)}.part")
    try:
        part.write_bytes(content)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def refuse_full_disk(folder: Path, needed: float, doing: str, mend: str) -> None:
    """Refuse work whose result the disk cannot hold, before it starts.

    Raises:
        InputError: less is free where `folder` lies than the `needed` bytes.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{doing} needs about {shown_size(needed)} in {folder} and {shown_size(free)} are free; {mend}."
        )
