"""How long a training takes, stage by stage, over all of its starts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from audio_ft.file_io import read_json, write_json

Stage = Literal["cleaning", "training", "scoring"]
# The key in started.json, next to the digests of recipe and data.
SPENT = "seconds"


class Clock:
    """Count the seconds of each stage, including those of earlier starts once `open` has read them.

    A killed start loses the time since its last call of `keep`.
    """

    def __init__(self) -> None:
        self._spent: dict[str, float] = {"cleaning": 0.0, "training": 0.0, "scoring": 0.0}
        self._stage: Stage = "cleaning"
        self._since = time.monotonic()
        self._file: Path | None = None

    def enter(self, stage: Stage) -> None:
        """End the current stage and begin another."""
        self._book()
        self._stage = stage
        self.keep()

    def open(self, file: Path) -> None:
        """Add the seconds of earlier starts in started.json, and write the count there from now on."""
        for stage, seconds in read_json(file).get(SPENT, {}).items():
            self._spent[stage] += seconds
        self._file = file
        self.keep()

    def keep(self) -> None:
        """Write the count for the next start; does nothing before `open`, or when the file is gone."""
        if self._file is not None and self._file.is_file():
            plain = read_json(self._file)
            self._book()
            write_json(self._file, plain | {SPENT: self._spent})

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each stage so far, and their total."""
        self._book()
        stages = {stage: round(seconds, 1) for stage, seconds in self._spent.items()}
        return stages | {"total": round(sum(self._spent.values()), 1)}

    def _book(self) -> None:
        now = time.monotonic()
        self._spent[self._stage] += now - self._since
        self._since = now
