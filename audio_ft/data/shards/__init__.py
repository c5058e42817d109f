"""Clean data sets as Parquet shards, which many machines write and training reads or streams."""

from __future__ import annotations

import os
from pathlib import Path

PLAN = "plan.json"


def is_shards(path: str) -> bool:
    """Tell whether a path is a folder of shards that `audio-ft prepare` wrote, merged or not, or the address of one."""
    if "://" in path:
        # An address without a suffix is no file.
        return not os.path.splitext(path)[1] and _has_plan(path.rstrip("/"))
    return (Path(path).expanduser() / PLAN).is_file()


def _has_plan(address: str) -> bool:
    """Tell whether an address has a plan of shards; where it cannot be asked, what reads the address next says why."""
    import fsspec

    try:
        system, place = fsspec.core.url_to_fs(f"{address}/{PLAN}")
        return bool(system.exists(place))
    except Exception:  # noqa: BLE001 -- every file system raises errors of its own
        return False
