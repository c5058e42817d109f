"""What a process keeps and gives back, and how much it could take: what machine, container and cluster leave."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from audio_ft.system import memory

MACHINE = "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Return a function that writes files of a system, which is then the one that is read."""

    def write(files):
        for name, content in files.items():
            file = tmp_path / name.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)

    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path: read(tmp_path / str(path).lstrip("/")))
    return write


@pytest.mark.parametrize(
    ("groups", "files", "left"),
    [
        ("0::/\n", {}, 8_192_000_000),
        ("0::/job\n", {"job/memory.max": "max", "job/memory.current": "1"}, 8_192_000_000),
        ("0::/job/step\n", {"job/memory.max": "5000000000", "job/memory.current": "3000000000"}, 2_500_000_000),
        ("0::/job\n", {"job/memory.max": "1000", "job/memory.current": "500001000"}, 0),
    ],
)
def test_the_narrowest_limit_counts_and_cached_files_do_not(system, groups, files, left):
    system({"/proc/meminfo": MACHINE, "/proc/self/cgroup": groups})
    system({f"/sys/fs/cgroup/{name}": f"{content}\n" for name, content in files.items()})
    system({"/sys/fs/cgroup/job/memory.stat": "anon 7\ninactive_file 500000000\n"})
    assert memory.available_bytes() == left


def test_groups_of_version_one_count_too(system):
    system({"/proc/meminfo": MACHINE, "/proc/self/cgroup": "9:cpu,cpuacct:/a\n4:memory:/a\n0::/\n"})
    folder = "/sys/fs/cgroup/memory/a"
    system({f"{folder}/memory.limit_in_bytes": "3000000000\n", f"{folder}/memory.usage_in_bytes": "1000000000\n",
            f"{folder}/memory.stat": "inactive_file 1\ntotal_inactive_file 250000000\n"})  # fmt: skip
    assert memory.available_bytes() == 2_250_000_000


def test_a_system_that_does_not_say_has_none(system):
    assert memory.available_bytes() == 0
    assert memory.resident_bytes() == 0


glibc = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the allocator is not glibc's")


def use(size):
    """Fill an array of so many bytes, and free it."""
    large = np.ones(size, np.uint8)
    del large


@glibc
def test_freed_memory_is_kept_within_the_context_alone():
    before = memory.resident_bytes()
    with memory.freed_memory_kept():
        for _ in range(3):
            use(200_000_000)
            memory.release_surplus()
            assert memory.resident_bytes() > before + 150e6
    assert memory.resident_bytes() < before + 50e6
    use(200_000_000)
    assert memory.resident_bytes() < before + 50e6


@glibc
def test_what_was_freed_in_pieces_is_given_back_above_the_limit(monkeypatch):
    monkeypatch.setattr(memory, "SPARE", 0.0)
    with memory.freed_memory_kept():
        pieces = [np.ones(100_000, np.uint8) for _ in range(6_000)]
        most, kept = memory.resident_bytes(), pieces[::20]
        pieces.clear()
        memory.release_surplus()
        assert memory.resident_bytes() < most - 300e6
        assert len(kept) == 300
