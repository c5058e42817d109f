"""Download recordings into the cache folder, each once: those listed by their address, or all in a folder there."""

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
    "memory": "fsspec",
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


def is_remote_folder(name: str) -> bool:
    """Tell whether a name is the address of a folder: its last part has no suffix."""
    return is_address(name) and not os.path.splitext(name.partition("?")[0].rstrip("/"))[1]


def mirrored(address: str) -> tuple[Path, str]:
    """Return a folder of the cache with all files of a folder at an address, and a note.

    A file of the same size that is there already is not read again.

    Raises:
        InputError: the address cannot be reached, is empty, or a file there cannot be read.
    """
    import fsspec

    root = address.rstrip("/")
    folder = cache_folder() / "downloads" / hashlib.sha256(root.encode()).hexdigest()[:32] / root.rpartition("/")[2]
    try:
        system, top = fsspec.core.url_to_fs(root)
        top = top.rstrip("/")
        sizes = {name[len(top) :].lstrip("/"): found["size"] for name, found in system.find(top, detail=True).items()}
    except ImportError as error:
        raise _missing(address) from error
    except Exception as error:
        raise InputError(f"{address} cannot be listed: {error}") from error
    if not sizes:
        raise InputError(f"{address}: there are no files; check the address")
    if outside := next((name for name in sizes if ".." in Path(name).parts), None):
        raise InputError(f"{address}: {outside} is the name of a file outside of the folder")
    for file in [file for file in folder.rglob("*") if file.is_file() and str(file.relative_to(folder)) not in sizes]:
        file.unlink()  # gone at the address
    missing = [name for name, size in sizes.items() if not _is_here(folder / name, size)]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        work = threads.map(lambda name: _fetch(f"{root}/{name}", folder / name), missing)
        results = list(progress_bar(work, total=len(missing), desc="downloading", unit=" files"))
    failed = [(name, found) for name, found in zip(missing, results, strict=True) if isinstance(found, Exception)]
    if failed:
        raise InputError(
            f"{address}: {len(failed):,} of {len(sizes):,} files cannot be downloaded (first: {failed[0][0]}: "
            f"{failed[0][1]}); run the same command again, which goes on with them"
        )
    size = sum(filter(None, sizes.values())) / 1e6
    return (
        folder,
        f"{len(sizes):,} files of {address} are in {folder} ({size:,.0f} MB, {len(missing):,} downloaded now)",
    )


def _is_here(file: Path, size: int | None) -> bool:
    return file.is_file() and size in (None, file.stat().st_size)


def _missing(address: str) -> InputError:
    scheme = address.partition("://")[0].lower()
    return InputError(f"{address}: {scheme}:// addresses need {_PACKAGES[scheme]}: pip install {_PACKAGES[scheme]}")


def _download(address: str, folder: Path) -> str | Exception:
    """Return the file of an address, or why it cannot be had."""
    plain = address.partition("?")[0]
    target = folder / f"{hashlib.sha256(address.encode()).hexdigest()[:32]}{os.path.splitext(plain)[1][:8].lower()}"
    return str(target) if target.is_file() else _fetch(address, target)


def _fetch(address: str, target: Path) -> str | Exception:
    """Write the file of an address, whole or not at all, and return its path, or why it cannot be had."""
    import fsspec

    try:
        with (
            fsspec.open(address, "rb") as stream,
            replacing(target, make_parents=True) as place,
            place.open("wb") as file,
        ):
            shutil.copyfileobj(stream, file)
    except ImportError as error:
        raise _missing(address) from error
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 -- every file system raises errors of its own; all are reported
        return error
    return str(target)
