"""What both ways of writing down speech share: references, scores, answers and the faults of a transcript."""

from __future__ import annotations

import math
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.data.transcripts import Text, fault
from audio_ft.errors import InputError
from audio_ft.inference.forward import NOTHING
from audio_ft.tasks.base import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import torch
    from numpy.typing import NDArray

    from audio_ft.cleaning.chain import Chain
    from audio_ft.errors import AudioError
    from audio_ft.metrics import Score
    from audio_ft.models.base import Adapter

# Speed augmentation plays a clip at 0.9 of its speed at the slowest, so the window leaves room for a slower clip.
SLACK = 1.15
# What every network can be trusted with at once, in seconds; attention grows with the square of it.
LONGEST = 30.0


class Transcription(Task):
    """Write down what is said; a subclass brings the network, its labels and how tokens become words.

    References and predictions are texts (clips,). The reference is the transcript in the form that `text` asks for,
    so a checkpoint that writes lower case is not charged for capitals it was never shown.
    """

    text: Text
    tokenizer: Any

    reads = "transcription"
    whole = True
    scores_untuned = True

    @property
    def selection_metric(self) -> str:
        """Return the word error rate."""
        return "wer"

    def adapt(self, adapter: Adapter, durations: NDArray[np.float64], window: float | None) -> Adapter:
        """Return the adapter with a window that holds every clip in one piece, also a little slowed down."""
        if window is None and len(durations):
            window = math.ceil(SLACK * float(durations.max())) or 1
        return adapter.with_window(min(window or LONGEST, LONGEST))

    @property
    def language(self) -> str | None:
        """Return the code of the language that is spoken, or None where the recipe does not say."""
        return self.text.language

    def resolved(self, text: Text) -> Text:
        """Return the settings with language and spelling as this checkpoint has them."""
        return self.text

    def encode(self, targets: Sequence[Any]) -> NDArray[Any]:
        """Return the transcripts in the form that the recipe asks for (clips,)."""
        references = np.empty(len(targets), object)
        references[:] = [self.text.apply(target) for target in targets]
        return references

    def fault(self, target: Any, samples: int, adapter: Adapter) -> str | None:
        """Return why a training clip cannot be learned from, or None: its transcript, or the network's limits."""
        return fault(target, self.text) or self._misfit(self.text.apply(target), samples, adapter)

    @abstractmethod
    def _misfit(self, transcript: str, samples: int, adapter: Adapter) -> str | None:
        """Return why a sound transcript does not go with a clip of that many samples, or None."""

    def batch_labels(self, references: Sequence[Any], seconds: Sequence[float]) -> torch.Tensor:
        """Return token ids int64 (batch, length), the shorter ones filled up with -100."""
        import torch

        rows = [torch.tensor(self.label(str(text), length)) for text, length in zip(references, seconds, strict=True)]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=NOTHING).long()

    @abstractmethod
    def label(self, transcript: str, seconds: float) -> list[int]:
        """Return the token ids that the network learns for a transcript."""

    @abstractmethod
    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of one response, without special tokens."""

    def predictions(self, responses: NDArray[Any], clips: NDArray[np.int64], count: int) -> NDArray[Any]:
        """Return the text of each clip (count,), its windows joined in order."""
        parts: list[list[str]] = [[] for _ in range(count)]
        for clip, response in zip(clips, responses, strict=True):
            parts[clip].append(self.decode(int(token) for token in response if token != NOTHING))
        texts = np.empty(count, object)
        texts[:] = [self.text.space.join(part for part in own if part) for own in parts]
        return texts

    def points(self, predictions: NDArray[Any], references: NDArray[Any]) -> dict[str, float]:
        """Return the plain error rates, for choosing a checkpoint."""
        from audio_ft.metrics.compute import points

        return points("text", predictions, references, language=self.text.language)

    def score(
        self,
        predictions: NDArray[Any],
        references: NDArray[Any],
        groups: Sequence[str | None] | None,
        seed: int = 0,
    ) -> dict[str, Score]:
        """Score texts against references, with 95 % intervals."""
        from audio_ft.metrics import score

        return score("text", predictions, references, language=self.text.language, groups=groups, seed=seed)

    def answer(self, prediction: Any) -> dict[str, Any]:
        """Return {"text": …}."""
        return {"text": str(prediction)}

    def attempts(
        self, model: Any, adapter: Adapter, chain: Chain, sources: Sequence[Any], top_k: int | None, words: bool
    ) -> Iterator[dict[str, Any] | AudioError]:
        """Yield {"text", "segments"} for each recording, however long it is."""
        from audio_ft.inference.transcriber import Listener

        return Listener(model, adapter, self, chain).attempts(sources, words)

    def columns(self, answers: Sequence[dict[str, Any]], references: Sequence[Any]) -> dict[str, list[Any]]:
        """Return each clip's text beside the reference, with its words and errors."""
        from audio_ft.metrics.alignment import errors

        texts = [answer["text"] for answer in answers]
        wanted = [self.text.apply(reference) for reference in references]
        counts = errors(wanted, texts)
        return {
            "reference": wanted,
            "prediction": texts,
            "words": [count.words for count in counts],
            "substitutions": [count.substitutions for count in counts],
            "deletions": [count.deletions for count in counts],
            "insertions": [count.insertions for count in counts],
        }

    def describe(self, references: Mapping[str, NDArray[Any]]) -> list[str]:
        """Return the form of the transcripts and one label as the network learns it, tokens and all."""
        example = str(references["train"][0])
        tokens = self.tokenizer.convert_ids_to_tokens(self.label(example, 1.0))
        return [
            f"transcripts {spelling(self.text)}",
            f"a label     {' '.join(tokens)}",
        ]

    @abstractmethod
    def listen(self, model: Any, adapter: Adapter, waves: Sequence[NDArray[np.float32]]) -> list[str]:
        """Return what is said in clean recordings (time,) that fit the window, "" where nothing is."""

    @abstractmethod
    def listen_for_words(
        self, model: Any, adapter: Adapter, waves: Sequence[NDArray[np.float32]]
    ) -> list[list[dict[str, Any]]]:
        """Return the words of each recording, {"start", "end", "text"} in seconds from its beginning."""

    def save(self, adapter: Adapter, folder: Path) -> None:
        """Write extractor and tokenizer, together as the processor that plain transformers loads."""
        adapter.processor(self.tokenizer).save_pretrained(folder)
        adapter.save_extractor(folder)


def spelling(text: Text) -> str:
    """Return in words how transcripts are spelled."""
    case = {"lower": "in lower case", "upper": "in capitals"}.get(str(text.case), "case as written")
    marks = "punctuation removed" if text.punctuation == "remove" else "punctuation as written"
    language = f"language {text.language}, " if text.language else ""
    return f"{language}{case}, {marks}, {text.unicode}"


def refuse_other_targets(kind: str) -> None:
    """Refuse data whose targets are not texts.

    Raises:
        InputError: they are labels or numbers.
    """
    if kind != "text":
        raise InputError(f"Transcription takes transcripts, and these targets are of kind {kind!r}.")
