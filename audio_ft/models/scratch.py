"""Models without a checkpoint: what a recipe names in its place, and what each name stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Networks on log-mel spectrograms, and how their configuration differs from that of a CRNN (`models/small.py`).
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "cnn": {"num_hidden_layers": 0},
    "gru": {"conv_dim": (), "num_hidden_layers": 2},
    "crnn": {},
}
FROM_SCRATCH = tuple(NETWORKS)
# How the model types of networks begin that transformers lacks.
OWN = "audio_ft_"


def is_from_scratch(model: str) -> bool:
    """Return whether a recipe's `model` is a name of these; a folder called so is given as ./cnn."""
    return model in FROM_SCRATCH
