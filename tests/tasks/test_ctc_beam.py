"""Beam search: equal to trying every path, what a language model decides, and the doors that lead to it."""

from __future__ import annotations

import functools
import itertools
import json
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import soundfile
from checkpoints import MINI, RATE, speech, tiny_checkpoint
from numpy.typing import NDArray
from test_ngram_lm import read, told

import audio_ft as aft
from audio_ft import Beam, Data, Recipe, Text
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.cli import main as cli
from audio_ft.errors import InputError
from audio_ft.models import load_adapter
from audio_ft.targets import Label, Transcript
from audio_ft.tasks import CTC, Classification
from audio_ft.tasks.base import Checkpoint, HeadSettings
from audio_ft.tasks.ctc_beam import BeamSearch
from audio_ft.tasks.ctc_tokenizer import make_tokenizer
from audio_ft.tasks.ngram_lm import estimate, unigrams

pytest.importorskip("flashlight.lib.text")

LABELS = ("<pad>", "<unk>", "|", "a", "b", "c")
SENTENCES = ("ab a", "b ab", "a b a", "ab", "b aa")


def written(folder: Path, sentences: Any = SENTENCES, order: int = 2) -> str:
    """Write a language model of sentences, and return the file's name."""
    estimate([sentence.split() for sentence in sentences], order).write(folder / "words.arpa")
    return str(folder / "words.arpa")


def spoken(path: Any) -> str:
    """Return the words of a path of labels: repeats collapsed, blanks dropped, parted at delimiters."""
    collapsed = "".join(LABELS[label] for label, _ in itertools.groupby(path) if label != 0)
    return " ".join(collapsed.replace("|", " ").split())


@functools.cache
def every_path(frames: int) -> tuple[NDArray[np.int64], dict[str, list[int]]]:
    """Return all paths of so many frames, but for the unknown label, which spells nothing, and the places by text."""
    paths = list(itertools.product((0, 2, 3, 4, 5), repeat=frames))
    places = defaultdict(list)
    for place, path in enumerate(paths):
        places[spoken(path)].append(place)
    return np.asarray(paths), places


def by_trying(logs: NDArray[np.float32], beam: Beam, join: Any = np.sum) -> str:
    """Return the best text of words in the language model, by every path that there is."""
    paths, places = every_path(len(logs))
    chances = np.exp(logs[np.arange(len(logs)), paths].sum(1, dtype=np.float64))
    grams, known = read(Path(beam.model)), set(unigrams(beam.model))
    scores = {
        text: math.log(join(chances[own])) + beam.weight * sum(told(grams, words, 2)) + beam.word_score * len(words)
        for text, own in places.items()
        if set(words := text.split()) <= known
    }
    return max(scores, key=scores.__getitem__)


def random_logs(seed: int, frames: int = 5, scale: float = 2.0) -> NDArray[np.float32]:
    logits = scale * np.random.default_rng(seed).standard_normal((frames, len(LABELS)))
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def test_the_text_is_that_of_the_best_sum_over_all_paths(tmp_path: Path) -> None:
    file, tokenizer = written(tmp_path), make_tokenizer(LABELS)
    of_sums, of_best_paths = [], []
    for weight, word_score in ((0.0, 0.0), (1.0, 0.0), (2.0, 1.5), (0.5, -1.0)):
        beam = Beam(file, beams=500, weight=weight, word_score=word_score)
        search = BeamSearch(beam, tokenizer, Text())
        for seed in range(8):
            logs = random_logs(seed)
            found = spoken(search.path(logs))
            of_sums.append(found == by_trying(logs, beam))
            of_best_paths.append(found == by_trying(logs, beam, np.max))
    assert all(of_sums)
    assert not all(of_best_paths)  # so the cases tell the two apart


def test_one_beam_without_weight_reads_clear_speech_as_greedy_decoding_does(tmp_path: Path) -> None:
    search = BeamSearch(Beam(written(tmp_path), beams=1, weight=0.0), make_tokenizer(LABELS), Text())
    for text in ("aa||b", "__a_b||bbb_", "|a__a|", "____", "b_|_|_ab"):
        path = [0 if letter == "_" else LABELS.index(letter) for letter in text]
        logs = np.full((len(path), len(LABELS)), -9.0, np.float32)
        logs[np.arange(len(path)), path] = -0.01
        assert spoken(search.path(logs)) == spoken(path), text


def test_between_two_words_is_one_delimiter_and_none_before_the_first(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(LABELS)
    search = BeamSearch(Beam(written(tmp_path), weight=0.0), tokenizer, Text())
    path = [LABELS.index(letter) if letter != "_" else 0 for letter in "|_|a|_||_b|"]
    logs = np.full((len(path), len(LABELS)), -9.0, np.float32)
    logs[np.arange(len(path)), path] = -0.01
    found = search.path(logs).tolist()
    assert tokenizer.decode(found).rstrip() == "a b"
    assert [LABELS[label] for label in found[3:5]] == ["a", "|"]


def test_the_language_model_decides_between_equal_sounds(tmp_path: Path) -> None:
    logs = np.log(np.asarray([[0.02, 0.02, 0.02, 0.9, 0.02, 0.02]] * 4, np.float32))
    logs[1] = np.log([0.02, 0.02, 0.9, 0.02, 0.02, 0.02])  # "a", a space, and then …
    logs[2:] = np.log([0.02, 0.02, 0.02, 0.02, 0.45, 0.47])  # … "c" a little rather than "b"
    file = written(tmp_path, ["a b", "a b", "a b", "c a"])
    texts = {}
    for weight in (0.0, 2.0):
        texts[weight] = spoken(BeamSearch(Beam(file, weight=weight), make_tokenizer(LABELS), Text()).path(logs))
    assert texts == {0.0: "a c", 2.0: "a b"}


def test_words_are_spelled_like_the_model_and_the_others_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, text = written(tmp_path, ["AB zebra, b"]), Text(case="lower", punctuation="remove")
    search = BeamSearch(Beam(file), make_tokenizer(LABELS), text)
    assert "1 of the 3 words" in caplog.text
    assert "zebra," in caplog.text
    path = [3, 4, 2, 4]
    logs = np.full((4, len(LABELS)), -9.0, np.float32)
    logs[np.arange(4), path] = -0.01
    assert spoken(search.path(logs)) == "ab b"
    (tmp_path / "words.txt").write_text("ab\na")
    listed = BeamSearch(Beam(file, words=str(tmp_path / "words.txt")), make_tokenizer(LABELS), text)
    assert spoken(listed.path(logs)) != "ab b"


def test_invalid_files_and_settings_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, file = make_tokenizer(LABELS), written(tmp_path)
    broken = tmp_path / "broken.arpa"
    broken.write_text(Path(file).read_text("utf-8").replace("ngram 2=", "ngram 2=9"), encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"mmap lm \xff\xfe")
    Path(written(tmp_path, ["xx yy"])).rename(tmp_path / "foreign.arpa")
    file = written(tmp_path)
    for name, reason in {
        "nothing.arpa": "cannot be read",
        "broken.arpa": "not an n-gram model that KenLM reads",
        "binary": "file of its words",
        "foreign.arpa": "None of the 2 words",
    }.items():
        with pytest.raises(InputError, match=reason):
            BeamSearch(Beam(str(tmp_path / name)), tokenizer, Text())
    with pytest.raises(InputError, match=r"nowhere\.txt"):
        BeamSearch(Beam(file, words="nowhere.txt"), tokenizer, Text())
    for setting in ({"beams": 0}, {"beams": 2.5}, {"weight": math.nan}, {"word_score": "much"}):
        with pytest.raises(InputError, match=next(iter(setting))):
            Beam(file, **setting)
    monkeypatch.setitem(sys.modules, "flashlight.lib.text.decoder.kenlm", None)
    with pytest.raises(InputError, match=r"audio-ft\[beam\]"):
        BeamSearch(Beam(file), tokenizer, Text())


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `model`, as a training leaves it though it learned nothing, `words.arpa` and recordings."""
    folder = tmp_path_factory.mktemp("saved")
    checkpoint = tiny_checkpoint("wav2vec2-group", folder / "checkpoint")
    adapter, text = load_adapter(checkpoint).with_window(3), Text(case="lower", punctuation="remove", language="en")
    task = CTC.plan(Transcript(text=text), Checkpoint(adapter, checkpoint), SENTENCES)
    task.build(Checkpoint(adapter, checkpoint), HeadSettings()).save_pretrained(folder / "model")
    task.save(adapter, folder / "model")
    recipe = Recipe(model=checkpoint, data=str(folder / "data.csv"), task="ctc", text=text, window=3)
    recipe.save(folder / "model" / "recipe.json")
    DEFAULT_CHAIN.save(folder / "model" / "chain.json")
    rows = [
        {"file_name": f"{seed}.wav", "text": SENTENCES[seed], "split": split, "speaker": split}
        for seed, split in enumerate(("train", "train", "validation", "test", "test"))
    ]
    for seed, row in enumerate(rows):
        soundfile.write(folder / row["file_name"], speech(16_000 + 4_000 * seed, seed), RATE)
    pandas.DataFrame(rows).to_csv(folder / "data.csv", index=False)
    written(folder)
    return folder


def test_texts_and_scores_come_from_the_search_and_times_lie_inside(saved: Path) -> None:
    beam, files = Beam(str(saved / "words.arpa"), word_score=3.0), [str(saved / f"{seed}.wav") for seed in (3, 4)]
    greedy, model = aft.load(saved), aft.load(saved, beam=beam)
    texts = [answer["text"] for answer in model(files)]
    known = {word for sentence in SENTENCES for word in sentence.split()}
    assert all(text and set(text.split()) <= known for text in texts)
    assert texts != [answer["text"] for answer in greedy(files)]
    for file, text in zip(files, texts, strict=True):
        answer = model(file, words=True)
        words = [word for segment in answer["segments"] for word in segment["words"]]
        assert [word["text"] for word in words] == answer["text"].split() == text.split()
        times = [time for word in words for time in (word["start"], word["end"])]
        assert times == sorted(times)
        assert times[0] >= 0
        assert times[-1] <= soundfile.info(file).duration
    table = aft.evaluate(model, Data(path=str(saved / "data.csv"))).predictions.table
    assert list(table["prediction"]) == texts


def test_the_command_line_searches_too(saved: Path, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["lm", str(saved), str(saved / "run.arpa")]) == 0
    assert "in 2 sentences" in capsys.readouterr().out  # the training split of the run's data
    search = ["--lm", str(saved / "run.arpa"), "--word-score", "3", "--lm-weight", "0.5", "--beams", "20"]
    assert cli.main(["predict", str(saved), str(saved / "3.wav"), "--json", *search]) == 0
    beam = Beam(str(saved / "run.arpa"), beams=20, weight=0.5, word_score=3.0)
    answer = json.loads(capsys.readouterr().out)
    assert answer["text"] == aft.load(saved, beam=beam)(str(saved / "3.wav"))["text"] != ""
    assert cli.main(["evaluate", str(saved), str(saved / "data.csv"), "--json", *search]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    expected = aft.evaluate(aft.load(saved, beam=beam), Data(path=str(saved / "data.csv"))).scores
    assert scores["wer"]["value"] == pytest.approx(expected["wer"].value)
    assert cli.main(["predict", str(saved), str(saved / "3.wav"), "--beams", "5"]) == 2
    assert "--lm FILE" in capsys.readouterr().err


def test_models_that_write_no_characters_refuse_a_language_model(saved: Path) -> None:
    beam = Beam(str(saved / "words.arpa"))
    with pytest.raises(InputError, match="task is classification"):
        Classification(Label(("a", "b"))).with_language_model(beam)
    japanese = CTC.restore(load_adapter(MINI).config, saved / "model", Text(language="ja"))
    with pytest.raises(InputError, match="no space between words"):
        japanese.with_language_model(beam)
