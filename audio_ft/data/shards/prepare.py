"""Prepare a data set as shards: all of them here, a share of them, or on a cluster; then merge them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from audio_ft.audio.output_paths import check_no_overlap
from audio_ft.cleaning.chain import Chain
from audio_ft.data import Data, Loaded, load
from audio_ft.data.loader import ANY_CLASSES
from audio_ft.data.shards.merge import Merged, merge
from audio_ft.data.shards.on_ray import written_on_ray
from audio_ft.data.shards.plan import SHARDS, SIZE, Plan
from audio_ft.data.shards.write import Shard, written_facts
from audio_ft.data.splitting.splits import SPLITS
from audio_ft.errors import InputError
from audio_ft.file_io import remove_unfinished
from audio_ft.folder_lock import owned
from audio_ft.parallel import progress_bar
from audio_ft.system.machine import available_cores
from audio_ft.targets import Target

ENGINES = ("local", "ray")


def prepare_shards(
    data: Data | str | Path,
    chain: Chain,
    folder: str | Path,
    *,
    targets: Sequence[type[Target]] = ANY_CLASSES,
    size: float = SIZE,
    share: tuple[int, int] = (1, 1),
    engine: str = "local",
    address: str | None = None,
    max_corrupt: float = 0.05,
) -> Merged | None:
    """Clean a data set with a chain into Parquet shards of about `size` megabytes, and merge them.

    Splits are made before any recording is read, and a shard has rows of one split. Finished shards are kept, so an
    interrupted call goes on. Of a `share` (number from 1, of how many), which processes without any connection write
    into one folder, None is returned, and `merge` is called once all are there.

    Raises:
        InputError: data, chain or folder cannot be used, another process writes the same share, or more than
            `max_corrupt` of the recordings cannot be read.
        AudioFTError: a worker of the cluster dies again and again.
    """
    data, folder, (number, count) = Data.accept(data), Path(folder), share
    if Path(data.path).is_dir():
        check_no_overlap(Path(data.path), folder)
    loaded = load(data, targets=targets, need=SPLITS)
    if loaded.chain is not None:
        raise InputError(f"{data.path} is prepared already; train on it as it is, or prepare the raw recordings.")
    plan = Plan.of(loaded, data, chain.keeping_time() if loaded.target.has_times else chain, size)
    plan.claim(folder)
    with owned(folder / SHARDS / f".share-{number}-of-{count}"):
        if count == 1:
            remove_unfinished(folder, below=True)
        missing = [name for name in plan.names[number - 1 :: count] if written_facts(folder, name) is None]
        make = [partial(_shard, plan, loaded, folder, name) for name in missing]
        written = written_on_ray(make, address) if engine == "ray" and make else _written_here(make)
        for _ in progress_bar(written, total=len(missing), desc="preparing", unit=" shards"):
            pass
    return merge(folder, max_corrupt) if count == 1 else None


def _shard(plan: Plan, loaded: Loaded, folder: Path, name: str) -> Shard:
    return Shard(name, folder.absolute(), plan.digest, plan.cleaner, plan.table(loaded, name))


def _written_here(shards: Iterable[Callable[[], Shard]]) -> Iterator[str]:
    """Write shards one after the other, each with all processors."""
    for make in shards:
        shard = make()
        shard.write(available_cores())
        yield shard.name
