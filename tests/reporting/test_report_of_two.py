"""Two runs side by side: one valid page with the comparison's numbers, what differs, and the clips they disagree on."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas
import pytest
from pages import Page, check_page, scored_run, transcript

import audio_ft as aft
from audio_ft import InputError
from audio_ft.cli.main import main
from audio_ft.evaluation.predictions import Predictions
from audio_ft.reporting.html.both import differing
from audio_ft.run import PREDICTIONS_FILE, Run


@pytest.fixture(scope="module")
def runs(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Return the shared run as `first`, and as `second` one of another seed whose first ten test clips are right."""
    folder = tmp_path_factory.mktemp("two")
    for name in ("first", "second"):
        (folder / name).mkdir()
        for file in ("run.json", PREDICTIONS_FILE):
            shutil.copy(small_run / file, folder / name / file)
    second = Run.load(folder / "second")
    table = pandas.read_parquet(second.folder / PREDICTIONS_FILE)
    for row in table.index[table["split"] == "test"][:10]:
        table.at[row, "prediction"] = table.at[row, "reference"]
        table.at[row, "probabilities"] = np.eye(len(second.labels))[second.labels.index(table.at[row, "reference"])]
    table[::-1].to_parquet(second.folder / PREDICTIONS_FILE, index=False)  # clips are matched, in whatever order
    scores = {**second.scores, "test": Predictions.of(second).split("test").score()}
    recipe = second.recipe.replace(seed=7, name="another seed")
    dataclasses.replace(second, recipe=recipe, scores=scores).save()
    return Run.load(folder / "first"), Run.load(folder / "second")


def right(run: Run) -> set[str]:
    table = pandas.read_parquet(run.folder / PREDICTIONS_FILE)
    return set(table["file"][(table["split"] == "test") & (table["reference"] == table["prediction"])])


@pytest.fixture(scope="module")
def page(runs) -> Page:
    file = aft.report(*runs)
    assert file == runs[1].folder / "report-against-first.html"
    return Page(file.read_text("utf-8"))


def test_the_page_holds_the_numbers_of_compare(runs, page: Page):
    check_page(page)
    paired = aft.compare(*runs)
    assert paired.headline.describe("A", "B") in page.text
    for each in (paired.headline, *paired.others):
        assert f"{each.difference:+.3f} [{each.low:+.3f}, {each.high:+.3f}] {each.verdict}" in page.text
        assert all(str(run.scores["test"][each.metric]) in page.text for run in runs)
    matrices = [svg for svg in page.all("svg") if svg.get("aria-label", "").startswith("Confusion matrix of run")]
    assert len(matrices) == 4  # two runs in two themes


def test_clips_that_one_run_has_right_can_be_heard(runs, page: Page):
    only_first, only_second = right(runs[0]) - right(runs[1]), right(runs[1]) - right(runs[0])
    assert only_second
    assert f"Only A is right about {len(only_first)} test recordings, only B about {len(only_second)}" in page.text
    heard = {audio["aria-label"].removeprefix("Recording ") for audio in page.all("audio")}
    assert heard == only_first | only_second
    assert "second.1" not in page.text
    cards = [tag["data-better"] for tag in page.all("li") if "data-better" in tag]
    assert (cards.count("A"), cards.count("B")) == (len(only_first), len(only_second))


def test_settings_that_differ_are_listed_and_no_others(runs, page: Page):
    assert f"seed {runs[0].recipe.seed} 7" in page.text
    assert "name small another seed" in page.text
    assert "max_steps" not in page.text.partition("What differs")[2]
    assert differing({"a": "1"}, {"a": "1"}) == []


def test_other_test_splits_are_refused_in_one_sentence(runs, tmp_path: Path):
    shutil.copytree(runs[1].folder, tmp_path / "fewer", ignore=shutil.ignore_patterns("*.html"))
    table = pandas.read_parquet(tmp_path / "fewer" / PREDICTIONS_FILE)
    test = table.index[table["split"] == "test"]
    table.drop(test[:3]).to_parquet(tmp_path / "fewer" / PREDICTIONS_FILE, index=False)
    with pytest.raises(InputError, match=r"only first has 3 clips, such as .*audio-ft compare"):
        aft.report(runs[0], tmp_path / "fewer")
    assert not list((tmp_path / "fewer").glob("*.html"))
    with pytest.raises(InputError, match="is a page and not a run"):
        aft.report(runs[0], tmp_path / "page.html")


def test_transcripts_are_compared_by_how_wrong_they_are(runs, tmp_path: Path):
    texts = [("a.wav", "one two", "one two"), ("b.wav", "one two three", "won too three"), ("c.wav", "go", "go")]
    made = {"first": texts, "second": [(file, text, text.replace("three", "tree")) for file, text, _ in texts]}
    first, second = (
        scored_run(runs[0], tmp_path / name, [transcript(*row) for row in rows], kind="transcript", labels=())
        for name, rows in made.items()
    )
    found = Page(aft.report(first, second, audio=False).read_text("utf-8"))
    check_page(found)
    assert "A is closer about 0 test recordings, B about 1" in found.text
    assert "Reference: one two three. A: won too three." in found.text
    assert "made without recordings" in found.text


def test_the_command_can_leave_out_all_names(runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    output = tmp_path / "both.html"
    command = ["report", *(str(run.folder) for run in runs), "--output", str(output), "--anonymize"]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith(f"{output} (")
    found = Page(output.read_text("utf-8"))
    check_page(found)
    table = pandas.read_parquet(runs[0].folder / PREDICTIONS_FILE)
    assert not [name for name in {*table["file"], *table["group"].dropna()} if name in found.source]
    assert not found.all("audio")
    paired = aft.compare(*runs)
    assert paired.headline.describe("A", "B") in found.text
