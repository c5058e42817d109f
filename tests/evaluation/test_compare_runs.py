"""`audio-ft compare`: two runs on the clips that both answered about, in words, as a table and as JSON."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pandas
import pytest
from scores import compare as compared
from scores import score

from audio_ft.cli import main as cli
from audio_ft.data import Data
from audio_ft.evaluation.compare_runs import compare
from audio_ft.recipe import Recipe
from audio_ft.run import PREDICTIONS_FILE, Run
from audio_ft.targets.transcripts import Text

LABELS = ("no", "yes")
FILES = [f"test/{name}.wav" for name in range(60)]
TRUTH = [LABELS[clip % 3 > 0] for clip in range(60)]


def write_run(folder, kind, table, *, labels=(), model="somewhere/mini"):
    """Write a finished run of which only the predictions matter."""
    folder.mkdir()
    run = Run(
        folder=folder,
        recipe=Recipe(model=model, data=Data(path="recordings")),
        kind=kind,
        labels=labels,
        data={},
        splits={},
        scores={},
        baselines={},
        intervals="",
        best={},
        history=(),
        parameters={},
        digests={},
        versions={},
        hardware={},
        seconds={},
    )
    run.save()
    pandas.DataFrame({"split": "test", "group": None, **table}).to_parquet(folder / PREDICTIONS_FILE)
    return run


def words(folder, wrong, *, files=FILES, truth=TRUTH, labels=LABELS, **table):
    """Write a run of yes-or-no clips that errs on the given places."""
    right = np.array([clip not in wrong for clip in range(len(files))])
    columns = [np.where(right == (np.array(truth) == label), 0.9, 0.1) for label in labels]
    return write_run(
        folder,
        "label",
        {"file": files, "reference": truth, "probabilities": list(np.stack(columns, axis=1)), **table},
        labels=labels,
    )


def texts(folder, transcripts, references, **table):
    return write_run(
        folder,
        "transcript",
        {"file": FILES[: len(references)], "reference": references, "prediction": transcripts, **table},
    )


def probabilities(run):
    table = pandas.read_parquet(run.folder / PREDICTIONS_FILE)
    return np.stack(table["probabilities"])


def test_the_better_run_is_named_in_words_and_in_a_table(tmp_path, capsys):
    first, second = words(tmp_path / "a", range(25)), words(tmp_path / "b", range(3, 8))
    assert cli.main(["compare", str(first.folder), str(second.folder)]) == 0
    out, err = capsys.readouterr()
    sentence, _, header, accuracy, *_, last = out.splitlines()
    assert sentence.startswith(
        f"{second.folder} is better than {first.folder}: accuracy 0.917 against 0.583 on the same"
    )
    assert "McNemar's p < 0.001" in sentence
    assert header.endswith(" verdict")
    assert accuracy.split()[:4] == ["accuracy", "0.583", "0.917", "+0.333"]
    assert "f1_macro" in out
    assert last == "test split, paired, resampled by clip (no groups known)."
    assert err == ""


def test_a_run_against_itself_is_not_distinguishable(tmp_path, capsys):
    run = words(tmp_path / "a", range(5))
    assert cli.main(["compare", str(run.folder), str(run.folder), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["verdict"] == "not distinguishable"
    assert {each["verdict"] for each in answer["others"]} == {"not distinguishable"}
    assert (answer["metric"], answer["difference"], answer["p_value"], answer["n"]) == ("accuracy", 0.0, 1.0, 60)
    assert answer["low"] < 0 < answer["high"]


def test_scores_are_those_of_the_same_clips_by_file_whatever_their_order(tmp_path):
    first = words(tmp_path / "a", range(12))
    mixed = np.random.default_rng(0).permutation(60)
    second = words(
        tmp_path / "b", {place for place, clip in enumerate(mixed) if clip in range(9, 14)},
        files=[FILES[clip] for clip in mixed], truth=[TRUTH[clip] for clip in mixed],
    )  # fmt: skip
    found = compare(first, second)
    in_order = np.argsort(mixed)
    ids = [LABELS.index(name) for name in TRUTH]
    assert found.headline == compared(
        "label", probabilities(first), probabilities(second)[in_order], ids, labels=LABELS
    )
    scores = score("label", probabilities(first), ids, resamples=2)
    assert {each.metric for each in found.others} == {name for name in scores if "[" not in name} - {"accuracy"}
    assert [each.first for each in found.others] == pytest.approx([scores[each.metric].value for each in found.others])


def test_labels_in_another_order_are_matched_by_name(tmp_path):
    first = words(tmp_path / "a", range(12))
    second = words(tmp_path / "b", range(12), labels=LABELS[::-1])
    assert compare(first, second).headline.identical


def test_clips_that_only_one_run_has_are_named_and_left_out(tmp_path, capsys):
    first = words(tmp_path / "a", (), files=FILES[:50], truth=TRUTH[:50])
    second = words(tmp_path / "b", (), files=FILES[2:], truth=TRUTH[2:])
    found = compare(first, second)
    assert found.headline.n == 48
    assert found.only_first == ("test/0.wav", "test/1.wav")
    assert found.only_second == tuple(FILES[50:])
    cli.main(["compare", str(first.folder), str(second.folder)])
    err = capsys.readouterr().err
    assert f"warning: only {first.folder} has predictions for test/0.wav, test/1.wav; left out." in err
    assert "test/50.wav, test/51.wav, test/52.wav and 7 more" in err


def test_other_recordings_of_the_same_name_are_reported(tmp_path, capsys):
    first = words(tmp_path / "a", range(9), seconds=[1.0] * 60)
    second = words(tmp_path / "b", range(5), seconds=[1.02] * 57 + [1.4, 0.8, 2.0])
    assert compare(first, second).unlike == tuple(FILES[57:])
    assert cli.main(["compare", str(first.folder), str(second.folder), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["unlike"] == FILES[57:]
    assert f"warning: 3 of 60 clips have another length in {second.folder} (first: test/57.wav)" in err
    assert compare(first, words(tmp_path / "old", range(5))).unlike == ()


def test_a_file_that_is_there_twice_is_paired_in_order(tmp_path):
    twice = [*FILES[:30], *FILES[:30]]
    truth = TRUTH[:30] * 2
    first = words(tmp_path / "a", {0}, files=twice, truth=truth)
    second = words(tmp_path / "b", {30}, files=twice, truth=truth)
    found = compare(first, second)
    assert (found.headline.n, found.headline.identical, found.headline.difference) == (60, False, 0.0)


def test_groups_are_resampled_where_there_are_enough(tmp_path):
    groups = [str(clip % 6) for clip in range(60)]
    found = compare(words(tmp_path / "a", range(25), group=groups), words(tmp_path / "b", range(5)))
    assert found.headline.resampling == "group: resampled by group (6 groups)."
    assert found.headline.p_value is None


def test_transcripts_are_compared_by_word_errors_in_their_language(tmp_path):
    references = ["You won't hear twenty beeps."] * 20
    first = texts(tmp_path / "a", ["you will hear 20 beeps"] * 20, references)
    second = texts(tmp_path / "b", ["You will not hear 20 beeps"] * 20, references)
    found = compare(first, second)
    assert found.headline.metric == "wer"
    normalized = next(each for each in found.others if each.metric == "wer_normalized")
    assert normalized.second > 0
    second = dataclasses.replace(second, recipe=dataclasses.replace(second.recipe, text=Text(language="en")))
    assert (first.target.text.language, second.target.text.language) == (None, "en")
    normalized = next(each for each in compare(first, second).others if each.metric == "wer_normalized")
    assert (normalized.first, normalized.second) == (pytest.approx(1 / 6), 0.0)


def test_several_labels_and_numbers_are_compared_too(tmp_path):
    rng = np.random.default_rng(0)
    numbers = {"file": FILES, "reference": rng.normal(size=60)}
    first = write_run(tmp_path / "a", "number", numbers | {"prediction": rng.normal(size=60)})
    second = write_run(tmp_path / "b", "number", numbers | {"prediction": numbers["reference"] * 0.9})
    assert compare(first, second).headline.verdict == "better"
    truth = rng.random((60, 2)) < 0.5
    names = [[label for label, has in zip(LABELS, row, strict=True) if has] for row in truth]
    several = {"file": FILES, "reference": names, "probabilities": list(0.2 + 0.6 * truth)}
    third = write_run(tmp_path / "c", "labels", several, labels=LABELS)
    backwards = several | {"reference": [row[::-1] for row in names], "probabilities": list(0.8 - 0.6 * truth)}
    fourth = write_run(tmp_path / "d", "labels", backwards, labels=LABELS)
    assert compare(third, fourth).headline.verdict == "worse"
    assert compare(third, third).headline.metric == "f1_micro"


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (lambda folder: texts(folder, ["a"], ["a"]), "targets of kind 'label', .* of kind 'transcript'"),
        (lambda folder: words(folder, (), labels=("no", "yes", "maybe")), "only one of them knows 'maybe'"),
        (
            lambda folder: words(folder, (), truth=[*TRUTH[:59], "no"]),
            r"references of 1 of 60 clips differ: test/59.wav is 'yes' in .*a and 'no' in .*b",
        ),
        (
            lambda folder: words(folder, (), files=[f"other{file}" for file in FILES]),
            "has 60 test clips, such as test/0.wav and .* 60 test clips, such as othertest/0.wav",
        ),
        (lambda folder: words(folder, (), split="validation"), "b has 0 test clips. Compare runs on the same data"),
    ],
)
def test_runs_that_cannot_be_compared_say_why(tmp_path, capsys, second, message):
    first, other = words(tmp_path / "a", ()), second(tmp_path / "b")
    assert cli.main(["compare", str(first.folder), str(other.folder)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert re.search(message, err), err


def test_folders_that_are_not_runs_are_refused(tmp_path, capsys):
    run = words(tmp_path / "a", ())
    assert cli.main(["compare", str(run.folder), str(tmp_path)]) == 2
    assert "holds no run.json" in capsys.readouterr().err
    (run.folder / PREDICTIONS_FILE).unlink()
    assert cli.main(["compare", str(run.folder), str(run.folder)]) == 2
    assert PREDICTIONS_FILE in capsys.readouterr().err
