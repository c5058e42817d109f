"""Clean data sets as Parquet shards, which many machines write and training reads or streams."""

from __future__ import annotations

from pathlib import Path

PLAN = "plan.json"


def is_shards(path: str) -> bool:
    """Tell whether a path is a folder of shards that `audio-ft prepare` wrote, merged or not."""
    return (Path(path).expanduser() / PLAN).is_file()
