"""Whisper as it is used for writing: labels, window, loss and text, checked against transformers' own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from checkpoints import RATE, fetched_whisper, speech, tiny_checkpoint, tiny_transcriber
from scores import places

import audio_ft as aft
from audio_ft import Data, Recipe, Text
from audio_ft.cleaning.steps import Resample
from audio_ft.errors import InputError
from audio_ft.models import load_adapter
from audio_ft.targets import Transcript
from audio_ft.tasks import Seq2Seq, task_for
from audio_ft.tasks.base import Checkpoint, HeadSettings
from audio_ft.tasks.whisper_decoding import compression, window_of

pytestmark = pytest.mark.real

TEXTS = ("Agent login. Please enter your agent number followed by the pound key.", "Activated.", "Yes")


@pytest.fixture(scope="module")
def english(shared: Path) -> str:
    return fetched_whisper(shared, "whisper-tiny.en")


@pytest.fixture(scope="module")
def multilingual(shared: Path) -> str:
    return fetched_whisper(shared, "whisper-tiny")


def planned(checkpoint: str, transcripts: tuple[str, ...] = TEXTS, **text: Any) -> Seq2Seq:
    """Return the task for a checkpoint."""
    task = Seq2Seq.plan(Transcript(text=Text(**text)), Checkpoint(load_adapter(checkpoint), checkpoint), transcripts)
    assert isinstance(task, Seq2Seq)
    return task


@pytest.mark.parametrize("name", ["english", "multilingual"])
def test_a_label_is_what_whispers_own_tokenizer_makes_without_its_start(
    name: str, request: pytest.FixtureRequest
) -> None:
    from transformers import WhisperTokenizer

    checkpoint = request.getfixturevalue(name)
    task = planned(checkpoint, language="en" if name == "english" else "fr")
    theirs = WhisperTokenizer.from_pretrained(checkpoint)
    if name == "multilingual":
        theirs.set_prefix_tokens(language="fr", task="transcribe")
    for text in TEXTS:
        whole = theirs(f" {text}").input_ids
        label = task.label(text, 1.0)
        assert label == whole[1:]
        assert whole[0] == theirs.convert_tokens_to_ids("<|startoftranscript|>")
        assert label.count(theirs.convert_tokens_to_ids("<|startoftranscript|>")) == 0
        assert label[-1] == theirs.eos_token_id
        assert label.count(theirs.eos_token_id) == 1
        assert task.decode(label) == text


def test_labels_are_padded_with_what_the_loss_leaves_out_and_the_loss_is_transformers_own(english: str) -> None:
    task, adapter = planned(english), load_adapter(english)
    model = task.build(Checkpoint(adapter, english), HeadSettings()).eval()
    labels = task.batch_labels(TEXTS[:2], [5.0, 1.0])
    assert (labels == -100).sum() == len(task.label(TEXTS[0], 0.0)) - len(task.label(TEXTS[1], 0.0))
    inputs = adapter.collate([adapter.extract(speech(RATE, seed)) for seed in range(2)])
    with torch.inference_mode():
        loss, _ = task.loss(model, inputs, labels, HeadSettings())
        torch.testing.assert_close(loss, model(**inputs, labels=labels).loss, rtol=1e-4, atol=1e-4)


def test_times_and_prompts_are_inputs_but_a_prompt_is_not_learned(english: str) -> None:
    timed = planned(english, timestamps=True)
    from transformers import GenerationConfig

    zero = GenerationConfig.from_pretrained(english).no_timestamps_token_id + 1
    label = timed.label("Yes", 1.24)
    assert (label[0], label[-2]) == (zero, zero + 62), "in steps of 0.02 s"
    assert timed.tokenizer.decode(label[1:-2]) == " Yes"
    prompted = planned(english, prompt="Asterisk, voicemail")
    said, asked = prompted._decoder_inputs(prompted.batch_labels(["Yes"], [1.0]))
    names = prompted.tokenizer.convert_ids_to_tokens(said[0])
    assert names[0] == "<|startofprev|>"
    assert names.index("<|startoftranscript|>") == (asked[0] == -100).sum()
    assert prompted.tokenizer.decode(asked[0][asked[0] != -100], skip_special_tokens=True) == " Yes"


def test_a_prompt_is_used_in_every_prediction(english: str, shared: Path) -> None:
    from transformers import AutoProcessor

    task, adapter = planned(english, prompt=" Asterisk, voicemail "), load_adapter(english)
    model: Any = task.build(Checkpoint(adapter, english), HeadSettings()).eval()
    files = [shared / "data" / "prompts_asr" / "test" / name for name in ("en_activated.flac", "en_agent-user.flac")]
    waves = [Resample(RATE)(aft.read(file)).samples[0] for file in files]
    inputs = adapter.collate([adapter.extract(wave) for wave in waves])
    processor = AutoProcessor.from_pretrained(english)
    prompt = processor.get_prompt_ids("Asterisk, voicemail", return_tensors="pt")
    told = processor.batch_decode(model.generate(**inputs, prompt_ids=prompt), skip_special_tokens=True)
    untold = processor.batch_decode(model.generate(**inputs), skip_special_tokens=True)
    assert told != untold, "else this says nothing"
    assert [found.text for found in task.transcribe(model, adapter, waves)] == [text.strip() for text in told]
    spoken = [found.words for found in task.transcribe(model, adapter, waves, words=True)]
    assert [" ".join(word["text"] for word in words) for words in spoken] == [text.strip() for text in told]
    responses = task.predict_step(model, adapter, inputs).numpy()
    assert list(task.predictions(responses, places(0, 1), 2)) == [text.strip() for text in told]


def test_a_prompt_too_long_for_the_decoder_is_refused(english: str) -> None:
    with pytest.raises(InputError, match=r"text\.prompt is 301 tokens long, and Whisper takes 223"):
        planned(english, prompt="yes " * 300)


def test_what_transcripts_hold_is_not_forbidden(english: str, multilingual: str) -> None:
    marked = ('"Yes": press (one);', "Բարև")
    task = planned(multilingual, transcripts=marked, language="hy")
    model: Any = task.build(Checkpoint(load_adapter(multilingual), multilingual), HeadSettings())
    # Armenian letters are bytes to this tokenizer, behind a space of its own.
    assert task.label(marked[1], 1.0)[len(task.prefix) - 1] not in model.generation_config.begin_suppress_tokens
    assert task.tokenizer.eos_token_id in model.generation_config.begin_suppress_tokens
    written = {token for text in marked for token in task.label(text, 1.0)[len(task.prefix) - 1 :]}
    assert not written & set(model.generation_config.suppress_tokens)
    from transformers import GenerationConfig

    theirs = GenerationConfig.from_pretrained(multilingual).suppress_tokens
    assert written & set(theirs), "else this says nothing"
    assert set(model.generation_config.suppress_tokens) == set(theirs) - written
    assert model.generation_config.suppress_tokens[-6:] == theirs[-6:], "transformers finds tokens by these places"
    plain: Any = planned(english).build(Checkpoint(load_adapter(english), english), HeadSettings())
    assert plain.generation_config.suppress_tokens == GenerationConfig.from_pretrained(english).suppress_tokens


@pytest.mark.parametrize(("language", "text"), [("th", "สวัสดี"), ("zh", "你好"), ("ja", "はい")])
def test_languages_without_spaces_begin_with_none(multilingual: str, language: str, text: str) -> None:
    task = planned(multilingual, language=language)
    label = task.label(text, 1.0)
    assert task.tokenizer.decode(label, skip_special_tokens=True) == text
    assert (
        task.tokenizer.decode(planned(multilingual, language="fr").label("oui", 1.0), skip_special_tokens=True)
        == " oui"
    )


def test_a_checkpoint_is_used_in_a_language_that_it_knows(english: str, multilingual: str) -> None:
    with pytest.raises(InputError, match=r"text\.language"):
        planned(multilingual).check_languages({"train": ([], [])})
    with pytest.raises(InputError, match="English-only"):
        planned(english, language="fr")
    model: Any = planned(multilingual, language="fr").build(
        Checkpoint(load_adapter(multilingual), multilingual), HeadSettings()
    )
    assert (model.generation_config.language, model.generation_config.task) == ("fr", "transcribe")
    assert model.generation_config.num_beams == 1
    plain: Any = planned(english).build(Checkpoint(load_adapter(english), english), HeadSettings())
    assert (plain.generation_config.language, plain.generation_config.task) == (None, None)


def test_a_checkpoint_without_a_decoder_is_refused(tmp_path: Path) -> None:
    from transformers import AutoModelForAudioClassification

    checkpoint = tiny_checkpoint("whisper", tmp_path / "model")
    AutoModelForAudioClassification.from_pretrained(checkpoint).save_pretrained(tmp_path / "classifier")
    adapter = load_adapter(checkpoint)
    adapter.config.architectures = ["WhisperForAudioClassification"]
    task = Seq2Seq((), Text(language="en"), None, (1, 2))
    with pytest.raises(InputError, match="decoder"):
        task.build(Checkpoint(adapter, str(tmp_path / "classifier")), HeadSettings())
    assert task_for("transcription", adapter) is Seq2Seq


def test_the_window_shrinks_to_the_batch_and_comes_back(english: str) -> None:
    task, adapter = planned(english), load_adapter(english)
    model: Any = task.build(Checkpoint(adapter, english), HeadSettings()).eval()
    elastic = task.fit_window(adapter, np.asarray([1.0, 12.0]), None)
    short = elastic.collate([elastic.extract(speech(RATE))])["input_features"]
    longer = elastic.collate([elastic.extract(speech(RATE)), elastic.extract(speech(14 * RATE))])["input_features"]
    assert (short.shape[-1], longer.shape[-1]) == (1_000, 1_600)
    whole = adapter.collate([adapter.extract(speech(RATE))])["input_features"][0, :, :1_000]
    # Two lengths are two products of matrices, whose last bits differ on some processors.
    torch.testing.assert_close(short[0], whole, rtol=0, atol=1e-6)
    assert task.inference_adapter(elastic).collate([adapter.extract(speech(RATE))])["input_features"].shape[-1] == 3_000
    assert (
        task.fit_window(adapter, np.asarray([1.0]), 30.0)
        .collate([adapter.extract(speech(RATE))])["input_features"]
        .shape[-1]
        == 3_000
    )
    with window_of(model, short), torch.inference_mode():
        assert model.get_encoder()(short).last_hidden_state.shape[1] == 500
    assert model.config.max_source_positions == model.get_encoder().embed_positions.num_embeddings == 1_500


def test_loops_pack_better_than_sentences() -> None:
    assert compression("") == 0
    assert compression("I am not. " * 30) > 2.4
    for text in TEXTS:
        assert compression(text) < 2.4


@pytest.fixture(scope="module")
def run(english: str, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe(
        model=english,
        data=Data(path=str(shared / "data" / "prompts_asr"), where=("language=en",), limit=4),
        task="transcription",
        training={"max_steps": 2, "per_device_train_batch_size": 2},
    )
    folder = tmp_path_factory.mktemp("run") / "run"
    aft.train(recipe, folder)
    return folder


def test_the_pipeline_writes_what_predict_writes_and_what_was_scored(run: Path, shared: Path) -> None:
    from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor, pipeline

    processor = AutoProcessor.from_pretrained(run / "model")
    plain = AutoModelForSpeechSeq2Seq.from_pretrained(run / "model")
    assert plain.config.max_source_positions == 1_500
    assert plain.config.use_cache
    vocabulary, added = (json.loads((run / "model" / f"{name}.json").read_text()) for name in ("vocab", "added_tokens"))
    assert vocabulary | added == processor.tokenizer.get_vocab()
    assert vocabulary["<|endoftext|>"] == len(vocabulary) - 1 == min(added.values()) - 1
    listen = pipeline(
        "automatic-speech-recognition",
        model=plain,
        tokenizer=processor.tokenizer,
        feature_extractor=processor.feature_extractor,
    )
    model = aft.load(run)
    table = pandas.read_parquet(run / "predictions.parquet")
    for row in table[table["split"] == "test"].itertuples():
        file = shared / "data" / "prompts_asr" / str(row.file)
        clean = model.chain(aft.read(file))
        theirs = listen({"raw": clean.samples[0], "sampling_rate": clean.rate})["text"].strip()
        assert model(str(file))["text"] == theirs == row.prediction


def test_a_run_records_language_untuned_scores_and_a_whole_processor(run: Path) -> None:
    record = aft.Run.load(run)
    assert record.recipe.task == "seq2seq"
    assert record.recipe.text.language == "en"
    assert set(record.baselines) == {"untuned"}
    assert record.baselines["untuned"]["wer"].n == 4
    names = {path.name for path in (run / "model").iterdir()}
    assert {"tokenizer.json", "processor_config.json", "generation_config.json", "preprocessor_config.json"} <= names
    assert json.loads((run / "model" / "preprocessor_config.json").read_text("utf-8"))["chunk_length"] == 30


def test_words_come_in_order_with_times_inside_the_recording(run: Path, shared: Path) -> None:
    file = shared / "data" / "prompts_asr" / "test" / "en_agent-user.flac"
    answer = aft.load(run)(str(file), words=True)
    words = [word for segment in answer["segments"] for word in segment["words"]]
    assert len(words) > 8
    assert " ".join(word["text"] for word in words) == answer["text"]
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= 5.0
    # "Please" comes after the pause that the full stop stands for, about two seconds in.
    assert 1.5 < next(word["start"] for word in words if word["text"].startswith("Please")) < 2.6


def test_the_probability_of_a_transcript_is_that_of_its_tokens_one_by_one(tmp_path: Path) -> None:
    checkpoint = tiny_transcriber(tmp_path)
    task = planned(checkpoint, ("abc", "hello"), language="en")
    adapter = task.inference_adapter(load_adapter(checkpoint))
    model: Any = task.load(adapter, checkpoint)
    inputs = adapter.collate([adapter.extract(speech(8_000, seed)) for seed in range(2)])
    texts = ["hello you", "abc"]
    with torch.inference_mode():
        found = task.log_probabilities(model.eval(), inputs, texts, adapter)
        for row, text in enumerate(texts):
            tokens, spoken = list(task.prefix), []
            for token in [*task._words(text), task.tokenizer.eos_token_id]:
                features = inputs["input_features"][row : row + 1]
                logits = model(input_features=features, decoder_input_ids=torch.tensor([tokens])).logits
                spoken.append(logits[0, -1].log_softmax(-1)[token].item())
                tokens.append(token)
            assert found[row].item() == pytest.approx(np.mean(spoken), abs=1e-4)
