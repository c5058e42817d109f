"""Plan the shards of a data set before any recording is read: which rows are in which file, in whatever order."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.dataset import LAYOUT, Cleaner
from audio_ft.cleaning.forecast import estimate_seconds, expected_bytes
from audio_ft.data.loaded import Loaded
from audio_ft.data.shards import PLAN
from audio_ft.data.spec import Data
from audio_ft.errors import InputError
from audio_ft.file_io import read_json, write_json
from audio_ft.folder_lock import LOCK_FILE

if TYPE_CHECKING:
    import pyarrow as pa

SHARDS = "shards"
# Megabytes of clean samples in a shard: two hours, which a worker cleans in minutes and a disk reads in one go.
SIZE = 256.0
# What decides the rows and is not in the chain or the data.
FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """Say how a data set is divided into shards; all processes that prepare it make the same plan.

    Attributes:
        data: the data, as `Data.to_dict` writes it; `fingerprint` is that of its rows as loaded.
        chain: the steps of the cleaning.
        sample_rate: of the clean recordings, in Hz.
        counts: the rows of each split, and `shards` how many files they are in.
        facts: what `Loaded` says of the targets: kind, names, column, group, rule, reading, warnings, rights …
    """

    data: Mapping[str, Any]
    fingerprint: str
    chain: Sequence[Mapping[str, Any]]
    sample_rate: int
    counts: Mapping[str, int]
    shards: Mapping[str, int]
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, loaded: Loaded, data: Data, chain: Chain, size: float) -> Plan:
        """Return the plan of loaded data, for shards of about `size` megabytes of clean samples."""
        rate = chain.output_rate(48_000)
        shards = {}
        for split, table in loaded.splits.items():
            megabytes = expected_bytes(estimate_seconds(table), rate) / 1e6
            shards[split] = min(len(table), max(1, int(np.ceil(megabytes / size))))
        return cls(
            data={**data.to_dict(), "path": os.path.abspath(data.path) if os.path.exists(data.path) else data.path},
            fingerprint=loaded.fingerprint,
            chain=chain.to_list(),
            sample_rate=rate,
            counts={split: len(table) for split, table in loaded.splits.items()},
            shards=shards,
            facts={
                "kind": loaded.target.kind,
                "names": list(loaded.target.names),
                "implied_by": loaded.target.implied_by,
                "column": loaded.column,
                "group": loaded.group,
                "rule": loaded.rule,
                "reading": loaded.reading,
                "warnings": list(loaded.warnings),
                "pseudo": loaded.pseudo,
                "rights": {name: dict(counts) for name, counts in loaded.rights.items()},
            },
        )

    @cached_property
    def digest(self) -> str:
        """Return the digest of everything that decides the rows of each shard; where the data lies does not."""
        known = {"format": FORMAT, "layout": LAYOUT, "fingerprint": self.fingerprint, "chain": self.chain}
        known |= {"rate": self.sample_rate, "shards": self.shards, "seed": self.data["seed"]}
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def names(self) -> list[str]:
        """Return the names of all shards."""
        return [name_of(split, number, count) for split, count in self.shards.items() for number in range(count)]

    @property
    def cleaner(self) -> Cleaner:
        """Return what cleans the rows."""
        return Cleaner(Chain.from_dict({"steps": self.chain}), self.sample_rate)

    def rows(self, name: str) -> NDArray[np.int64]:
        """Return which rows of its split a shard has: a random sample, so that any few shards are like the whole."""
        split, number, count = name.split("-")[0], int(name.split("-")[1]), self.shards[name.split("-")[0]]
        order = np.random.default_rng(int(self.data["seed"])).permutation(self.counts[split])
        return np.array_split(order, count)[number]

    def table(self, loaded: Loaded, name: str) -> pa.Table:
        """Return the rows of a shard with their places, targets and other columns, as they are before cleaning."""
        return loaded.splits[name.split("-")[0]].select(self.rows(name)).with_format("arrow")[:]

    def claim(self, folder: Path) -> None:
        """Write the plan into a folder, or check that the folder has the same one.

        Raises:
            InputError: the folder has other files or another plan, or cannot be written.
        """
        if (folder / PLAN).is_file():
            known = Plan.load(folder)
            if known.digest != self.digest:
                raise InputError(
                    f"{folder} has shards of {known._differs(self)}; give another folder, or remove this one."
                )
            return
        if folder.is_dir() and any(path.name != LOCK_FILE and path.suffix != ".part" for path in folder.iterdir()):
            raise InputError(f"{folder} has other files; choose an empty folder or a new one.")
        try:
            (folder / SHARDS).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror}); choose another folder.") from error
        write_json(folder / PLAN, {"format": FORMAT, **asdict(self)})

    def _differs(self, other: Plan) -> str:
        if self.chain != other.chain:
            return "another chain"
        if self.fingerprint != other.fingerprint:
            return f"other data ({self.data['path']}, or its files have changed)"
        return f"another size ({sum(self.shards.values())} files, now {sum(other.shards.values())})"

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """Read the plan of a folder.

        Raises:
            InputError: there is none, or it is of another audio_ft.
        """
        known = read_json(folder / PLAN)
        if known.pop("format", None) != FORMAT:
            raise InputError(f"{folder / PLAN}: written by another audio_ft; prepare the recordings again.")
        return cls(**known)


def name_of(split: str, number: int, count: int) -> str:
    """Return the name of a shard without its suffix, as the Hub names files.

    Example:
        >>> name_of("train", 3, 12)
        'train-00003-of-00012'
    """
    return f"{split}-{number:05d}-of-{count:05d}"
