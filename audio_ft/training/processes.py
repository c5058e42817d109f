"""Several processes that train one network, as torchrun and Accelerate start them: who goes first, and who waits."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from audio_ft.errors import AudioFTError, InputError
from audio_ft.system import device_names

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe

# Cleaning and scoring may take days; ddp_timeout is for steps, where a process that is late is lost.
PATIENCE = datetime.timedelta(days=30)
# What gloo and NCCL say where the other side is gone.
LOST = ("Connection closed by peer", "Connection reset by peer", "remote process exited")
OTHER_ENDED = (
    "Another process of this training has ended; its own message says why. Run the same command again to go on from "
    "the last checkpoint."
)


def require_whole_weights(recipe: Recipe) -> None:
    """Check that no launcher divides weights that each process needs.

    Raises:
        InputError: FSDP or DeepSpeed do.
    """
    sharded = os.environ.get("ACCELERATE_USE_FSDP") == "true" or recipe.training.get("fsdp")
    if sharded or os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3":
        raise InputError(
            f"{'FSDP' if sharded else 'DeepSpeed ZeRO-3'} divides the weights among the GPUs, and here each needs all "
            "of them, to average, save and score them. ZeRO-2 divides gradients and optimizer states, which take three "
            "quarters of the memory: recipes/accelerate/zero2.yaml."
        )
    if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true" and recipe.average_weights:
        raise InputError(
            "DeepSpeed keeps the weights that it updates to itself, and their average over the steps cannot be taken: "
            "set average_weights=false."
        )


def require_processes() -> None:
    """Check that `accelerate launch` started as many processes as it was asked for.

    Raises:
        InputError: it was asked for several and started one.
    """
    from accelerate import PartialState

    # What it leaves in the environment of the one process that it starts in place of several.
    of_several = {"ACCELERATE_MIXED_PRECISION", "MASTER_ADDR", "MASTER_PORT"}
    if of_several <= os.environ.keys() and "WORLD_SIZE" not in os.environ and PartialState().num_processes == 1:
        found = len(device_names())
        raise InputError(
            "accelerate launch was asked for several processes and started one: it starts one for each GPU, and this "
            f"machine has {found or 'none'}. On processors use torchrun --nproc-per-node N -m audio_ft train …; for a "
            "single process leave out --num_processes, or set it to 1 (and unset MASTER_ADDR if it is yours)."
        )


@contextmanager
def first_goes_first() -> Iterator[None]:
    """Let the first process run the block alone, then all others, which wait as long as that takes.

    Raises:
        AudioFTError: the first process has ended meanwhile.
    """
    import torch

    together = torch.distributed.is_available() and torch.distributed.is_initialized()
    first = not together or torch.distributed.get_rank() == 0
    if not first:
        try:
            torch.distributed.barrier(group=_waiting_room())
        except RuntimeError as error:
            raise AudioFTError(OTHER_ENDED) from error
    elif together:
        _waiting_room()
    yield
    if first and together:
        torch.distributed.barrier(group=_waiting_room())


@cache
def _waiting_room() -> Any:
    """Return the group of all processes in which they wait; gloo notices at once if one of them ends."""
    import torch

    return torch.distributed.new_group(backend="gloo", timeout=PATIENCE)


def leave_process_group() -> None:
    """Leave the process group: at exit its threads would be stopped while they run, and the program might abort."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
