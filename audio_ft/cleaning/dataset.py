"""Run the chain with `datasets.map`: parallel, cached in blocks of rows, and resumable.

Rows hold whole recordings as 16-bit samples, the same for all models of one sample rate; windows are cut and features
extracted when a batch is made.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.clip_stats import ClipStats
from audio_ft.audio.codec.installed import has_pyav
from audio_ft.audio.codec.packed import clean_row, place_in, rate_of
from audio_ft.audio.codec.source import NO_MEMORY, Part
from audio_ft.audio.fingerprint import fingerprint
from audio_ft.audio.pcm16 import quantize
from audio_ft.cleaning.cache import building, cache_folder, keep, read_cached, writing
from audio_ft.cleaning.cleaned import Cleaned
from audio_ft.cleaning.forecast import estimate_seconds, expected_bytes
from audio_ft.cleaning.place import places_of, source_of, stamp_of
from audio_ft.errors import AudioError, InputError, naming
from audio_ft.file_io import refuse_full_disk
from audio_ft.formatting import counted
from audio_ft.parallel import DIED, FEW, KILLED, bars_of_datasets, exit_with_parent, one_by_one, one_thread
from audio_ft.system.machine import available_cores

if TYPE_CHECKING:
    from datasets import Dataset, Features
    from numpy.typing import NDArray

    from audio_ft.cleaning.chain import Chain

logger = logging.getLogger(__name__)

# Rows in a block, which is one `map` call with a cache file: few enough that an interrupted run repeats little, enough
# that the start of the workers is cheap.
BLOCK = 1_000
# Recordings to time before a set is cleaned.
TIMED = 8
# Increase it when the layout or meaning of cached rows changes, so that old caches are not read.
LAYOUT = 8
# The row of an unreadable recording, which also has its `error`.
UNREADABLE: dict[str, Any] = {"length": 0, "seconds": 0.0, "before": 0.0, "rate": 0, "level": None, "snr": None}
UNREADABLE |= {"notes": [], "digest": "", "samples": np.zeros(1, np.int16), "scale": 1.0}
UNREADABLE |= {"fingerprint": np.zeros(0, np.uint32)}


@dataclass(frozen=True)
class Cleaner:
    """Turn a batch of rows, {audio, start, end, channel}, into clean ones; `datasets.map` calls it in its workers.

    `sample_rate` in Hz is that of the model. An unreadable recording becomes a row with the reason in `error`; if
    `isolated`, so does one with which the process dies, which is another process then. The samples are left out unless
    `keeps_samples`; `quantized` makes those of one row.
    """

    chain: Chain
    sample_rate: int
    isolated: bool = False
    keeps_samples: bool = True

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Clean the recordings of one batch."""
        places = [dict(zip(batch, cells, strict=True)) for cells in zip(*batch.values(), strict=True)]
        with one_thread():
            if self.isolated:
                found = [row for row, _ in one_by_one(self._row, places, self._killed)]
            else:
                found = list(map(self._row, places))
        return {name: [row[name] for row in found] for name in self.schema()}

    def _killed(self, place: dict[str, Any]) -> dict[str, Any]:
        return UNREADABLE | {"error": KILLED}

    def _row(self, place: dict[str, Any]) -> dict[str, Any]:
        try:
            with naming(place["audio"]["path"]):
                if not self.chain.steps and place_in(place["audio"]["path"] or ""):
                    return self._kept(place["audio"]["path"])
                raw, clip = self._cleaned(place)
        except AudioError as error:
            return UNREADABLE | {"error": error.reason}
        except MemoryError:
            return UNREADABLE | {"error": NO_MEMORY}
        facts, (samples, scale) = ClipStats.of(raw), quantize(clip.samples[0])
        row = {"error": None, "length": clip.length, "seconds": clip.seconds, "samples": samples, "scale": scale}
        row |= {"before": facts.seconds, "rate": facts.rate, "level": facts.level, "snr": facts.snr}
        # The digest identifies the same recording in another split.
        digest = hashlib.sha256(samples.tobytes()).hexdigest()[:16]
        codes = fingerprint(clip.samples[0], clip.rate)
        return row | {"notes": list(clip.notes), "digest": digest, "fingerprint": codes}

    def quantized(self, place: Mapping[str, Any]) -> tuple[NDArray[np.int16], float]:
        """Return the clean 16-bit samples (time,) of the recording of a row, and their scale.

        Raises:
            AudioError: it cannot be read.
        """
        with naming(place["audio"]["path"]), one_thread():
            _, clip = self._cleaned(place)
        samples, scale = quantize(clip.samples[0])
        return samples, float(scale)

    def _cleaned(self, place: Mapping[str, Any]) -> tuple[Clip, Clip]:
        """Return the recording of a row as it is, and clean."""
        raw = read(source_of(place))
        clip = self.chain(raw)
        if clip.rate != self.sample_rate:
            raise InputError(
                f"The chain ends at {clip.rate:,} Hz but the model expects {self.sample_rate:,} Hz; "
                f"add Resample({self.sample_rate}) to the chain."
            )
        if clip.channels != 1:
            raise InputError(
                f"The chain ends with {clip.channels} channels but models expect one; add Mono() to the chain."
            )
        return raw, clip

    def _kept(self, address: str) -> dict[str, Any]:
        """Return a row that was cleaned before, as it is."""
        row, rate = clean_row(address), rate_of(address)
        if rate != self.sample_rate:
            raise InputError(
                f"{address} is at {rate:,} Hz but the model expects {self.sample_rate:,} Hz; prepare the recordings "
                f"again with Resample({self.sample_rate}) in the chain."
            )
        return {name: row.get(name) for name in self.schema()}

    def schema(self) -> Features:
        """Return the columns of a clean row."""
        from datasets import Features, LargeList, List, Value

        kinds = {"length": "int64", "seconds": "float64", "before": "float64", "rate": "int64"}
        kinds |= {"level": "float64", "snr": "float64"}
        columns: dict[str, Any] = {name: Value(kind) for name, kind in kinds.items()}
        columns |= {"error": Value("string"), "notes": List(Value("string")), "digest": Value("string")}
        columns["fingerprint"] = List(Value("uint32"))
        # Long waves overflow 32-bit list offsets (datasets#7821); large lists do not.
        columns |= {"samples": LargeList(Value("int16"))} if self.keeps_samples else {}
        return Features(columns | {"scale": Value("float32")})

    def settings(self) -> dict[str, Any]:
        """Return all settings that decide the rows, apart from the recordings."""
        known: dict[str, Any] = {"layout": LAYOUT, "chain": self.chain.digest, "rate": self.sample_rate}
        known |= {} if self.keeps_samples else {"samples": False}
        # Recordings that only PyAV can read are tried again after it is installed.
        return known if has_pyav() else {**known, "pyav": False}


def clean(
    split: Dataset, cleaner: Cleaner, *, name: str, workers: int | None = None, cache: Path | None = None
) -> Cleaned:
    """Clean one split in parallel; finished blocks come from the cache.

    Raises:
        InputError: the chain does not end at the model's rate in one channel, or the disk cannot hold the result.
    """
    from datasets import concatenate_datasets

    cache = cache or cache_folder()
    workers = workers or available_cores()
    blocks, parts = _blocks(split), []
    with writing(cache), exit_with_parent():
        cache.mkdir(parents=True, exist_ok=True)
        if not any(cache.glob(f"clean-{_fingerprint(split, blocks[0], cleaner)}*.arrow")):
            needed = expected_bytes(estimate_seconds(split), cleaner.sample_rate if cleaner.keeps_samples else 0)
            fix = "free some space, set AUDIO_FT_CACHE to a larger disk"
            fix += ", or train with data.streaming=true, which keeps no copy" if cleaner.keeps_samples else ""
            refuse_full_disk(cache, needed, "Cleaning", fix)
        for block in blocks:
            part, workers = _clean_block(split, block, cleaner, name, workers, cache)
            parts.append(part)
    return _summarize(concatenate_datasets(parts), split, cleaner.sample_rate)


def seconds_to_clean(splits: Iterable[Dataset], cleaner: Cleaner) -> float:
    """Forecast how long cleaning takes in seconds, from a few of the recordings that the cache lacks."""
    missing = [
        (split, block)
        for split in splits
        for block in _blocks(split)
        if read_cached(cache_folder() / f"clean-{_fingerprint(split, block, cleaner)}.arrow") is None
    ]
    if not missing:
        return 0.0
    split, block = missing[0]
    few = places_of(split, block[:: max(1, len(block) // TIMED)])
    began = time.monotonic()
    cleaner(few[:])
    return (time.monotonic() - began) / len(few) * sum(len(block) for _, block in missing) / available_cores()


def _blocks(split: Dataset) -> list[range]:
    return [range(start, min(start + BLOCK, len(split))) for start in range(0, len(split), BLOCK)]


def _clean_block(
    split: Dataset, block: range, cleaner: Cleaner, name: str, workers: int, cache: Path
) -> tuple[Dataset, int]:
    """Return the rows of one block, from the cache where it has all of them, and the workers for the next block."""
    fingerprint = _fingerprint(split, block, cleaner)
    file = cache / f"clean-{fingerprint}.arrow"
    found = read_cached(file)
    if found is not None:
        return found, workers
    place = f"{name} {block.start:,}-{block.stop:,} of {len(split):,}"

    def mapped(cleaner: Cleaner, processes: int | None) -> Dataset:
        places = places_of(split, block)
        with bars_of_datasets():
            return places.map(
                cleaner,
                batched=True,
                batch_size=16,
                remove_columns=places.column_names,
                features=cleaner.schema(),
                num_proc=processes,
                new_fingerprint=fingerprint,
                cache_file_name=str(unfinished / file.name),
                load_from_cache_file=False,
                writer_batch_size=64,
                desc=f"cleaning {place}",
            )

    with building(file) as (unfinished, waited):
        if waited and (found := read_cached(file)) is not None:
            return found, workers
        try:
            # Starting workers for a handful of clips takes longer than cleaning them.
            rows = mapped(cleaner, workers if len(block) > FEW and workers > 1 else None)
        except RuntimeError as error:
            if "abruptly died" not in str(error):
                raise
            logger.warning("warning: %s; %s is cleaned again, one recording at a time", DIED, place)
            rows = mapped(replace(cleaner, isolated=True), None)
            # Where one recording alone is too much, there need not be fewer workers for the others.
            workers = workers if KILLED in rows.unique("error") else max(1, workers // 2)
            logger.warning("warning: cleaning goes on with %s", counted(workers, "worker"))
        again = {KILLED, NO_MEMORY} & set(rows.unique("error"))  # these may be readable at another time
        paths = [Path(written["filename"]) for written in rows.cache_files]
        del rows  # some systems do not move files that are mapped into memory
        return keep(paths, file, sealed=not again), workers


def _fingerprint(split: Dataset, block: range, cleaner: Cleaner) -> str:
    """Hash the recordings of a block and the settings of their cleaning."""
    digest = hashlib.sha256(json.dumps(cleaner.settings(), sort_keys=True, default=str).encode())
    for place in places_of(split, block):
        source, state = source_of(place), stamp_of(source_of(place))
        whole = Part.of(source).whole
        if not isinstance(whole, bytes):
            path = os.fspath(cast("str", whole))
            path = (place_in(path) or (path,))[0]
            # A change of permissions does not change the modification time.
            access = state.startswith("missing") or os.access(path, os.R_OK)
            state = f"{os.path.abspath(path)}|{state}\n" + ("" if access else "no access\n")
        digest.update(state.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _summarize(rows: Dataset, split: Dataset, sample_rate: int) -> Cleaned:
    table = rows.select_columns(["before", "error", "notes"]).to_pandas()
    unreadable = table["error"].notna()
    good = table[~unreadable]
    keys = split.select(np.flatnonzero(unreadable))["key"] if unreadable.any() else []
    return Cleaned(
        rows=rows,
        sample_rate=sample_rate,
        used=np.flatnonzero(~unreadable),
        errors=tuple(zip(keys, table["error"][unreadable], strict=True)),
        notes=dict(Counter(note for notes in good["notes"] for note in notes)),
        seconds_before=float(good["before"].sum()),
    )
