"""Classification of whole clips: one label, several labels, or a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import AudioError, InputError
from audio_ft.tasks.base import POOLINGS, HeadSettings, Speech, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedConfig, PreTrainedModel

    from audio_ft.cleaning.chain import Chain
    from audio_ft.data.transcripts import Text
    from audio_ft.metrics import Score
    from audio_ft.models.base import Adapter

PROBLEM_TYPES = {
    "single": "single_label_classification",
    "multi": "multi_label_classification",
    "regression": "regression",
}
SELECTION = {"single": "f1_macro", "multi": "f1_macro", "regression": "concordance"}
SHOWN_CLASSES = 12
LOSSES = ("cross_entropy", "focal")


@dataclass(frozen=True)
class Classification(Task):
    """Answer with one of `labels`, with a probability for each of them, or with a number."""

    labels: tuple[str, ...]
    kind: str = "single"

    name = "classification"
    # Steadier on few clips, and the probabilities are less extreme.
    label_smoothing = 0.1

    @classmethod
    def plan(cls, kind: str, labels: Sequence[str], speech: Speech | None = None) -> Task:
        """Return the task for a data set's kind of target and the labels of its training split."""
        if kind not in PROBLEM_TYPES:
            raise InputError(
                f"Classification takes targets of kind {', '.join(PROBLEM_TYPES)}, and these are {kind!r}."
            )
        return cls(tuple(labels) or ("value",), kind)

    @classmethod
    def restore(cls, config: PreTrainedConfig, folder: str | Path, text: Text) -> Task:
        """Return the task of a saved model, from its id2label and problem_type."""
        kinds = {problem: kind for kind, problem in PROBLEM_TYPES.items()}
        labels = tuple(name for _, name in sorted((config.id2label or {}).items()))
        return cls(labels, kinds.get(config.problem_type or "", "single"))

    @property
    def selection_metric(self) -> str:
        """Return macro F1, or the concordance coefficient for numbers."""
        return SELECTION[self.kind]

    def encode(self, targets: Sequence[Any]) -> NDArray[Any]:
        """Return class ids (clips,), 0/1 rows (clips, labels), or numbers (clips,)."""
        if self.kind == "regression":
            return np.asarray(targets, np.float32)
        position = {label: index for index, label in enumerate(self.labels)}
        if self.kind == "single":
            return np.asarray([position[target] for target in targets], np.int64)
        rows = np.zeros((len(targets), len(self.labels)), np.float32)
        for row, names in zip(rows, targets, strict=True):
            row[[position[name] for name in names]] = 1
        return rows

    def build(
        self, adapter: Adapter, checkpoint: str, head: HeadSettings, revision: str | None = None
    ) -> PreTrainedModel:
        """Load a pretrained checkpoint in float32 with a new classification head.

        Raises:
            InputError: a pooling that the checkpoint cannot have, or weights that cannot be loaded.
        """
        import torch
        from transformers import AutoModelForAudioClassification

        from audio_ft.models.pooling import install_pooling

        if head.pooling not in POOLINGS:
            raise InputError(f"pooling is one of {', '.join(POOLINGS)}, not {head.pooling!r}.")
        settings: dict[str, Any] = {
            "num_labels": len(self.labels),
            "id2label": dict(enumerate(self.labels)),
            "label2id": {label: index for index, label in enumerate(self.labels)},
            "problem_type": PROBLEM_TYPES[self.kind],
            # A checkpoint that was fine-tuned for other labels gives its body; its head does not fit.
            "ignore_mismatched_sizes": True,
            **head.mask,
        }
        if adapter.pools_frames:
            settings["use_weighted_layer_sum"] = head.weighted_layers
        elif head.weighted_layers or head.pooling != "mean":
            raise InputError(
                f"pooling and weighted_layers: {adapter.name} checkpoints pool in their own way; leave both out."
            )
        if head.weighted_layers:
            # A layer that layerdrop skips leaves no hidden states, and the weighted sum then lacks a summand.
            settings |= adapter.layerdrop_settings(0.0)
        if head.dropout is not None:
            settings |= adapter.dropout_settings(head.dropout)
        try:
            model = AutoModelForAudioClassification.from_pretrained(
                checkpoint, revision=revision, dtype=torch.float32, **settings
            )
        except OSError as error:
            raise InputError(f"The weights of {checkpoint!r} cannot be loaded: {str(error).splitlines()[0]}") from error
        known = tuple((adapter.config.id2label or {}).values())
        if len(known) == len(self.labels) and known != self.labels:
            # As many labels as before, but others: the old head would fit and mean something else.
            adapter.classifier(model).reset_parameters()
        if head.weighted_layers:
            # transformers leaves weights that a checkpoint lacks as they lie in memory, these among them.
            torch.nn.init.constant_(model.layer_weights, 1 / len(model.layer_weights))
        install_pooling(model, adapter, head.pooling)
        return adapter.fit(model)

    def load(self, adapter: Adapter, folder: str | Path) -> PreTrainedModel:
        """Load a saved classifier; poolings that plain transformers does not know are put in before the weights."""
        import torch
        from safetensors.torch import load_file
        from transformers import AutoConfig, AutoModelForAudioClassification

        from audio_ft.models.pooling import install_pooling

        # Asked of the folder itself, since the adapter may be that of the checkpoint from which the training began.
        pooling = getattr(AutoConfig.from_pretrained(folder), "audio_ft_pooling", "mean")
        model = AutoModelForAudioClassification.from_pretrained(
            folder, dtype=torch.float32, ignore_mismatched_sizes=pooling != "mean"
        )
        if pooling != "mean":
            install_pooling(model, adapter, pooling)
            model.load_state_dict(load_file(Path(folder) / "model.safetensors"), strict=True)
        return adapter.fit(model)

    def step(
        self, model: Any, inputs: Mapping[str, torch.Tensor], labels: torch.Tensor, head: HeadSettings
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of a batch and its logits (batch, labels)."""
        logits = model(**inputs).logits
        return self.loss(logits, labels, head), logits

    def respond(
        self, model: Any, adapter: Adapter, inputs: Mapping[str, torch.Tensor], outputs: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the logits float32 (batch, labels)."""
        return (model(**inputs).logits if outputs is None else outputs).float()

    def loss(self, logits: torch.Tensor, labels: torch.Tensor, head: HeadSettings) -> torch.Tensor:
        """Return cross-entropy, binary cross-entropy or squared error, weighted and focused as the recipe says.

        `labels` are class ids (batch,), or soft targets (batch, labels) as mixup makes them. The focal term is
        (1 - p)^gamma (Lin et al. 2017).
        """
        import torch
        from torch.nn import functional

        logits = logits.float()
        if self.kind == "regression":
            return functional.mse_loss(logits.squeeze(-1), labels.float())
        smoothing = head.label_smoothing
        gamma = head.focal_gamma if head.loss == "focal" else 0.0
        weights = self._weights(head, logits)
        if self.kind == "multi":
            targets = labels.float() * (1 - smoothing) + smoothing / 2
            losses = functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction="none")
            probability = torch.sigmoid(logits)
            missed = targets * (1 - probability) + (1 - targets) * probability
            return (losses * _power(missed, gamma)).mean()
        targets = labels if labels.ndim == 2 else functional.one_hot(labels, len(self.labels))
        targets = targets.float() * (1 - smoothing) + smoothing / len(self.labels)
        weighted = targets if weights is None else targets * weights
        log_probability = logits.log_softmax(-1)
        focus = _power(-torch.expm1(log_probability), gamma)
        return -(weighted * focus * log_probability).sum() / weighted.sum()

    def _weights(self, head: HeadSettings, logits: torch.Tensor) -> torch.Tensor | None:
        import torch

        if not isinstance(head.class_weights, Mapping):
            return None
        values = [float(head.class_weights[label]) for label in self.labels]
        return torch.tensor(values, device=logits.device)

    def predictions(self, responses: NDArray[Any], clips: NDArray[np.int64], count: int) -> NDArray[Any]:
        """Average the windows' logits over each clip, then return probabilities (clips, labels) or numbers (clips,)."""
        sums = np.zeros((count, responses.shape[-1]), np.float64)
        np.add.at(sums, clips, responses)
        mean = sums / np.maximum(np.bincount(clips, minlength=count), 1)[:, None]
        if self.kind == "regression":
            return mean[:, 0]
        if self.kind == "multi":
            return 0.5 * (1 + np.tanh(0.5 * mean))  # the sigmoid, in the form that never overflows
        shifted = np.exp(mean - mean.max(-1, keepdims=True))
        return shifted / shifted.sum(-1, keepdims=True)

    def attempts(
        self, model: Any, adapter: Adapter, chain: Chain, sources: Sequence[Any], top_k: int | None, words: bool
    ) -> Iterator[dict[str, Any] | AudioError]:
        """Yield {label: probability} for each recording, the answers to its windows pooled."""
        from audio_ft.inference.classifier import pooled

        for answer in pooled(self, model, adapter, chain, sources):
            yield answer if isinstance(answer, AudioError) or not top_k else dict(list(answer.items())[:top_k])

    def answer(self, prediction: NDArray[np.float64]) -> dict[str, Any]:
        """Return {label: probability}, most likely first, or {"value": number}."""
        values = np.atleast_1d(prediction)
        order = np.argsort(-values, kind="stable")
        return {self.labels[index]: float(values[index]) for index in order}

    def score(
        self,
        predictions: NDArray[Any],
        references: NDArray[Any],
        groups: Sequence[str | None] | None,
        seed: int = 0,
    ) -> dict[str, Score]:
        """Score predictions against encoded references, with 95 % intervals."""
        from audio_ft.metrics import score

        return score(self.kind, predictions, references, labels=self.labels, groups=groups, seed=seed)

    def points(self, predictions: NDArray[Any], references: NDArray[Any]) -> dict[str, float]:
        """Return the plain values of all scores over the whole set, for choosing a checkpoint."""
        from audio_ft.metrics.compute import points

        return points(self.kind, predictions, references, labels=self.labels)

    def balanced_weights(self, references: NDArray[Any]) -> dict[str, float]:
        """Return weights inverse to how often each label occurs, as scikit-learn's "balanced".

        For several labels at once it is the ratio of absent to present, as BCEWithLogitsLoss wants it; a label that
        every clip has, of which there is nothing to make up for, counts once.

        Raises:
            InputError: the target is a number and has no classes.
        """
        if self.kind == "regression":
            raise InputError('class_weights="balanced" needs labels, and the target is a number; leave it out.')
        if self.kind == "multi":
            counts = references.sum(0)
            weights = np.where(counts == len(references), 1.0, (len(references) - counts) / np.maximum(counts, 1))
        else:
            counts = np.bincount(references, minlength=len(self.labels))
            weights = len(references) / (len(self.labels) * np.maximum(counts, 1))
        return {label: float(weight) for label, weight in zip(self.labels, weights, strict=True)}

    def columns(self, answers: Sequence[dict[str, Any]], references: Sequence[Any]) -> dict[str, list[Any]]:
        """Return the columns that predictions.parquet holds for these answers."""
        if self.kind == "regression":
            return {"prediction": [answer["value"] for answer in answers]}
        if self.kind == "multi":
            chosen: list[Any] = [[label for label, value in answer.items() if value >= 0.5] for answer in answers]
        else:
            chosen = [next(iter(answer)) for answer in answers]
        best = [max(answer.values()) for answer in answers]
        probabilities = [[answer[label] for label in self.labels] for answer in answers]
        return {"prediction": chosen, "confidence": best, "probabilities": probabilities}

    def baselines(
        self, features: NDArray[np.float32], references: NDArray[Any], others: NDArray[np.float32]
    ) -> dict[str, NDArray[Any]]:
        """Return the commonest answer, and those of a linear model on MFCC statistics."""
        from audio_ft.evaluation import baselines as baseline

        classes = len(self.labels)
        return {
            "majority": baseline.majority(self.kind, references, len(others), classes),
            "linear_mfcc": baseline.linear(self.kind, features, references, others, classes),
        }

    def describe(self, references: Mapping[str, NDArray[Any]]) -> list[str]:
        """Return the classes with their counts in the training split."""
        if self.kind == "regression":
            return []
        train = references["train"]
        counts: Any = train.sum(0) if train.ndim == 2 else np.bincount(train, minlength=len(self.labels))
        pairs = [f"{label} {int(count):,}" for label, count in zip(self.labels, counts, strict=True)]
        shown = ", ".join(pairs[:SHOWN_CLASSES]) + (", …" if len(pairs) > SHOWN_CLASSES else "")
        return [f"classes     {len(pairs)}: {shown}"]

    def proof(self, head: HeadSettings) -> str:
        """Return a program that prints a saved model's logits for a stored wave, with plain transformers if it can."""
        if head.pooling == "mean":
            return PLAIN_PROOF
        return OWN_PROOF

    def proved(self, model: Any, adapter: Adapter, wave: NDArray[np.float32]) -> Any:
        """Return the logits (labels,)."""
        from audio_ft.inference.forward import forward

        return forward(model, self, adapter, adapter.collate([adapter.extract(wave)]))[0].tolist()


def _power(base: torch.Tensor, exponent: float) -> torch.Tensor:
    """Return base ** exponent of numbers from 0 to 1, kept off 0, where a power below 1 has no finite slope."""
    return base.clamp(min=1e-30) ** exponent


PLAIN_PROOF = """
import json, sys
import numpy, torch
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification
folder, wave = sys.argv[1], numpy.load(sys.argv[2])
extractor = AutoFeatureExtractor.from_pretrained(folder)
model = AutoModelForAudioClassification.from_pretrained(folder).eval()
inputs = extractor(wave, sampling_rate=extractor.sampling_rate, return_tensors="pt")
with torch.inference_mode():
    print(json.dumps(model(**inputs).logits[0].tolist()))
"""

OWN_PROOF = """
import json, sys
import numpy
from audio_ft import load
model = load(sys.argv[1], device="cpu")
wave = numpy.load(sys.argv[2])
print(json.dumps(model.task.proved(model.network, model.adapter, wave)))
"""
