"""Base of the transcription tasks: transcripts become labels, and tokens become texts."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audio_ft.file_io import write_json
from audio_ft.models.base import Adapter
from audio_ft.targets import Transcript
from audio_ft.targets.transcripts import Text, fault
from audio_ft.tasks.base import NO_TOKEN, Array, Inputs, Places, Task, Tensor
from audio_ft.tasks.round_trip import check_round_trip

Waves: TypeAlias = Sequence[NDArray[np.float32]]  # clean recordings (time,)
# Room for longer clips in the other splits: it costs nothing, since batches are as long as their longest clip.
SLACK = 1.15
# Longest window of any network, in seconds; attention grows with its square.
LONGEST = 30.0


@dataclass(frozen=True)
class Transcribed:
    """Hold a transcript and, if requested, its words {"start", "end", "text"}, in seconds from the window's start."""

    text: str
    words: Sequence[dict[str, Any]] = ()


class Transcription(Task):
    """Transcribe speech; a subclass adds the network, its labels and its decoding.

    `generates` is whether the network generates its text for a whole window: a shorter piece then costs as much as a
    longer one, and the times of words are extra work.

    References and predictions are texts (clips,). The reference is the transcript in the spelling of the target, so a
    checkpoint that predicts lower case is not penalized for capitals.
    """

    target: Transcript
    tokenizer: Any

    targets = (Transcript,)
    whole = True
    long_recordings = "joined"
    scores_untuned = True
    generates: ClassVar[bool] = False
    ignores: ClassVar[tuple[str, ...]] = (
        "loss",
        "class_weights",
        "pooling",
        "weighted_layers",
        "sampling",
        "Mixup",
        "events",
    )

    @property
    def text(self) -> Text:
        """Return the spelling and language of the transcripts."""
        return self.target.text

    def fit_window(self, adapter: Adapter, durations: NDArray[np.float64], window: float | None) -> Adapter:
        """Return the adapter with a window that contains every clip completely, with some room."""
        if window is None and len(durations):
            window = math.ceil(SLACK * float(durations.max())) or 1
        return adapter.with_window(min(window or LONGEST, LONGEST))

    def why_unlearnable(self, target: Any, samples: int, adapter: Adapter) -> str | None:
        """Return why training skips a clip, or None: its transcript, or the network's limits."""
        return fault(target, self.text) or self._misfit(self.text.apply(target), samples, adapter)

    @abstractmethod
    def _misfit(self, transcript: str, samples: int, adapter: Adapter) -> str | None:
        """Return why a valid transcript does not fit a clip of that many samples, or None."""

    def batch_labels(self, references: Sequence[Any], seconds: Sequence[float]) -> Tensor:
        """Return token ids int64 (batch, length), the shorter ones padded with -100."""
        import torch

        rows = [torch.tensor(self.label(str(text), length)) for text, length in zip(references, seconds, strict=True)]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=NO_TOKEN).long()

    @abstractmethod
    def label(self, transcript: str, seconds: float) -> list[int]:
        """Return the token ids that the network learns for a transcript."""

    @abstractmethod
    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of one output, without special tokens."""

    def lacking(self, texts: Iterable[str]) -> Counter[str]:
        """Return how often applied transcripts have characters that the network cannot write."""
        return Counter()

    def read_back(self, transcript: str) -> str:
        """Return the text of an output that is exactly the label of an applied transcript."""
        return self.decode(self.label(transcript, 1.0))

    def check_targets(self, splits: Mapping[str, tuple[Sequence[Any], Sequence[str]]]) -> list[str]:
        """Check that a perfect model scores 0 on its own transcripts."""
        return check_round_trip(self, splits)

    def predictions(self, outputs: Array, places: Places, count: int) -> Array:
        """Return the text of each clip (count,), its windows joined in order."""
        parts: list[list[str]] = [[] for _ in range(count)]
        for clip, tokens in zip(places.clips, outputs, strict=True):
            parts[clip].append(self.decode(int(token) for token in tokens if token != NO_TOKEN))
        return np.array([self.text.space.join(filter(None, windows)) for windows in parts], object)

    def describe(self, references: Mapping[str, Array]) -> list[str]:
        """Return the spelling of the transcripts and the tokens of one label."""
        example = str(references["train"][0])
        tokens = self.tokenizer.convert_ids_to_tokens(self.label(example, 1.0))
        return [*super().describe(references), f"a label     {' '.join(tokens)}"]

    @abstractmethod
    def transcribe(self, model: Any, adapter: Adapter, waves: Waves, *, words: bool = False) -> list[Transcribed]:
        """Return the transcripts of clean recordings (time,) that fit the window, "" without speech."""

    @abstractmethod
    def log_probabilities(self, model: Any, inputs: Inputs, transcripts: Sequence[str], adapter: Adapter) -> Tensor:
        """Return the mean log-probability of each transcript's own tokens in a batch (batch,); -inf where one has none.

        The transcripts are in the spelling of the target.
        """

    def save(self, adapter: Adapter, folder: Path) -> None:
        """Write extractor and tokenizer, together as the processor that plain transformers loads."""
        adapter.processor(self.tokenizer).save_pretrained(folder)
        save_vocabulary(self.tokenizer, folder)
        adapter.save_extractor(folder)


def save_vocabulary(tokenizer: Any, folder: Path) -> None:
    """Write vocab.json and added_tokens.json as in Whisper's own checkpoints, for converters, unless they are there."""
    if (folder / "vocab.json").is_file():
        return
    everything = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    added = tokenizer.get_added_vocab().keys() - {tokenizer.eos_token}
    write_json(folder / "vocab.json", {token: index for token, index in everything if token not in added})
    write_json(folder / "added_tokens.json", {token: index for token, index in everything if token in added})
