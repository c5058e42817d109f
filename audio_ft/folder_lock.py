"""An output folder that one process at a time writes into: a lock file with its owner, replaced once that ends."""

from __future__ import annotations

import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from audio_ft.errors import InputError

LOCK_FILE = ".lock"
# The owner touches its lock every BEAT_SECONDS. Other machines see no other sign of its life: for them it has ended
# when the lock was not touched for LOST_SECONDS.
BEAT_SECONDS, LOST_SECONDS = 20.0, 180.0


class InUseError(InputError):
    """Raised when another process owns a folder."""


# Folders that this process owns, and the thread that owns each.
_owned: dict[str, int] = {}


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Own a folder, which is made if necessary, until the block ends; the thread that owns it may own it again.

    The lock of a process that ended without removing it (killed, power failure) is replaced. Folders made here are
    removed at the end if they are empty.

    Raises:
        InUseError: another process owns the folder.
        InputError: it cannot be written.
    """
    place = os.path.realpath(folder)
    if _owned.get(place) == threading.get_ident():
        yield
        return
    made = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    lock = folder / LOCK_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        token = _take(lock)
    except OSError as error:
        _remove_empty(made)
        raise InputError(f"{folder}: cannot be written ({error.strerror}); choose another folder.") from error
    _owned[place] = threading.get_ident()
    ended = threading.Event()
    threading.Thread(target=_beat, args=(lock, ended), daemon=True, name="folder lock").start()
    try:
        yield
    finally:
        ended.set()
        del _owned[place]
        if _read(lock).get("token") == token:
            lock.unlink(missing_ok=True)
        _remove_empty(made)


def _take(lock: Path) -> str:
    """Write a lock and return its token, or raise `InputError` if there is one and its owner is alive."""
    token = secrets.token_hex(8)
    about = {**_this_process(), "since": time.strftime("%Y-%m-%d %H:%M:%S"), "token": token}
    with _one_at_a_time(lock.parent):
        while True:
            try:
                with lock.open("x", encoding="utf-8") as file:
                    json.dump(about, file)
                return token
            except FileExistsError:
                _remove_dead(lock)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let processes of this machine look for a dead owner in turn; elsewhere `_remove_dead` alone has to do."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # file systems without such locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _remove_dead(lock: Path) -> None:
    """Remove the lock of a process that has ended, or raise `InputError` if its owner is alive."""
    owner = _read(lock)
    if _is_alive(owner, lock):
        who = f"process {owner['pid']} on {owner['host']}, since {owner['since']}" if owner else "another process"
        raise InUseError(
            f"{lock.parent} is in use ({who}); wait until it ends, or choose another folder. "
            f"If it has ended, delete {lock}."
        )
    # Moved before it is removed: if two processes find the same dead lock, the second may move the first one's new lock
    # and must put it back.
    moved = lock.with_name(f".{secrets.token_hex(8)}.part")
    with suppress(FileNotFoundError):
        lock.rename(moved)
        if _read(moved).get("token") == owner.get("token"):
            moved.unlink()
        else:
            moved.rename(lock)


def _is_alive(owner: dict[str, Any], lock: Path) -> bool:
    """Return whether the owner of a lock still runs: asked of the system if it is this one's, else seen by its beat."""
    with suppress(FileNotFoundError):
        beats = time.time() - lock.stat().st_mtime < LOST_SECONDS
        here = _this_process()
        if os.name == "nt" or any(owner.get(name) != here[name] for name in ("host", "namespace")):
            return beats
        start = _start_of(owner["pid"])
        return start == owner["start"] if start is not None else beats and _exists(owner["pid"])
    return False


def _this_process() -> dict[str, Any]:
    """Return what identifies this process; containers on one host have process numbers of their own."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    pid = os.getpid()
    return {"host": platform.node(), "pid": pid, "start": _start_of(pid), "namespace": namespace}


def _start_of(pid: int) -> str | None:
    """Return the time at which a process started, "" if it has ended, None where the system does not say."""
    if not os.path.exists("/proc/self/stat"):
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _read(lock: Path) -> dict[str, Any]:
    """Return what a lock says of its owner; nothing while it is being written, or if it is gone."""
    try:
        found = json.loads(lock.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and {"host", "pid", "start", "since"} <= found.keys() else {}


def _beat(lock: Path, ended: threading.Event) -> None:
    """Touch the lock until its owner releases it."""
    while not ended.wait(BEAT_SECONDS):
        with suppress(OSError):
            os.utime(lock)


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, innermost first, as far as they are empty."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
