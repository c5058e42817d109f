"""Download recordings that are listed by their address into the cache folder, each once."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from audio_ft.cleaning.cache import cache_folder
from audio_ft.errors import InputError
from audio_ft.file_io import replacing
from audio_ft.parallel import progress_bar

# What has to be installed for an address.
_PACKAGES = {
    "http": "aiohttp",
    "https": "aiohttp",
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "hf": "huggingface_hub",
    **dict.fromkeys(("abfs", "abfss", "az"), "adlfs"),
}
_AT_ONCE = 8


def is_address(name: str) -> bool:
    """Tell whether a listed name is an address on the network."""
    return name.partition("://")[0].lower() in _PACKAGES and "://" in name


def downloaded(names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the file of each address among names, and notes; one that cannot be had is left out.

    Raises:
        InputError: a package for an address is missing, or none of the addresses can be had.
    """
    wanted = sorted({name for name in names if is_address(name)})
    folder = cache_folder() / "downloads"
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        work = threads.map(lambda address: _download(address, folder), wanted)
        results = list(progress_bar(work, total=len(wanted), desc="downloading", unit=" files"))
    files = {address: found for address, found in zip(wanted, results, strict=True) if isinstance(found, str)}
    failed = [(address, found) for address, found in zip(wanted, results, strict=True) if not isinstance(found, str)]
    if failed and not files:
        raise InputError(
            f"none of {len(wanted):,} addresses can be downloaded (first: {failed[0][0]}: {failed[0][1]}); check the "
            "network and the addresses, or download them and list the files"
        )
    notes = [f"{len(files):,} recordings of addresses are in {folder}"] if files else []
    if failed:
        notes.append(f"{len(failed):,} addresses cannot be downloaded (first: {failed[0][0]}: {failed[0][1]})")
    return files, notes


def _download(address: str, folder: Path) -> str | Exception:
    """Return the file of an address, or why it cannot be had."""
    import fsspec

    plain = address.partition("?")[0]
    target = folder / f"{hashlib.sha256(address.encode()).hexdigest()[:32]}{os.path.splitext(plain)[1][:8].lower()}"
    if target.is_file():
        return str(target)
    scheme = address.partition("://")[0].lower()
    try:
        with (
            fsspec.open(address, "rb") as stream,
            replacing(target, make_parents=True) as place,
            place.open("wb") as file,
        ):
            shutil.copyfileobj(stream, file)
    except ImportError as error:
        package = _PACKAGES[scheme]
        raise InputError(f"{address}: {scheme}:// addresses need {package}: pip install {package}") from error
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 -- every file system raises errors of its own; all are reported
        return error
    return str(target)
