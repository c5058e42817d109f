"""Parallel work in processes: one numeric thread each, progress, a clean stop, no orphans of a killed parent."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from audio_ft.errors import AudioFTError
from audio_ft.system.machine import available_cores
from audio_ft.system.memory import keep_freed_memory

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

# Starting processes takes longer than cleaning this many clips.
FEW = 64
_CHUNK, _CHUNKS_AHEAD = 8, 4
_WATCH_SECONDS = 0.5
DIED = "a worker process was killed by the system, most often because memory ran out"
# The reason of an item without a result.
KILLED = "its process was killed (out of memory, or by a fault in a library)"
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
    died: Callable[[Item], Result] | None = None,
) -> Iterator[Result]:
    """Yield `function(item)` for each of `total` items, in order, computed by one process per processor.

    `function` and items are pickled, items a little ahead of their turn; few items are computed in this process. After
    an error or Ctrl-C, the items that have begun are finished and the others dropped. When the system kills a worker,
    fewer go on, which is logged; the result of an item that alone makes a worker die is `died(item)`.

    Not joblib: with its loky backend all workers of a killed parent were still there a minute later.

    Raises:
        AudioFTError: an item alone makes a worker die, and there is no `died`. Or whatever `function` raises.
    """
    workers = workers or available_cores()
    options: dict[str, Any] = {"total": total, "desc": describe, "unit": unit}
    if workers == 1 or total <= FEW:
        with one_thread():
            for item in progress_bar(items, **options):
                yield function(item)
        return
    waiting = iter(items)
    with progress_bar(**options) as progress:
        for result in _surviving(function, waiting, workers, died, describe):
            progress.update()
            yield result


def progress_bar(items: Iterable[Any] | None = None, **options: Any) -> Any:
    """Return a bar of tqdm, over items or to update, that shows after two seconds on a terminal or in a notebook.

    `options` are tqdm's, over the defaults here.
    """
    from tqdm.auto import tqdm

    # `disable=None` hides it where there is no terminal: a carriage return in a log is a fault.
    return tqdm(items, **{"delay": 2, "leave": False, "disable": None} | options)


@contextmanager
def bars_of_datasets() -> Iterator[None]:
    """Hide the bars of `datasets` within the context where ours are hidden; it shows them in files and pipes too."""
    from datasets import are_progress_bars_disabled, config, disable_progress_bars, enable_progress_bars

    asked_for = config.HF_DATASETS_DISABLE_PROGRESS_BARS is False  # by the environment
    if asked_for or are_progress_bars_disabled() or not progress_bar(()).disable:
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _surviving(
    function: Callable[[Item], Result],
    items: Iterator[Item],
    workers: int,
    died: Callable[[Item], Result] | None,
    describe: str,
) -> Iterator[Result]:
    """Yield results in order; when a worker dies, what is lost is computed one by one, and then fewer go on."""
    while lost := (yield from _until_death(function, items, workers)):
        logger.warning("warning: %s; %s again what it had begun", DIED, describe)
        deaths = 0
        for result, lives in one_by_one(function, lost, died):
            deaths += not lives
            yield result
        # Where one item alone is too much, there need not be fewer workers for the others.
        workers = workers if deaths else max(1, workers // 2)
        logger.warning("warning: %s goes on with %d worker%s", describe, workers, "s" if workers > 1 else "")


def _until_death(
    function: Callable[[Item], Result], items: Iterator[Item], workers: int
) -> Generator[Result, None, list[Item]]:
    """Yield results in order; return the items that were begun when a worker died, an empty list without a death."""
    # As few chunks wait as keep all workers busy: an item may hold the content of a recording.
    waiting: deque[tuple[list[Item], Future[list[Result]]]] = deque()
    executor, chunk = ProcessPoolExecutor(workers, initializer=_start_worker), []
    try:
        while True:
            while len(waiting) < _CHUNKS_AHEAD * workers and (chunk := list(islice(items, _CHUNK))):
                with exit_with_parent():  # workers start when they are first given work
                    waiting.append((chunk, executor.submit(_each, function, chunk)))
                chunk = []
            if not waiting:
                return []
            yield from waiting[0][1].result()
            waiting.popleft()
    except BrokenProcessPool:
        return [item for begun, _ in waiting for item in begun] + chunk
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def one_by_one(
    function: Callable[[Item], Result], items: Iterable[Item], died: Callable[[Item], Result] | None
) -> Iterator[tuple[Result, bool]]:
    """Yield the result for each item from a process beside this one, and whether that process survived it.

    The result of an item with which the process dies (too large for the memory, or it makes a library crash) is
    `died(item)`.

    Raises:
        AudioFTError: the process dies, and there is no `died`.
    """
    executor = None
    try:
        for item in items:
            executor = executor or ProcessPoolExecutor(1, initializer=_start_worker)
            try:
                with exit_with_parent():
                    waiting = executor.submit(function, item)
                yield waiting.result(), True
            except BrokenProcessPool as error:
                executor.shutdown()
                executor = None
                if died is None:
                    raise AudioFTError(
                        f"{DIED[0].upper()}{DIED[1:]}. What is finished is kept: close other programs and run the same "
                        "command again."
                    ) from error
                yield died(item), False
    finally:
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)


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
    """Watch the parent from a new child, and leave Ctrl-C to it."""
    parent = _parent
    if not parent or os.getppid() != parent:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)

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
    keep_freed_memory()
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    if torch:
        torch.set_num_threads(1)
    try:
        with _thread_pools(len(sys.modules)).limit(limits=1):
            yield
    finally:
        if torch:
            torch.set_num_threads(before)


@lru_cache(maxsize=1)
def _thread_pools(modules: int) -> Any:
    """Return the thread pools of the libraries loaded so far; finding them takes 7 ms, as long as cleaning a clip.

    They are looked for again when the number of loaded modules has changed.
    """
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and compute with one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one_thread().__enter__()
