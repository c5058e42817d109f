"""The machine, the device to compute on and the precision that is fast there."""

from __future__ import annotations

import atexit
import gc
import os
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from audio_ft.errors import InputError

PACKAGES = ("torch", "transformers", "datasets", "accelerate", "evaluate", "librosa", "soundfile", "av", "numpy")


def pick_device(wanted: str | None = None) -> str:
    """Return the device to compute on: the one asked for, else the accelerator (CUDA, MPS, XPU …), else "cpu".

    Raises:
        InputError: this machine has no such device.
    """
    import torch

    kind, count = _accelerator()
    if wanted is None:
        return kind
    there = {"cpu": 1, kind: count}
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = torch.device("meta")  # no machine computes on it
    if (device.index or 0) >= there.get(device.type, 0):
        known = ", ".join(name if number == 1 else f"{name}:0 to {name}:{number - 1}" for name, number in there.items())
        raise InputError(f"device: this machine has no {wanted!r}; use one of {known}, or leave it out.")
    return wanted


def device_names() -> list[str]:
    """Return the names of the accelerators, an empty list without one."""
    import torch

    kind, count = _accelerator()
    if kind == "cpu":
        return []
    name = getattr(torch.get_device_module(kind), "get_device_name", lambda _: f"{_processor()} ({kind.upper()})")
    return [str(name(index)) for index in range(count)]


def _accelerator() -> tuple[str, int]:
    """Return the kind of accelerator in this machine and how many there are; the processor counts as one."""
    import torch

    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return ("cpu", 1) if found is None else (found.type, torch.accelerator.device_count())


def precision(wanted: str = "auto", device: str | None = None) -> str:
    """Return "bf16", "fp16" or "float32": bf16 wherever the hardware has it, else fp16 with a scaler on CUDA."""
    import torch

    if wanted != "auto":
        return wanted
    device = device or pick_device()
    if device == "cpu":
        return "bf16" if cpu_has_bf16() else "float32"
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if device == "xpu" and torch.xpu.is_bf16_supported() else "float32"


def cpu_has_bf16() -> bool:
    """Return whether the processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX); emulation would be slower."""
    return any(flag in _cpuinfo() for flag in ("avx512_bf16", "amx_bf16"))


def available_cores() -> int:
    """Return the processors this process may use, which containers make fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processes() -> tuple[int, int]:
    """Return how many processes torchrun or Accelerate started for this program: on all machines, and on this one."""
    everywhere = int(os.environ.get("WORLD_SIZE", "1"))
    return everywhere, int(os.environ.get("LOCAL_WORLD_SIZE", everywhere))


def describe() -> dict[str, object]:
    """Return processor or accelerator names, cores, threads and memory, for run.json."""
    import torch

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return {
        "processor": _processor(),
        "cores": available_cores(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(pages / 1e9, 1),
        "accelerators": device_names(),
        "system": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python, audio_ft and the libraries that decide the result."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in ("audio-ft", *PACKAGES):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _processor() -> str:
    names = re.findall(r"^model name\s*: (.*)$", _cpuinfo(), re.MULTILINE)
    return names[0].strip() if names else platform.processor() or platform.machine()


def _cpuinfo() -> str:
    """Return the content of /proc/cpuinfo, or "" on systems without it."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that are not set, for as long as the context lasts."""
    added = [name for name in settings if name not in os.environ]
    os.environ.update({name: settings[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def prepare_for_torch() -> None:
    """Set what torch reads from the environment when it is imported and used first, unless the user has.

    Threads that wait for each other give up their processor soon (libgomp). By default they spin for a millisecond and
    more, which other programs lack: beside twice as many of them as processors, a training step of a small network took
    8 to 16 times as long (benchmarks/train_step.py).

    Large arrays lie in large pages (Linux): new memory is cleared in half the time, and a training holds less of it.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for cycles of objects less often than Python does, and not at all when the process ends.

    While the libraries are imported nearly all that is made stays, and to look through it again and again took 0.9 of
    the 3.8 s of processor time of torch, Trainer and datasets; with fourteen times as many new objects between two
    searches it takes 0.2. One more search when the process ends, where the system takes the memory anyway, took 0.9 s.
    """
    usual = gc.get_threshold()
    gc.set_threshold(10_000, *usual[1:])
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
