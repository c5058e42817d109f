"""Load merged shards as data: rows with the addresses of their clean recordings, whose splits are made already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.data.loaded import Loaded
from audio_ft.data.shards.manifest import ROWS, address, manifest_of
from audio_ft.data.shards.plan import Plan
from audio_ft.data.spec import Data
from audio_ft.data.splitting import splits
from audio_ft.data.table.find_target import TranscriptsFound
from audio_ft.data.table.read_targets import refuse_unknown
from audio_ft.errors import InputError
from audio_ft.targets import Target, target_class

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

# Settings of data that say nothing about which rows are in which split.
_FREE = ("path", "seed", "validation", "test", "limit", "license", "source", "language")


def load_shards(
    data: Data, targets: Sequence[type[Target]], need: Sequence[str], known: Target | None, together: bool
) -> Loaded:
    """Return merged shards as `load` returns data; no recording is read.

    Raises:
        InputError: shards are missing or not merged, or settings that would read the data otherwise than it was
            prepared.
    """
    folder = Path(data.path).expanduser().absolute()
    manifest, plan = manifest_of(folder), Plan.load(folder)
    facts, kind = plan.facts, target_class(plan.facts["kind"])
    _refuse_other_reading(data, plan)
    if kind not in targets and kind.by_words and targets[-1].implied_by == "label":
        raise TranscriptsFound(data.path, "it was prepared with transcripts")
    if kind not in targets:
        raise InputError(
            f"{data.path} was prepared with {kind.wording.short} as targets, and this task has others; choose the task "
            "of these targets, or prepare the recordings again with --task."
        )
    wanted = list(plan.shards) if together else [split for split in plan.shards if split in need]
    if absent := next((split for split in need if split not in plan.shards and not together), None):
        raise InputError(f"{data.path}: no {absent} split; the splits there are {', '.join(plan.shards)}")
    tables = {split: _table(folder, split, kind) for split in wanted}
    if data.limit is not None:
        for split, table in tables.items():
            chosen = splits.sample(table["target"], table["key"], limit=data.limit, seed=data.seed, target=kind)
            tables[split] = table.select(chosen)
    if together:
        from datasets import concatenate_datasets

        tables = {"train": concatenate_datasets(list(tables.values()))}
    if known:
        refuse_unknown(tuple(facts["names"]), known)
    rule = facts["rule"].replace("made here", "made by audio-ft prepare")
    notes = [f"{len(manifest['copies']):,} recordings with copies in a later split left out "
             f"({manifest['copies'][0][1]} is {manifest['copies'][0][2]})"] if manifest["copies"] else []  # fmt: skip
    return Loaded(
        splits=tables,
        target=known or kind(tuple(facts["names"])),
        column=facts["column"],
        group=facts["group"],
        rule=rule + (f"; at most {data.limit:,} clips a split" if data.limit else ""),
        warnings=(*facts["warnings"], *notes),
        chain=[dict(step) for step in plan.chain],
        fingerprint=manifest["digest"],
        reading=facts["reading"],
        pseudo=facts["pseudo"],
        rights=facts["rights"],
    )


def _refuse_other_reading(data: Data, plan: Plan) -> None:
    """Refuse settings of the data that its preparation has decided otherwise."""
    plain = Data(path=data.path)
    read = {"target": plan.facts["column"], "group": plan.facts["group"] or "", "kind": plan.facts["kind"]}
    for item in fields(Data):
        value = getattr(data, item.name)
        fits = (getattr(plain, item.name), getattr(Data.from_dict(plan.data), item.name), read.get(item.name))
        if item.name not in _FREE and value not in fits:
            raise InputError(
                f"data.{item.name}: {data.path} is prepared as shards, which has decided this; leave the setting out, "
                "or prepare the recordings again with it."
            )


def _table(folder: Path, split: str, kind: type[Target]) -> Dataset:
    """Return the rows of a split with the columns audio, target, group, key and meta."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Audio, Dataset, Features, Value

    rows = pq.read_table(folder / ROWS / f"{split}.parquet", columns=["target", "group", "key", "meta", "shard", "row"])
    text = Value("string")
    features = Features(audio=Audio(decode=False), target=Features.from_dict({"target": kind.storage})["target"],
                        group=text, key=text, meta=text)  # fmt: skip
    paths = [address(folder, *place) for place in zip(*(rows.column(name).to_pylist() for name in ("shard", "row")),
                                                      strict=True)]  # fmt: skip
    cells: list[Any] = [pa.nulls(len(rows), pa.binary()), pa.array(paths, pa.string())]
    audio: pa.Array = pa.StructArray.from_arrays(cells, ["bytes", "path"])
    others = [rows.column(name).combine_chunks() for name in ("target", "group", "key", "meta")]
    return Dataset(pa.Table.from_arrays([audio, *others], schema=features.arrow_schema))
