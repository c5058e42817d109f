"""Several processes that train one network, as torchrun and Accelerate start them: who goes first, and who waits."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from audio_ft.errors import AudioFTError, InputError
from audio_ft.system.machine import device_names

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


def check_division(recipe: Recipe) -> None:
    """Check that the launcher divides no weights that a process needs whole, and that it can divide them at all.

    Raises:
        InputError: it cannot.
    """
    if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true" or "ACCELERATE_DEEPSPEED_ZERO_STAGE" in os.environ:
        _check_deepspeed(recipe)
    if recipe.training.get("fsdp"):
        raise InputError("fsdp: leave it out, and start the training with recipes/accelerate/fsdp2.yaml.")
    if os.environ.get("ACCELERATE_USE_FSDP") == "true":
        _check_fsdp(recipe)


def _check_deepspeed(recipe: Recipe) -> None:
    if os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3":
        raise InputError(
            "DeepSpeed ZeRO-3 divides the weights among the GPUs, and here each needs all of them, to save and score "
            "them. ZeRO-2 divides gradients and optimizer states, which take three quarters of the memory: "
            "recipes/accelerate/zero2.yaml. FSDP2 divides the weights too: recipes/accelerate/fsdp2.yaml."
        )
    if recipe.average_weights:
        raise InputError(
            "DeepSpeed keeps the weights that it updates to itself, and their average over the steps cannot be taken: "
            "set average_weights=false."
        )


def _check_fsdp(recipe: Recipe) -> None:
    if os.environ.get("FSDP_VERSION", "1") != "2":
        raise InputError("fsdp_version: only FSDP2 is supported: recipes/accelerate/fsdp2.yaml.")
    if recipe.average_weights:
        raise InputError(
            "FSDP divides the weights, and their average over the steps cannot be taken: set average_weights=false."
        )
    for name, value in {"peft": recipe.peft, "freeze": recipe.freeze}.items():
        if value in ("lora", "gradual", "encoder"):
            raise InputError(
                f"{name}={value}: FSDP divides weights that learn, and there most do not; train with "
                "recipes/accelerate/ddp.yaml."
            )


def require_processes() -> None:
    """Check that `accelerate launch` started as many processes as it was asked for, and divides weights if asked to.

    Raises:
        InputError: it was asked for several and started one, or for FSDP and does without.
    """
    from accelerate import DistributedType, PartialState

    # What it leaves in the environment of the one process that it starts in place of several.
    of_several = {"ACCELERATE_MIXED_PRECISION", "MASTER_ADDR", "MASTER_PORT"}
    if of_several <= os.environ.keys() and "WORLD_SIZE" not in os.environ and PartialState().num_processes == 1:
        found = len(device_names())
        raise InputError(
            "accelerate launch was asked for several processes and started one: it starts one for each GPU, and this "
            f"machine has {found or 'none'}. On processors use torchrun --nproc-per-node N -m audio_ft train …; for a "
            "single process leave out --num_processes, or set it to 1 (and unset MASTER_ADDR if it is yours)."
        )
    without = (DistributedType.NO, DistributedType.MULTI_CPU)
    if os.environ.get("ACCELERATE_USE_FSDP") == "true" and PartialState().distributed_type in without:
        raise InputError(
            "FSDP is for several GPUs: on processors, or with one process, Accelerate would give each the whole "
            "network without a word. Use recipes/accelerate/ddp.yaml, or torchrun on processors."
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
