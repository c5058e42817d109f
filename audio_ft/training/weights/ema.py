"""A running average of the weights, which is evaluated and saved while the optimizer updates the weights themselves.

With a few hundred clips, the best of many evaluations is partly luck; an average is steadier (Izmailov et al. 2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from transformers import TrainerCallback

# The average reaches back over about this share of all steps.
HORIZON = 0.1
# In a checkpoint next to model.safetensors, which holds the average: the weights that the optimizer updates.
STEPPED_FILE = "stepped.safetensors"


class WeightAverage(TrainerCallback):
    """Average the trainable weights over the steps, exponentially, with a horizon of a tenth of the training."""

    def __init__(self, model: nn.Module) -> None:
        self.weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.average = {name: weight.detach().clone() for name, weight in self.weights.items()}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move the average towards the new weights; at first quickly, so that it forgets the untrained head."""
        decay = max(0.0, 1 - 1 / max(1.0, HORIZON * state.max_steps))
        decay = min(decay, (1 + state.global_step) / (10 + state.global_step))
        update = get_ema_multi_avg_fn(decay)
        update(list(self.average.values()), list(self.weights.values()), state.global_step)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Replace the weights by the average within the context."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def swap(self) -> None:
        """Exchange the weights and their average."""
        with torch.no_grad():
            for name, weight in self.weights.items():
                kept = weight.detach().clone()
                weight.copy_(self.average[name])
                self.average[name].copy_(kept)

    def save(self, folder: Path) -> None:
        """Write the weights that the optimizer updates; called while the average is not applied."""
        save_file({name: weight.detach().contiguous() for name, weight in self.weights.items()}, folder / STEPPED_FILE)

    def restore(self, folder: Path) -> None:
        """Take the weights just loaded from a checkpoint as the average, and read the optimizer's weights."""
        stepped = load_file(folder / STEPPED_FILE)
        with torch.no_grad():
            for name, weight in self.weights.items():
                self.average[name].copy_(weight)
                weight.copy_(stepped[name])
