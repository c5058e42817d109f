"""Parallel work in processes: one numeric thread each, progress, a clean stop, no orphans of a killed parent."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from audio_ft.errors import AudioFTError
from audio_ft.system import available_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

# Starting processes takes longer than cleaning this many clips.
FEW = 64
_CHUNK, _CHUNKS_AHEAD = 8, 4
_WATCH_SECONDS = 0.5
# The process whose forked children end with it; 0 outside `exit_with_parent`.
_parent = 0


def parallel_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    total: int,
    *,
    describe: str,
    unit: str = " files",
    workers: int | None = None,
) -> Iterator[Result]:
    """Yield `function(item)` for each of `total` items, in order, computed by one process per processor.

    `function` and items are pickled, items a little ahead of their turn; few items are computed in this process. After
    an error or Ctrl-C, the items that have begun are finished and the others dropped.

    Not joblib: with its loky backend all workers of a killed parent were still there a minute later.

    Raises:
        AudioFTError: a process died (killed, out of memory), or whatever `function` raises.
    """
    from tqdm import tqdm

    workers = workers or available_cores()
    bar = {"total": total, "desc": describe, "unit": unit, "delay": 2, "leave": False}
    if workers == 1 or total <= FEW:
        with one_thread():
            for item in tqdm(items, **bar):
                yield function(item)
        return
    executor = ProcessPoolExecutor(workers, initializer=_start_worker)
    try:
        yield from tqdm(_ahead(executor, function, iter(items), _CHUNKS_AHEAD * workers), **bar)
    except BrokenProcessPool as error:
        raise AudioFTError(
            "A worker process died, most often because memory ran out. What is finished is kept: close other programs "
            "and run the same command again."
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _ahead(
    executor: ProcessPoolExecutor, function: Callable[[Item], Result], items: Iterator[Item], limit: int
) -> Iterator[Result]:
    """Yield results in order while at most `limit` chunks of items are waiting or being computed."""
    waiting: deque[Future[list[Result]]] = deque()
    while chunk := list(islice(items, _CHUNK)):
        with exit_with_parent():  # workers start when they are first given work
            waiting.append(executor.submit(_each, function, chunk))
        if len(waiting) >= limit:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _each(function: Callable[[Item], Result], items: list[Item]) -> list[Result]:
    return [function(item) for item in items]


@contextmanager
def exit_with_parent() -> Iterator[None]:
    """End every process that is forked in this block soon after this one, even when this one is killed.

    Forked workers of a killed parent would wait for ever, since each holds open the pipes that the others read.
    """
    global _parent
    _parent = os.getpid()
    try:
        yield
    finally:
        _parent = 0


def _watch_parent() -> None:
    """Watch the parent from a new child."""
    parent = _parent
    if not parent or os.getppid() != parent:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="exit with parent").start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_watch_parent)


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit numeric libraries to one thread, since there is a worker per processor.

    Torch is included if it is imported; a forked process must not use a thread pool that it inherited.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    if torch:
        torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        if torch:
            torch.set_num_threads(before)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and compute with one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one_thread().__enter__()
