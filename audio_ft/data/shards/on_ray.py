"""Write shards on a Ray cluster: one task a shard, again elsewhere where a worker or its machine is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from audio_ft.data.shards.write import Shard
from audio_ft.errors import AudioFTError, InputError

# How often a shard is begun again whose worker dies; the second attempt quarantines a recording that kills it.
RETRIES = 5
# Shards that wait for each processor, so that none is idle and the rows of few are in memory.
_AHEAD = 2


def written_on_ray(shards: Iterable[Callable[[], Shard]], address: str | None) -> Iterator[str]:
    """Yield the name of each shard when it is written; without an address on a cluster of this machine alone.

    All machines must see the folder and the recordings under the same paths, and have audio_ft installed.

    Raises:
        InputError: Ray is not installed or not reached, or settings that do not fit.
        AudioFTError: a worker dies each time that it is given the same shard.
    """
    try:
        import ray
        from ray.exceptions import RayError, RayTaskError
    except ImportError as error:
        raise InputError(f"--engine ray needs Ray ({error}): pip install 'audio-ft[ray]', or use --shard.") from error
    mine = not ray.is_initialized()
    try:
        if mine:
            ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING, include_dashboard=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"--address {address}: no Ray cluster is reached ({str(error).splitlines()[0]}).") from error
    write: Any = ray.remote(num_cpus=1, max_retries=RETRIES)(_write)
    room = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
    waiting: dict[Any, str] = {}
    try:
        for make in shards:
            if len(waiting) >= room:
                yield from _finished(ray, waiting)
            shard = make()
            waiting[write.remote(shard)] = shard.name
        while waiting:
            yield from _finished(ray, waiting)
    except RayTaskError as error:
        raise error.cause if isinstance(error.cause, AudioFTError) else error from None
    except RayError as error:
        raise AudioFTError(
            f"Ray lost a worker more than {RETRIES} times ({str(error).splitlines()[0]}). Finished shards are kept: "
            "run the same command again."
        ) from error
    finally:
        for task in waiting:
            ray.cancel(task, force=True)
        if mine:
            ray.shutdown()


def _finished(ray: Any, waiting: dict[Any, str]) -> Iterator[str]:
    """Wait for one task, and yield its name."""
    (done,), _ = ray.wait(list(waiting), num_returns=1)
    ray.get(done)
    yield waiting.pop(done)


def _write(shard: Shard) -> None:
    shard.write()
