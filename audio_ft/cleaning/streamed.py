"""One split whose samples are not in the cache: each batch reads them from shards, or cleans its recordings again."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from audio_ft.audio.codec.packed import place_in, rate_of, samples_of
from audio_ft.cleaning.cleaned import Cleaned
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.cleaning.place import places_of
from audio_ft.errors import AudioError, InputError

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray


# Of a clean row, what a table of addresses has beside them.
FACTS = ("length", "seconds", "before", "rate", "level", "snr", "digest", "scale")


@dataclass(frozen=True)
class Streamed(Cleaned):
    """Hold the addresses of one split's clean rows, and all that is known of them without their samples.

    `shards` numbers the file that each recording is in; recordings are in the order of files and of rows in them.
    """

    addresses: Any
    shards: NDArray[np.int64]

    shuffled: ClassVar[bool] = True

    def quantized(self, clip: int) -> tuple[NDArray[np.int16], float]:
        """Return the 16-bit samples (time,) of a recording, read with those around it, and their scale."""
        return samples_of(self.addresses[clip].as_py()), self._scale(clip)


@dataclass(frozen=True)
class CleanedAgain(Cleaned):
    """Hold what is known of one split's recordings, each of which is cleaned again when its samples are needed."""

    table: Dataset
    cleaner: Cleaner

    def quantized(self, clip: int) -> tuple[NDArray[np.int16], float]:
        """Return the 16-bit samples (time,) of a recording, and their scale.

        Raises:
            AudioError: the recording cannot be read any more, or has changed.
        """
        place = places_of(self.table, [clip])[0]
        samples, scale = self.cleaner.quantized(place)
        if len(samples) != self.rows.data.column("length")[clip].as_py():
            raise AudioError(self.table[clip]["key"], "has changed since the training began; start it again")
        return samples, scale


def is_streamed(split: Dataset) -> bool:
    """Tell whether a split is a table of addresses with all that is known of the clean rows there."""
    return set(FACTS) <= set(split.column_names)


def stream(split: Dataset, cleaner: Cleaner) -> Streamed:
    """Return a split of addresses as `clean` returns the rows of others; nothing is read.

    Raises:
        InputError: the rows were cleaned by another chain than this one, or are at another rate than the model's.
    """
    from datasets import Dataset

    table = split.with_format("arrow")[:]
    addresses = table.column("audio").combine_chunks().field("path")
    first = addresses[0].as_py()
    if cleaner.chain.steps:
        raise InputError(f"{first}: shards are streamed as they were cleaned; leave chain out, or prepare them again.")
    if (rate := rate_of(first)) != cleaner.sample_rate:
        raise InputError(
            f"{first} is at {rate:,} Hz but the model expects {cleaner.sample_rate:,} Hz; prepare the recordings "
            f"again with Resample({cleaner.sample_rate}) in the chain."
        )
    files = [(place_in(address) or ("", 0))[0] for address in addresses.to_pylist()]
    numbers = {file: number for number, file in enumerate(dict.fromkeys(files))}
    rows = Dataset(table.select(list(FACTS)))
    return Streamed(
        rows=rows,
        sample_rate=rate,
        used=np.arange(len(split)),
        errors=(),
        notes={},
        seconds_before=float(np.sum(rows.data.column("before").to_numpy())),
        addresses=addresses,
        shards=np.array([numbers[file] for file in files], np.int64),
    )


def clean_again(split: Dataset, cleaner: Cleaner, *, name: str) -> CleanedAgain:
    """Return a split as `clean` does, all recordings having been cleaned once, without a copy of their samples."""
    found = clean(split, replace(cleaner, keeps_samples=False), name=name)
    known = {item.name: getattr(found, item.name) for item in fields(found)}
    return CleanedAgain(**known, table=split, cleaner=cleaner)
