"""The report: one valid page that escapes its content, loads nothing from the network and shows the run's results."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas
import pytest
import soundfile
from pages import Page, check_page, scored_run, transcript
from scores import score

from audio_ft import Data, InputError, read
from audio_ft.audio.clip import Clip
from audio_ft.augmentation import Noise
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.steps import Mono, Normalize, Trim
from audio_ft.evaluation.predictions import Predictions
from audio_ft.formatting import format_size
from audio_ft.metrics import Score, names
from audio_ft.reporting.html import cleaning, report
from audio_ft.reporting.html.recordings import PLAYER_SECONDS, TracedClip, player
from audio_ft.reporting.html.scores import axis_of, bar, verdict
from audio_ft.run import PREDICTIONS_FILE, Run
from audio_ft.targets import Label, Transcript
from audio_ft.targets.transcripts import Text

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
FORMS = ("yes", "no", HOSTILE)


ENGLISH = Transcript(text=Text(language="en"))


def judged(predictions, target=None):
    """Return the clips as the page shows them, worst first."""
    rows = predictions.table.to_dict("records")
    return sorted(
        map((target or predictions.target).judge, rows), key=lambda clip: (not clip.wrong, -clip.badness, clip.file)
    )


@pytest.fixture(scope="module")
def run(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("report") / "run"
    folder.mkdir()
    for name in ("run.json", PREDICTIONS_FILE):
        shutil.copy(small_run / name, folder / name)
    return Run.load(folder)


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    file = report(run, errors=4)
    assert file == run.folder / "report.html"
    return Page(file.read_text(encoding="utf-8"))


def test_the_page_is_valid_and_loads_nothing_from_the_network(page: Page):
    check_page(page)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_the_page_shows_every_score_and_interval_of_the_run(run: Run, page: Page):
    whole = [name for name in run.scores["test"] if "[" not in name]
    assert set(names.headlines(run.scores["test"])) < set(whole)
    headline = [run.scores["test"][name] for name in whole]
    columns = [run.scores["validation"], *run.baselines.values()]
    others = [scores[name] for scores in columns for name in whole]
    classes = [value for name, value in run.scores["test"].items() if name.startswith("recall[")]
    for value in [*headline, *others, *classes]:
        assert str(value) in page.text
    assert run.best["why"] in page.text
    assert all(version in page.text for version in run.versions.values())
    assert run.recipe.steps.describe() in page.text


def test_the_page_shows_no_local_folder(run: Run, page: Page):
    for place in (run.recipe.data.path, run.recipe.model):
        assert Path(place).is_absolute()
        assert str(Path(place).parent) not in page.source


def test_a_smoke_run_is_marked(run: Run, page: Page, tmp_path: Path):
    marked = dataclasses.replace(run, smoke=True)
    assert "Smoke run." in report(marked, output=tmp_path / "page.html", audio=False).read_text(encoding="utf-8")
    assert "Smoke run." not in page.text


def test_settings_are_shown_without_local_folders(run: Run, tmp_path: Path):
    training = {"deepspeed": "/home/somebody/private/zero.json"}
    recipe = dataclasses.replace(run.recipe, training=training, augment=(Noise(folder="/home/somebody/street"),))
    shown_run = dataclasses.replace(run, recipe=recipe)
    page = Page(report(shown_run, output=tmp_path / "page.html", audio=False).read_text(encoding="utf-8"))
    assert "somebody" not in page.source
    assert "zero.json" in page.text
    assert "street" in page.text


def test_players_hold_the_recordings_of_the_worst_errors(run: Run, page: Page):
    sounds = {audio["aria-label"]: audio["src"] for audio in page.all("audio")}
    worst = [clip.file for clip in judged(Predictions.of(run).split("test")) if clip.wrong][:4]
    assert [name for name in sounds if name.startswith("Recording ")] == [f"Recording {file}" for file in worst]
    assert sum("before cleaning" in name for name in sounds) == sum("after cleaning" in name for name in sounds) == 3
    played = read(base64.b64decode(sounds[f"Recording {worst[0]}"].removeprefix("data:audio/mpeg;base64,")))
    original = read(Path(run.recipe.data.path) / worst[0])
    assert played.seconds == pytest.approx(original.seconds, abs=0.05)
    ours, theirs = played.samples[0], original.samples[0]
    length = min(len(ours), len(theirs))
    assert np.corrcoef(ours[:length], theirs[:length])[0, 1] > 0.9


def perturbed(run: Run, folder: Path, **settings) -> Run:
    """Return a run with a made-up robustness.json."""
    shutil.copytree(run.folder, folder)
    clean, poor = Score(0.9, 0.8, 0.95, 40), Score(0.125, 0.1, 0.2, 40)
    lost = {"value": -0.775, "low": -0.8, "high": -0.7, "n": 40}
    levels = [
        {"level": 20.0, "description": "noise of 20 dB", "score": clean.to_dict(), "difference": lost | {"value": 0.0},
         "verdict": "not distinguishable", "failed": 0},
        {"level": 0.0, "description": HOSTILE, "score": poor.to_dict(), "difference": lost, "verdict": "worse",
         "failed": 3},
    ]  # fmt: skip
    unreadable = {"level": 1.0, "description": "nothing left", "score": None, "difference": None, "verdict": "-",
                  "failed": 40}  # fmt: skip
    found = {
        "of": {"model": [run.digests["model"]]}, "data": run.data["path"], "complete": True,
        "split": "test", "metric": "accuracy", "n": 40,
        "clean": clean.to_dict(), "sentence": "worst is noise of 0 dB: accuracy 0.125",
        "perturbations": [
            {"title": "white noise", "unit": "dB SNR", "levels": [*levels, unreadable]},
            {"title": "line", "unit": "", "levels": levels[:1]},
        ],
    }  # fmt: skip
    (folder / "robustness.json").write_text(json.dumps(found | settings))
    return dataclasses.replace(run, folder=folder)


def test_robustness_is_shown_once_it_is_complete(run, page, tmp_path, caplog):
    complete = Page(report(perturbed(run, tmp_path / "run"), audio=False, errors=0).read_text(encoding="utf-8"))
    check_page(complete)
    assert "40 recordings of the test split were scored without change (accuracy 0.900 [0.800, 0.950])" in complete.text
    assert "Worst is noise of 0 dB: accuracy 0.125." in complete.text
    assert "White noise: significantly worse than clean at 0 dB SNR." in complete.text
    curves = [svg["aria-label"] for svg in complete.all("svg") if "under" in svg.get("aria-label", "")]
    assert curves == ["Accuracy under White noise"], "one level makes no curve"
    assert f"{HOSTILE} worse 3 unreadable 0.125 [0.100, 0.200] -0.775" in complete.text
    assert "nothing left 40 unreadable – –" in complete.text
    elsewhere = perturbed(run, tmp_path / "elsewhere", data="/data/others")
    assert "the test split of others were" in Page(report(elsewhere, audio=False).read_text("utf-8")).text
    half = perturbed(run, tmp_path / "half", complete=False)
    copied = perturbed(run, tmp_path / "copied", of={"model": ["another's"]})
    pages = [Page(report(one, audio=False).read_text("utf-8")) for one in (half, copied)]
    assert f"{copied.folder / 'robustness.json'} belongs to another training" in caplog.text
    for without in (page, *pages):
        assert "robustness" not in {attributes.get("id") for attributes in without.all("section")}


def test_a_page_without_its_data_says_why_it_has_no_players(run: Run, tmp_path: Path):
    gone = dataclasses.replace(run.recipe, data=Data(path=str(tmp_path / "moved away")))
    page = Page(report(dataclasses.replace(run, recipe=gone), output=tmp_path / "page.html").read_text("utf-8"))
    check_page(page)
    assert not page.all("audio")
    assert "could not be found" in page.text
    assert "moved away" in page.text
    assert str(tmp_path) not in page.source
    assert str(run.scores["test"]["accuracy"]) in page.text


def test_recordings_can_be_left_out(run: Run, tmp_path: Path):
    page = Page(report(run, output=tmp_path / "page.html", audio=False).read_text(encoding="utf-8"))
    assert not page.all("audio")
    assert "made without recordings" in page.text


def test_names_labels_and_transcripts_are_escaped(run: Run, tmp_path: Path):
    rows = [
        {
            "file": f"{HOSTILE}{place}.wav",
            "group": HOSTILE,
            "reference": FORMS[place % 3],
            "prediction": FORMS[(place + place % 2) % 3],
            "confidence": 0.6,
            "probabilities": [0.2, 0.2, 0.6],
        }
        for place in range(30)
    ]
    recipe = dataclasses.replace(run.recipe, name=HOSTILE, data=Data(path=str(tmp_path / HOSTILE.replace("/", ""))))
    data = {**run.data, "warnings": [HOSTILE], "group": HOSTILE, "rule": HOSTILE}
    shown_run = scored_run(run, tmp_path / "labels", rows, labels=FORMS, data=data, recipe=recipe)
    page = Page(report(shown_run).read_text(encoding="utf-8"))
    check_page(page)
    assert HOSTILE in page.text
    assert not [image for image in page.all("img") if image.get("src") == "x"]

    rows = [transcript(f"{place}.wav", f"hear {HOSTILE}", f"{HOSTILE} {place}") for place in range(12)]
    shown_run = scored_run(run, tmp_path / "texts", rows, kind="transcript", labels=(), data=data, recipe=recipe)
    page = Page(report(shown_run).read_text(encoding="utf-8"))
    check_page(page)
    assert HOSTILE in page.text


def test_a_file_name_that_is_not_utf8_is_escaped(run: Run, tmp_path: Path):
    rows = [transcript("caf\\xe9.wav", "one", "two")]
    shown_run = scored_run(run, tmp_path / "run", rows, kind="transcript", labels=())
    shown_run = dataclasses.replace(shown_run, data={**run.data, "warnings": ["caf\udce9.wav is listed twice"]})
    assert "caf\\udce9.wav is listed twice" in report(shown_run).read_text(encoding="utf-8")


def test_transcripts_are_aligned_with_the_reference_word_by_word(run: Run, tmp_path: Path):
    rows = [
        transcript("a.wav", "press one for the desk today", "Press won for desk today please"),
        transcript("b.wav", "hello", "Hello."),
        transcript("c.wav", "good bye", "good bye"),
    ]
    shown_run = scored_run(run, tmp_path / "run", rows, kind="transcript", labels=(), data={**run.data, "group": None})
    page = Page(report(shown_run).read_text(encoding="utf-8"))
    check_page(page)
    kinds = [attributes["class"] for attributes in page.all("span") if attributes.get("class", "").startswith("word ")]
    legend = 4
    shown = ["spelling", "substitution", "equal", "deletion", "equal", "equal", "insertion", "spelling"]
    assert kinds[legend:] == [f"word {kind}" for kind in shown]
    assert "1 of 3 test recordings are transcribed without an error" in page.text
    # Screen readers get both texts, and each kind of error has a sign besides its color.
    assert "Reference: press one for the desk today. Prediction: Press won for desk today please." in page.text
    assert all(sign in page.text for sign in ("≠ won", "+ please", "≈ Press", "−"))
    for name in ("wer", "wer_normalized", "cer"):
        assert str(shown_run.scores["test"][name]) in page.text


def test_a_class_without_a_clip_has_empty_cells(run: Run, tmp_path: Path):
    probabilities = {"a": [0.8, 0.1, 0.1], "b": [0.1, 0.8, 0.1]}
    rows = [
        {
            "file": f"{place}.wav",
            "reference": "b",
            "prediction": label,
            "confidence": 0.8,
            "probabilities": probabilities[label],
        }
        for place, label in enumerate("abbb")
    ]
    shown_run = scored_run(run, tmp_path / "run", rows, labels=("a", "b", "c"))
    page = Page(report(shown_run, audio=False).read_text(encoding="utf-8"))
    check_page(page)
    scores = shown_run.scores["test"]
    assert "recall[a]" not in scores
    table = page.text.partition("lowest recall first")[2]
    assert "class recordings recall recall as a bar precision f1" in table
    counts = run.splits["test"]["classes"]
    found = " ".join(str(scores[f"{stem}[b]"]) for stem in ("recall", "precision", "f1"))
    missing = f"– {scores['precision[a]']} {scores['f1[a]']}"
    assert f"b {counts.get('b', 0)} {found} a {counts.get('a', 0)} {missing}" in table


@pytest.mark.parametrize(
    ("kind", "rows", "order"),
    [
        (
            "labels",
            [
                {"file": "one", "reference": ["a"], "prediction": ["a"], "probabilities": [0.9, 0.1]},
                {"file": "two", "reference": ["a"], "prediction": ["b"], "probabilities": [0.1, 0.9]},
                {"file": "three", "reference": ["a", "b"], "prediction": ["a"], "probabilities": [0.9, 0.3]},
            ],
            ["two", "three", "one"],
        ),
        (
            "number",
            [
                {"file": "near", "reference": 1.0, "prediction": 1.1},
                {"file": "far", "reference": 1.0, "prediction": -3.0},
            ],
            ["far", "near"],
        ),
        (
            "labels",
            [{"file": name, "reference": [], "prediction": [], "probabilities": [0.1, 0.2]} for name in ("x", "y")],
            ["x", "y"],
        ),
    ],
)
def test_other_kinds_of_target_have_a_page_too(run: Run, tmp_path: Path, kind: str, rows: list[dict], order: list[str]):
    labels = ("a", "b") if kind == "labels" else ("value",)
    shown_run = scored_run(run, tmp_path / "run", rows, kind=kind, labels=labels)
    assert [clip.file for clip in judged(Predictions.of(shown_run))] == order
    page = Page(report(shown_run).read_text(encoding="utf-8"))
    check_page(page)
    for name in names.headlines(shown_run.scores["test"]):
        assert str(shown_run.scores["test"][name]) in page.text


@pytest.mark.slow
def test_a_page_of_five_hundred_errors_is_below_ten_megabytes(run: Run, tmp_path: Path):
    recordings = tmp_path / "recordings"
    (recordings / "test").mkdir(parents=True)
    # Noise compresses worst, both as audio and as image; most clips of a test set are shorter than four seconds.
    noise = [Clip.noise(4.0, seed=seed).samples[0] for seed in range(5)]
    lines = ["file_name,sentence"]
    for split in ("train", "validation"):
        (recordings / split).mkdir()
        soundfile.write(recordings / split / "0.wav", noise[0], 16_000)
        lines.append(f"{split}/0.wav,one")
    for place in range(500):
        soundfile.write(recordings / "test" / f"{place:03}.wav", noise[place % 5], 16_000)
        lines.append(f"test/{place:03}.wav,one two three {place}")
    (recordings / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
    rows = [transcript(f"test/{place:03}.wav", f"one two three {place}", "won to tree") for place in range(500)]
    recipe = dataclasses.replace(run.recipe, data=Data(path=str(recordings)), chain=Chain((Mono(), Normalize())))
    shown_run = scored_run(run, tmp_path / "run", rows, kind="transcript", labels=(), recipe=recipe)
    file = report(shown_run)
    page = Page(file.read_text(encoding="utf-8"))
    assert len([audio for audio in page.all("audio") if audio["aria-label"].startswith("Recording")]) == 24
    assert len([row for row in page.all("tr") if "data-wrong" in row]) == 500
    assert file.stat().st_size < 10e6


def test_the_page_is_written_completely_or_not_at_all(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InputError, match="does not exist"):
        report(run, output=tmp_path / "nowhere" / "page.html")

    def full(*_):
        raise OSError(28, "No space left on device")

    # slices.json is written into the run's folder before the disk is full.
    report(run, output=tmp_path / "page.html", audio=False).unlink()
    monkeypatch.setattr("audio_ft.reporting.html.page.os.replace", full)
    with pytest.raises(InputError, match="no space left on the disk"):
        report(run, output=tmp_path / "page.html", audio=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_writable_is_rejected_before_the_work(run: Run, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("audio_ft.reporting.html.page.os.access", lambda path, mode: False)
    monkeypatch.setattr("audio_ft.reporting.html.page.gather", None)
    with pytest.raises(InputError, match=r"is not writable; set another --output"):
        report(run, output=tmp_path / "page.html")


def test_a_run_without_its_predictions_is_rejected(run: Run, tmp_path: Path):
    with pytest.raises(InputError, match=PREDICTIONS_FILE):
        report(dataclasses.replace(run, folder=tmp_path))


# --- errors, scores and cleaning


def test_errors_of_single_labels_are_sorted_by_confidence():
    rows = [("right", "a", 0.99), ("uncertain", "b", 0.5), ("confident", "b", 0.9)]
    table = pandas.DataFrame(
        [
            {"file": file, "group": float("nan"), "reference": "a", "prediction": label, "confidence": confidence,
             "probabilities": [1 - confidence, confidence, 0.0, 0.0, 0.0]}
            for file, label, confidence in rows
        ]
    )  # fmt: skip
    clips = judged(Predictions(table, Label(("a", "b", "c", "d", "e"))))
    assert [clip.file for clip in clips] == ["confident", "uncertain", "right"]
    assert clips[0].verdict == "wrong, with 90% confidence"
    assert clips[0].group is None
    assert [item.label for item in clips[0].weighed] == ["b", "a", "c"]


def test_the_true_label_is_shown_even_if_it_is_unlikely():
    row = {"file": "x", "group": "g", "reference": "d", "prediction": "a", "confidence": 0.5}
    table = pandas.DataFrame([row | {"probabilities": [0.5, 0.3, 0.15, 0.05]}])
    clip = judged(Predictions(table, Label(("a", "b", "c", "d"))))[0]
    assert [(item.label, item.true) for item in clip.weighed][-1] == ("d", True)


def test_differences_in_spelling_come_after_wrong_words():
    rows = [transcript("spelled", "one two three", "One, two, three."), transcript("wrong", "one two", "one too")]
    clips = judged(Predictions(pandas.DataFrame([{"group": None, **row} for row in rows]), Transcript()), ENGLISH)
    assert [clip.file for clip in clips] == ["wrong", "spelled"]
    assert "only case, punctuation or spelling differ" in clips[1].verdict
    assert {word.kind for word in ENGLISH.words(clips[1])} == {"spelling"}
    numbers = judged(
        Predictions(pandas.DataFrame([{"group": None, **transcript("n", "ten", "10")}]), Transcript()), ENGLISH
    )
    assert (
        "only case, punctuation or spelling differ" in numbers[0].verdict
    )  # the English normalizer writes numbers as digits


def test_only_repeated_word_errors_are_listed():
    rows = [transcript(str(place), "go left now", "go lift") for place in range(3)]
    rows.append(transcript("once", "stop", "top"))
    clips = judged(Predictions(pandas.DataFrame([{"group": None, **row} for row in rows]), Transcript()))
    found = {(pair.truth, pair.predicted): (pair.clips, pair.of) for pair in Transcript().confusions(clips)}
    assert found == {("left", "lift"): (3, 3), ("now", ""): (3, 3)}


def test_bars_are_at_the_scores():
    known = Score(0.5, 0.25, 0.75, 10)
    assert dataclasses.astuple(bar(known, axis_of("accuracy", [known]))) == (50.0, 25.0, 75.0)
    wide = Score(1.5, 1.0, 2.0, 10)
    assert axis_of("wer", [wide, known]) == (0.0, pytest.approx(2.1))
    assert axis_of("pearson", [Score(-0.2, -0.5, 0.1, 10)]) == (-1.0, 1.0)
    assert axis_of("mean_absolute_error", [Score(0.02, 0.01, 0.04, 10)]) == (0.0, pytest.approx(0.042))
    assert bar(Score(0.5, float("nan"), float("nan"), 1), (0.0, 1.0)).low is None


@pytest.mark.parametrize(
    ("other", "higher_is_better", "expected"),
    [
        (0.2, True, "worse, outside this model's confidence interval"),
        (0.2, False, "better, outside this model's confidence interval"),
        (0.6, True, "not distinguishable"),
    ],
)
def test_a_baseline_is_compared_in_words(other: float, higher_is_better: bool, expected: str):
    value = Score(other, other, other, 10)
    assert expected in verdict("majority", value, Score(0.5, 0.4, 0.7, 10), higher_is_better)


def test_cleaning_is_measured_step_by_step():
    sound = np.concatenate([np.zeros(8_000), np.sin(np.arange(16_000) * 0.3) * 0.1, np.zeros(8_000)])
    raw = Clip(np.stack([sound, sound]).astype(np.float32), 16_000)
    chain = Chain((Mono(), Trim(pad_seconds=0.0), Normalize(dbfs=-1)))
    measured = cleaning.measure(TracedClip(raw, tuple(chain.trace(raw))))
    assert [change.changed for change in measured.changes] == [True, True, True]
    assert measured.cut == pytest.approx(1.0, abs=0.1)
    # What is cut is silent, so the mean power rises as the duration falls; a peak of -20 dBFS comes up to -1.
    assert measured.changes[1].louder == pytest.approx(10 * np.log10(2 / (2 - measured.cut)), abs=0.01)
    assert measured.changes[2].louder == pytest.approx(19.0, abs=0.1)
    summed = cleaning.effects([measured, measured])
    assert summed["steps"][1]["cut"] == pytest.approx(2 * measured.cut)
    assert summed["seconds"] == pytest.approx(4.0)
    assert f"{measured.cut:.2f} s of 2.00 s were cut" in cleaning.caption(measured)
    assert "changed by +21.8 dB" in cleaning.caption(measured)


def test_a_player_is_mono_small_and_limited_in_length():
    stereo = Clip(np.repeat(Clip.tone(440, 2.0, rate=44_100).samples, 2, axis=0), 44_100)
    sound = player(stereo)
    assert sound is not None
    played = read(base64.b64decode(sound.uri.partition(",")[2]))
    assert (played.channels, played.rate, sound.cut) == (1, 24_000, False)
    assert played.seconds == pytest.approx(2.0, abs=0.01)
    assert len(sound.uri) < 30_000
    spectrum = np.abs(np.fft.rfft(played.samples[0]))
    assert np.argmax(spectrum) / played.seconds == pytest.approx(440, abs=1)
    long = player(Clip.tone(440, PLAYER_SECONDS + 5, rate=8_000))
    assert long is not None
    assert long.cut
    assert read(base64.b64decode(long.uri.partition(",")[2])).seconds == pytest.approx(PLAYER_SECONDS, abs=0.1)
    assert player(Clip(np.zeros((1, 0), np.float32), 16_000)) is None


def test_the_command_prints_the_path_and_size_of_the_page(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from audio_ft.cli.main import main

    file = tmp_path / "page.html"
    assert main(["report", str(run.folder), "--output", str(file), "--errors", "1", "--no-audio"]) == 0
    assert capsys.readouterr().out == f"{file} ({format_size(file.stat().st_size)})\n"
    assert main(["report", str(tmp_path)]) == 2
    assert "run.json" in capsys.readouterr().err
    assert main(["report", str(run.folder), "--errors", "-1"]) == 2


def test_scores_of_the_fakes_are_real():
    """Guard the helper of these tests: a fake's scores are those that `metrics.score` gives."""
    assert score("transcript", ["a b"], ["a c"])["wer"].value == 0.5
