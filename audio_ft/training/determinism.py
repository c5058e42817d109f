"""The same training twice, to the last bit: sums in one order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def one_order(on_processor: bool) -> Iterator[None]:
    """Let a processor's threads add up gradients in one order while the context lasts.

    torch adds the gradient of what was looked up by index, such as the positions of Whisper's decoder, in the order in
    which threads come by; after some steps two trainings of one recipe differ. On accelerators the same costs speed,
    and is left to `full_determinism` of TrainingArguments.
    """
    import torch

    if not on_processor:
        yield
        return
    before = (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled())
    settings: Any = torch.utils.deterministic
    filled = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Reading memory that nobody wrote is a fault that this would hide, at a price for every tensor.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        settings.fill_uninitialized_memory = filled
