"""Clean data sets as Parquet shards, which many machines write and training reads or streams."""

from __future__ import annotations

import os
from pathlib import Path

PLAN = "plan.json"


def is_shards(path: str) -> bool:
    """Tell whether a path is a folder of shards that `audio-ft prepare` wrote, merged or not, or the address of one."""
    if "://" in path:
        # An address without a suffix is no file.
        return not os.path.splitext(path)[1]
    return (Path(path).expanduser() / PLAN).is_file()
