"""Load merged shards as data: rows with the addresses of their clean recordings, whose splits are made already."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cleaning.cache import cache_folder
from audio_ft.cleaning.streamed import FACTS
from audio_ft.data.loaded import Loaded
from audio_ft.data.shards import PLAN
from audio_ft.data.shards.manifest import MANIFEST, ROWS, address, manifest_of
from audio_ft.data.shards.plan import Plan
from audio_ft.data.spec import Data
from audio_ft.data.splitting import splits
from audio_ft.data.table.find_target import TranscriptsFound
from audio_ft.data.table.read_targets import refuse_unknown
from audio_ft.errors import InputError
from audio_ft.file_io import replacing
from audio_ft.targets import Target, target_class

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

# Settings of data that say nothing about which rows are in which split.
# Bytes of training clips above which they are streamed: a copy in the cache would take half an hour and the disk.
STREAMED = 20e9
_FREE = ("path", "seed", "validation", "test", "limit", "license", "source", "language", "streaming")


def load_shards(
    data: Data, targets: Sequence[type[Target]], need: Sequence[str], known: Target | None, together: bool
) -> Loaded:
    """Return merged shards as `load` returns data; no recording is read.

    Raises:
        InputError: shards are missing or not merged, or settings that would read the data otherwise than it was
            prepared.
    """
    folder, root = _described(data.path)
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
    streamed = _is_streamed(data, manifest)
    tables = {split: _table(folder, root, split, kind, streamed and split == "train") for split in wanted}
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
        leaks=manifest["leaks"],
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


def _described(path: str) -> tuple[Path, str]:
    """Return the folder that says what shards hold, and the one that has them: for an address, a copy and itself.

    Raises:
        InputError: the address is not reached, or nothing is there.
    """
    import fsspec

    if "://" not in path:
        return Path(path).expanduser().absolute(), str(Path(path).expanduser().absolute())
    root = path.rstrip("/")
    folder = cache_folder() / "shards" / hashlib.sha256(root.encode()).hexdigest()[:32]
    names = [PLAN, MANIFEST]
    try:
        for name in names:
            with (
                fsspec.open(f"{root}/{name}", "rb") as stream,
                replacing(folder / name, make_parents=True) as place,
                place.open("wb") as file,
            ):
                shutil.copyfileobj(stream, file)
            if name == PLAN:
                names += [f"{ROWS}/{split}.parquet" for split in Plan.load(folder).shards]
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{root}: {name} cannot be read ({error}); are these merged shards?") from error
    return folder, root


def _is_streamed(data: Data, manifest: Mapping[str, Any]) -> bool:
    """Tell whether the clips of train are streamed: where the data says so, or else where they are many."""
    size = sum(shard["bytes"] for name, shard in manifest["shards"].items() if name.startswith("train-"))
    return size > STREAMED if data.streaming is None else data.streaming


def _table(folder: Path, root: str, split: str, kind: type[Target], streamed: bool) -> Dataset:
    """Return the rows of a split with the columns audio, target, group, key and meta; streamed, also all facts."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Audio, Dataset, Features, Value, concatenate_datasets

    rows = pq.read_table(folder / ROWS / f"{split}.parquet")
    text = Value("string")
    features = Features(audio=Audio(decode=False), target=Features.from_dict({"target": kind.storage})["target"],
                        group=text, key=text, meta=text)  # fmt: skip
    paths = [address(root, *place) for place in zip(*(rows.column(name).to_pylist() for name in ("shard", "row")),
                                                      strict=True)]  # fmt: skip
    cells: list[Any] = [pa.nulls(len(rows), pa.binary()), pa.array(paths, pa.string())]
    audio: pa.Array = pa.StructArray.from_arrays(cells, ["bytes", "path"])
    others = [rows.column(name).combine_chunks() for name in ("target", "group", "key", "meta")]
    table = Dataset(pa.Table.from_arrays([audio, *others], schema=features.arrow_schema))
    return concatenate_datasets([table, Dataset(rows.select(list(FACTS)))], axis=1) if streamed else table
