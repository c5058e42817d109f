"""`audio-ft evaluate`: a screen that is short and says the same as its JSON, whose shape stays."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from audio_ft import InputError, Run
from audio_ft.cli import main as cli
from audio_ft.cli.commands.evaluate import classes, slices, trust
from audio_ft.data import Data, load
from audio_ft.evaluation import evaluate as evaluation
from audio_ft.evaluation import slices as slicing
from audio_ft.evaluation.predictions import Predictions
from audio_ft.evaluation.summary import SLICES_FILE

WORDS = Path(__file__).parents[2] / "audio_ft" / "assets" / "words"


@pytest.fixture(scope="module")
def run(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy that may be written to."""
    return Path(shutil.copytree(small_run, tmp_path_factory.mktemp("evaluated") / "run"))


@pytest.fixture(scope="module")
def result(run: Path) -> dict:
    """Return the JSON of the test split."""
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert cli.main(["evaluate", str(run), str(WORDS), "--json"]) == 0
    return json.loads(out.getvalue())


def test_the_json_has_a_stable_shape(result):
    assert list(result) == [
        "scores",
        "leaks",
        "scores_without_leaks",
        "split",
        "n",
        "headline",
        "per_class",
        "slices",
        "calibration",
        "selective",
        "speed",
        "split_of_run",
    ]
    assert (result["split"], result["n"], result["headline"]) == ("test", 48, ["accuracy", "f1_macro"])
    assert set(result["per_class"]["yes"]) == {"f1", "precision", "recall"}
    assert set(result["slices"]) == {"looked_at", "verdict", "slices"}
    first = result["slices"]["slices"][0]
    assert set(first) == {"column", "value", "n", "scores", "rest", "difference", "stands_out"}
    assert set(first["rest"]) == set(first["difference"]) == {"value", "low", "high", "n"}
    assert {"error", "chance", "chance_high", "bins", "temperature", "why", "error_after", "loss", "n"} <= set(
        result["calibration"]
    )
    assert set(result["selective"]) == {"at", "thresholds", "curve", "aurc", "best"}
    assert list(result["selective"]["at"]) == ["0.8", "0.9", "0.95"]
    assert {"median", "p95", "real_time_factor", "memory", "processor", "threads"} <= set(result["speed"])


def test_slices_know_what_each_recording_was_like(result):
    columns = {one["column"] for one in result["slices"]["slices"]}
    assert {"duration", "loudness", "SNR"} <= columns
    assert "rate" not in columns  # all of one rate: nothing to compare


def test_evaluating_its_own_data_leaves_slices_json_in_the_run(run, result):
    kept = json.loads((run / SLICES_FILE).read_text())
    assert kept["n"] == result["n"]
    assert kept["per_class"]["yes"]["f1"]["value"] == pytest.approx(result["per_class"]["yes"]["f1"]["value"])


def test_the_screen_is_short_and_says_what_the_json_says(run, result, capsys):
    assert cli.main(["evaluate", str(run), str(WORDS), "--slice", "duration"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert len(lines) < 45
    assert max(map(len, lines)) < 200
    assert lines[0].startswith("test split")
    assert f"accuracy                   {result['scores']['accuracy']['value']:.3f} [" in out
    assert "f1[yes]" not in out
    assert "slice " in out
    assert "loudness" not in out
    assert f"expected calibration error {result['calibration']['error']:.3f} (" in out
    assert "80%: " in out
    assert "real-time factor " in out


def test_a_model_without_its_run_and_other_data_are_evaluated_as_far_as_possible(run, tmp_path, capsys):
    folder = shutil.copytree(run / "model", tmp_path / "model")
    part = tmp_path / "part"
    part.mkdir()
    for file in sorted((WORDS / "test").glob("*yes*.ogg"))[:3] + sorted((WORDS / "test").glob("*no*.ogg"))[:3]:
        label = "yes" if "yes" in file.name else "no"
        (part / label).mkdir(exist_ok=True)
        shutil.copy(file, part / label)
    assert cli.main(["evaluate", str(folder), str(part), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["n"] == 6
    assert (result["calibration"]["temperature"], result["calibration"]["why"]) == (None, "no validation split")
    assert result["slices"] == {"looked_at": 0, "verdict": result["slices"]["verdict"], "slices": []}
    assert not (tmp_path / SLICES_FILE).exists()


def test_what_the_training_recordings_were_prepared_from_keeps_their_splits(run, tmp_path, capsys):
    raw, ready = tmp_path / "raw", tmp_path / "ready"
    for row in load(Data(str(WORDS)), need=("test",)).splits["test"]:
        (raw / row["target"]).mkdir(parents=True, exist_ok=True)
        shutil.copy(row["audio"]["path"], raw / row["target"])
    assert cli.main(["prepare", str(raw), str(ready), "--set", "data.seed=3", "--set", "data.test=0.2"]) == 0
    own = Path(shutil.copytree(run, tmp_path / "run"))
    recipe = json.loads((own / "model" / "recipe.json").read_text())
    recipe["data"] = {"path": str(ready)}
    (own / "model" / "recipe.json").write_text(json.dumps(recipe))
    capsys.readouterr()
    assert cli.main(["evaluate", str(own), str(raw), "--json"]) == 0
    printed = capsys.readouterr()
    with (ready / "splits" / "test.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert json.loads(printed.out)["n"] == len(listed) < 24
    assert f"{ready} was prepared from {raw}, so the splits are those of the training." in printed.err


def test_a_run_that_was_copied_without_its_predictions_is_scored(run, tmp_path, capsys):
    folder = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("predictions.parquet", SLICES_FILE))
    assert cli.main(["evaluate", str(folder), str(WORDS), "--slice", "class", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["calibration"]["why"] == "no validation split"
    assert not (folder / SLICES_FILE).exists()


def test_results_that_cannot_be_saved_are_still_shown(run, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns(SLICES_FILE))
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if Path(target).name == SLICES_FILE:
            raise OSError(errno.EROFS, "Read-only file system", str(source))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    assert cli.main(["evaluate", str(folder), str(WORDS), "--slice", "class"]) == 0
    printed = capsys.readouterr()
    assert "slices.json: cannot be written: Read-only file system" in printed.err
    assert printed.out.startswith("test split")


def test_an_unknown_column_is_refused_before_the_model_is_run(run, monkeypatch, capsys):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a recording was cleaned or heard")

    for heard in ("clean_rows", "score_rows"):
        monkeypatch.setattr(evaluation, heard, refuse)
    assert cli.main(["evaluate", str(run), str(WORDS), "--slice", "duration", "--slice", "accent"]) == 2
    printed = capsys.readouterr().err
    there = re.search(r"no column 'accent' to slice by; there are (.*)\.$", printed, re.MULTILINE)
    assert there is not None
    # Those that the predictions of the run can be sliced by.
    predictions = Predictions.of(Run.load(run)).split("test")
    with pytest.raises(InputError) as after:
        slicing.cuts(predictions, 10, ["accent"])
    assert str(after.value) in printed
    assert there[1].split(", ")[:2] == ["class", "group"]


def score(value: float) -> dict:
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 20}


def test_long_tables_are_shortened_but_keep_outliers():
    lines = classes({f"c{place:02d}": {"f1": score(place / 30)} for place in reversed(range(30))})
    assert lines[1].startswith("c00 ")
    assert (len(lines), lines[-1]) == (12, "… and 20 more classes (--json holds them)")
    some = [
        {
            "column": "voice",
            "value": str(place),
            "n": 20,
            "scores": {"accuracy": score(0.5)},
            "rest": score(0.9),
            "difference": score(-0.4),
            "stands_out": place < 8,
        }
        for place in range(20)
    ]
    lines = slices({"slices": {"slices": some, "verdict": "the worst is …"}})
    assert sum(line.endswith("*") for line in lines) == 8
    assert lines[-2:] == ["… and 12 more slices (--json holds them)", "The worst is …."]


def test_a_class_without_a_clip_takes_no_column_from_the_others():
    score = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 4}
    lines = classes({"a": {"f1": score, "precision": score}, "b": {"f1": score, "precision": score, "recall": score}})
    assert [line.split() for line in lines[:1]] == [["class", "f1", "precision", "recall"]]
    assert lines[1].split()[-1] == "–"
    assert lines[2].count("0.500 [0.400, 0.600]") == 3


def test_calibration_needs_one_label_a_clip():
    assert trust({"calibration": None, "selective": None}) == []
