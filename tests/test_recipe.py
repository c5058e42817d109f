"""A recipe checks itself before any download, goes to JSON and back, and its digest is about what it decides."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audio_ft import Data, Recipe
from audio_ft.augmentation import Gain, Mixup, Noise, SpecAugment
from audio_ft.cleaning.steps import Mono, Resample, Trim
from audio_ft.errors import InputError
from audio_ft.training.resolving.arguments import build_arguments, check_training, strategies


def recipe(**settings: Any) -> Recipe:
    return Recipe(**{"model": "facebook/wav2vec2-base", "data": "recordings", **settings})


FULL = recipe(
    name="full",
    data=Data(path="recordings", where=("language=en",), splits={"dev": "validation"}, limit=5),
    revision="main",
    chain=(Resample(16_000), Mono(), Trim(top_db=30)),
    augment=(Gain(6), Noise(snr=(10, 30)), SpecAugment(), Mixup()),
    window=3.5,
    pooling="attention",
    weighted_layers=True,
    dropout=0.2,
    loss="focal",
    class_weights={"yes": 1, "no": 2.5},
    sampling="over",
    freeze="layers:2",
    head_learning_rate=1e-3,
    layer_decay=0.9,
    metric="accuracy",
    training={"learning_rate": 3e-5, "num_train_epochs": 2, "optim": "sgd"},
    limits="English words.",
)


@pytest.mark.parametrize("whole", [recipe(), FULL], ids=["plain", "full"])
def test_json_and_back(whole: Recipe, tmp_path: Path) -> None:
    again = Recipe.from_dict(json.loads(json.dumps(whole.to_dict())))
    assert again == whole
    assert again.digest == whole.digest
    whole.save(tmp_path / "recipe.json")
    assert Recipe.load(tmp_path / "recipe.json") == whole


def test_a_process_that_imported_nothing_else_reads_every_recipe(tmp_path: Path) -> None:
    FULL.save(tmp_path / "recipe.json")
    program = f"from audio_ft import Recipe; print(Recipe.load({str(tmp_path / 'recipe.json')!r}).digest)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == FULL.digest


def test_the_digest_is_about_what_decides_the_weights() -> None:
    assert recipe().digest == recipe().digest
    texts = {"name": "a", "intended_use": "b", "limits": "c", "consent": "d", "push_to_hub": "me/it"}
    assert recipe(**texts).digest == recipe().digest
    assert recipe(data=Data(path="recordings", license="CC0-1.0", source="https://…")).digest == recipe().digest
    changes: list[dict[str, Any]] = [
        {"model": "other"},
        {"data": "elsewhere"},
        {"data": Data(path="recordings", seed=1)},
        {"revision": "v2"},
        {"chain": (Resample(16_000), Mono())},
        {"augment": (Gain(6),)},
        {"augment": ()},
        {"window": 2.0},
        {"seed": 1},
        {"class_weights": "balanced"},
        {"training": {"learning_rate": 1e-4}},
    ]
    assert len({recipe(**change).digest for change in [{}, *changes]}) == len(changes) + 1


def test_the_order_of_settings_does_not_matter() -> None:
    one = recipe(training={"learning_rate": 1e-4, "seed": 2}, class_weights={"a": 1.0, "b": 2.0})
    two = recipe(class_weights={"b": 2.0, "a": 1.0}, training={"seed": 2, "learning_rate": 1e-4})
    assert one.digest == two.digest


def test_a_recipe_cannot_be_changed_from_outside() -> None:
    training = {"learning_rate": 1e-4}
    whole = recipe(training=training)
    training["learning_rate"] = 1.0
    assert whole.training["learning_rate"] == 1e-4
    with pytest.raises(dataclasses.FrozenInstanceError):
        whole.seed = 3  # type: ignore[misc]


# ---- typos and what cannot be


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task": "clasification"}, r"no task 'clasification'.*Did you mean 'classification'"),
        ({"sampling": "ovr"}, "sampling: expected one of .*Did you mean 'over'"),
        ({"precision": "float16"}, "precision: expected one of"),
        ({"loss": "focall"}, "Did you mean 'focal'"),
        ({"pooling": "men"}, "pooling: expected one of .*Did you mean 'mean'"),
        ({"freeze": "encodr"}, "freeze: expected one of .*Did you mean 'encoder'"),
        ({"freeze": "layers:x"}, "freeze: expected one of"),
        ({"freeze": "3"}, "freeze: expected one of"),
        ({"freeze": 3}, "freeze: expected text, got 3"),
        ({"seed": "abc"}, "seed: expected a whole number"),
        ({"seed": -1}, "seed: expected a whole number"),
        ({"patience": 1.5}, "patience: expected a whole number"),
        ({"dropout": 1}, "dropout: expected a number from 0"),
        ({"window": 0}, "window: expected a number above 0"),
        ({"focal_gamma": -1}, "focal_gamma: expected"),
        ({"layer_decay": 0}, "layer_decay: expected a number above 0"),
        ({"head_learning_rate": "fast"}, "head_learning_rate: expected a number"),
        ({"max_corrupt": 5}, "max_corrupt: expected a number from 0 to 1"),
        ({"weighted_layers": "yes"}, "weighted_layers: expected true or false"),
        ({"average_weights": "no"}, "average_weights: expected true or false"),
        ({"class_weights": "balance"}, 'class_weights: expected "balanced"'),
        ({"class_weights": {"a": 0, "b": 1}}, "class_weights: expected"),
        ({"training": {"label_smoothing_factor": 1.5}}, "label_smoothing_factor: expected"),
    ],
)
def test_a_setting_that_cannot_be_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recipe(**settings)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"learning_rte": 1e-4}, "has a setting 'learning_rte'. Did you mean 'learning_rate'"),
        ({"evaluation_strategy": "epoch"}, "Did you mean 'eval_strategy'"),
        ({"poling": "max"}, "Did you mean 'pooling'"),
        ({"optim": "adamw_torchh"}, "TrainingArguments refuses .*adamw_torchh"),
        ({"lr_scheduler_type": "cosin"}, "TrainingArguments refuses .*cosin"),
        ({"learning_rate": "abc"}, "learning_rate: expected a number"),
        ({"max_steps": 1.5}, "max_steps: expected a whole number"),
        ({"load_best_model_at_end": "no"}, "load_best_model_at_end: expected true or false"),
        ({"per_device_train_batch_size": 0}, "per_device_train_batch_size: expected a whole number of 1 or more"),
        ({"metric_for_best_model": "eval_acuracy"}, "acuracy.*accuracy"),
        ({"output_dir": "there"}, "output_dir cannot be set here: .*--output-dir"),
        ({"resume_from_checkpoint": "there"}, "resume_from_checkpoint cannot be set here: .*resumes by itself"),
        ({"neftune_noise_alpha": 5}, "neftune_noise_alpha cannot be set here"),
        ({"max_steps": 0}, "max_steps: expected a whole number above 0, or -1"),
        ({"remove_unused_columns": True}, "remove_unused_columns cannot be set here"),
        ({"dataloader_persistent_workers": True}, "would augment each one as they did the first"),
    ],
)
def test_check_finds_typos_in_training_settings(training: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_training(recipe(training=training))


def test_check_finds_a_metric_that_does_not_exist() -> None:
    with pytest.raises(InputError, match=r"acuracy.*accuracy"):
        check_training(recipe(metric="acuracy"))
    check_training(recipe(metric="mean_absolute_error"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keep_adapter": True}, "keep_adapter .* add peft=lora"),
        ({"peft": "lora", "lora_rank": 0}, "lora_rank: expected a whole number of 1 or more"),
    ],
)
def test_check_finds_low_rank_settings_without_low_rank_matrices(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_training(recipe(**settings))


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({}, ("epoch", "epoch", True)),
        ({"eval_steps": 20}, ("steps", "steps", True)),
        ({"save_steps": 20}, ("steps", "steps", True)),
        ({"eval_strategy": "steps"}, ("steps", "steps", True)),
        ({"eval_strategy": "no"}, ("no", "epoch", False)),
        ({"save_strategy": "no"}, ("epoch", "no", False)),
        ({"save_strategy": "best"}, ("epoch", "best", True)),
        ({"eval_strategy": "steps", "eval_steps": 20, "save_steps": 40}, ("steps", "steps", True)),
        ({"load_best_model_at_end": True}, ("epoch", "epoch", True)),
        ({"lr_scheduler_type": "reduce_lr_on_plateau"}, ("epoch", "epoch", True)),
    ],
)
def test_evaluating_and_saving_go_together_unless_a_recipe_says_otherwise(
    training: dict[str, Any], expected: tuple[str, str, bool]
) -> None:
    check_training(recipe(training=training))
    arguments = build_arguments({**strategies(training, every=7), **training}, Path("unused"))
    found = arguments.eval_strategy.value, arguments.save_strategy.value, arguments.load_best_model_at_end
    assert found == expected
    if "steps" in expected:
        assert arguments.eval_steps == training.get("eval_steps", training.get("save_steps", 7))
        assert arguments.save_steps == training.get("save_steps", arguments.eval_steps)


def test_bf16_by_hand_passes_on_a_processor() -> None:
    check_training(recipe(training={"bf16": True}))


def test_a_typo_stops_the_training_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import transformers

    import audio_ft as aft

    def loaded(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("something was downloaded before the settings were checked")

    for name in ("AutoConfig", "AutoFeatureExtractor", "AutoModelForAudioClassification"):
        monkeypatch.setattr(getattr(transformers, name), "from_pretrained", loaded)
    with pytest.raises(InputError, match="Did you mean 'learning_rate'"):
        aft.train(recipe(training={"learning_rte": 1}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_from_dict_names_what_is_wrong() -> None:
    plain = recipe().to_dict()
    with pytest.raises(InputError, match=r"no setting 'poling'\. Did you mean 'pooling'"):
        Recipe.from_dict(plain | {"poling": "max"})
    with pytest.raises(InputError, match="needs the setting 'model'"):
        Recipe.from_dict({"data": "recordings"})
    with pytest.raises(InputError, match="Did you mean 'Mono'"):
        Recipe.from_dict(plain | {"chain": [{"step": "Mno"}]})


# ---- overrides


def test_overrides_take_the_types_of_json() -> None:
    changed = recipe().override(
        [
            "seed=7",
            "window=2.5",
            "weighted_layers=true",
            "pooling=max",
            "dropout=0.1",
            "learning_rate=3e-5",
            "num_train_epochs=2",
            "optim=sgd",
            "data.limit=10",
            "data.target=label",
            'class_weights={"a": 1, "b": 2}',
        ]
    )
    assert (changed.seed, changed.window, changed.weighted_layers, changed.pooling) == (7, 2.5, True, "max")
    assert dict(changed.training) == {"learning_rate": 3e-5, "num_train_epochs": 2, "optim": "sgd"}
    assert (changed.data.limit, changed.data.target, changed.data.path) == (10, "label", "recordings")
    assert changed.class_weights == {"a": 1, "b": 2}
    assert changed.override(["window=null", "dropout=None", "data.limit=null"]).data.limit is None
    assert changed.override(["window=null"]).window is None
    check_training(changed)


def test_overrides_by_name_of_chain_and_augment() -> None:
    changed = recipe().override(["chain=Resample, Mono", "augment=Gain,SpecAugment"])
    assert changed.steps.steps == (Resample(), Mono())
    assert changed.augment == (Gain(), SpecAugment())
    assert recipe(augment=(Gain(6),)).override(["augment=[]"]).augment == ()
    listed = recipe().override(['augment=[{"augment": "Noise", "snr": [5, 10]}]'])
    assert listed.augment == (Noise(snr=(5, 10)),)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("seed", "takes key=value, and 'seed' has no '='"),
        ("data.limt=3", "data has no setting 'limt'. Did you mean 'limit'"),
        ("augment=Gainn", "Did you mean 'Gain'"),
        ("chain=3", "chain: expected names"),
        ("augment=[3]", 'augment: expected {"augment": name'),
        ("training=3", "training: expected"),
        ("task=3", "task: expected text"),
        ("max_corrupt=a", "max_corrupt: expected a number"),
        ("data.limit=x", "data.limit: expected a whole number of 1 or more, got 'x'"),
        ("extra_eval.limit=x", "extra_eval.limit: expected a whole number of 1 or more, got 'x'"),
        ("extra_eval.limt=3", "extra_eval has no setting 'limt'"),
        ("data.validation=x", "data.validation: expected a number from 0 to below 1, got 'x'"),
        ("pooling=men", "Did you mean 'mean'"),
    ],
)
def test_an_override_that_cannot_be_is_named(assignment: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        recipe().override([assignment])


def test_an_unknown_name_waits_for_check() -> None:
    with pytest.raises(InputError, match="Did you mean 'weight_decay'"):
        check_training(recipe().override(["weight_decy=0.1"]))
