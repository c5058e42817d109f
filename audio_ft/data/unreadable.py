"""Recordings that cannot be read: the list of them in a prepared folder, and how many are too many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audio_ft.errors import InputError

UNREADABLE = "unreadable.csv"


def refuse_corrupt(allowed: float, folder: Path, good: Mapping[str, Sequence[Any]], bad: Sequence[Any]) -> None:
    """Refuse what training would refuse: too many recordings that cannot be read, or all of a split."""
    total = sum(map(len, good.values())) + len(bad)
    empty = next((split for split, rows in good.items() if not rows), None)
    if empty is not None:
        raise InputError(
            f"None of the recordings of the {empty} split can be read; see {folder / UNREADABLE} for the reasons."
        )
    if len(bad) > allowed * total:
        raise InputError(
            f"{len(bad)} of {total} recordings cannot be read, more than the allowed {allowed:.0%}; "
            f"{folder / UNREADABLE} lists them: fix or remove them, or set max_corrupt={len(bad) / total:.2g} or more."
        )
