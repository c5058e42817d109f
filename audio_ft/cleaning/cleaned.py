"""One split after cleaning: its clean rows, and which of its recordings are used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from audio_ft.audio.pcm16 import dequantize

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Cleaned:
    """Hold one split after cleaning: a row for each of its recordings, in order, and which of them are used.

    Attributes:
        rows: the clean rows, {samples, scale, length, seconds, digest …}.
        sample_rate: the rate of the samples in Hz.
        used: the positions of the recordings that can be read and were not excluded.
        errors: key and reason of each unreadable recording.
        notes: the number of readable recordings with each note.
        seconds_before: the duration of the readable recordings before cleaning.
        shuffled: whether rows are in random order, and those next to each other are read together.
    """

    rows: Dataset
    sample_rate: int
    used: NDArray[np.int64]
    errors: tuple[tuple[str, str], ...]
    notes: dict[str, int]
    seconds_before: float

    shuffled: ClassVar[bool] = False

    @property
    def clips(self) -> int:
        """Return the number of recordings that are used."""
        return len(self.used)

    @property
    def seconds(self) -> float:
        """Return the duration of the recordings that are used."""
        return float(self.column("seconds").sum())

    @property
    def cached_bytes(self) -> int:
        """Return the size of the rows in the cache."""
        return sum(Path(file["filename"]).stat().st_size for file in self.rows.cache_files)

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of numbers or texts of the recordings that are used."""
        return np.asarray(self.rows.data.column(name).to_numpy())[self.used]

    def quantized(self, clip: int) -> tuple[NDArray[np.int16], float]:
        """Return the 16-bit samples (time,) of a recording, not copied, and their scale."""
        return np.asarray(self.rows.data.column("samples")[clip].values.to_numpy()), self._scale(clip)

    def wave(self, clip: int) -> NDArray[np.float32]:
        """Return the samples (time,) of a recording."""
        return dequantize(*self.quantized(clip))

    def _scale(self, clip: int) -> float:
        return float(self.rows.data.column("scale")[clip].as_py())

    def without(self, clips: Iterable[int]) -> Cleaned:
        """Return the split without some of its recordings."""
        return replace(self, used=np.setdiff1d(self.used, list(clips)))

    def clip_stats(self) -> dict[str, list[Any]]:
        """Return the position in the split of each recording that is used, and its `ClipStats` before cleaning."""
        names = {"seconds": "before", "rate": "rate", "level": "level", "snr": "snr"}
        return {"clip": self.used.tolist()} | {name: self.column(column).tolist() for name, column in names.items()}
