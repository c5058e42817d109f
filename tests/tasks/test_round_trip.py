"""A perfect model scores 0 on its own transcripts, in every spelling; what breaks that is refused before training."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from checkpoints import MINI, RATE, speech, tiny_checkpoint, tiny_transcriber

from audio_ft import Data, Recipe, Text
from audio_ft.errors import InputError
from audio_ft.models import load_adapter
from audio_ft.targets import Transcript
from audio_ft.targets.tags import Tags
from audio_ft.tasks import CTC, Seq2Seq
from audio_ft.tasks.base import Checkpoint
from audio_ft.tasks.round_trip import SAMPLE, check_round_trip, plain_tokens, sample
from audio_ft.tasks.transcription import Transcription

WRITTEN = (
    "Don't  call-forward , she said: \"we'll\" do n't!",
    "AT THE TONE <COMMA> NOW <PERIOD> [laughter-so] (( )) ((i think)) {laugh} <SIL>",
    "%um &Mary ab[solute]- them_1 it 's read(2)",
    "hello <|endoftext|> and <|startoftranscript|><|en|> <pad> [PAD] <s> </s> <unk> [UNK] a|b | c",
    "Caf\u00e9 cafe\u0301 \ufb01n \u00bd \u0130I\u0131 Stra\u00dfe \u1e9e na\u00efve",
    "\u0440\u0443\u0441 \u65e5\u672c\u8a9e \u0e44\u0e17\u0e22 \u0939\u093f\u0928\u094d\u0926\u0940"
    " \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u00a0leading and trailing\u3000 \ufeff\tnot\u00ad there \u2028 \u2581 x\u2581y",
    "a" * 300,
    "1984 & 3,5 % \U0001f600 \ufffd",
)
SPELLINGS: list[dict[str, Any]] = [
    *({"tags": tags} for tags in get_args(Tags)),
    *({"tags": tags, "punctuation": "keep", "case": "keep"} for tags in get_args(Tags)),
    *({"unicode": form, "punctuation": "keep"} for form in ("NFC", "NFKC", "NFD", "NFKD")),
    *({"case": case, "punctuation": kept} for case in ("keep", "lower", "upper") for kept in ("keep", "remove")),
]


def assert_perfect(task: Transcription, transcripts: Any = WRITTEN) -> None:
    """Compare what comes back with the references by the metrics of the task."""
    references = task.target.encode(list(transcripts))
    read = np.array([task.read_back(text) for text in references], object)
    assert read.tolist() == references.tolist()
    scores = task.target.score(read, references, resamples=10)
    assert {name: scores[name].value for name in ("wer", "cer")} == {"wer": 0.0, "cer": 0.0}
    assert check_round_trip(task, {"train": (list(transcripts), list(transcripts))}) == []


def ctc(transcripts: Any = WRITTEN, checkpoint: str = MINI, **text: Any) -> CTC:
    task = CTC.plan(Transcript(text=Text(**text)), Checkpoint(load_adapter(checkpoint), checkpoint), transcripts)
    assert isinstance(task, CTC)
    return task


@functools.cache
def whisper(folder: str, **text: Any) -> Seq2Seq:
    task = Seq2Seq.plan(Transcript(text=Text(**text)), Checkpoint(load_adapter(folder), folder), ["a"])
    assert isinstance(task, Seq2Seq)
    return task


@pytest.mark.parametrize("spelling", SPELLINGS, ids=str)
def test_a_perfect_ctc_network_scores_0(spelling: dict[str, Any]) -> None:
    written = [text.replace("|", " ") for text in WRITTEN]
    assert_perfect(ctc(written, **spelling), written)


@pytest.mark.real
@pytest.mark.parametrize("spelling", SPELLINGS, ids=str)
@pytest.mark.parametrize(
    ("name", "language"), [("whisper-tiny.en", "en"), ("whisper-tiny", "ja"), ("whisper-tiny", "tr")]
)
def test_a_perfect_whisper_scores_0(shared: Path, name: str, language: str, spelling: dict[str, Any]) -> None:
    for timestamps in (False, True):
        task = whisper(str(shared / "checkpoints" / name), language=language, timestamps=timestamps)
        assert_perfect(dataclasses.replace(task, target=Transcript(text=task.text.replace(**spelling))))


@pytest.mark.real
def test_names_of_special_tokens_in_a_transcript_are_text(shared: Path) -> None:
    task = whisper(str(shared / "checkpoints" / "whisper-tiny"), language="en")
    special = set(task.tokenizer.added_tokens_decoder)
    text = " <|endoftext|> <|fr|> <|0.00|> <|notimestamps|>"
    assert special & set(task.tokenizer(text, add_special_tokens=False).input_ids)
    assert not special & set(plain_tokens(task.tokenizer, text))
    plain = " Nothing special, don't <you> think? 日本語"
    assert plain_tokens(task.tokenizer, plain) == task.tokenizer(plain, add_special_tokens=False).input_ids
    prompted = whisper(str(shared / "checkpoints" / "whisper-tiny"), language="en", prompt="<|endoftext|> Ada")
    assert not special & set(prompted.prompt[1:])


@pytest.mark.real
def test_words_that_were_added_to_a_vocabulary_are_tokens(shared: Path, tmp_path: Path) -> None:
    # huggingface/transformers#33082
    for file in (shared / "checkpoints" / "whisper-tiny.en").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tokenizer = whisper(str(tmp_path)).tokenizer
    tokenizer.add_tokens(["concord", " returned"])
    tokenizer.save_pretrained(tmp_path)
    whisper.cache_clear()
    task = whisper(str(tmp_path))
    text = "text is concord returned to its place"
    assert set(tokenizer.convert_tokens_to_ids(["concord", " returned"])) <= set(task.label(text, 1.0))
    assert_perfect(task, [text])


def test_tokens_that_the_network_lacks_are_refused(tmp_path: Path) -> None:
    from transformers import WhisperTokenizer

    folder = tiny_transcriber(tmp_path)
    tokenizer = WhisperTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["concord"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(InputError, match=r"its tokenizer has tokens that its network lacks \('concord'\)"):
        Seq2Seq.plan(Transcript(text=Text(language="en")), Checkpoint(load_adapter(folder), folder), ["a concord"])


@pytest.mark.real
def test_times_in_transcripts_of_whisper_are_refused_with_the_setting_that_fixes_it(shared: Path) -> None:
    folder = str(shared / "checkpoints" / "whisper-tiny.en")
    splits = {"train": (["yes", "<|0.00|> so<|1.20|>"], ["a.wav", "b.wav"])}
    with pytest.raises(
        InputError,
        match=r"train, b\.wav: a model that makes no error cannot write this transcript, '<\|0\.00\|> so<\|1\.20\|>' "
        r"comes back from its tokens as 'so'; set text\.tags=drop",
    ):
        whisper(folder).check_targets(splits)
    assert whisper(folder, tags="drop").check_targets(splits) == []


def test_the_sign_between_words_is_refused_as_a_letter() -> None:
    task = ctc(("a|b c", "c"), punctuation="keep")
    assert task.tokens == ("<pad>", "<unk>", "|", "a", "b", "c")
    with pytest.raises(
        InputError, match=r"'a\|b c' comes back from its tokens as 'a b c'; set text\.punctuation=remove"
    ):
        task.check_targets({"train": (["c", "a|b c"], ["1", "2"])})
    assert_perfect(ctc(("a|b c", "c")), ("a|b c", "c"))


def saved_vocabulary(folder: Path, names: Any, **settings: Any) -> str:
    """Write a tiny checkpoint with a CTC head and a tokenizer of these names."""
    from transformers import Wav2Vec2ForCTC

    model = Wav2Vec2ForCTC.from_pretrained(tiny_checkpoint("wav2vec2-layer", folder, vocab_size=len(names)))
    model.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({name: place for place, name in enumerate(names)}))
    usual = {"tokenizer_class": "Wav2Vec2CTCTokenizer", "pad_token": "<pad>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(usual | settings))
    return str(folder)


USUAL = ("<pad>", "<s>", "</s>", "<unk>", "|")


@pytest.mark.parametrize(
    ("names", "settings", "transcripts", "kept"),
    [
        ((*USUAL, *"ABC'"), {}, ["A bc"], True),
        ((*USUAL, *"ABC"), {"do_lower_case": True}, ["A bc"], True),  # writes small letters with capitals
        ((*USUAL, *"abc"), {"clean_up_tokenization_spaces": True}, ["a , b", "a .c"], True),
        ((*USUAL, *"abc,."), {"clean_up_tokenization_spaces": True}, ["a , b", "a .c"], True),
        (("[PAD]", "[UNK]", "|", *"abc"), {"pad_token": "[PAD]", "unk_token": "[UNK]"}, ["abc"], True),
        ((" ", "<pad>", "<unk>", *"abc"), {"word_delimiter_token": " "}, ["a bc"], True),
        (("<pad>", "<unk>", *"abc"), {}, ["a bc"], False),  # no token for the space
        ((*USUAL, *"abc"), {}, ["abcd"], False),
        ((*USUAL, "ch", *"abch"), {}, ["chab ch ab"], True),  # tokens of several letters
        ((*USUAL, *"<spad>/unkbc"), {}, ["<s> <pad> </s> <unk> b"], True),
        ((*USUAL, *"ab", "ch", "sch"), {}, ["ach bsch"], True),  # no token for c
        ((*USUAL, *"abc"), {"tokenizer_class": "Wav2Vec2Tokenizer"}, ["a bc"], True),  # as of 2020
        ((*USUAL[:4], "ɪ", "tʃ", "ɔː"), {"tokenizer_class": "Wav2Vec2PhonemeCTCTokenizer"}, ["ɪ tʃ ɔː"], True),
    ],
)
def test_a_vocabulary_is_kept_if_it_writes_the_transcripts(
    tmp_path: Path, names: Any, settings: dict[str, Any], transcripts: list[str], kept: bool
) -> None:
    folder = saved_vocabulary(tmp_path, names, **settings)
    for punctuation in ("remove", "keep") if kept else ("keep",):
        task = ctc(transcripts, folder, punctuation=punctuation)
        if punctuation == "remove" or not kept:
            assert task.from_scratch is not kept
        assert_perfect(task, transcripts)


def test_a_network_of_phonemes_writes_them_as_transformers_does(tmp_path: Path) -> None:
    from transformers import Wav2Vec2PhonemeCTCTokenizer

    names = (*USUAL[:4], "\u026a", "t\u0283", "\u0254\u02d0")
    folder = saved_vocabulary(tmp_path / "start", names, tokenizer_class="Wav2Vec2PhonemeCTCTokenizer")
    adapter = load_adapter(folder)
    task = ctc(["\u026a t\u0283"], folder)
    task.save(adapter, tmp_path / "start")
    again = CTC.restore(adapter.config, folder, task.text)
    theirs = Wav2Vec2PhonemeCTCTokenizer.from_pretrained(folder)
    path = [0, 4, 4, 0, 4, 5, 0]
    assert again.decode(path) == theirs.decode(path) == "\u026a \u026a t\u0283"
    (found,) = again.transcribe(again.load(adapter, folder), adapter, [speech(RATE)], words=True)
    assert " ".join(word["text"] for word in found.words) == found.text


def test_every_character_is_tried_where_there_are_many_transcripts() -> None:
    many = ["abc"] * (3 * SAMPLE) + ["abd", "<|0.00|>", "abc"]
    rows = list(sample(many))
    assert {0, 3 * SAMPLE, 3 * SAMPLE + 1} <= set(rows)
    assert len(rows) < SAMPLE + 4
    assert check_round_trip(ctc(many[:-2]), {"train": (many[:-2], many[:-2])}) == [
        f"{SAMPLE + 1:,} of {3 * SAMPLE + 1:,} transcripts of train were turned into tokens and back, unchanged"
    ]


def test_training_refuses_before_it_reads_recordings(tmp_path: Path) -> None:
    from audio_ft.training.setup import prepare

    listing = tmp_path / "list.csv"
    rows = [f"{word}/{take}.wav,{word}<|0.00|>" for word in ("yes", "no") for take in range(20)]
    listing.write_text("\n".join(["file_name,text", *rows]))
    for row in rows:
        file = tmp_path / row.partition(",")[0]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(row.encode())
    recipe = Recipe(
        name="times",
        model=tiny_transcriber(tmp_path / "model"),
        task="seq2seq",
        data=Data(str(listing), target="text"),
        text=Text(language="en"),
    )
    with pytest.raises(InputError, match=r"comes back from its tokens as .*; set text\.tags=drop, or correct"):
        prepare(recipe, lambda line: None)
