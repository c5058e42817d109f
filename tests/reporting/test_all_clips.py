"""All test recordings on the page: to listen to, as histograms, as a CSV of errors, and as a map of embeddings."""

from __future__ import annotations

import base64
import csv
import io
import shutil
from pathlib import Path

import numpy as np
import pandas
import pytest
from pages import Page, check_page, scored_run, transcript

from audio_ft import read
from audio_ft.cli.main import main
from audio_ft.evaluation.predictions import Predictions
from audio_ft.reporting.html import report
from audio_ft.reporting.html.all_clips import COLUMNS, errors_csv
from audio_ft.reporting.html.embedding_map import in_two_dimensions
from audio_ft.reporting.html.vocabulary import unseen_words
from audio_ft.run import Run
from audio_ft.targets import Transcript


@pytest.fixture(scope="module")
def made(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Page]:
    folder = Path(shutil.copytree(small_run, tmp_path_factory.mktemp("clips") / "run"))
    file = folder / "errors.csv"
    assert main(["report", str(folder), "--errors", "1", "--csv", str(file)]) == 0
    return Run.load(folder), Page((folder / "report.html").read_text("utf-8"))


def test_every_test_recording_can_be_played(made):
    run, page = made
    check_page(page)
    test = Predictions.of(run).split("test").table
    buttons = {tag["aria-label"].removeprefix("Play "): tag for tag in page.all("button") if tag.get("class") == "play"}
    assert set(buttons) == set(test["file"])
    file = test["file"][0]
    played, original = read(base64.b64decode(buttons[file]["data-sound"])), read(Path(run.recipe.data.path) / file)
    assert played.seconds == pytest.approx(original.seconds, abs=0.1)
    assert len(page.all("audio")) < len(buttons), "the others are made when they are asked for"
    assert "Duration of 48 test recordings, before and after cleaning." in page.text
    assert "audio-ft reproduce run" in page.text


def test_a_model_on_the_hub_is_linked(made, tmp_path: Path):
    run, page = made
    linked = report(run, output=tmp_path / "page.html", audio=False, repository="me/words").read_text("utf-8")
    assert '<a href="https://huggingface.co/me/words">me/words</a>' in linked
    assert "huggingface.co" not in page.source


def test_the_map_has_a_dot_for_each_recording_by_truth_and_by_error(made):
    run, page = made
    test = Predictions.of(run).split("test").table
    dots = [tag for tag in page.all("path") if "data-clip" in tag]
    assert len(dots) == 2 * len(test)
    wrong = int((test["reference"] != test["prediction"]).sum())
    assert sum(tag["class"] == "wrong" for tag in dots) == wrong
    rows = {tag["data-clip"] for tag in page.all("button") if "data-clip" in tag}
    assert {tag["data-clip"] for tag in dots} == rows


def test_alike_vectors_are_near_each_other_on_the_map():
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(center, 0.1, (12, 6)) for center in (-3.0, 3.0)]).astype(np.float32)
    found = in_two_dimensions(vectors)
    assert found.min() >= 3
    assert found.max() <= 97
    apart = np.linalg.norm(found[:, None] - found, axis=-1) + np.diag(np.full(24, np.inf))
    assert all((row.argmin() < 12) == (place < 12) for place, row in enumerate(apart))


def test_errors_are_a_csv_without_formulas(made):
    run, page = made
    written = (run.folder / "errors.csv").read_text("utf-8")
    link = next(tag for tag in page.all("a") if tag.get("download") == "errors.csv")
    assert base64.b64decode(link["href"].partition("base64,")[2]).decode() == written
    rows = list(csv.reader(io.StringIO(written)))
    test = Predictions.of(run).split("test").table
    assert rows[0] == list(COLUMNS)
    assert {row[0] for row in rows[1:]} == set(test["file"][test["reference"] != test["prediction"]])
    table = pandas.DataFrame([{"group": None, **transcript("=a.wav", "=1+1", '@x, "y"')}])
    hostile = list(csv.reader(io.StringIO(errors_csv([Transcript().judge(table.to_dict("records")[0])]))))
    assert [cell[:2] for cell in hostile[1][:4]] == ["'=", "", "'=", "'@"]
    assert main(["report", str(run.folder), str(run.folder), "--csv", "x.csv"]) == 2


def test_words_that_are_not_in_training_are_counted(made, tmp_path: Path):
    rows = [
        transcript("a", "go Home now", "go house now"),
        transcript("b", "go go", "go"),
        transcript("c", "home", "home"),
    ]
    clips = [Transcript().judge({"group": None, **row}) for row in rows]
    found = unseen_words(clips, ["Go, now!"], Transcript())
    assert found is not None
    assert (found["spoken"], found["unseen"], found["forms"]) == (6, 2, 1)
    assert found["rates"] == [1 / 2, 1 / 4]
    assert found["words"] == [("home", 2, 1)]
    assert unseen_words([], ["go"], Transcript()) is None
    without = scored_run(made[0], tmp_path / "run", rows, kind="transcript", labels=())
    assert "not in training" not in Page(report(without, audio=False).read_text("utf-8")).text
