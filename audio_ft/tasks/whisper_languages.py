"""What a Whisper checkpoint knows of languages, asked of its generation config and tokenizer and of no vocabulary size.

Checkpoints of 2022 name neither languages nor tasks in their generation config; the tokenizer does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from audio_ft.errors import InputError
from audio_ft.file_io import read_json
from audio_ft.models.checkpoint import checkpoint_folder
from audio_ft.targets.languages import language_code, spaced
from audio_ft.targets.transcripts import Text

# GPT-2's last token, whose vocabulary the English-only checkpoints of every size share.
GPT2_END = 50_256
TASKS = ("transcribe", "translate")
# Settings of generation under which the text is not the most probable one, or comes in another form.
OTHER_OUTPUT = ("do_sample", "temperature", "top_k", "top_p", "min_p", "typical_p", "num_beam_groups",
                "early_stopping", "num_return_sequences", "return_dict_in_generate", "return_timestamps",
                "return_token_timestamps", "output_scores", "output_logits", "output_attentions",
                "output_hidden_states")  # fmt: skip
# Those that keep a network from writing what it learns.
RESTRICTIONS = ("max_new_tokens", "min_length", "min_new_tokens", "no_repeat_ngram_size", "repetition_penalty",
                "exponential_decay_length_penalty", "encoder_no_repeat_ngram_size", "bad_words_ids", "sequence_bias",
                "forced_bos_token_id", "forced_eos_token_id")  # fmt: skip


def stated(checkpoint: str | Path, revision: str | None = None) -> dict[str, Any]:
    """Return a checkpoint's settings of generation; older ones have them in config.json."""
    folder = checkpoint_folder(checkpoint, revision)
    files = (folder / "config.json", folder / "generation_config.json")
    plain: dict[str, Any] = {}
    for file in files:
        plain |= {key: value for key, value in (read_json(file) if file.is_file() else {}).items() if value is not None}
    return plain


def language_tokens(tokenizer: Any) -> dict[str, int]:
    """Return the tokens of languages, <|en|> and so on, with their ids."""
    added = tokenizer.get_added_vocab()
    return {name: place for name, place in added.items() if re.fullmatch(r"<\|[a-z]{2,3}\|>", name)}


def language_id(tokenizer: Any, language: str) -> int:
    """Return the token of a language, given as text.language takes it.

    Raises:
        InputError: it is no language, or the checkpoint has no token for it.
    """
    known = language_tokens(tokenizer)
    token = f"<|{language_code(language)}|>"
    if token not in known:
        raise InputError(
            f"This Whisper checkpoint's tokenizer has no token for the language {language!r} of a clip; leave its "
            "clips out (data.where), or choose a checkpoint that knows it."
        )
    return known[token]


def without_language(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a batch that the encoder takes."""
    return {name: value for name, value in inputs.items() if name != "language"}


def check_languages(
    tokenizer: Any, text: Text, multilingual: bool, splits: Mapping[str, tuple[Sequence[str | None], Sequence[str]]]
) -> list[str]:
    """Check that a checkpoint can learn the languages of clips, and return a line that counts them.

    Raises:
        InputError: there is no language, or one that the recipe or the checkpoint contradicts.
    """
    rows = [row for languages, keys in splits.values() for row in zip(languages, keys, strict=True)]
    counts = Counter(_code(language, key) for language, key in rows if language is not None)
    one = text.language if multilingual else "en"
    if one is not None:
        if others := sorted(set(counts) - {one}):
            why = f"text.language is {one}" if multilingual else "this Whisper checkpoint is English-only"
            raise InputError(
                f"The data has clips in {', '.join(others)}, and {why}; "
                + ("leave text.language out to give each clip its own" if multilingual else "choose a multilingual one")
                + ", or leave these clips out (data.where)."
            )
        return []
    if not counts:
        raise InputError(
            "This Whisper checkpoint is multilingual; set its language, such as text.language=fr, or name the column "
            "of each clip's language with data.language_column=NAME."
        )
    if missing := [key for language, key in rows if language is None]:
        raise InputError(
            f"{len(missing):,} of {len(rows):,} clips have no language (first: {missing[0]}); fill it in, leave them "
            "out (data.where), or set `language` of each source."
        )
    for language in counts:
        language_id(tokenizer, language)
        if not spaced(language):
            raise InputError(
                f"{language} is written without spaces between words, which changes labels and scores; train on it "
                f"alone, with text.language={language}, and leave its clips out here (data.where)."
            )
    return [f"languages   {', '.join(f'{name} {count:,}' for name, count in counts.most_common())} clips"]


def _code(language: str, key: str) -> str:
    """Return Whisper's code of a clip's language."""
    try:
        return language_code(language)
    except InputError as error:
        raise InputError(f"{key}: {str(error).replace('text.language: ', 'its language: ')}") from error


def is_multilingual(tokenizer: Any, plain: Mapping[str, Any]) -> bool:
    """Return whether a checkpoint transcribes several languages; `plain` are its settings of generation.

    What it states decides, then the tokens that it forces before a transcript, then its tokenizer.
    """
    if isinstance(plain.get("is_multilingual"), bool):
        return bool(plain["is_multilingual"])
    languages = language_tokens(tokenizer)
    if plain.get("lang_to_id"):
        return True
    if forced := plain.get("forced_decoder_ids"):
        # Multilingual checkpoints force a language, or leave its place open.
        return any(pair[1] is None or pair[1] in languages.values() for pair in forced)
    return bool(languages) and tokenizer.eos_token_id != GPT2_END


def complete(model: Any, tokenizer: Any, multilingual: bool) -> None:
    """Add what a network's generation config lacks and its tokenizer or configuration knows, in place."""
    generation, config, known = model.generation_config, model.config, tokenizer.get_vocab()
    named = {name: place for name, place in language_tokens(tokenizer).items() if place < config.vocab_size}
    tasks = {task: known[f"<|{task}|>"] for task in TASKS if f"<|{task}|>" in known}
    heads = range(config.decoder_attention_heads)
    layers = range(config.decoder_layers // 2, config.decoder_layers)
    following = getattr(generation, "alignment_heads", None) or ()
    if any(layer >= config.decoder_layers or head not in heads for layer, head in following):
        # Left from the larger network that this one was distilled from.
        generation.alignment_heads = None
    found: dict[str, Any] = {
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.eos_token_id if config.pad_token_id is None else config.pad_token_id,
        "max_length": config.max_target_positions,
        "is_multilingual": multilingual,
        "no_timestamps_token_id": known.get("<|notimestamps|>"),
        "prev_sot_token_id": known.get("<|startofprev|>"),
        "decoder_start_token_id": known.get("<|startoftranscript|>"),
        # As OpenAI's own code where the heads that follow the sound are not known.
        "alignment_heads": [[layer, head] for layer in layers for head in heads],
        "max_initial_timestamp_index": 50,
    }
    if multilingual:
        found |= {"lang_to_id": named, "task_to_id": tasks}
    for name, value in found.items():
        if getattr(generation, name, None) is None and value is not None:
            setattr(generation, name, value)


def plain_search(generation: Any, names: Iterable[str] = OTHER_OUTPUT) -> None:
    """Take settings of generation back to transformers' defaults, in place."""
    from transformers import GenerationConfig

    usual = GenerationConfig()
    for name in names:
        if hasattr(generation, name):
            setattr(generation, name, getattr(usual, name, None))
