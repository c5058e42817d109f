"""Deterministic arithmetic on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deterministic_sums() -> Iterator[None]:
    """Make sums of gradients on the CPU deterministic within the context.

    torch adds gradients of indexed lookups, such as the positions of Whisper's decoder, in the order in which threads
    finish, so two trainings of one recipe differ after some steps. On accelerators determinism costs speed and is left
    to `full_determinism` of TrainingArguments.
    """
    import torch

    before, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    settings: Any = torch.utils.deterministic
    filled = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling uninitialized memory would cost time for every tensor, and hide reads of memory nobody wrote.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
        settings.fill_uninitialized_memory = filled
