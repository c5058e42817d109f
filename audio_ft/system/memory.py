"""The memory of this process: how much it holds, could take and gives back, and what it keeps to use again.

Keeping and giving back is glibc's (Linux); elsewhere the allocator does what it always does.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from audio_ft.system.machine import processes

# Parameters of mallopt in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
# At most this much freed memory stays with a process that cleans recordings.
_KEPT_BYTES = 256_000_000
# glibc's greatest threshold, which it reaches by itself, its limit of mappings, and what it leaves untrimmed.
_USUAL = {_MMAP_THRESHOLD: 32 * 2**20, _MMAP_MAX: 65_536, _TRIM_THRESHOLD: 64 * 2**20}
# The share of the available memory that `freed_memory_kept` may hold.
SPARE = 0.25
# The allocator is one for the process, and so is the limit, in bytes.
_limit = math.inf
# Limits of control groups, of version 1 and 2: the folder, the files of limit and use, and of the use the entry of
# memory.stat that the system takes back when it needs it.
_GROUPS = {
    "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    "": ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
}


@cache
def keep_freed_memory() -> None:
    """Let this process reuse freed memory, up to 256 MB, instead of giving it back to the system.

    By default each array of a few megabytes is new memory, whose pages the kernel clears when they are first written:
    up to a quarter of the time of cleaning a clip.
    """
    _adjust({_MMAP_THRESHOLD: _KEPT_BYTES // 8, _TRIM_THRESHOLD: _KEPT_BYTES})


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let this process reuse all that it frees within the context; what is above a limit is given back when asked to.

    By default arrays of more than 32 MB are new memory each time, which the kernel clears: a third of the processor
    time of training 3 M parameters (12 of 37 s for 30 steps on emotion_de). But batches of many lengths leave holes
    that are not filled: pretraining, which takes 3.1 GB in a step, held 8 GB after 25 steps (torch 2.13, glibc 2.36).
    So `release_surplus` keeps what is held below the memory at the start and a share of what was available then.
    """
    global _limit
    _limit = resident_bytes() + SPARE * available_bytes() / processes()[1]
    _adjust({_MMAP_MAX: 0, _TRIM_THRESHOLD: -1})
    try:
        yield
    finally:
        _limit = math.inf
        _adjust(_USUAL)
        release_freed_memory()


def release_surplus() -> None:
    """Give freed memory back if this process holds more than the limit of `freed_memory_kept`, where that is on."""
    if math.isfinite(_limit) and resident_bytes() > _limit:
        release_freed_memory()


def release_freed_memory() -> None:
    """Give freed memory back to the system once."""
    from ctypes import CDLL

    if sys.platform == "linux" and (trim := getattr(CDLL(None), "malloc_trim", None)):
        trim(0)


def resident_bytes() -> int:
    """Return how much memory this process holds, in bytes; 0 where the system does not say (all but Linux)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def available_bytes() -> int:
    """Return how much more memory this process could take without swapping; 0 where the system does not say.

    The limits of its control groups (containers, jobs of a cluster) count as well as what the machine has.
    """
    try:
        facts = Path("/proc/meminfo").read_text()
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return 0
    machine = next(int(line.split()[1]) * 1024 for line in facts.splitlines() if line.startswith("MemAvailable:"))
    return max(0, min([machine, *(left for line in groups for left in _left_in_groups(line))]))


def _left_in_groups(line: str) -> list[int]:
    """Return the bytes left in the control group that a line of /proc/self/cgroup names, and in those around it."""
    _, kinds, path = line.split(":", 2)
    kind = "memory" if "memory" in kinds.split(",") else kinds
    if kind not in _GROUPS:
        return []
    root, limit, used, reclaimed = _GROUPS[kind]
    inner = Path(root, path.strip("/"))
    found = []
    for folder in (inner, *inner.parents):
        if not folder.is_relative_to(root):
            break
        try:
            most, now = (folder / limit).read_text().strip(), int((folder / used).read_text())
            entries = dict(entry.split() for entry in (folder / "memory.stat").read_text().splitlines())
        except OSError:  # inside a container the groups around it cannot be seen
            continue
        if most != "max":
            found.append(int(most) - now + int(entries.get(reclaimed, 0)))
    return found


def _adjust(settings: dict[int, int]) -> None:
    """Change parameters of glibc's allocator."""
    from ctypes import CDLL

    if sys.platform == "linux" and (adjust := getattr(CDLL(None), "mallopt", None)):
        for parameter, value in settings.items():
            adjust(parameter, value)
