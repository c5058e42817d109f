"""Merge the shards of a folder: check that all are there, compare their recordings, and write the manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.audio.codec.packed import SAMPLES
from audio_ft.data.leaks.certificate import Certificate
from audio_ft.data.leaks.certify import Side, certify, copies_of, families
from audio_ft.data.shards.manifest import MANIFEST, ROWS, missing_shards
from audio_ft.data.shards.plan import FORMAT, Plan
from audio_ft.data.shards.write import file_of, written_facts
from audio_ft.data.unreadable import UNREADABLE, refuse_corrupt
from audio_ft.errors import InputError
from audio_ft.file_io import replacing, write_json, write_table
from audio_ft.formatting import first_five
from audio_ft.parallel import progress_bar
from audio_ft.targets.base import target_class

if TYPE_CHECKING:
    import pyarrow as pa

COPY = "a copy of"


@dataclass(frozen=True)
class Merged:
    """Say what a folder of shards contains.

    Attributes:
        plan: how it was divided.
        digest: of all rows and their samples, in whatever shards they are.
        clips: readable recordings of each split that are used.
        seconds: their duration before and after cleaning.
        size: bytes of all shards.
        errors: key and reason of each recording that cannot be read.
        copies: split, key and reason of each recording that is left out, because a later split has it too.
        repeated: how many recordings have a copy in their own split.
        certificate: what was compared between the splits.
    """

    folder: Path
    plan: Plan
    digest: str
    clips: Mapping[str, int]
    seconds: tuple[float, float]
    size: int
    errors: tuple[tuple[str, str, str], ...]
    copies: tuple[tuple[str, str, str], ...]
    repeated: int
    certificate: Certificate


def merge(folder: str | Path, max_corrupt: float = 0.05) -> Merged:
    """Merge the shards in a folder, which a training then takes as data; again is harmless.

    Where the splits were made by `audio-ft prepare`, a recording with a copy in a later split is left out; where the
    data gives them, this is up to the training, which refuses splits that leak.

    Raises:
        InputError: shards are missing or of another plan, more than `max_corrupt` of the recordings cannot be read, or
            a split has none.
    """
    folder = Path(folder)
    plan = Plan.load(folder)
    facts = _all_facts(folder, plan)
    errors = tuple(
        (name.split("-")[0], *error) for name, own in facts.items() for error in sorted(map(tuple, own["errors"]))
    )
    write_table(folder / UNREADABLE, [{"split": split, "reason": why, "file": key} for split, key, why in errors])
    tables = {split: _rows(folder, plan, split) for split in plan.shards}
    good = {split: range(len(table)) for split, table in tables.items()}
    refuse_corrupt(max_corrupt, folder, good, errors)
    sides = {split: _side(table, plan) for split, table in tables.items()}
    found = copies_of(sides)
    certificate = certify(sides, found)
    repeated = sum(map(len, families(sides, found)))
    copies = _left_out(certificate) if "made here" in plan.facts["rule"] else ()
    gone = {(split, key) for split, key, _ in copies}
    for split, table in tables.items():
        kept = [row for row, key in enumerate(sides[split].keys) if (split, key) not in gone]
        tables[split] = table.drop_columns(["fingerprint"]).take(kept)
        with replacing(folder / ROWS / f"{split}.parquet", make_parents=True) as place:
            _write(tables[split], place)
    if copies:
        pairs = tuple(one for one in certificate.pairs if (one.split, one.key) not in gone)
        certificate = Certificate(**{**vars(certificate), "pairs": pairs})
    merged = Merged(
        folder,
        plan,
        _digest(tables, errors),
        {split: len(table) for split, table in tables.items()},
        (sum(own["seconds_before"] for own in facts.values()), sum(own["seconds"] for own in facts.values())),
        sum(own["bytes"] for own in facts.values()),
        errors,
        copies,
        repeated,
        certificate,
    )
    write_json(folder / MANIFEST, _manifest(merged, facts))
    return merged


def _all_facts(folder: Path, plan: Plan) -> dict[str, Mapping[str, Any]]:
    """Return what all shards hold.

    Raises:
        InputError: some are missing, or were made by another plan.
    """
    if missing := missing_shards(folder, plan):
        raise InputError(
            f"{folder}: {len(missing):,} of {len(plan.names):,} shards are missing or unfinished "
            f"({first_five(missing)}); run the shares that write them again."
        )
    facts = {name: written_facts(folder, name) or {} for name in plan.names}
    if other := [name for name, own in facts.items() if own["plan"] != plan.digest]:
        raise InputError(
            f"{folder}: {first_five(other)}: made from other data or by another chain than {folder / 'plan.json'} "
            "says; remove them and run their shares again."
        )
    return facts


def _rows(folder: Path, plan: Plan, split: str) -> pa.Table:
    """Return all columns but the samples of a split's rows, and in `shard` and `row` where each row is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names, parts = [name for name in plan.names if name.split("-")[0] == split], []
    for name in progress_bar(names, desc=f"merging {split}", unit=" shards"):
        opened = pq.ParquetFile(file_of(folder, name))
        columns = [column for column in opened.schema_arrow.names if column != SAMPLES]
        part = opened.read(columns, use_threads=False).replace_schema_metadata()
        part = part.append_column("shard", pa.array([name] * len(part), pa.string()))
        parts.append(part.append_column("row", pa.array(range(len(part)), pa.int64())))
    return pa.concat_tables(parts)


def _side(table: pa.Table, plan: Plan) -> Side:
    """Return what is compared of one split."""
    prints = [codes.values.to_numpy() for codes in table.column("fingerprint")]
    by_words = target_class(plan.facts["kind"]).by_words
    texts = table.column("target").to_pylist() if by_words else []
    columns = (table.column(name).to_pylist() for name in ("key", "digest", "group"))
    keys, digests, groups = columns
    return Side(keys, digests, prints, groups, texts)


def _left_out(certificate: Certificate) -> tuple[tuple[str, str, str], ...]:
    """Return split, key and reason of the recordings whose copies are in a later split."""
    found = {(pair.split, pair.key): f"{COPY} {pair.other_key} ({pair.other_split})" for pair in certificate.pairs}
    return tuple((split, key, why) for (split, key), why in sorted(found.items()))


def _digest(tables: Mapping[str, pa.Table], errors: tuple[tuple[str, str, str], ...]) -> str:
    """Return a digest of the rows and of what cannot be read, which depends neither on their order nor on shards."""
    lines = [json.dumps(error) for error in errors]
    for split, table in tables.items():
        cells = table.select(["key", "digest", "target", "group", "meta"]).to_pylist()
        lines += [json.dumps([split, *row.values()]) for row in cells]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _write(table: pa.Table, place: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, place, compression="zstd")


def _manifest(merged: Merged, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "plan": merged.plan.digest,
        "digest": merged.digest,
        "clips": dict(merged.clips),
        "shards": {name: {part: own[part] for part in ("rows", "seconds", "bytes")} for name, own in facts.items()},
        "copies": [list(copy) for copy in merged.copies],
        "repeated": merged.repeated,
        "leaks": merged.certificate.to_dict(),
    }
