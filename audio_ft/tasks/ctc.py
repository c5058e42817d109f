"""Connectionist temporal classification: a character for each frame, for encoders of the raw wave."""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.models.base import Adapter
from audio_ft.targets import Target, Transcript
from audio_ft.targets.transcripts import DELIMITER, Text, unseen, vocabulary
from audio_ft.tasks.base import NO_TOKEN, Checkpoint, HeadSettings, Inputs, Task, Tensor, finite, forward
from audio_ft.tasks.ctc_beam import Beam, BeamSearch
from audio_ft.tasks.ctc_tokenizer import (
    make_tokenizer,
    names_of,
    read_tokenizer,
    single_characters,
    spelling,
    word_offsets,
)
from audio_ft.tasks.heads import pretrained
from audio_ft.tasks.mms import adapter_language, load_language
from audio_ft.tasks.round_trip import changed, plain_tokens
from audio_ft.tasks.transcription import Transcribed, Transcription, Waves

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

logger = logging.getLogger(__name__)

# The names that Wav2Vec2CTCTokenizer gives them.
PAD, UNKNOWN = "<pad>", "<unk>"
SHOWN_CHARACTERS = 12


@dataclass(frozen=True)
class CTC(Transcription):
    """Transcribe speech character by character, with the vocabulary of the training transcripts.

    A checkpoint that was fine-tuned with a vocabulary keeps it, and its head, if it spells all transcripts. `language`
    is the name of the adapter of an MMS checkpoint, None for others.
    """

    target: Transcript
    tokens: tuple[str, ...]
    tokenizer: Any
    from_scratch: bool = True
    search: BeamSearch | None = None
    language: str | None = None

    name = "ctc"
    head = "ctc"
    auto = "AutoModelForCTC"
    architectures = ("ForCTC",)
    # It improves long before the first word is right.
    selection_metric = "cer"
    # A new head first learns to predict blanks, and only then letters.
    enough_steps = 1_600
    epochs = (10, 60)
    ignores = (*Transcription.ignores, "text.prompt", "text.timestamps", "label_smoothing_factor")
    # More steps from the same clips: after twelve epochs on 241 clips hubert-mini had a character error rate of .78
    # with batches of 8 and of .97 with 16.
    batch = 8

    @classmethod
    def plan(cls, target: Target, checkpoint: Checkpoint, training_targets: Sequence[Any]) -> Task:
        """Return the task with the checkpoint's vocabulary if it fits, else that of the transcripts."""
        if known := cls._known(target.text, checkpoint, training_targets):
            return known
        text = target.text.resolved(case="lower", punctuation="remove")
        characters = vocabulary(text.apply(transcript) for transcript in training_targets)
        if not characters:
            raise InputError("The training transcripts contain no letters; check the column of transcripts.")
        tokenizer = make_tokenizer((PAD, UNKNOWN, DELIMITER, *characters))
        return cls(Transcript(text=text), names_of(tokenizer), tokenizer)

    @classmethod
    def _known(cls, text: Text, checkpoint: Checkpoint, transcripts: Sequence[str]) -> CTC | None:
        """Return the task with the checkpoint's head and tokenizer, None unless they write all transcripts."""
        config = checkpoint.adapter.config
        if not any("ForCTC" in name for name in config.architectures or ()):
            return None
        language = adapter_language(checkpoint.name, checkpoint.revision, text)
        try:
            tokenizer = read_tokenizer(checkpoint.name, checkpoint.revision, language)
        except InputError as error:
            # Without its tokenizer the outputs of a head have no meaning.
            logger.warning("warning: the checkpoint gets a new head, because of its tokenizer: %s", error)
            return None
        names = names_of(tokenizer, None if language else config)
        task = cls(Transcript(text=spelling(text, tokenizer)), names, tokenizer, from_scratch=False, language=language)
        if reason := task._why_not(0 if language else config.vocab_size, transcripts):
            logger.warning("warning: the checkpoint gets a new head, because its %s.", reason)
            return None
        return task

    def _why_not(self, outputs: int, transcripts: Sequence[str]) -> str:
        """Return why a checkpoint's head of so many outputs cannot write the transcripts; "" if it can."""
        if len(self.tokens) < outputs:
            return f"head has {outputs:,} outputs and its vocabulary names only {len(self.tokens):,}"
        if unknown := self.lacking(map(self.text.apply, transcripts)):
            shown = " ".join(character for character, _ in unknown.most_common(SHOWN_CHARACTERS))
            return f"vocabulary lacks {shown} of the transcripts"
        found = changed(self, transcripts)
        return f"tokenizer makes {found[2]!r} of {found[1]!r}" if found else ""

    @classmethod
    def restore(cls, config: PreTrainedConfig, folder: str | Path, text: Text) -> Task:
        """Return the task of a saved model, with its tokenizer."""
        language = adapter_language(folder, None, text)
        tokenizer = read_tokenizer(folder, None, language)
        names = names_of(tokenizer, None if language else config)
        return cls(Transcript(text=spelling(text, tokenizer)), names, tokenizer, language=language)

    def load(self, adapter: Adapter, folder: str | Path) -> PreTrainedModel:
        """Load a saved model, or an MMS checkpoint with the adapter of its language."""
        model = super().load(adapter, folder)
        if self.language:
            load_language(model, folder, None, self.language)
        return model

    def with_language_model(self, beam: Beam) -> Task:
        """Return the task with beam search and a language model of words."""
        if not self.text.space:
            raise InputError(
                "This model's language has no space between words, so it cannot use a language model of words."
            )
        return dataclasses.replace(self, search=BeamSearch(beam, self.tokenizer, self.text))

    def _misfit(self, transcript: str, samples: int, adapter: Adapter) -> str | None:
        """Return why there are too few frames: one for each label, and a blank between two equal ones."""
        label = self.label(transcript, 0.0)
        needed = len(label) + sum(one == two for one, two in pairwise(label))
        frames = adapter.frames(samples)
        return f"{needed} frames needed for its transcript, and it has {frames}" if needed > frames else None

    def label(self, transcript: str, seconds: float) -> list[int]:
        """Return the ids of the characters, a delimiter for each space."""
        return plain_tokens(self.tokenizer, transcript)

    def read_back(self, transcript: str) -> str:
        """Return the text of frames with the label of an applied transcript, each token followed by a blank."""
        blank, unknown = self.tokenizer.pad_token_id, self.tokenizer.unk_token_id
        # A tokenizer may have more tokens than the network outputs, such as a "|" that its vocabulary lacks.
        label = [token if token < len(self.tokens) else unknown for token in self.label(transcript, 0.0)]
        return self.decode(frame for token in label for frame in (token, blank))

    def lacking(self, texts: Iterable[str]) -> Counter[str]:
        """Return how often applied transcripts have characters that the vocabulary lacks."""
        return unseen(self.tokens, (spelled for text in texts for spelled in single_characters(self.tokenizer, text)))

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of the best token of each frame: repeats collapsed, blanks dropped."""
        # Not `skip_special_tokens`: it drops blanks before repeats are collapsed, and "hello" loses an l.
        return str(self.tokenizer.decode(list(tokens))).strip()

    def build(self, checkpoint: Checkpoint, head: HeadSettings) -> PreTrainedModel:
        """Load a pretrained checkpoint in float32 with a head of the vocabulary's size."""
        import torch

        adapter = checkpoint.adapter
        settings: dict[str, Any] = {
            "vocab_size": len(self.tokens),
            "pad_token_id": self.tokenizer.pad_token_id,
            # One clip with more labels than frames would make the whole batch's loss infinite.
            "ctc_zero_infinity": True,
            "ctc_loss_reduction": "mean",
            "ignore_mismatched_sizes": True,
        }
        if head.language_adapter:
            settings |= adapter.language_adapter_settings()
        if self.language:
            # The checkpoint's own head is replaced by that of the language below.
            del settings["vocab_size"]
        model: Any = pretrained(self, checkpoint, head, **settings)
        if self.language:
            load_language(model, checkpoint.name, checkpoint.revision, self.language)
        if self.from_scratch:
            # Weights that the checkpoint lacks or that belong to other characters are initialized reproducibly.
            torch.nn.init.normal_(model.lm_head.weight, std=adapter.config.initializer_range)
            torch.nn.init.zeros_(model.lm_head.bias)
        if head.language_adapter:
            adapter.train_language_adapter(model)
        return adapter.fit(model)

    def loss(self, model: Any, inputs: Inputs, labels: Tensor, head: HeadSettings) -> tuple[Tensor, Tensor]:
        """Return the CTC loss, averaged over characters and clips, and logits (batch, frames, labels)."""
        outputs = model(**inputs, labels=labels)
        return outputs.loss, outputs.logits

    def log_probabilities(self, model: Any, inputs: Inputs, transcripts: Sequence[str], adapter: Adapter) -> Tensor:
        """Return the log-probability of each transcript, summed over its alignments, a character (batch,)."""
        import torch

        logits, frames = finite(model(**inputs).logits).float(), adapter.batch_frames(inputs)
        labels = [torch.tensor(self.label(text, 0.0), device=logits.device) for text in transcripts]
        lengths = torch.tensor([len(label) for label in labels], device=logits.device)
        losses = torch.nn.functional.ctc_loss(
            logits.log_softmax(-1).transpose(0, 1), torch.cat(labels).long(), frames, lengths,
            blank=self.tokenizer.pad_token_id, reduction="none",
        )  # fmt: skip
        return -losses / lengths.clamp(min=1)

    def predict_step(self, model: Any, adapter: Adapter, inputs: Inputs, outputs: Tensor | None = None) -> Tensor:
        """Return the best token of each frame, or that of the best text, int64 (batch, frames); padded with -100."""
        import torch

        logits = finite(model(**inputs).logits) if outputs is None else outputs
        frames = adapter.batch_frames(inputs)
        best = logits.argmax(-1) if self.search is None else self.search.best(logits, frames)
        padding = torch.arange(best.shape[1], device=best.device) >= frames.view(-1, 1)
        return best.masked_fill(padding, NO_TOKEN)

    def transcribe(self, model: Any, adapter: Adapter, waves: Waves, *, words: bool = False) -> list[Transcribed]:
        """Return the text of the frames' tokens, and the words with the times of the frames of their characters."""
        transcripts, hop = [], adapter.frame_seconds
        for tokens in forward(model, self, adapter, adapter.collate([adapter.extract(wave) for wave in waves])):
            path = tokens[tokens != NO_TOKEN].tolist()
            spoken = [
                {"start": hop * one["start_offset"], "end": hop * one["end_offset"], "text": one["word"]}
                for one in (word_offsets(self.tokenizer, path) if words else ())
            ]
            transcripts.append(Transcribed(self.decode(path), spoken))
        return transcripts

    def describe(self, references: Mapping[str, NDArray[Any]]) -> list[str]:
        """Return the vocabulary, and how often other splits use characters that it lacks."""
        origin = "from the training transcripts" if self.from_scratch else "the checkpoint's own"
        space = self.tokenizer.word_delimiter_token
        spelled = "".join(label for label in self.tokens if len(label) == 1 and label != space)
        lines = [*super().describe(references), f"vocabulary  {len(self.tokens)} tokens, {origin}: {spelled}"]
        for split, texts in references.items():
            if common := self.lacking(texts).most_common(SHOWN_CHARACTERS):
                named = ", ".join(f"{character!r} {count}" for character, count in common)
                lines.append(f"warning: {split} has characters that the vocabulary lacks, always errors: {named}")
        return lines
