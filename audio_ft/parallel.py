"""Work spread over processes: one numeric thread each, progress, a clean stop, no orphans of a killed parent."""

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
_LOOK_SECONDS = 0.5
# The process whose forked children are to end with it; 0 while there is none.
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
    """Yield `function(item)` for each of `total` items, in order, computed by a process for each processor.

    `function` and items travel to the processes by pickle, items a little ahead of their turn; few items are computed
    here. Leaving the loop early, by an error or by the keyboard, finishes the items in work and drops the others.

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
    executor = ProcessPoolExecutor(workers, initializer=_settle)
    try:
        yield from tqdm(_ahead(executor, function, iter(items), _CHUNKS_AHEAD * workers), **bar)
    except BrokenProcessPool as error:
        raise AudioFTError(
            "A worker process died, most often because memory ran out; what is finished is kept, so run the same again "
            "to go on, with fewer programs open."
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _ahead(
    executor: ProcessPoolExecutor, function: Callable[[Item], Result], items: Iterator[Item], limit: int
) -> Iterator[Result]:
    """Yield results in order while at most `limit` chunks of items wait or are in work."""
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
    """Make every process forked inside end soon after this one, also when this one is killed.

    A killed parent cannot tell its workers to stop, and forked ones wait for ever: each holds the others' ends of the
    pipes on which it listens. Spawned ones see their pipes close.
    """
    global _parent
    _parent = os.getpid()
    try:
        yield
    finally:
        _parent = 0


def _end_with_parent() -> None:
    """Watch the parent from a fresh child, for as long as the child lives."""
    parent = _parent
    if not parent or os.getppid() != parent:
        return

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=look, daemon=True, name="end with parent").start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_end_with_parent)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep numeric libraries to one thread: workers share the processors already.

    Torch is included once something has imported it; a forked process must not touch a pool of threads it inherited.
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


def _settle() -> None:
    """Leave Ctrl-C to the parent, which sees to an end of the work, and keep to one thread for the worker's life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one_thread().__enter__()
