"""A search for settings: trials on validation, stopped and resumed, and one run of the best, scored once."""

import importlib.util
import json
import shutil

import pytest
from checkpoints import kept_checkpoint

import audio_ft as aft
from audio_ft.errors import AudioFTError, InputError
from audio_ft.training import save_run
from audio_ft.training.tuning import trial as tuning
from audio_ft.training.tuning.space import Choice, Range, read_search
from tests.conftest import ASSETS

SEARCH = {"learning_rate": "1e-5:1e-3:log", "freeze": ["encoder", "layers:1"], "augment": "[]",
          "weighted_layers": False, "dropout": 0.1}  # fmt: skip


def recipe(**settings):
    training = {
        "max_steps": 2,
        "per_device_train_batch_size": 4,
        "eval_strategy": "steps",
        "eval_steps": 1,
        "save_steps": 1,
    }
    data = aft.Data(path=str(ASSETS / "words"), limit=24)
    return aft.Recipe(model=kept_checkpoint("wav2vec2-group"), data=data, training=training, probe=False, **settings)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Return a search of three trials, of which the second was stopped once and the third failed, and what it did."""
    folder, fit, score = tmp_path_factory.mktemp("tune") / "run", tuning.fit, save_run.score_split
    lines, scored = [], []
    rates = []

    def fitting(prepared, *others):
        rates.append(prepared.recipe.training["learning_rate"])
        if len(rates) == 2:
            raise KeyboardInterrupt
        if len(rates) == 4:
            raise AudioFTError("The loss of step 1 is nan.")
        return fit(prepared, *others)

    def scoring(prepared, model, split):
        scored.append(split)
        return score(prepared, model, split)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "fit", fitting)
        patch.setattr(save_run, "score_split", scoring)
        with pytest.raises(KeyboardInterrupt):
            aft.tune(recipe(), folder, trials=3, search=SEARCH)
        with pytest.raises(InputError, match="another search"):
            aft.tune(recipe(), folder, trials=3, search=SEARCH | {"patience": "3|4"})
        run = aft.tune(recipe(), folder, trials=3, search=SEARCH, log=lines.append)
    return run, rates, scored, lines


def test_a_stopped_search_goes_on_and_a_failed_trial_does_not_end_it(found):
    run, rates, scored, lines = found
    record = json.loads((run.folder / "tune.json").read_text())
    assert [trial["state"] for trial in record["trials"]] == ["complete", "stopped", "complete", "failed"]
    assert record["trials"][1]["settings"] == record["trials"][2]["settings"]
    assert rates[1] == rates[2]
    assert record["trials"][3]["error"] == "The loss of step 1 is nan."
    assert scored == ["validation", "test"]
    tried = [line for line in lines if line.startswith("trial ")]
    assert len(tried) == 2
    assert tried[1].endswith(": The loss of step 1 is nan.")
    assert (run.tuning["trials"], run.tuning["failed"]) == (3, 1)
    assert not list(run.folder.glob("trial-*"))


def test_the_best_trial_is_an_ordinary_run(found):
    run, _, _, _ = found
    record = json.loads((run.folder / "tune.json").read_text())
    best = max((trial for trial in record["trials"] if trial["value"] is not None), key=lambda trial: trial["value"])
    assert record["best"] == best["number"]
    assert run.recipe.training["learning_rate"] == pytest.approx(best["settings"]["learning_rate"], rel=1e-4)
    assert run.recipe.freeze == best["settings"]["freeze"]
    assert run.recipe.dropout == 0.1
    # An earlier start ran it, so it was trained again.
    assert run.best["value"] == best["value"]
    assert set(aft.load(run.folder)(str(ASSETS / "words" / "test" / "en-029_grandpa_go.ogg"))) == set(run.labels)
    with pytest.raises(InputError, match="already holds a finished run"):
        aft.tune(recipe(), run.folder)


@pytest.mark.slow
def test_its_recipe_repeats_the_run(found, tmp_path):
    run, _, _, _ = found
    again = aft.train(aft.Recipe.load(run.folder / "recipe.json"), tmp_path / "again")
    assert again.digests["model"] == run.digests["model"]


def test_run_report_and_card_say_how_settings_were_chosen(found, tmp_path):
    run, _, _, _ = found
    sentence = "Settings chosen by 3 trials on validation (0 ended early, 1 failed): learning_rate "
    assert aft.Run.load(run.folder).tuned.startswith(sentence)
    folder = shutil.copytree(run.folder, tmp_path / "run")
    page = aft.report(folder, audio=False).read_text("utf-8")
    assert sentence in page


def test_the_search_is_read_from_text_and_checked():
    texts = ["lr=1e-5:1e-3:log", "freeze=encoder|layers:6", "patience=2:9", "augment=Speed,Noise"]
    assert read_search(recipe(), texts) == {
        "learning_rate": Range(1e-5, 1e-3, log=True),
        "freeze": Choice({"encoder": "encoder", "layers:6": "layers:6"}),
        "patience": Range(2, 9, whole=True),
        "augment": "Speed,Noise",
    }
    for wrong in ("learning_rate=3:1", "learning_rate=0:1:log", "learning_rate=1:2:sqrt", "learning_rate"):
        with pytest.raises(InputError, match="--search learning_rate"):
            read_search(recipe(), [wrong])
    for other in ("data.group=a|b", "model=a|b", "seed=1:9"):
        with pytest.raises(InputError, match="could not be compared"):
            read_search(recipe(), [other])


@pytest.mark.parametrize(("settings", "search", "match"), [
    ({"method": "probe"}, {}, "method=probe"),
    ({"seeds": 2}, {}, "seeds=2"),
    ({"budget": 60}, {}, "minutes"),
    ({}, {"freeze": "encoder|nonsense"}, "expected one of none"),
    ({}, {**SEARCH, "freeze": "encoder", "learning_rate": 1e-4}, "nothing"),
])  # fmt: skip
def test_a_search_that_makes_no_sense_is_refused(settings, search, match, tmp_path):
    with pytest.raises(InputError, match=match):
        aft.tune(recipe(**settings), tmp_path / "run", search=search)
    assert not (tmp_path / "run").exists()


def test_without_optuna_the_message_says_what_to_install(monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *others: None if name == "optuna" else find(name, *others)
    )
    with pytest.raises(InputError, match=r"pip install 'audio-ft\[tune\]'"):
        aft.tune(recipe(), tmp_path / "run")
