"""One small training from recordings to a scored model: what it leaves behind, what it keeps and what it refuses."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from checkpoints import LEFT_BEHIND, WORDS, tiny_checkpoint
from forked import in_fork
from sklearn.metrics import accuracy_score, mean_absolute_error, roc_auc_score

import audio_ft as aft
from audio_ft import Data, Recipe
from audio_ft.augmentation import Gain, Mixup, Noise, SpecAugment, Speed
from audio_ft.cleaning.steps import Mono, Resample
from audio_ft.errors import AudioFTError, InputError
from audio_ft.tasks import Classification

TRAINING = {"num_train_epochs": 2, "per_device_train_batch_size": 8, "learning_rate": 1e-3}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_checkpoint("wav2vec2-group", tmp_path_factory.mktemp("tiny"))


def recipe(model: str, training: Mapping[str, Any] | None = None, **settings: Any) -> Recipe:
    fixed: dict[str, Any] = {"data": Data(path=WORDS, limit=24), "augment": (), "precision": "float32", "probe": False}
    return Recipe(model=model, training={**TRAINING, **(training or {})}, **{**fixed, **settings})


def manifest(folder: Path, cells: Any, count: int = 24) -> Data:
    """Write a manifest of `count` shipped words a split, with a target made from word and position."""
    rows = []
    for split in ("train", "validation", "test"):
        for index, path in enumerate(sorted((Path(WORDS) / split).glob("*.ogg"))[:count]):
            word = path.stem.rpartition("_")[2]
            rows.append({"path": str(path), "target": cells(word, index), "split": split})
    return write_manifest(folder, rows)


def write_manifest(folder: Path, rows: Sequence[dict[str, Any]]) -> Data:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "all.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "target", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return Data(path=str(folder / "all.csv"), target="target")


def predictions(run: Path, split: str) -> pandas.DataFrame:
    table = pandas.read_parquet(run / "predictions.parquet")
    return table[table["split"] == split].reset_index(drop=True)


def curve(run: Any, name: str) -> dict[int, float]:
    """Return a validation score by step."""
    return {entry["step"]: entry[f"eval_{name}"] for entry in run.history if f"eval_{name}" in entry}


# ---- what is left behind


def test_the_folder_holds_the_run_and_nothing_else(small_run: Path) -> None:
    later = {"slices.json"}  # other tests evaluate this run
    left = {path.name for path in small_run.iterdir()} - later
    assert left == LEFT_BEHIND
    assert {path.name for path in (small_run / "model").iterdir()} >= {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "chain.json",
        "recipe.json",
    }


def test_run_json_records_what_happened(small_run: Path) -> None:
    plain = json.loads((small_run / "run.json").read_text("utf-8"))
    for split in ("validation", "test"):
        assert {"accuracy", "f1_macro", "unweighted_average_recall"} <= plain["scores"][split].keys()
        for score in plain["scores"][split].values():
            assert set(score) == {"value", "low", "high", "n"}
            assert score["low"] <= score["value"] <= score["high"]
    assert set(plain["baselines"]) == {"majority", "linear on MFCC", "linear probe"}
    assert {split: facts["clips"] for split, facts in plain["splits"].items()} == dict.fromkeys(plain["splits"], 48)
    assert plain["splits"]["train"]["classes"] == dict.fromkeys(plain["labels"], 6)
    assert plain["history"]
    assert all(re.fullmatch(r"[0-9a-f]{64}", plain["digests"][name]) for name in ("recipe", "chain", "data", "model"))
    assert {"torch", "transformers", "python"} <= plain["versions"].keys()
    assert plain["seconds"]["total"] > 0
    run = aft.Run.load(small_run)
    assert run.to_dict() == plain
    assert run.recipe.digest == plain["digests"]["recipe"]


def test_scores_are_those_of_the_stored_predictions(small_run: Path) -> None:
    run = aft.Run.load(small_run)
    for split in ("validation", "test"):
        table = predictions(small_run, split)
        assert len(table) == 48
        assert table["file"].is_unique
        expected = accuracy_score(table["reference"], table["prediction"])
        assert run.scores[split]["accuracy"].value == pytest.approx(expected)
        rows = np.stack(table["probabilities"].to_list())
        np.testing.assert_allclose(rows.sum(1), 1, rtol=1e-6)
        assert [run.labels[index] for index in rows.argmax(1)] == list(table["prediction"])


PLAIN = """
import json, sys
sys.modules["audio_ft"] = None  # whoever needs it fails
import numpy
from transformers import pipeline
wave, rate = numpy.load(sys.argv[2]), int(sys.argv[3])
answer = pipeline("audio-classification", model=sys.argv[1])({"array": wave, "sampling_rate": rate}, top_k=None)
print(json.dumps({item["label"]: item["score"] for item in answer}))
"""


def plain_answer(model: Path, recording: Path, folder: Path) -> dict[str, float]:
    """Return what plain transformers, audio_ft out of reach, says about a recording cleaned by the model's chain."""
    clip = aft.Chain.load(model / "chain.json")(aft.read(recording))
    np.save(folder / "wave.npy", clip.samples[0])
    outcome = in_fork(PLAIN, str(model), str(folder / "wave.npy"), str(clip.rate))
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout.splitlines()[-1])


def test_plain_transformers_predicts_the_same(small_run: Path, tmp_path: Path) -> None:
    table = predictions(small_run, "test")
    recording = Path(WORDS) / "test" / Path(table["file"][5]).name
    theirs = plain_answer(small_run / "model", recording, tmp_path)
    stored = dict(zip(aft.Run.load(small_run).labels, table["probabilities"][5], strict=True))
    assert theirs == pytest.approx(stored, abs=1e-3)
    assert aft.load(small_run)(recording) == pytest.approx(stored, abs=1e-3)


def test_a_cropped_whisper_does_too(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("whisper", tmp_path / "whisper")
    run = aft.train(recipe(checkpoint, augment=(SpecAugment(),)), tmp_path / "run")
    assert run.data["window_seconds"] < 3
    table = predictions(run.folder, "test")
    recording = Path(WORDS) / "test" / Path(table["file"][3]).name
    stored = dict(zip(run.labels, table["probabilities"][3], strict=True))
    assert plain_answer(run.model_folder, recording, tmp_path) == pytest.approx(stored, abs=1e-3)
    assert aft.load(run.folder)(recording) == pytest.approx(stored, abs=1e-3)


# ---- which checkpoint is kept


# So fast that the network gets worse on the way: the kept checkpoint must then be an early one.
TOO_FAST = {"num_train_epochs": 4, "learning_rate": 0.03, "label_smoothing_factor": 0.0, "warmup_steps": 0}


@pytest.mark.parametrize("by_trainers_name", [False, True])
def test_by_loss_the_lowest_is_kept(tiny: str, tmp_path: Path, by_trainers_name: bool) -> None:
    named = {"metric_for_best_model": "eval_loss"} if by_trainers_name else {}
    whole = recipe(tiny, {**TOO_FAST, **named}, metric=None if by_trainers_name else "loss")
    run = aft.train(whole, tmp_path / "run")
    losses = curve(run, "loss")
    best = min(losses, key=losses.__getitem__)
    assert len(losses) == 4
    assert best != max(losses), "the test needs a training that gets worse"
    assert run.best["step"] == best
    assert "lowest loss" in run.best["why"]
    table = predictions(run.folder, "validation")
    right = [row[run.labels.index(name)] for row, name in zip(table["probabilities"], table["reference"], strict=True)]
    assert -np.log(right).mean() == pytest.approx(losses[best], rel=1e-4)


def test_numbers_end_to_end_and_by_error_the_lowest_is_kept(tiny: str, tmp_path: Path) -> None:
    data = manifest(tmp_path / "data", lambda word, index: len(word) + index / 100)
    run = aft.train(recipe(tiny, TOO_FAST, data=data, metric="mean_absolute_error"), tmp_path / "run")
    assert run.kind == "number"
    errors = curve(run, "mean_absolute_error")
    assert run.best["step"] == min(errors, key=errors.__getitem__)
    for split in ("validation", "test"):
        table = predictions(run.folder, split)
        expected = mean_absolute_error(table["reference"], table["prediction"])
        assert run.scores[split]["mean_absolute_error"].value == pytest.approx(expected)
        assert run.baselines["majority"]["mean_absolute_error"].value > 0
    answer = aft.load(run.folder)(Path(WORDS) / "test" / Path(table["file"][0]).name)
    assert answer == {"value": pytest.approx(table["prediction"][0], abs=2e-3)}


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "focal"},
        {"training": {"label_smoothing_factor": 0.1}},
        {"class_weights": "balanced"},
        {"class_weights": {"yes": 2.0}},
    ],
)
def test_settings_for_classes_are_refused_for_numbers(tiny: str, tmp_path: Path, settings: dict[str, Any]) -> None:
    data = manifest(tmp_path / "data", lambda word, index: len(word) + index / 100)
    with pytest.raises(InputError, match="are for classes, and these targets are numbers"):
        aft.train(aft.Recipe(model=tiny, data=data, **settings), tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


def test_several_labels_end_to_end(tiny: str, tmp_path: Path) -> None:
    """With all that a head can be asked for, among it a pooling that plain transformers does not know."""
    data = manifest(tmp_path / "data", lambda word, index: ";".join(sorted({word[0], word[-1]})))
    rich: dict[str, Any] = {"pooling": "statistics", "weighted_layers": True, "loss": "focal", "dropout": 0.2}
    run = aft.train(recipe(tiny, data=data, class_weights="balanced", **rich), tmp_path / "run")
    assert run.kind == "labels"
    table = predictions(run.folder, "test")
    truth = np.asarray([[label in row for label in run.labels] for row in table["reference"]])
    likely = np.stack(table["probabilities"].to_list())
    assert run.scores["test"]["roc_auc_macro"].value == pytest.approx(roc_auc_score(truth, likely), abs=1e-6)
    assert [list(row) for row in table["prediction"]] == [
        [run.labels[index] for index in np.argsort(-row) if row[index] >= 0.5] for row in likely
    ]
    stored = dict(zip(run.labels, likely[2], strict=True))
    assert aft.load(run.folder)(Path(WORDS) / "test" / Path(table["file"][2]).name) == pytest.approx(stored, abs=1e-3)


# ---- ways to train


def test_features_from_the_cache_and_on_the_fly_give_the_same_model(tiny: str, tmp_path: Path) -> None:
    cached = aft.train(recipe(tiny), tmp_path / "run")
    with pytest.raises(InputError, match="already holds a finished run"):
        aft.train(recipe(tiny), tmp_path / "run")
    # An augmentation of the wave moves feature extraction into the collator; one that never applies changes nothing.
    on_the_fly = aft.train(recipe(tiny, augment=(Gain(probability=0.0),)), tmp_path / "run", overwrite=True)
    assert on_the_fly.digests["model"] == cached.digests["model"]
    assert on_the_fly.digests["recipe"] != cached.digests["recipe"]
    assert aft.Run.load(tmp_path / "run").recipe == on_the_fly.recipe


def test_all_augmentations_with_balanced_sampling_and_weights(tiny: str, tmp_path: Path) -> None:
    lines: list[str] = []
    augment = (Speed(), Gain(), Noise(), SpecAugment(), Mixup())
    rows = [{"path": str(path), "target": path.stem.rpartition("_")[2], "split": split} for split in
            ("train", "validation", "test") for path in sorted((Path(WORDS) / split).glob("*.ogg"))[:32]]  # fmt: skip
    uneven = [row for row in rows if row["target"] in ("yes", "no") or row["split"] != "train" or "andy" in row["path"]]
    run = aft.train(
        recipe(
            tiny,
            {"gradient_accumulation_steps": 2, "train_sampling_strategy": "group_by_length"},
            data=write_manifest(tmp_path / "data", uneven),
            augment=augment,
            class_weights="balanced",
            sampling="over",
            freeze="gradual",
            layer_decay=0.8,
        ),
        tmp_path / "run",
        log=lines.append,
    )
    counts = run.splits["train"]["classes"]
    assert max(counts.values()) > min(counts.values())
    told = "\n".join(lines)
    assert "optimizer steps" in told
    assert "clips" in told
    # Scores during training belong to the rows they were computed for, whatever order the loader took.
    table = predictions(run.folder, "validation")
    assert run.best["value"] == pytest.approx(run.scores["validation"]["f1_macro"].value, abs=1e-6)
    assert accuracy_score(table["reference"], table["prediction"]) == pytest.approx(
        curve(run, "accuracy")[run.best["step"]]
    )


def test_a_training_that_never_evaluates(tiny: str, tmp_path: Path) -> None:
    quiet = {"eval_strategy": "no", "load_best_model_at_end": False, "save_strategy": "no", "max_steps": 2}
    run = aft.train(recipe(tiny, quiet), tmp_path / "run")
    assert run.best["why"].startswith("the last step")


def test_epochs_are_enough_for_what_one_draws(tiny: str, tmp_path: Path) -> None:
    """An epoch of evened-out classes holds two clips of each here, of 96: as many steps take more epochs."""
    rows = [{"path": str(path), "target": "other", "split": split} for split in ("train", "validation", "test")
            for path in sorted((Path(WORDS) / split).glob("*.ogg"))]  # fmt: skip
    for split in ("train", "validation", "test"):
        for row in [row for row in rows if row["split"] == split][:2]:
            row["target"] = "rare"
    data, settings = write_manifest(tmp_path / "data", rows), {"per_device_train_batch_size": 1}
    recipes = [
        Recipe(model=tiny, data=data, augment=(), training=settings, sampling=name) for name in ("none", "under")
    ]
    natural, under = (epochs_said(whole, tmp_path / whole.sampling) for whole in recipes)
    assert under == 40 > natural


def epochs_said(whole: Recipe, folder: Path) -> int:
    """Return the number of epochs that a training announces, which then is stopped."""
    said: list[int] = []

    def stop(line: str) -> None:
        if found := re.search(r"(\d+) epochs of at most", line):
            said.append(int(found[1]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aft.train(whole, folder, log=stop)
    return said[0]


def test_the_briefing_says_what_training_will_do(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []

    def nearly_full(path: Any) -> Any:
        return SimpleNamespace(free=5e3 if tmp_path in (Path(path), *Path(path).parents) else 1e9)

    monkeypatch.setattr("shutil.disk_usage", nearly_full)
    aft.train(
        recipe(tiny, {"max_steps": 2, "num_train_epochs": 40}, freeze="gradual"), tmp_path / "run", log=lines.append
    )
    assert "2 optimizer steps: 0.667 epochs of at most 3, 8 clips each" in "\n".join(lines)
    assert "so one epoch trains the head alone" in "\n".join(lines)
    assert f"MB, and 5.0 kB are free in {tmp_path / 'run'}" in "\n".join(lines)


def test_running_out_of_memory_halves_the_batch_and_continues(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two clips at once are all that fit from the second epoch on: the first one's steps are not made again."""
    lines: list[str] = []
    learn, batches = Classification.loss, []

    def step(self: Any, model: Any, inputs: Any, labels: Any, head: Any) -> Any:
        if model.training:
            batches.append(len(labels))
            if len(batches) > 3 and len(labels) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
        return learn(self, model, inputs, labels, head)

    monkeypatch.setattr(Classification, "loss", step)
    run = aft.train(recipe(tiny), tmp_path / "run", log=lines.append)
    told = "\n".join(lines)
    assert [line for line in told.splitlines() if line.startswith("memory")] == [
        "memory is too small for 8 clips at once; trying 4",
        "memory is too small for 4 clips at once; trying 2",
    ]
    assert told.count("resuming from checkpoint-3") == 2
    assert batches == [8, 8, 8, 8, 4, *[2] * 12]
    halved = {"value": 2, "origin": "default: memory was too small for more clips at once"}
    assert run.training["per_device_train_batch_size"] == halved
    assert run.used["clips_per_step"] == 8
    assert [entry["step"] for entry in run.history if "eval_loss" in entry] == [3, 6]


def test_without_load_best_model_the_last_step_is_kept(tiny: str, tmp_path: Path) -> None:
    settings = {**TOO_FAST, "load_best_model_at_end": False}
    run = aft.train(recipe(tiny, settings, metric="loss"), tmp_path / "run")
    losses = curve(run, "loss")
    last = max(losses)
    assert min(losses, key=losses.__getitem__) < last, "the test needs a training that gets worse"
    assert run.best == {"metric": "loss", "step": last, "why": "the last step, because load_best_model_at_end is off"}


def test_strategies_follow_each_other_and_no_clip_is_dropped(tiny: str, tmp_path: Path) -> None:
    """Steps for evaluation are steps for saving, and the last validation batch counts also where training drops it."""
    few = {"eval_steps": 2, "max_steps": 5, "num_train_epochs": 9, "dataloader_drop_last": True}
    run = aft.train(recipe(tiny, {**few, "per_device_eval_batch_size": 7}), tmp_path / "run")
    # Trainer evaluates after the last step in any case.
    assert list(curve(run, "loss")) == [2, 4, 5]
    table = predictions(run.folder, "validation")
    assert accuracy_score(table["reference"], table["prediction"]) == pytest.approx(
        curve(run, "accuracy")[run.best["step"]]
    )


# ---- what stops a training


def test_a_loss_that_is_not_finite_stops_and_names_the_batch(tiny: str, tmp_path: Path) -> None:
    with pytest.raises(AudioFTError, match=r"The loss of step \d+ is nan.*_(down|go|left|no|right|stop|up|yes)\.ogg"):
        aft.train(recipe(tiny, {"learning_rate": 1e30, "warmup_steps": 0}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def corrupted(folder: Path, bad: int) -> Data:
    """Return 72 recordings, `bad` of them no audio."""
    rows = []
    for split in ("train", "validation", "test"):
        for index, path in enumerate(sorted((Path(WORDS) / split).glob("*.ogg"))[:24]):
            target, copy = path.stem.rpartition("_")[2], folder / split / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
            if split == "train" and index < bad:
                copy.write_bytes(b"this is no audio at all" * 10)
            rows.append({"path": str(copy), "target": target, "split": split})
    return write_manifest(folder, rows)


def test_few_corrupt_recordings_are_excluded_and_counted(tiny: str, tmp_path: Path) -> None:
    lines: list[str] = []
    data = corrupted(tmp_path / "data", 3)
    run = aft.train(recipe(tiny, data=data), tmp_path / "run", log=lines.append)
    facts = run.splits["train"]
    assert facts["clips"] == 21
    assert len(facts["unreadable"]) == 3
    assert sum(line.startswith("excluded: ") for line in lines) == 3
    assert sum(facts["classes"].values()) == 21


def test_too_many_corrupt_recordings_stop_the_training(tiny: str, tmp_path: Path) -> None:
    data = corrupted(tmp_path / "data", 4)
    with pytest.raises(InputError, match=r"4 of 72 recordings cannot be read .*more than the allowed 5%.*max_corrupt"):
        aft.train(recipe(tiny, data=data), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_folders_of_others_are_left_alone(tiny: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds other files \(notes\.txt\)"):
        aft.train(recipe(tiny), tmp_path, overwrite=True)
    with pytest.raises(InputError, match="is a file"):
        aft.train(recipe(tiny), tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_unfinished_training_of_another_recipe_is_left_alone(tiny: str, tmp_path: Path) -> None:
    (tmp_path / "started.json").write_text(json.dumps({"recipe": "another", "data": "another"}))
    with pytest.raises(InputError, match=r"unfinished training with another recipe and data.*--overwrite"):
        aft.train(recipe(tiny), tmp_path)
    assert (tmp_path / "started.json").is_file()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 60.0, "task": "classification"}, "window=60: here the network takes 30 s at once"),
        ({"class_weights": {"yes": 1.0}}, "class_weights names yes and the labels are down"),
        ({"freeze": "layers:9"}, "more layers than the 3"),
        ({"model": "/absent/checkpoint"}, "no checkpoint folder /absent/checkpoint"),
        ({"chain": (Resample(8_000), Mono())}, "expects 16,000 Hz and the chain .* does not end there"),
    ],
)
def test_what_does_not_fit_leaves_no_folder(tiny: str, tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        aft.train(recipe(**{"model": tiny, **settings}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
