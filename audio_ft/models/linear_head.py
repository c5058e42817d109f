"""A linear model on a layer's pooled vectors, as the head of an ordinary classification network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.models.base import Adapter


@dataclass(frozen=True)
class LinearHead:
    """Hold a linear model on standardized vectors: logits = (vector - mean) / scale @ weights.T + bias.

    Attributes:
        layers: how many transformer layers the network has below it.
        mean, scale: of the vectors, (width,).
        weights, bias: (outputs, width) and (outputs,).
    """

    layers: int
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def logits(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (n, outputs) of vectors (n, width)."""
        return np.asarray(((vectors - self.mean) / self.scale) @ self.weights.T + self.bias, np.float32)

    def install(self, model: Any, adapter: Adapter) -> None:
        """Cut a classification network above the head's layers and give it this head, in place.

        Where the network projects frames before it averages them, the projection standardizes them, so that a head
        that goes on learning starts with inputs of one size.
        """
        import torch

        adapter.keep_layers(model, self.layers)
        mean, scale, weights, bias = map(torch.from_numpy, (self.mean, self.scale, self.weights, self.bias))
        classifier = adapter.classifier(model)
        if adapter.pools_frames:
            model.projector = torch.nn.Linear(len(mean), len(mean)).to(model.device)
            model.classifier = torch.nn.Linear(len(mean), len(bias)).to(model.device)
            model.config.classifier_proj_size = len(mean)
            layers = [(model.projector, torch.diag(1 / scale), -mean / scale), (model.classifier, weights, bias)]
        else:
            layers = [(classifier, weights / scale, bias - weights @ (mean / scale))]
        with torch.no_grad():
            for layer, weight, offset in layers:
                layer.weight.copy_(weight)
                layer.bias.copy_(offset)
