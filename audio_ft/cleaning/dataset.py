"""Run the chain with `datasets.map`: parallel, cached in blocks of rows, and resumable.

Rows hold 16-bit samples, the same for all models of one window; features are extracted when a batch is made.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from audio_ft.audio.clip import probe, read
from audio_ft.audio.clip_stats import ClipStats
from audio_ft.audio.codec.installed import has_pyav
from audio_ft.audio.codec.source import NO_MEMORY, Part
from audio_ft.audio.fingerprint import fingerprint
from audio_ft.audio.pcm16 import dequantize, quantize
from audio_ft.audio.windows import windows
from audio_ft.cleaning.cache import cache_folder, read_cached, seal, writing
from audio_ft.cleaning.place import places_of, source_of, stamp_of
from audio_ft.errors import AudioError, InputError, naming
from audio_ft.file_io import refuse_full_disk
from audio_ft.formatting import counted
from audio_ft.parallel import DIED, FEW, KILLED, exit_with_parent, one_by_one, one_thread
from audio_ft.system import available_cores

if TYPE_CHECKING:
    from datasets import Dataset, Features
    from numpy.typing import NDArray
    from pandas import DataFrame

    from audio_ft.cleaning.chain import Chain

logger = logging.getLogger(__name__)

# Rows in a block, which is one `map` call with a cache file: few enough that an interrupted run repeats little, enough
# that the start of the workers is cheap.
BLOCK = 1_000
# Increase it when the layout or meaning of cached rows changes, so that old caches are not read.
LAYOUT = 8
# The row of an unreadable recording, which also has its `clip` and `error`.
UNREADABLE: dict[str, Any] = {"start": 0.0, "length": 0, "seconds": 0.0, "before": 0.0, "rate": 0, "level": None}
UNREADABLE |= {"snr": None, "notes": [], "digest": "", "fingerprint": np.zeros(0, np.uint32)}
UNREADABLE |= {"samples": np.zeros(1, np.int16), "scale": 1.0}


@dataclass(frozen=True)
class Cleaner:
    """Turn a batch of rows, {audio, start, end, channel}, into clean windows; `datasets.map` calls it in its workers.

    `sample_rate` in Hz and `window` in seconds are those of the model; windows overlap by `overlap` seconds at least.
    An unreadable recording becomes one row with the reason in `error`; if `isolated`, so does one with which the
    process dies, which is another process then.
    """

    chain: Chain
    sample_rate: int
    window: float
    isolated: bool = False
    overlap: float = 0.0

    def __call__(self, batch: dict[str, list[Any]], indices: list[int], first: int = 0) -> dict[str, list[Any]]:
        """Clean the recordings of one batch; `indices` are their positions in the split minus `first`."""
        places = (dict(zip(batch, cells, strict=True)) for cells in zip(*batch.values(), strict=True))
        pairs = [(first + index, place) for index, place in zip(indices, places, strict=True)]
        with one_thread():
            if self.isolated:
                found = [rows for rows, _ in one_by_one(self._rows, pairs, self._killed)]
            else:
                found = [self._rows(pair) for pair in pairs]
        return {name: [row[name] for rows in found for row in rows] for name in self.schema()}

    def _killed(self, pair: tuple[int, dict[str, Any]]) -> list[dict[str, Any]]:
        return [UNREADABLE | {"clip": pair[0], "error": KILLED}]

    def _rows(self, pair: tuple[int, dict[str, Any]]) -> list[dict[str, Any]]:
        index, place = pair
        try:
            with naming(place["audio"]["path"]):
                raw = read(source_of(place))
                clip = self.chain(raw)
        except AudioError as error:
            return [UNREADABLE | {"clip": index, "error": error.reason}]
        except MemoryError:
            return [UNREADABLE | {"clip": index, "error": NO_MEMORY}]
        if clip.rate != self.sample_rate:
            raise InputError(
                f"The chain ends at {clip.rate:,} Hz but the model expects {self.sample_rate:,} Hz; "
                f"add Resample({self.sample_rate}) to the chain."
            )
        if clip.channels != 1:
            raise InputError(
                f"The chain ends with {clip.channels} channels but models expect one; add Mono() to the chain."
            )
        wave, facts = clip.samples[0], ClipStats.of(raw)
        known: dict[str, Any] = {"clip": index, "error": None, "before": facts.seconds, "rate": facts.rate}
        # The digest identifies the same recording in another split.
        digest = hashlib.sha256(quantize(wave)[0].tobytes()).hexdigest()[:16]
        known |= {"level": facts.level, "snr": facts.snr, "notes": list(clip.notes), "digest": digest}
        parts = windows(len(wave), round(self.window * clip.rate), round(self.overlap * clip.rate))
        # The first window has the fingerprint, that of the whole recording.
        prints = [fingerprint(wave, clip.rate)] + [UNREADABLE["fingerprint"]] * (len(parts) - 1)
        return [known | {"fingerprint": code} | self._window(wave, *part)
                for code, part in zip(prints, parts, strict=True)]  # fmt: skip

    def _window(self, wave: NDArray[np.float32], start: int, stop: int) -> dict[str, Any]:
        samples, scale = quantize(wave[start:stop])
        length = len(samples)
        place = {"start": start / self.sample_rate, "length": length, "seconds": length / self.sample_rate}
        return place | {"samples": samples, "scale": scale}

    def schema(self) -> Features:
        """Return the columns of a clean row."""
        from datasets import Features, LargeList, List, Value

        kinds = {"clip": "int64", "start": "float64", "length": "int64", "seconds": "float64", "before": "float64"}
        kinds |= {"rate": "int64", "level": "float64", "snr": "float64"}
        columns: dict[str, Any] = {name: Value(kind) for name, kind in kinds.items()}
        columns |= {"error": Value("string"), "notes": List(Value("string")), "digest": Value("string")}
        columns["fingerprint"] = List(Value("uint32"))
        # Long waves overflow 32-bit list offsets (datasets#7821); large lists do not.
        columns |= {"samples": LargeList(Value("int16")), "scale": Value("float32")}
        return Features(columns)

    def settings(self) -> dict[str, Any]:
        """Return all settings that decide the rows, apart from the recordings."""
        known = {"layout": LAYOUT, "chain": self.chain.digest, "rate": self.sample_rate, "window": self.window}
        known |= {"overlap": self.overlap} if self.overlap else {}
        # Recordings that only PyAV can read are tried again after it is installed.
        return known if has_pyav() else {**known, "pyav": False}


def wave_of(row: dict[str, Any]) -> NDArray[np.float32]:
    """Return the samples float32 (time,) of a clean row."""
    return dequantize(np.asarray(row["samples"]), row["scale"])


@dataclass(frozen=True)
class Cleaned:
    """Hold one split after cleaning: `rows` of windows, counts and durations.

    `errors` has key and reason of each unreadable recording; `notes` counts the recordings by note.
    """

    rows: Dataset
    clips: int
    errors: tuple[tuple[str, str], ...]
    notes: dict[str, int]
    seconds_before: float
    seconds: float

    def clip_stats(self) -> dict[str, list[Any]]:
        """Return the index in the split of each cleaned clip, and its `ClipStats` before cleaning."""
        names = {"clip": "clip", "before": "seconds", "rate": "rate", "level": "level", "snr": "snr"}
        table = self.rows.select_columns(["start", *names]).to_pandas()
        firsts = table[table["start"] == 0].sort_values("clip")
        return {name: firsts[column].to_list() for column, name in names.items()}


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
    blocks = [range(start, min(start + BLOCK, len(split))) for start in range(0, len(split), BLOCK)]
    parts = []
    with writing(cache), exit_with_parent():
        cache.mkdir(parents=True, exist_ok=True)
        if not any(cache.glob(f"clean-{_fingerprint(split, blocks[0], cleaner)}*.arrow")):
            needed = expected_bytes(estimate_seconds(split), cleaner.sample_rate)
            refuse_full_disk(cache, needed, "Cleaning", "free some space or set AUDIO_FT_CACHE to a larger disk")
        for block in blocks:
            part, workers = _clean_block(split, block, cleaner, name, workers, cache)
            parts.append(part)
    return _summarize(concatenate_datasets(parts), split)


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
        return places.map(
            cleaner,
            batched=True,
            batch_size=16,
            with_indices=True,
            fn_kwargs={"first": block.start},
            remove_columns=places.column_names,
            features=cleaner.schema(),
            num_proc=processes,
            new_fingerprint=fingerprint,
            cache_file_name=str(file),
            load_from_cache_file=False,
            writer_batch_size=64,
            desc=f"cleaning {place}",
        )

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
    if not {KILLED, NO_MEMORY} & set(rows.unique("error")):  # these may be readable at another time
        for written in rows.cache_files:
            seal(Path(written["filename"]))
    return rows, workers


def _fingerprint(split: Dataset, block: range, cleaner: Cleaner) -> str:
    """Hash the recordings of a block and the settings of their cleaning."""
    digest = hashlib.sha256(json.dumps(cleaner.settings(), sort_keys=True, default=str).encode())
    for place in places_of(split, block):
        source, state = source_of(place), stamp_of(source_of(place))
        whole = Part.of(source).whole
        if not isinstance(whole, bytes):
            path = os.fspath(cast("str", whole))
            # A change of permissions does not change the modification time.
            access = state.startswith("missing") or os.access(path, os.R_OK)
            state = f"{os.path.abspath(path)}|{state}\n" + ("" if access else "no access\n")
        digest.update(state.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def expected_bytes(seconds: float, sample_rate: int) -> int:
    """Estimate the size in bytes of the cache for `seconds` of audio: 16 bits a sample."""
    return round(2 * seconds * sample_rate)


def estimate_seconds(split: Dataset, sample: int = 500) -> float:
    """Estimate the duration of a split in seconds, from the headers of at most `sample` recordings."""
    durations = header_seconds(split, sample)
    return float(np.mean(durations) * len(split)) if len(durations) else 0.0


def header_seconds(split: Dataset, sample: int = 500) -> NDArray[np.float64]:
    """Return the durations in seconds in the headers of at most `sample` evenly spaced recordings."""
    chosen = np.unique(np.linspace(0, len(split) - 1, min(sample, len(split))).astype(int))
    durations = []
    for place in places_of(split, chosen):
        source = source_of(place)
        if isinstance(source, Part) and source.stop is not None:
            durations.append(source.stop - source.start)
            continue
        with suppress(AudioError):  # the map reads this file too and records the reason
            durations.append(probe(source).seconds)
    return np.asarray(durations, np.float64)


def _summarize(rows: Dataset, split: Dataset) -> Cleaned:
    table = rows.select_columns(["clip", "start", "seconds", "before", "error", "notes"]).to_pandas()
    unreadable = table["error"].notna()
    bad, good = table[unreadable], table[~unreadable]
    firsts = good[good["start"] == 0]
    keys = split.select(bad["clip"].tolist())["key"] if len(bad) else []
    return Cleaned(
        rows=rows.select(np.flatnonzero(~unreadable)) if len(bad) else rows,
        clips=len(firsts),
        errors=tuple(zip(keys, bad["error"], strict=True)),
        notes=dict(Counter(note for notes in firsts["notes"] for note in notes)),
        seconds_before=float(firsts["before"].sum()),
        seconds=duration_of(good),
    )


def duration_of(rows: DataFrame) -> float:
    """Return the duration in seconds of the clips whose windows these are; overlaps count once.

    Windows are evenly spaced from the start of a clip to its end, so the last one ends with the clip.
    """
    return float((rows["start"] + rows["seconds"]).groupby(rows["clip"]).max().sum())
