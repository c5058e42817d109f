"""CTC: vocabulary, labels, frames and decoding, checked against torch's own loss and transformers' own decoding."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas
import pytest
import soundfile
import torch
from checkpoints import RATE, speech, tiny_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from scores import places

import audio_ft as aft
from audio_ft import Data, Recipe, Text
from audio_ft.errors import InputError
from audio_ft.models import load_adapter
from audio_ft.targets import Transcript
from audio_ft.tasks import CTC, task_for
from audio_ft.tasks.base import Checkpoint, HeadSettings
from audio_ft.tasks.ctc import PAD, UNKNOWN, make_tokenizer, names_of

SENTENCES = ("Hello there.", "Don't all bells ring?", "noon, soon", "Yes")
BAD = {"": "empty transcript", "?!": "only punctuation", "ab " * 700: "frames needed"}


def planned(checkpoint: str, transcripts: Any = SENTENCES, **text: Any) -> CTC:
    """Return the task for a checkpoint and these training transcripts."""
    start = Checkpoint(load_adapter(checkpoint), checkpoint)
    task = CTC.plan(Transcript(text=Text(**text)), start, transcripts)
    assert isinstance(task, CTC)
    return task


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_checkpoint("wav2vec2-group", tmp_path_factory.mktemp("ctc") / "model")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a manifest of transcribed recordings in three splits, one of each kind of bad transcript in train."""
    folder = tmp_path_factory.mktemp("recordings")
    rows = []
    for split, count in (("train", 6), ("validation", 4), ("test", 4)):
        texts = [SENTENCES[index % len(SENTENCES)] + f" {split[:2]}" for index in range(count)]
        texts += list(BAD) if split == "train" else []
        for index, text in enumerate(texts):
            name = f"{split}{index}.wav"
            soundfile.write(folder / name, speech(12_000 + 1_000 * index, seed=len(rows)), RATE)
            rows.append({"file_name": name, "text": text, "split": split, "speaker": f"{split}{index}"})
    pandas.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    return folder / "metadata.csv"


def test_the_vocabulary_is_that_of_the_training_transcripts_in_a_stable_order(checkpoint: str) -> None:
    task = planned(checkpoint)
    assert task.tokens == ("<pad>", "<unk>", "|", *sorted(set("".join(SENTENCES).lower()) - set(" .,?")))
    assert planned(checkpoint, tuple(reversed(SENTENCES))).tokens == task.tokens
    assert "S" in planned(checkpoint, ("So.",), case="keep").tokens
    assert "." in planned(checkpoint, ("So.",), punctuation="keep").tokens
    with pytest.raises(InputError, match="no letters"):
        planned(checkpoint, ("?", ""))


def test_characters_missing_in_training_are_reported_with_their_counts(checkpoint: str) -> None:
    lines = planned(checkpoint).describe({"train": np.asarray(["hello"]), "test": np.asarray(["zebra quiz z"])})
    warning = next(line for line in lines if line.startswith("warning: test"))
    assert "'z' 3" in warning
    assert "'q' 1" in warning


@settings(max_examples=60, deadline=None)
@given(st.text("abc", min_size=1, max_size=8), st.integers(1, 12))
def test_a_transcript_fits_if_and_only_if_torch_finds_a_path(text: str, frames: int) -> None:
    class Frames:
        def frames(self, length: int) -> int:
            return length

    task = FITTING[0]
    label = torch.tensor([task.label(text, 0.0)])
    uniform = torch.zeros(frames, 1, len(task.tokens)).log_softmax(-1)
    lengths = (torch.tensor([frames]), torch.tensor([label.shape[1]]))
    loss = torch.nn.functional.ctc_loss(uniform, label, *lengths, blank=0, reduction="none")
    assert bool(torch.isinf(loss[0])) == (task.why_unlearnable(text, frames, Frames()) is not None)


FITTING: list[CTC] = []


@pytest.fixture(scope="module", autouse=True)
def fitting(checkpoint: str) -> None:
    FITTING.append(planned(checkpoint, ("abc",)))


def test_labels_are_padded_with_what_the_loss_leaves_out(checkpoint: str) -> None:
    task = planned(checkpoint)
    labels = task.batch_labels(["yes", "hello there"], [1.0, 1.0])
    assert labels.shape == (2, 11)
    assert labels[0].tolist()[3:] == [-100] * 8
    assert [task.tokens[token] for token in labels[1]] == [*"hello", "|", *"there"]


def test_repeats_collapse_and_blanks_keep_double_letters_apart(checkpoint: str) -> None:
    task = planned(checkpoint)
    place = {label: index for index, label in enumerate(task.tokens)}
    frames = ["h", "h", "e", "l", "l", "<pad>", "l", "o", "o", "|", "|", "<pad>", "y", "e", "s", "<pad>"]
    tokens = [place[frame] for frame in frames]
    assert task.decode(tokens) == "hello yes" == task.tokenizer.decode(tokens)
    two = np.asarray([tokens, [place["n"], place["o"], *[-100] * 14]])
    assert task.predictions(two, places(0, 0), 1).tolist() == ["hello yes no"]


def test_a_clips_tokens_do_not_depend_on_its_neighbors(checkpoint: str) -> None:
    task, adapter = planned(checkpoint), load_adapter(checkpoint)
    model = task.build(Checkpoint(adapter, checkpoint), HeadSettings()).eval()
    features = [adapter.extract(speech(length, seed)) for seed, length in enumerate((9_000, 16_000, 12_345))]
    with torch.inference_mode():
        together = task.predict_step(model, adapter, adapter.collate(features))
        for row, feature in enumerate(features):
            alone = task.predict_step(model, adapter, adapter.collate([feature]))[0]
            own = together[row][together[row] != -100]
            assert own.tolist() == alone[alone != -100].tolist()
            assert len(own) == adapter.frames(len(feature["input_values"]))


def test_a_vocabulary_that_fits_is_kept_and_another_is_not(
    checkpoint: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task, adapter = planned(checkpoint), load_adapter(checkpoint)
    model = task.build(Checkpoint(adapter, checkpoint), HeadSettings())
    model.save_pretrained(tmp_path / "tuned")
    task.save(adapter, tmp_path / "tuned")
    again = planned(str(tmp_path / "tuned"), ("Hello, hello!",))
    assert again.tokens == task.tokens
    assert not again.from_scratch
    kept = again.build(Checkpoint(load_adapter(str(tmp_path / "tuned")), str(tmp_path / "tuned")), HeadSettings())
    torch.testing.assert_close(kept.lm_head.weight, model.lm_head.weight)
    assert "vocabulary lacks" not in caplog.text
    other = planned(str(tmp_path / "tuned"), ("zzz",))
    assert other.from_scratch
    assert "gets a new head, because its vocabulary lacks z of the transcripts" in caplog.text
    assert "z" in other.tokens


def test_a_head_without_outputs_for_beginning_and_end_is_kept_all_the_same(checkpoint: str, tmp_path: Path) -> None:
    """Checkpoints of 2021 have no outputs for <s> and </s>, which their tokenizers add when they are read today."""
    from transformers import Wav2Vec2CTCTokenizer

    task, adapter, folder = planned(checkpoint), load_adapter(checkpoint), tmp_path / "tuned"
    model: Any = task.build(Checkpoint(adapter, checkpoint), HeadSettings())
    model.save_pretrained(folder)
    adapter.save_extractor(folder)
    (folder / "vocab.json").write_text(json.dumps({name: place for place, name in enumerate(task.tokens)}))
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    again = planned(str(folder), ("Hello, hello!",))
    assert len(again.tokenizer) == len(task.tokens) + 2
    assert again.tokens == task.tokens
    kept: Any = again.build(Checkpoint(load_adapter(str(folder)), str(folder)), HeadSettings())
    torch.testing.assert_close(kept.lm_head.weight, model.lm_head.weight)
    assert CTC.restore(kept.config, folder, again.text).tokens == task.tokens
    model.config.vocab_size = len(task.tokens) + 5
    model.config.save_pretrained(folder)
    assert planned(str(folder)).from_scratch, "outputs without a name mean nothing"


def test_transcription_means_what_the_checkpoint_can(checkpoint: str) -> None:
    adapter = load_adapter(checkpoint)
    assert task_for("transcription", adapter) is CTC
    with pytest.raises(InputError, match=r"a seq2seq head, and .* have classification, frames, ctc only; set task=ctc"):
        task_for("seq2seq", adapter)


TRAINING = {"max_steps": 2, "per_device_train_batch_size": 4}


@pytest.fixture(scope="module")
def run(checkpoint: str, recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    said: list[str] = []
    recipe = Recipe(model=checkpoint, data=Data(path=str(recordings)), task="transcription", training=TRAINING)
    folder = tmp_path_factory.mktemp("run") / "run"
    aft.train(recipe, folder, log=said.append)
    (folder.parent / "said.txt").write_text("\n".join(said), encoding="utf-8")
    return folder


def test_a_run_is_compared_with_its_untuned_checkpoint(run: Path) -> None:
    record = aft.Run.load(run)
    assert record.recipe.task == "ctc"
    for name in ("wer", "wer_normalized", "cer"):
        assert record.scores["test"][name].n == 4
        assert record.baselines["untuned"][name].n == 4
    table = pandas.read_parquet(run / "predictions.parquet")
    assert set(table["reference"]) <= {text.lower() for text in table["reference"]}
    assert (table["words"] == table["reference"].str.split().str.len()).all()


def test_bad_transcripts_are_set_aside_with_their_reasons(run: Path) -> None:
    record = aft.Run.load(run)
    reasons = [reason for _, reason in record.splits["train"]["excluded"]]
    assert len(reasons) == len(BAD)
    for wanted in BAD.values():
        assert any(wanted in reason for reason in reasons), wanted
    assert record.splits["train"]["clips"] == 6
    said = (run.parent / "said.txt").read_text("utf-8")
    assert "excluded: 1 of train: only punctuation" in said


def test_predict_writes_what_the_run_scored(run: Path, recordings: Path) -> None:
    model = aft.load(run)
    table = pandas.read_parquet(run / "predictions.parquet")
    for row in table.itertuples():
        assert model(str(recordings.parent / row.file))["text"] == row.prediction


def test_words_have_times_inside_the_recording(run: Path, recordings: Path) -> None:
    answer = aft.load(run)(str(recordings.parent / "test3.wav"), words=True)
    words = [word for segment in answer["segments"] for word in segment["words"]]
    assert " ".join(word["text"] for word in words) == answer["text"]
    for word in words:
        assert 0 <= word["start"] <= word["end"] <= soundfile.info(recordings.parent / "test3.wav").duration


def test_evaluate_gives_the_scores_of_the_run(run: Path, recordings: Path) -> None:
    scores = aft.evaluate(aft.load(run), Data(path=str(recordings))).scores
    assert {name: score.value for name, score in scores.items()} == pytest.approx(
        {name: score.value for name, score in aft.Run.load(run).scores["test"].items()}
    )


@pytest.mark.parametrize(
    "share", [pytest.param(0.0, marks=pytest.mark.slow), 0.5, pytest.param(1.0, marks=pytest.mark.slow)]
)
def test_weights_in_between_are_on_the_straight_line(
    checkpoint: str, recordings: Path, run: Path, tmp_path: Path, share: float
) -> None:
    from safetensors.torch import load_file

    recipe = Recipe(
        model=checkpoint,
        data=Data(path=str(recordings)),
        task="transcription",
        training=TRAINING,
        wise_ft_alpha=share,
        extra_eval=str(recordings),
    )
    record = aft.train(recipe, tmp_path / "run")
    assert set(record.retention) == {"test", "extra_eval"}
    assert set(record.retention["extra_eval"]) == {"untuned", "fine-tuned", "interpolated"}
    before, tuned = load_file(Path(checkpoint) / "model.safetensors"), load_file(run / "model" / "model.safetensors")
    mixed = load_file(tmp_path / "run" / "model" / "model.safetensors")
    prefix = "wav2vec2."
    moved = 0
    for name, weight in mixed.items():
        old = before.get(name.removeprefix(prefix), before.get(name)) if name.startswith(prefix) else None
        if old is None:
            torch.testing.assert_close(weight, tuned[name])  # the new head
            continue
        torch.testing.assert_close(weight, old + share * (tuned[name] - old), rtol=1e-5, atol=1e-7)
        moved += not torch.equal(old, tuned[name])
    assert moved > 3


def test_lora_is_trained_and_merged_into_the_weights(checkpoint: str, recordings: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModelForCTC

    recipe = Recipe(
        model=checkpoint,
        data=Data(path=str(recordings)),
        task="transcription",
        training=TRAINING,
        peft="lora",
        lora_rank=2,
        keep_adapter=True,
    )
    record = aft.train(recipe, tmp_path / "run")
    assert record.parameters["trainable"] < record.parameters["total"] / 2
    before, after = (load_file(folder / "model.safetensors") for folder in (Path(checkpoint), record.model_folder))
    changed = {
        name.split(".")[-2]
        for name, weight in after.items()
        if name.removeprefix("wav2vec2.") in before and not torch.equal(weight, before[name.removeprefix("wav2vec2.")])
    }
    assert changed == {"q_proj", "v_proj"}
    settings = json.loads((tmp_path / "run" / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert settings["r"] == 2
    assert {path.name for path in (tmp_path / "run" / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    # The matrices and the head, put by peft itself onto the checkpoint, are the model that was saved.
    assert settings["modules_to_save"] == ["lm_head"]
    config = AutoConfig.from_pretrained(record.model_folder)
    plain = AutoModelForCTC.from_pretrained(checkpoint, config=config, ignore_mismatched_sizes=True)
    theirs = PeftModel.from_pretrained(plain, tmp_path / "run" / "adapter").merge_and_unload().state_dict()
    for name, weight in after.items():
        torch.testing.assert_close(theirs[name], weight, msg=name)


def test_lora_is_refused_where_it_would_change_nothing(recordings: Path, tmp_path: Path) -> None:
    model = tiny_checkpoint("wavlm-group", tmp_path / "model")
    data = Data(path=str(recordings))
    with pytest.raises(InputError, match="changes nothing in WavLM"):
        aft.train(
            Recipe(model=model, data=data, task="transcription", training=TRAINING, peft="lora"), tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


def test_language_adapters_learn_and_the_body_stays_frozen(recordings: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModelForCTC

    checkpoint = tiny_checkpoint("wav2vec2-layer", tmp_path / "model")
    recipe = Recipe(
        model=checkpoint, data=Data(path=str(recordings)), task="transcription", training=TRAINING, peft="adapter"
    )
    record = aft.train(recipe, tmp_path / "run")
    before, after = (load_file(folder / "model.safetensors") for folder in (Path(checkpoint), record.model_folder))
    for name, weight in before.items():
        torch.testing.assert_close(after.get(f"wav2vec2.{name}", after.get(name)), weight, rtol=0, atol=0)
    plain = AutoModelForCTC.from_pretrained(record.model_folder)
    assert plain.config.adapter_attn_dim == 16
    group = tiny_checkpoint("wav2vec2-group", tmp_path / "group")
    with pytest.raises(InputError, match="peft=lora"):
        aft.train(dataclasses.replace(recipe, model=group), tmp_path / "no")


def test_the_probability_of_a_transcript_is_the_sum_over_its_alignments(checkpoint: str) -> None:
    tokenizer = make_tokenizer((PAD, UNKNOWN, "|", "a", "b"))
    task = CTC(Transcript(), names_of(tokenizer), tokenizer)
    logits = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    frames = [4, 3]
    network = lambda **inputs: SimpleNamespace(logits=logits)  # noqa: E731
    adapter = SimpleNamespace(batch_frames=lambda inputs: torch.tensor(frames))
    texts = ["ab", "bb"]
    found = task.log_probabilities(network, {}, texts, adapter)
    each = logits.log_softmax(-1).numpy()
    for row, text in enumerate(texts):
        paths = itertools.product((0, 3, 4), repeat=frames[row])  # decoding also drops spaces at the ends
        wanted = [path for path in paths if task.decode(path) == text]
        total = np.logaddexp.reduce(
            [sum(each[row, place, token] for place, token in enumerate(path)) for path in wanted]
        )
        assert found[row].item() == pytest.approx(total / len(text), abs=1e-5)
    assert task.log_probabilities(network, {}, ["ab", "bbab"], adapter)[1] == float("-inf")  # more than its frames
