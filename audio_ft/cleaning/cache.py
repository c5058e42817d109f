"""Cache files of clean rows: where they are, and the checksum at their end that shows damage when they are read."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.errors import InputError
from audio_ft.file_io import file_digest, is_disk_full, remove
from audio_ft.folder_lock import InUseError, owned

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)

# Seconds between looks at whether the process that cleans the same block has ended.
_LOOK_SECONDS = 0.5
# Before the SHA-256 of all that comes before it.
_SEAL = b"audio_ft sha256:"


def read_cached(file: Path) -> Dataset | None:
    """Return the rows of a block from its cache file, or the files of its workers, if they are as they were written."""
    from datasets import Dataset, concatenate_datasets

    shards: dict[int, list[Path]] = {}
    for path in sorted(file.parent.glob(f"{file.stem}*.arrow")):
        shards.setdefault(int(path.stem.partition("_of_")[2] or 1), []).append(path)
    for count, paths in shards.items():
        if len(paths) == count and all(map(is_sealed, paths)):
            return concatenate_datasets([Dataset.from_file(str(path)) for path in paths])
    if shards:
        logger.warning("warning: %s is damaged or unfinished; its recordings are cleaned again", file)
    return None


@contextmanager
def building(file: Path) -> Iterator[tuple[Path, bool]]:
    """Yield an empty folder for the files of a block, for one process at a time, which is removed at the end.

    What a killed process left in it, such as the files without a name of ours that `datasets` writes first, goes too. A
    second process that needs the same block waits until the first has ended; whether it did is yielded as well.
    """
    folder = file.with_suffix(".part")
    with ExitStack() as stack:
        waited = False
        while True:
            folder.mkdir(exist_ok=True)
            try:
                stack.enter_context(owned(folder))
                break
            except InUseError:
                if not waited:
                    logger.info("waiting for another process that cleans the same recordings")
                waited = True
                time.sleep(_LOOK_SECONDS)
        stack.callback(remove, folder)
        for left in folder.glob("[!.]*"):
            remove(left)
        yield folder, waited


def keep(paths: Sequence[Path], file: Path, *, sealed: bool) -> Dataset:
    """Move finished files of a block next to `file`, with checksums if `sealed`, and return their rows."""
    from datasets import Dataset, concatenate_datasets

    if sealed:
        for path in paths:
            seal(path)
    kept = [path.replace(file.with_name(path.name)) for path in paths]
    return concatenate_datasets([Dataset.from_file(str(path)) for path in kept])


@contextmanager
def writing(cache: Path) -> Iterator[None]:
    """Raise `InputError` where the block cannot write into the cache."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error) or not str(error.filename).startswith(str(cache)):
            raise
        raise InputError(
            f"{cache}: cannot be written ({error.strerror}); set AUDIO_FT_CACHE to a folder that can."
        ) from error


def cache_folder() -> Path:
    """Return the folder of cached rows: AUDIO_FT_CACHE, or audio_ft in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("AUDIO_FT_CACHE") or Path(base) / "audio_ft")


def seal(file: Path) -> None:
    """Append a checksum to a finished file of a format that ends by itself, such as an Arrow stream."""
    digest = bytes.fromhex(file_digest(file))
    with file.open("ab") as stream:
        stream.write(_SEAL + digest)


def is_sealed(file: Path) -> bool:
    """Return whether a file is as it was when `seal` appended its checksum."""
    checksum = hashlib.sha256()
    left = file.stat().st_size - len(_SEAL) - checksum.digest_size
    with file.open("rb") as stream:
        while left > 0 and (block := stream.read(min(left, 1 << 20))):
            checksum.update(block)
            left -= len(block)
        return left == 0 and stream.read() == _SEAL + checksum.digest()
