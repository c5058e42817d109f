"""Error rates of transcripts against jiwer, alignments, normalizers by language, intervals, the evaluate way."""

from __future__ import annotations

import math
import random

import evaluate
import jiwer
import numpy as np
import pytest
from scores import sample, score
from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

from audio_ft.errors import InputError
from audio_ft.metrics import METRICS, direction
from audio_ft.metrics import score as score_sample
from audio_ft.metrics.alignment import Aligned, align, errors
from audio_ft.metrics.compute import plain_scores
from audio_ft.metrics.samples import TextSample
from audio_ft.metrics.text_normalizers import normalizer

NAMES = {"wer", "wer_normalized", "cer", "substitution_rate", "deletion_rate", "insertion_rate"}
VOCABULARY = ["Press", "one,", "the", "conference", "is", "full.", "naïve", "1984", "won't", "Ёлка", "—", "a\tb", "two"]


def texts_scored(hypotheses, references, language=None):
    return plain_scores(sample("transcript", hypotheses, references, language=language))


def drawn(seed: int, clips: int = 200) -> tuple[list[str], list[str]]:
    """Return transcripts and references: a fifth empty or blank, the rest of loosely related words."""
    rng = random.Random(seed)
    hypotheses, references = [], []
    for _ in range(clips):
        words = rng.choices(VOCABULARY, k=rng.choice([0, 1, 2, 3, 5, 9]))
        heard = [rng.choice(VOCABULARY) if rng.random() < 0.3 else word for word in words if rng.random() < 0.85]
        heard += rng.choices(VOCABULARY, k=rng.choice([0, 0, 0, 1, 4]))
        references.append(rng.choice(["", " ", "  "]).join(["", " ".join(words), ""]))
        hypotheses.append("" if rng.random() < 0.1 else rng.choice([" ", "  "]).join(heard))
    return hypotheses, references


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    """Keep evaluate's arrow files out of the home folder."""
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", str(tmp_path))


def test_scores_equal_jiwers_over_the_corpus_and_clip_by_clip():
    hypotheses, references = drawn(0)
    assert sum(not text.strip() for text in references) > 10
    assert sum(not text.strip() for text in hypotheses) > 10
    words = jiwer.process_words(references, hypotheses)
    total = words.hits + words.substitutions + words.deletions
    expected = {
        "wer": jiwer.wer(references, hypotheses),
        "cer": jiwer.cer(references, hypotheses),
        "substitution_rate": words.substitutions / total,
        "deletion_rate": words.deletions / total,
        "insertion_rate": words.insertions / total,
    }
    normalize = EnglishTextNormalizer({})
    expected["wer_normalized"] = jiwer.wer([normalize(r) for r in references], [normalize(h) for h in hypotheses])
    assert texts_scored(hypotheses, references, language="en") == pytest.approx(expected, abs=1e-12)
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        values = texts_scored([hypothesis], [reference], language="en")
        assert values["wer"] == jiwer.wer(reference, hypothesis)
        assert values["cer"] == jiwer.cer(reference, hypothesis)
        assert values["wer_normalized"] == jiwer.wer(normalize(reference), normalize(hypothesis))


def test_errors_of_each_clip_equal_jiwers():
    hypotheses, references = drawn(1)
    for unit, process in (("word", jiwer.process_words), ("character", jiwer.process_characters)):
        for counted, hypothesis, reference in zip(
            errors(references, hypotheses, unit=unit), hypotheses, references, strict=True
        ):
            output = process(reference, hypothesis)
            assert counted.words == output.hits + output.substitutions + output.deletions
            assert (counted.substitutions, counted.deletions, counted.insertions) == (
                output.substitutions,
                output.deletions,
                output.insertions,
            )
            assert counted.total == output.substitutions + output.deletions + output.insertions


def test_aligned_words_read_as_both_texts_and_agree_with_the_counts():
    hypotheses, references = drawn(2)
    for counted, hypothesis, reference in zip(errors(references, hypotheses), hypotheses, references, strict=True):
        aligned = align(reference, hypothesis)
        assert " ".join(each.reference for each in aligned if each.reference is not None).split() == reference.split()
        assert (
            " ".join(each.hypothesis for each in aligned if each.hypothesis is not None).split() == hypothesis.split()
        )
        kinds = [each.kind for each in aligned]
        assert [kinds.count(kind) for kind in ("substitution", "deletion", "insertion")] == [
            counted.substitutions,
            counted.deletions,
            counted.insertions,
        ]
        assert all((each.kind == "equal") == (each.reference == each.hypothesis) for each in aligned)


def test_an_alignment_names_each_word_and_what_happened_to_it():
    assert align("the hold time is", "the whole time is now") == (
        Aligned("equal", "the", "the"),
        Aligned("substitution", "hold", "whole"),
        Aligned("equal", "time", "time"),
        Aligned("equal", "is", "is"),
        Aligned("insertion", None, "now"),
    )
    assert align("one two", "") == (Aligned("deletion", "one", None), Aligned("deletion", "two", None))
    assert align("", "") == ()


def test_empty_references_and_transcripts_are_defined():
    assert texts_scored(["", "a b"], ["one two", ""])["wer"] == 2.0  # two deletions and two insertions, two words
    silent = score("transcript", ["", "a b c"], ["", " "])
    assert silent["wer"].value == silent["insertion_rate"].value == jiwer.wer(["", " "], ["", "a b c"]) == 3
    assert silent["deletion_rate"].value == 0
    assert {name: each.value for name, each in score("transcript", [""], [""]).items()} == dict.fromkeys(NAMES, 0)


def test_a_resample_is_jiwers_score_of_the_repeated_clips_and_undefined_without_words():
    hypotheses, references = drawn(3, clips=40)
    weights = np.random.default_rng(0).multinomial(40, np.full(40, 1 / 40), 5).astype(float)
    view = sample("transcript", hypotheses, references).weigh(weights)
    for name, expected in (("wer", jiwer.wer), ("cer", jiwer.cer)):
        values = METRICS[name].measure(view)[name].values
        for b, times in enumerate(weights.astype(int)):
            again = np.repeat(np.arange(40), times)
            assert values[b] == pytest.approx(expected([references[i] for i in again], [hypotheses[i] for i in again]))
    mixed = sample("transcript", ["a", "b"], ["", "b"]).weigh(np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert np.isnan(METRICS["wer"].measure(mixed)["wer"].values[0])
    assert METRICS["wer"].measure(mixed)["wer"].values[1] == 1.0


@pytest.mark.parametrize("language", ["en", "EN", "english", " English ", "en-GB", "en_US", "eng"])
def test_english_is_normalized_by_whispers_english_rules(language):
    text = "Won't Mr. Smith's color cost twenty-five dollars?"
    assert normalizer(language)(text) == EnglishTextNormalizer({})(text)
    assert "color cost $25" in normalizer(language)(text)


@pytest.mark.parametrize("language", [None, "fr", "french", "ru", "pt-BR", "fra", "tlh", "enga", ""])
def test_other_and_unknown_languages_are_normalized_by_the_basic_rules(language):
    text = "L'été, [bruit] déjà; twenty — Ёлка!"
    assert normalizer(language)(text) == BasicTextNormalizer()(text)


@pytest.mark.parametrize(
    "language", ["zh", "zh-TW", "mandarin", "cmn", "ja", "japanese", "th", "lo", "my", "burmese", "yue"]
)
def test_languages_without_spaces_count_letters(language):
    assert (
        normalizer(language)("ตัวอักษร, 東京。").split()
        == BasicTextNormalizer(split_letters=True)("ตัวอักษร, 東京。").split()
    )
    values = texts_scored(["東京都"], ["東京市。"], language=language)
    assert values["wer"] == 1.0
    assert values["wer_normalized"] == pytest.approx(1 / 3)


def test_normalized_scores_forgive_what_the_language_says():
    hypotheses, references = (
        ["you will not pay 20 dollars", "caf\u00e9"],
        ["You won't pay twenty dollars.", "Cafe\u0301"],
    )
    assert score("transcript", hypotheses, references, language="english")["wer_normalized"].value == 0.0
    assert score("transcript", hypotheses, references)["wer_normalized"].value == pytest.approx(3 / 7)
    assert score("transcript", hypotheses, references)["wer"].value == 1.0


def test_plain_scores_are_the_values_of_the_scores_and_arrays_of_objects_are_taken():
    hypotheses, references = drawn(4)
    as_lists = score("transcript", hypotheses, references, language="en", resamples=2)
    as_arrays = score(
        "transcript",
        np.array(hypotheses, object),
        np.array(references, object),
        language="en",
        resamples=2,
        labels=("a",),
    )
    assert as_lists == as_arrays
    assert set(as_lists) == NAMES
    assert {name: each.value for name, each in as_lists.items()} == pytest.approx(
        texts_scored(hypotheses, references, language="en")
    )


def test_metrics_combine_and_take_batches_the_evaluate_way():
    hypotheses, references = drawn(5)
    together = evaluate.combine([metric() for metric in METRICS.values() if "transcript" in metric.kinds])
    for start in range(0, 200, 64):
        batch = slice(start, start + 64)
        together.add_batch(predictions=hypotheses[batch], references=references[batch])
    assert together.compute(language="en") == texts_scored(hypotheses, references, language="en")
    assert METRICS["wer"]().compute(predictions=["a b"], references=["a c"]) == {"wer": 0.5}


def test_lower_is_better():
    for name in NAMES:
        assert direction(name) is False, name


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        (["a"], ["a", "b"], "one string a clip on both sides, not 1 and 2"),
        ([], [], "at least one clip"),
        (["a", None], ["a", "b"], "predictions must be strings; number 1 is None"),
        (["a"], [3.5], r"references must be strings; number 0 is 3.5 \(float\)"),
    ],
)
def test_predictions_that_are_not_transcripts_are_refused(predictions, references, message):
    with pytest.raises(InputError, match=message):
        score("transcript", predictions, references)


def test_no_error_is_not_certain():
    few, many = ["one two three four"] * 35, ["one two three four"] * 500
    each, better = score("transcript", few, few)["wer"], score("transcript", many, many)["wer"]
    assert each.value == each.low == 0.0
    # Four words of a clip are worth 1 + 3 * 0.2 clips' worth of agreement; Student's t at 34 degrees of freedom.
    assert each.high == pytest.approx(2.032**2 * 1.6 / 140, rel=0.01)
    assert 0 < better.high < each.high


def test_rates_above_one_have_intervals_around_them():
    hypotheses = ["no " * (i % 6) for i in range(60)]
    each = score("transcript", hypotheses, ["yes"] * 60)["wer"]
    assert each.low < each.value < each.high
    assert each.value > 2
    assert each.high - each.low < 1.2


def test_one_clip_has_no_interval():
    each = score("transcript", ["a b"], ["a c"])["wer"]
    assert (each.value, each.n) == (0.5, 1)
    assert math.isnan(each.low)
    assert math.isnan(each.high)


def test_speakers_that_fail_together_widen_the_interval():
    bad = np.repeat(np.random.default_rng(3).random(20) < 0.3, 10)
    hypotheses = ["no no no" if wrong else "yes yes yes" for wrong in bad]
    references, groups = ["yes yes yes"] * 200, [str(i // 10) for i in range(200)]
    by_clip = score("transcript", hypotheses, references)["wer"]
    by_group = score("transcript", hypotheses, references, groups=groups)["wer"]
    assert by_group.value == by_clip.value
    assert by_group.high - by_group.low > 2 * (by_clip.high - by_clip.low)


class Counted(TextSample):
    """A text sample of which only the counts are known: simulations need no words."""

    def tally(self, unit):
        return self.references


@pytest.mark.parametrize(
    ("clips", "words", "p", "within"), [(35, 4, 0.1, 0.2), (35, 4, 0.3, 0.2), (200, 10, 0.05, 0.2), (100, 8, 0.8, 0.1)]
)
def test_intervals_hold_the_truth_as_often_as_they_say(clips, words, p, within):
    rng = np.random.default_rng(11)
    strength, held = (1 - within) / within, 0
    for draw in range(400):
        wrong = rng.binomial(words, rng.beta(p * strength, (1 - p) * strength, clips))
        counts = np.stack([np.full(clips, words), wrong, 0 * wrong, rng.poisson(0.02 * words, clips)], axis=1)
        data = Counted(np.empty(0), counts.astype(float), ())
        each = score_sample(data, resamples=200, seed=draw, names=("wer",))["wer"]
        held += each.low <= p + 0.02 <= each.high
    # 400 draws know a share of .95 to ±.022 (two standard errors); benchmarks/interval_coverage.py draws 1,000.
    assert 0.925 <= held / 400 <= 0.985
