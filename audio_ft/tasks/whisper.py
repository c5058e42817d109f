"""Sequence to sequence: Whisper generates text token by token for its window."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.models.base import Adapter
from audio_ft.models.load import from_pretrained
from audio_ft.targets import Target, Transcript
from audio_ft.targets.transcripts import Text
from audio_ft.tasks.base import NO_TOKEN, Checkpoint, HeadSettings, Inputs, Task, Tensor, finite
from audio_ft.tasks.heads import pretrained
from audio_ft.tasks.round_trip import plain_tokens
from audio_ft.tasks.transcription import Transcribed, Transcription, Waves
from audio_ft.tasks.whisper_decoding import check_scores, transcribe, window_of
from audio_ft.tasks.whisper_languages import (
    RESTRICTIONS,
    check_languages,
    complete,
    is_multilingual,
    language_id,
    language_tokens,
    plain_search,
    stated,
    without_language,
)

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

# Positions of Whisper's decoder, for a transcript with its special tokens.
LONGEST_LABEL = 448
TIMESTAMP = 0.02
# The longest prompt in tokens: transformers cuts longer ones, as OpenAI's transcription does.
LONGEST_PROMPT = LONGEST_LABEL // 2 - 1
# Tokens that validation allows beyond twice the longest transcript.
SPARE = 8


@dataclass(frozen=True)
class Seq2Seq(Transcription):
    """Transcribe speech with the checkpoint's decoder.

    `prefix` are the special tokens before a transcript (start, language, task, no timestamps), as ids; `limit` is the
    most tokens generated in validation during training, so that loops do not delay it; `writes` and `begins` are the
    tokens that training transcripts contain and begin with, as ids; `multilingual` is whether the checkpoint has tokens
    for language and task. Without a language it takes that of each clip, and detects it where none is known.
    """

    target: Transcript
    tokenizer: Any
    prefix: tuple[int, ...]
    limit: int = LONGEST_LABEL
    writes: tuple[int, ...] = ()
    begins: tuple[int, ...] = ()
    multilingual: bool = True

    name = "seq2seq"
    head = "seq2seq"
    auto = "AutoModelForSpeechSeq2Seq"
    architectures = ("ForConditionalGeneration",)
    from_scratch = False
    generates = True
    # The checkpoint can already transcribe; it only adapts to the voices and spelling of the data.
    enough_steps = 96
    epochs = (3, 12)

    @classmethod
    def plan(cls, target: Target, checkpoint: Checkpoint, training_targets: Sequence[Any]) -> Task:
        """Return the task for a checkpoint, in the language of the recipe."""
        tokenizer = from_pretrained("AutoTokenizer", checkpoint.name, checkpoint.revision)
        multilingual = is_multilingual(tokenizer, stated(checkpoint.name, checkpoint.revision))
        task = cls._with(tokenizer, target.text, multilingual)
        if len(task.prompt) > LONGEST_PROMPT:
            raise InputError(
                f"text.prompt is {len(task.prompt):,} tokens long, and Whisper takes {LONGEST_PROMPT} at most; leave "
                "out words that are frequent in the training data."
            )
        tokens = [task._words(task.text.apply(text)) for text in training_targets]
        if beyond := {token for words in tokens for token in words if token >= checkpoint.adapter.config.vocab_size}:
            named = ", ".join(map(repr, tokenizer.convert_ids_to_tokens(sorted(beyond)[:3])))
            raise InputError(
                f"{checkpoint.name}: its tokenizer has tokens that its network lacks ({named}); save the network with "
                "them (resize_token_embeddings), or take the tokenizer of the checkpoint that it was made from."
            )
        longest = len(task.label("", 0.0)) + max(map(len, tokens), default=0)
        return dataclasses.replace(
            task,
            limit=min(2 * longest + SPARE, LONGEST_LABEL),
            writes=tuple(sorted({token for words in tokens for token in words})),
            begins=tuple(sorted({token for words in tokens for token in words[:1]})),
        )

    @classmethod
    def restore(cls, config: PreTrainedConfig, folder: str | Path, text: Text) -> Task:
        """Return the task of a saved model, with its tokenizer."""
        tokenizer = from_pretrained("AutoTokenizer", folder)
        return cls._with(tokenizer, text, is_multilingual(tokenizer, stated(folder)))

    @classmethod
    def _with(cls, tokenizer: Any, text: Text, multilingual: bool) -> Seq2Seq:
        text = text.resolved(case="keep", punctuation="keep")
        if not multilingual and text.language not in (None, "en"):
            raise InputError(
                f"This Whisper checkpoint is English-only, and text.language is {text.language!r}; "
                "choose a multilingual one, such as openai/whisper-tiny instead of whisper-tiny.en."
            )
        if multilingual and text.language and f"<|{text.language}|>" not in language_tokens(tokenizer):
            raise InputError(
                f"This Whisper checkpoint's tokenizer has no token for text.language {text.language!r}; choose a "
                "checkpoint that knows it, or a language close to it."
            )
        if not hasattr(tokenizer, "set_prefix_tokens"):
            raise InputError(
                f"The checkpoint's tokenizer is a {type(tokenizer).__name__}, not Whisper's; restore its tokenizer "
                "files from the checkpoint it was trained from."
            )
        text = text if multilingual else text.replace(language="en")
        # An English-only checkpoint has no tokens for language and task.
        spoken = {"language": text.language, "task": "transcribe"} if multilingual else {"language": None, "task": None}
        tokenizer.language = None  # which None would leave as the tokenizer was saved
        tokenizer.set_prefix_tokens(**spoken, predict_timestamps=text.timestamps)
        return cls(Transcript(text=text), tokenizer, tuple(tokenizer.prefix_tokens), multilingual=multilingual)

    @property
    def by_clip(self) -> bool:
        """Return whether each clip may have its own language."""
        return self.multilingual and self.text.language is None

    def language_ids(self, languages: Sequence[str | None]) -> NDArray[np.int64] | None:
        """Return the token of each clip's language; None where the task has its own, or a clip has none."""
        if not self.by_clip or None in languages:
            return None
        ids = {language: language_id(self.tokenizer, str(language)) for language in set(languages)}
        return np.array([ids[language] for language in languages], np.int64)

    def check_languages(self, splits: Mapping[str, tuple[Sequence[str | None], Sequence[str]]]) -> list[str]:
        """Check that there is one language for all clips, or one for each."""
        return check_languages(self.tokenizer, self.text, self.multilingual, splits)

    def load(self, adapter: Adapter, folder: str | Path) -> PreTrainedModel:
        """Load a saved model; without a language its network detects the one that it hears."""
        model: Any = super().load(adapter, folder)
        self._set_generation(model)
        return model  # type: ignore[no-any-return]

    def _set_generation(self, model: Any) -> None:
        """Complete a network's generation config, and give it the language of this task, in place."""
        complete(model, self.tokenizer, self.multilingual)
        generation = model.generation_config
        # Only here: the model's config and forced_decoder_ids would conflict.
        generation.language = self.text.language if self.multilingual else None
        generation.task = "transcribe" if self.multilingual else None
        generation.forced_decoder_ids = None
        # By default transformers' pipeline uses five beams, whose texts may differ from those that were scored.
        plain_search(generation)
        generation.num_beams = 1

    def fit_window(self, adapter: Adapter, durations: NDArray[np.float64], window: float | None) -> Adapter:
        """Return the adapter with its full window, shortened to the longest clip of each batch.

        A `window` of the recipe is the same for every batch: the checkpoint was trained with 30.
        """
        return adapter.with_window(window) if window else self.inference_adapter(adapter).with_dynamic_window()

    def inference_adapter(self, adapter: Adapter) -> Adapter:
        """Return the adapter with the full window, which plain transformers uses for the saved model."""
        return adapter.with_window(adapter.longest_window)

    def label(self, transcript: str, seconds: float) -> list[int]:
        """Return the tokens to generate: the prefix without its start, the transcript (between its times), the end."""
        words = self._words(transcript)
        if self.text.timestamps:
            # Not every tokenizer has names for times; their ids follow that of <|notimestamps|>.
            zero = self.tokenizer.convert_tokens_to_ids("<|notimestamps|>") + 1
            words = [zero, *words, zero + round(seconds / TIMESTAMP)]
        return [*self.prefix[1:], *words, self.tokenizer.eos_token_id]

    def _words(self, transcript: str) -> list[int]:
        """Return the tokens of a transcript alone."""
        # A word's first token contains the space before it, also at the start, as the checkpoint was trained.
        spelled = transcript and f"{self.text.space}{transcript}"
        return plain_tokens(self.tokenizer, spelled)

    def _misfit(self, transcript: str, samples: int, adapter: Adapter) -> str | None:
        """Return why the decoder has too few positions for a transcript."""
        length = len(self.label(transcript, 0.0)) + len(self.prompt) + self.by_clip
        return f"{length} tokens, and the decoder has {LONGEST_LABEL} positions" if length >= LONGEST_LABEL else None

    @property
    def prompt(self) -> list[int]:
        """Return the ids of the prompt before a transcript, which the decoder does not learn to generate."""
        if not self.text.prompt:
            return []
        words = plain_tokens(self.tokenizer, f" {self.text.prompt.strip()}")
        return [self.tokenizer.convert_tokens_to_ids("<|startofprev|>"), *words]

    def prompted(self, model: Any) -> dict[str, Tensor]:
        """Return the prompt as an argument of `generate`, on the network's device; {} where there is none."""
        import torch

        return {"prompt_ids": torch.tensor(self.prompt, device=model.device)} if self.text.prompt else {}

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of generated tokens."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True)).strip()

    def build(self, checkpoint: Checkpoint, head: HeadSettings) -> PreTrainedModel:
        """Load a checkpoint in float32 with language and task in its generation config."""
        architectures = checkpoint.adapter.config.architectures or ("something else",)
        if not any("ForConditionalGeneration" in name for name in architectures):
            raise InputError(
                f"{checkpoint.name} was saved as {', '.join(architectures)}, without a text decoder; start "
                "from a Whisper checkpoint for transcription."
            )
        model: Any = pretrained(self, checkpoint, head)
        self._set_generation(model)
        generation = model.generation_config
        plain_search(generation, RESTRICTIONS)
        generation.max_length = max(generation.max_length, self.limit)
        # Tokens of the transcripts must not be suppressed: OpenAI's list, made against descriptions of noise, contains
        # every colon, semicolon, quotation mark and bracket.
        for name, needed in (("suppress_tokens", self.writes), ("begin_suppress_tokens", self.begins)):
            suppressed = getattr(generation, name, None) or ()
            setattr(generation, name, [token for token in suppressed if token not in needed])
        return model

    def loss(self, model: Any, inputs: Inputs, labels: Tensor, head: HeadSettings) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy a token, and the logits (batch, tokens, vocabulary)."""
        import torch

        given, expected = self._decoder_inputs(labels, inputs.get("language"))
        with window_of(model, inputs["input_features"]):
            logits = model(**without_language(inputs), decoder_input_ids=given).logits
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1).float(),
            expected.flatten(),
            ignore_index=NO_TOKEN,
            label_smoothing=head.label_smoothing,
        )
        return loss, logits

    def loss_weight(self, labels: Tensor, head: HeadSettings) -> Tensor:
        """Return the number of tokens, with that of each clip's language."""
        return (labels != NO_TOKEN).sum() + len(labels) * self.by_clip

    def log_probabilities(self, model: Any, inputs: Inputs, transcripts: Sequence[str], adapter: Adapter) -> Tensor:
        """Return the mean log-probability of the tokens of each transcript and its end, each after the right ones."""
        import torch

        labels = self.batch_labels(transcripts, [0.0] * len(transcripts)).to(model.device)
        language = inputs.get("language")
        given, expected = self._decoder_inputs(labels, language)
        with window_of(model, inputs["input_features"]):
            logits = finite(model(**without_language(inputs), decoder_input_ids=given).logits).float()
        # Language, task and times are no part of the transcript.
        before = len(self.prefix) + (language is not None)
        own = (expected != NO_TOKEN) & (torch.cumsum(expected != NO_TOKEN, 1) >= before)
        each = logits.log_softmax(-1).gather(-1, expected.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        return (each * own).sum(1) / own.sum(1)

    def _decoder_inputs(self, labels: Tensor, language: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the decoder's inputs and the next tokens to predict, both (batch, tokens); -100 is ignored.

        The token of each clip's `language` (batch,) stands before its label.
        """
        import torch

        if language is not None:
            labels = torch.cat([language.unsqueeze(1), labels], 1)
        start = labels.new_full((len(labels), 1), self.prefix[0])
        before = labels.new_tensor(self.prompt).expand(len(labels), -1)
        written = labels[:, :-1].masked_fill(labels[:, :-1] == NO_TOKEN, self.tokenizer.eos_token_id)
        return torch.cat([before, start, written], 1), torch.cat([torch.full_like(before, NO_TOKEN), labels], 1)

    def predict_step(self, model: Any, adapter: Adapter, inputs: Inputs, outputs: Tensor | None = None) -> Tensor:
        """Return generated token ids int64 (batch, tokens), greedily, up to the decoder's last position."""
        # In validation a text twice as long as any transcript is cut off; final scores take all of it.
        settings: dict[str, Any] = {} if outputs is None else {"max_length": self.limit}
        if (language := inputs.get("language")) is not None:
            settings["language"] = self.tokenizer.convert_ids_to_tokens(language.tolist())
        with window_of(model, inputs["input_features"]):
            return model.generate(
                **without_language(inputs), **settings, **self.prompted(model), logits_processor=[check_scores]
            )

    def transcribe(self, model: Any, adapter: Adapter, waves: Waves, *, words: bool = False) -> list[Transcribed]:
        """Return the transcripts, with words by the decoder's cross-attention; "" where it finds no speech."""
        return transcribe(self, model, adapter, waves, words)
