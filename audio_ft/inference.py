"""Run a network over clean windows: the one loop behind final scores, evaluation and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from audio_ft.batch import Collator, Windows
    from audio_ft.family import Family, Features


def logits_of(
    model: PreTrainedModel, collator: Collator, windows: Windows, *, batch_size: int = 16, describe: str = "scoring"
) -> NDArray[np.float32]:
    """Return logits float32 (windows, outputs), in the order of the rows; like lengths are computed together."""
    from tqdm.auto import tqdm

    order = np.argsort(windows.lengths, kind="stable")
    results: NDArray[np.float32] | None = None
    with tqdm(total=len(order), desc=describe, unit="clip", delay=2, leave=False) as progress:
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            batch = collator(windows.__getitems__(places.tolist()))
            batch.pop("labels", None)
            batch.pop("index", None)
            outputs = forward(model, batch)
            if results is None:
                results = np.zeros((len(order), outputs.shape[-1]), np.float32)
            results[places] = outputs
            progress.update(len(places))
    return results if results is not None else np.zeros((0, 1), np.float32)


def logits_of_features(model: PreTrainedModel, family: Family, features: list[Features]) -> NDArray[np.float32]:
    """Return logits float32 (windows, outputs) for features made just now."""
    return forward(model, family.collate(features))


def forward(model: PreTrainedModel, batch: dict[str, Any]) -> NDArray[np.float32]:
    """Return the logits of one batch, in float32 and without gradients, whatever precision the training used."""
    import torch

    model.eval()
    with torch.inference_mode():
        outputs = model(**{name: value.to(model.device) for name, value in batch.items()})
    return outputs.logits.float().cpu().numpy()
