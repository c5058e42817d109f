"""Language models of words: the formula by hand, probabilities that sum to one, and KenLM's own reading of the file."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pandas
import pytest
import soundfile
from checkpoints import RATE, speech

from audio_ft.cli import main as cli
from audio_ft.errors import InputError
from audio_ft.tasks.ngram_lm import estimate, unigrams

TEXT = [
    line.split()
    for line in (
        "press the star key",
        "press the pound key to go on",
        "to go back press star",
        "the key is the star",
        "press press press",
        "on",
        "",
    )
]
Arpa = dict[tuple[str, ...], tuple[float, float]]


def read(file: Path) -> Arpa:
    """Return {n-gram: (log10 probability, log10 backoff weight)}, read as the ARPA format is described."""
    grams: Arpa = {}
    for line in file.read_text("utf-8").splitlines():
        fields = line.split("\t")
        if len(fields) > 1:
            grams[tuple(fields[1].split())] = float(fields[0]), float(fields[2]) if len(fields) == 3 else 0.0
    return grams


def chance(grams: Arpa, context: tuple[str, ...], word: str) -> float:
    """Return log10 p(word | context), backing off one word at a time."""
    if (*context, word) in grams:
        return grams[(*context, word)][0]
    return grams.get(context, (0.0, 0.0))[1] + chance(grams, context[1:], word)


def told(grams: Arpa, words: list[str], order: int) -> list[float]:
    """Return the log10 probability of each word of a sentence and of its end."""
    known = [word if (word,) in grams else "<unk>" for word in words]
    marked = ["<s>", *known, "</s>"]
    return [chance(grams, tuple(marked[max(0, n - order + 1) : n]), marked[n]) for n in range(1, len(marked))]


def test_a_bigram_is_what_the_formula_gives_by_hand() -> None:
    model = estimate([["a", "b"], ["a", "b"], ["a", "c"]], order=2)
    # Words before: a 1, b 1, c 1, the end 2; discount 3 / (3 + 2); the end, a, b, c and the unknown word: 5 in all.
    weight = 0.6 * 4 / 5
    assert model.probabilities[("b",)] == pytest.approx(math.log10(0.4 / 5 + weight / 5))
    assert model.probabilities[("<unk>",)] == pytest.approx(math.log10(weight / 5))
    # After a: b 2, c 1; of the bigrams two are counted once and two twice, so the discount is 2 / (2 + 4).
    assert model.backoffs[("a",)] == pytest.approx(math.log10(2 / 9))
    assert model.probabilities[("a", "b")] == pytest.approx(math.log10((2 - 1 / 3) / 3 + 2 / 9 * 0.176))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_probabilities_sum_to_one_after_any_words(order: int, tmp_path: Path) -> None:
    model = estimate(TEXT, order)
    model.write(tmp_path / "words.arpa")
    grams = read(tmp_path / "words.arpa")
    assert max(map(len, grams)) == order
    following = [*model.words, "</s>", "<unk>"]
    contexts = {(), ("<unk>",), *(gram for gram in grams if len(gram) < order and gram[-1] != "</s>")}
    for context in contexts:
        assert sum(10 ** chance(grams, context, word) for word in following) == pytest.approx(1, abs=1e-5), context
    assert set(unigrams(tmp_path / "words.arpa")) == set(model.words) == {word for line in TEXT for word in line}


@pytest.mark.parametrize("order", [2, 3, 4])
def test_kenlm_reads_the_file_as_we_do(order: int, tmp_path: Path) -> None:
    kenlm = pytest.importorskip("flashlight.lib.text.decoder.kenlm")
    from flashlight.lib.text.dictionary import Dictionary

    estimate(TEXT, order).write(tmp_path / "words.arpa")
    grams = read(tmp_path / "words.arpa")
    words = [*unigrams(tmp_path / "words.arpa"), "zebra"]
    model = kenlm.KenLM(str(tmp_path / "words.arpa"), Dictionary(words))
    draw = random.Random(order)
    for sentence in [line for line in TEXT if line] + [draw.choices(words, k=6) for _ in range(20)]:
        state, scores = model.start(False), []
        for word in sentence:
            state, score = model.score(state, words.index(word))
            scores.append(score)
        scores.append(model.finish(state)[1])
        assert scores == pytest.approx(told(grams, sentence, order), abs=1e-5)


def test_a_text_it_was_made_of_is_likelier_than_the_same_words_backwards(tmp_path: Path) -> None:
    estimate(TEXT).write(tmp_path / "words.arpa")
    grams = read(tmp_path / "words.arpa")
    assert sum(told(grams, TEXT[0], 3)) > sum(told(grams, TEXT[0][::-1], 3)) + 1


@pytest.mark.parametrize(
    ("sentences", "order", "reason"),
    [
        (TEXT, 9, "one of 2, 3, 4, 5"),
        ([], 3, "no words"),
        ([[]], 3, "no words"),
        ([["a"]], 4, "sentence of 2 words"),
        ([["a", "</s>"]], 3, "reserved in ARPA files"),
    ],
)
def test_sentences_without_a_model_are_refused(sentences: list[list[str]], order: int, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        estimate(sentences, order)


def test_the_command_reads_text_and_the_training_split_of_data(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "text.txt").write_text("Hello, World!\n\nHELLO there\n", encoding="utf-8")
    assert cli.main(["lm", str(tmp_path / "text.txt"), str(tmp_path / "text.arpa"), "--order", "2"]) == 0
    assert "order 2: 3 different words, of 4 in 2 sentences" in capsys.readouterr().out
    assert set(unigrams(tmp_path / "text.arpa")) == {"hello", "world", "there"}

    rows = []
    for split, words in (("train", "Yes"), ("train", "?!"), ("validation", "maybe"), ("test", "no")):
        rows.append({"file_name": f"{len(rows)}.wav", "text": words, "split": split})
        soundfile.write(tmp_path / rows[-1]["file_name"], speech(4_000, len(rows)), RATE)
    pandas.DataFrame(rows).to_csv(tmp_path / "data.csv", index=False)
    arguments = ["lm", str(tmp_path / "data.csv"), str(tmp_path / "data.arpa"), "--set", "text.case=upper"]
    assert cli.main(arguments) == 0
    assert unigrams(tmp_path / "data.arpa") == ["YES"]
    assert "1 empty or garbled transcripts" in capsys.readouterr().err
    assert cli.main(["lm", str(tmp_path / "text.txt"), str(tmp_path / "nowhere" / "text.arpa")]) == 2
    assert "cannot be written" in capsys.readouterr().err
