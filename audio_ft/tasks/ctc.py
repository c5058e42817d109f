"""Connectionist temporal classification: characters frame by frame, for encoders that hear the raw wave."""

from __future__ import annotations

import dataclasses
import json
import logging
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.targets import Target, Transcript
from audio_ft.targets.transcripts import DELIMITER, Text, unseen, vocabulary
from audio_ft.tasks.base import NO_TOKEN, Checkpoint, HeadSettings, Task, forward, pretrained
from audio_ft.tasks.ctc_beam import BeamSearch
from audio_ft.tasks.transcription import Transcription, as_transcript

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedConfig, PreTrainedModel

    from audio_ft.models.base import Adapter
    from audio_ft.tasks.ctc_beam import Beam

logger = logging.getLogger(__name__)

PAD, UNKNOWN = "<pad>", "<unk>"
SHOWN_CHARACTERS = 12


@dataclass(frozen=True)
class CTC(Transcription):
    """Write down speech character by character, with a vocabulary made of the training transcripts alone.

    A checkpoint that was fine-tuned with a vocabulary keeps it, head and all, where it can spell every training
    transcript.
    """

    target: Transcript
    tokens: tuple[str, ...]
    tokenizer: Any
    from_scratch: bool = True
    search: BeamSearch | None = None

    name = "ctc"
    head = "ctc"
    # A head that starts from nothing first learns to say nothing, and only then letters.
    enough_steps = 1_600
    epochs = (10, 60)
    ignores = (*Transcription.ignores, "text.prompt", "text.timestamps", "label_smoothing_factor")
    # Twice the steps from the same clips: after twelve passes over 241 clips hubert-mini had a character error rate of
    # .78 with batches of 8 and of .97 with 16.
    batch = 8

    @classmethod
    def plan(cls, target: Target, checkpoint: Checkpoint, training_targets: Sequence[Any]) -> Task:
        """Return the task with the checkpoint's own vocabulary if it fits, else one made of the transcripts."""
        target = as_transcript(target)
        known = known_vocabulary(target.text, checkpoint, training_targets)
        if known is not None:
            tokenizer, text = known
            tokens = names_of(tokenizer, checkpoint.adapter.config)
            return cls(Transcript(text=text), tokens, tokenizer, from_scratch=False)
        text = target.text.resolved(case="lower", punctuation="remove")
        characters = vocabulary(text.apply(transcript) for transcript in training_targets)
        if not characters:
            raise InputError("The training transcripts hold no letters, so there is no vocabulary to learn.")
        tokenizer = make_tokenizer((PAD, UNKNOWN, DELIMITER, *characters))
        return cls(Transcript(text=text), names_of(tokenizer), tokenizer)

    @classmethod
    def restore(cls, config: PreTrainedConfig, folder: str | Path, text: Text) -> Task:
        """Return the task of a saved model, with the tokenizer beside it."""
        from transformers import Wav2Vec2CTCTokenizer

        tokenizer = Wav2Vec2CTCTokenizer.from_pretrained(folder)
        return cls(Transcript(text=text), names_of(tokenizer, config), tokenizer)

    def with_language_model(self, beam: Beam) -> Task:
        """Return the task with its texts searched for with a model of words.

        Raises:
            InputError: a language without spaces between words, or what BeamSearch refuses.
        """
        if not self.text.space:
            raise InputError("This model's language leaves no space between words, so a model of words cannot help it.")
        return dataclasses.replace(self, search=BeamSearch(beam, self.tokenizer, self.text))

    @property
    def selection_metric(self) -> str:
        """Return the character error rate, which moves long before the first whole word is right."""
        return "cer"

    def _misfit(self, transcript: str, samples: int, adapter: Adapter) -> str | None:
        """Return why the frames do not suffice: each label takes one, and two alike in a row a blank between them."""
        label = self.label(transcript, 0.0)
        needed = len(label) + sum(one == two for one, two in pairwise(label))
        frames = adapter.frames(samples)
        if needed > frames:
            return f"{needed} frames needed for its transcript and only {frames} there"
        return None

    def label(self, transcript: str, seconds: float) -> list[int]:
        """Return the ids of the characters, a delimiter for each space."""
        return list(self.tokenizer(transcript).input_ids)

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of the best token of each frame: repeats collapsed, blanks dropped."""
        # Blanks must stay until repeats are collapsed: `skip_special_tokens` takes them first, and "hello" loses an l.
        return str(self.tokenizer.decode(list(tokens))).strip()

    def build(self, checkpoint: Checkpoint, head: HeadSettings) -> PreTrainedModel:
        """Load a pretrained checkpoint in float32 with a head of the vocabulary's size.

        Raises:
            InputError: the weights cannot be loaded.
        """
        import torch
        from transformers import AutoModelForCTC

        adapter = checkpoint.adapter
        settings: dict[str, Any] = {
            "vocab_size": len(self.tokens),
            "pad_token_id": self.tokenizer.pad_token_id,
            # One clip with more labels than frames would make the whole batch's loss infinite.
            "ctc_zero_infinity": True,
            "ctc_loss_reduction": "mean",
            "ignore_mismatched_sizes": True,
            **head.mask,
        }
        if head.dropout is not None:
            settings |= adapter.dropout_settings(head.dropout)
        if head.language_adapter:
            settings |= adapter.language_adapter_settings()
        model = pretrained(AutoModelForCTC, checkpoint, **settings)
        if self.from_scratch:
            # Weights that the checkpoint lacks, or that were made for other characters, start anew and reproducibly.
            torch.nn.init.normal_(model.lm_head.weight, std=adapter.config.initializer_range)
            torch.nn.init.zeros_(model.lm_head.bias)
        if head.language_adapter:
            adapter.train_language_adapter(model)
        return adapter.fit(model)

    def load(self, adapter: Adapter, folder: str | Path) -> PreTrainedModel:
        """Load a saved model in float32."""
        import torch
        from transformers import AutoModelForCTC

        return adapter.fit(AutoModelForCTC.from_pretrained(folder, dtype=torch.float32))

    def loss(
        self, model: Any, inputs: Mapping[str, torch.Tensor], labels: torch.Tensor, head: HeadSettings
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the CTC loss, the mean of each clip's loss a character, and logits (batch, frames, labels)."""
        outputs = model(**inputs, labels=labels)
        return outputs.loss, outputs.logits

    def predict_step(
        self, model: Any, adapter: Adapter, inputs: Mapping[str, torch.Tensor], outputs: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the best token of each frame, or the best text's, int64 (batch, frames); -100 behind a clip's own."""
        import torch

        logits = model(**inputs).logits if outputs is None else outputs
        frames = adapter.batch_frames(inputs)
        best = logits.argmax(-1) if self.search is None else self.search.best(logits, frames)
        behind = torch.arange(best.shape[1], device=best.device) >= frames.view(-1, 1)
        return best.masked_fill(behind, NO_TOKEN)

    def transcribe(self, model: Any, adapter: Adapter, waves: Sequence[NDArray[np.float32]]) -> list[str]:
        """Return the text of the frames' tokens."""
        return [self.decode(tokens) for tokens in self._frames(model, adapter, waves)]

    def transcribe_words(
        self, model: Any, adapter: Adapter, waves: Sequence[NDArray[np.float32]]
    ) -> list[list[dict[str, Any]]]:
        """Return the words with the times of the frames on which their characters fall."""
        hop = adapter.frame_seconds
        words = [
            self.tokenizer.decode(tokens, output_word_offsets=True).word_offsets
            for tokens in self._frames(model, adapter, waves)
        ]
        return [
            [
                {
                    "start": float(word["start_offset"]) * hop,
                    "end": float(word["end_offset"]) * hop,
                    "text": word["word"],
                }
                for word in found
            ]
            for found in words
        ]

    def _frames(self, model: Any, adapter: Adapter, waves: Sequence[NDArray[np.float32]]) -> list[list[int]]:
        """Return the token of each frame of each recording."""
        outputs = forward(model, self, adapter, adapter.collate([adapter.extract(wave) for wave in waves]))
        return [[int(token) for token in tokens if token != NO_TOKEN] for tokens in outputs]

    def describe(self, references: Mapping[str, NDArray[Any]]) -> list[str]:
        """Return the vocabulary, and how often the other splits use characters that it lacks."""
        origin = "made of the training transcripts" if self.from_scratch else "the checkpoint's own"
        spelled = "".join(label for label in self.tokens if len(label) == 1 and label != DELIMITER)
        lines = [*super().describe(references), f"vocabulary  {len(self.tokens)} tokens, {origin}: {spelled}"]
        for split, texts in references.items():
            strange = unseen(self.tokens, texts)
            if strange:
                named = ", ".join(
                    f"{character!r} {count}" for character, count in strange.most_common(SHOWN_CHARACTERS)
                )
                lines.append(f"warning: {split} has characters that the vocabulary lacks, always errors: {named}")
        return lines


def make_tokenizer(characters: Sequence[str]) -> Any:
    """Return the tokenizer whose ids are the places of these characters."""
    from transformers import Wav2Vec2CTCTokenizer

    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "vocab.json"
        file.write_text(json.dumps({name: place for place, name in enumerate(characters)}), encoding="utf-8")
        return Wav2Vec2CTCTokenizer(
            str(file),
            bos_token=None,
            eos_token=None,
            unk_token=UNKNOWN,
            pad_token=PAD,
            word_delimiter_token=DELIMITER,
            replace_word_delimiter_char=" ",
        )


def names_of(tokenizer: Any, config: PreTrainedConfig | None = None) -> tuple[str, ...]:
    """Return the tokens in the order of their ids, as many as a network has outputs: few have any for <s> and </s>."""
    names = tuple(tokenizer.convert_ids_to_tokens(range(len(tokenizer))))
    return names if config is None else names[: config.vocab_size]


def known_vocabulary(text: Text, checkpoint: Checkpoint, transcripts: Sequence[str]) -> tuple[Any, Text] | None:
    """Return the tokenizer of a checkpoint that has a CTC head, and its spelling, if it spells all transcripts."""
    from transformers import AutoTokenizer

    config = checkpoint.adapter.config
    if not any("ForCTC" in name for name in config.architectures or ()):
        return None
    try:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.name, revision=checkpoint.revision)
    except (OSError, ValueError):
        return None  # a head without its tokenizer: nobody can tell what its outputs mean
    letters = [name for name in tokenizer.get_vocab() if len(name) == 1 and name.isalpha()]
    case = "upper" if letters and all(name == name.upper() for name in letters) else "lower"
    text = text.resolved(case=case, punctuation="remove")
    names = names_of(tokenizer, config)
    if len(names) < config.vocab_size:
        return None  # outputs without a name
    strange = unseen(names, (text.apply(transcript) for transcript in transcripts))
    if strange:
        shown = " ".join(character for character, _ in strange.most_common(SHOWN_CHARACTERS))
        logger.warning(
            "warning: the checkpoint's vocabulary lacks %s of the transcripts, so it gets a new head.", shown
        )
    return None if strange else (tokenizer, text)
