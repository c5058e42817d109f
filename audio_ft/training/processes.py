"""Several processes that share one training: how each of them leaves."""

from __future__ import annotations

import atexit
import functools


@functools.cache
def leave_group_at_exit() -> None:
    """See to it, once, that this process leaves its group before the interpreter ends.

    Left to the interpreter, the group's threads are torn down while they run, and now and then the program aborts
    after all work is done.
    """
    atexit.register(_leave)


def _leave() -> None:
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
