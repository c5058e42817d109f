"""Linear probes of the frozen checkpoint: the same answers as a network, a baseline, a start and a lower limit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import MINI, TINY, WORDS, tiny_checkpoint

import audio_ft as aft
from audio_ft import Data, InputError, Recipe
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.data import load
from audio_ft.evaluation.baselines import logistic
from audio_ft.evaluation.linear_probe import PENALTIES, fit_probes
from audio_ft.inference.batching import Collator, Windows, outputs_of
from audio_ft.inference.embeddings import layer_vectors, layers_used
from audio_ft.models import load_adapter
from audio_ft.models.linear_head import LinearHead
from audio_ft.reporting.card.render import model_card
from audio_ft.targets import Label, Labels, Number
from audio_ft.tasks.base import Checkpoint, HeadSettings
from audio_ft.tasks.classification import Classification
from audio_ft.training.messages import results
from audio_ft.training.probe import PROBE_FILE, Probed

FEW = Data(path=WORDS, limit=48)


def recipe(**settings: Any) -> Recipe:
    return Recipe(**{"model": MINI, "data": FEW, "precision": "float32", "augment": (), **settings})


@pytest.mark.parametrize("name", TINY)
def test_a_head_on_a_layer_is_a_network_that_ends_there(name: str, tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint(name, tmp_path)
    adapter = load_adapter(checkpoint).with_window(1.0)
    task = Classification(Label(("a", "b", "c")))
    rows = load(Data(path=WORDS, limit=5), need=("train",)).splits["train"]
    windows = Windows(clean(rows, Cleaner(DEFAULT_CHAIN, adapter.sample_rate), name="train"), None, adapter.window)

    def network() -> Any:
        return task.build(Checkpoint(adapter, checkpoint), HeadSettings()).eval()

    whole = network()
    layers = layers_used(len(adapter.layers(whole)))
    vectors = layer_vectors(whole, adapter, windows, np.arange(len(windows)))
    rng = np.random.default_rng(0)
    for column, layer in enumerate(layers):
        own = vectors[:, column]
        parts = (own.mean(0), own.std(0) + 0.1, rng.normal(size=(3, own.shape[1])), rng.normal(size=3))
        head = LinearHead(layer, *(part.astype(np.float32) for part in parts))
        model = network()
        head.install(model, adapter)
        assert len(adapter.layers(model)) == layer == model.config.num_hidden_layers
        found = outputs_of(model, task, Collator(adapter, task), windows)
        assert found == pytest.approx(head.logits(own), abs=2e-4)


def test_coefficients_predict_what_the_estimator_does() -> None:
    rng = np.random.default_rng(0)
    features, others = rng.normal(size=(40, 5)), rng.normal(size=(7, 5))

    def build() -> Any:
        return logistic().steps[-1][1]

    for classes in (2, 3):
        target, ids = Label(("a", "b", "c")), rng.integers(classes, size=40)
        weights, bias = target.fit_linear(build, features, ids)
        odds = np.exp(others @ weights.T + bias)
        expected = target.fit_predict(build, features, ids, others)
        assert odds / odds.sum(1, keepdims=True) == pytest.approx(expected, abs=1e-6)
    several, marks = Labels(("a", "b")), rng.integers(2, size=(40, 2))
    weights, bias = several.fit_linear(build, features, marks)
    odds = 1 / (1 + np.exp(-others @ weights.T - bias))
    assert odds == pytest.approx(several.fit_predict(build, features, marks, others), abs=1e-6)


def test_a_probe_alone_is_an_ordinary_model(tmp_path: Path) -> None:
    # The parity check, in a process with plain transformers, is part of it.
    texts = dict.fromkeys(("intended_use", "limits", "consent"), "None.")
    run = aft.train(recipe(method="probe", **texts), tmp_path / "run")
    assert run.best["kept"] == "linear probe"
    assert run.kept.startswith("linear probe: layer ")
    assert "linear probe" not in run.baselines, "it is the model itself"
    assert run.scores["test"]["accuracy"].value > run.baselines["majority"]["accuracy"].value
    assert run.scores["validation"][run.best["metric"]].value == pytest.approx(run.best["value"], abs=1e-6)
    assert not (run.folder / PROBE_FILE).exists()
    model = aft.load(run.folder)
    assert f"layer {len(model.adapter.layers(model.network))} of " in run.best["why"]
    assert "linear probe on the frozen checkpoint was kept" in model_card(run)


def test_numbers_and_several_labels_can_be_probed(tmp_path: Path) -> None:
    import pandas

    files = sorted(Path(WORDS).rglob("*.ogg"))[::12][:40]
    rows = {"file_name": files, "value": [len(file.name) + 0.5 * n for n, file in enumerate(files)],
            "tags": ["even;all" if n % 2 else "all" for n in range(len(files))]}  # fmt: skip
    pandas.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
    kinds = {"value": Number.kind, "tags": Labels.kind}
    for column, kind in kinds.items():
        data = Data(path=str(tmp_path / "rows.csv"), target=column, kind=kind)
        run = aft.train(recipe(data=data, method="probe", allow_leaks=True), tmp_path / column)
        assert run.kind == kind
        assert run.best["kept"] == "linear probe"


def test_what_a_probe_cannot_do_is_refused(tmp_path: Path) -> None:
    sentences = Data(path=str(Path(WORDS).parent / "sentences"), limit=16)
    with pytest.raises(InputError, match="method=probe is a linear model on one vector a clip, which cannot learn"):
        aft.train(recipe(data=sentences, task="transcription", method="probe"), tmp_path / "run")
    with pytest.raises(InputError, match="pooling, learning_rate: method=probe does not use it"):
        aft.train(recipe(method="probe", pooling="max", training={"learning_rate": 1e-3}), tmp_path / "run")


def test_training_starts_from_the_probe_and_keeps_the_better(tmp_path: Path) -> None:
    lines: list[str] = []
    # One step with a rate that ruins the weights.
    ruined = recipe(freeze="none", head_learning_rate=10.0, training={"max_steps": 1, "learning_rate": 1.0})
    run = aft.train(ruined, tmp_path / "ruined", log=lines.append)
    assert any(line.startswith("probe       layer ") and " s" in line for line in lines)
    assert run.best["kept"] == "linear probe"
    assert "where fine-tuning reached" in run.kept
    metric = run.best["metric"]
    for name in ("accuracy", metric):
        assert run.scores["test"][name].value == pytest.approx(run.baselines["linear probe"][name].value, abs=1e-6)
    assert "linear probe" not in run.other_baselines, "it is the model itself"
    other = {"linear probe": {name: replace(score, value=0.0) for name, score in run.scores["test"].items()}}
    told = run.recipe.replace(intended_use="tests", limits="all", consent="given")
    twice = replace(run, baselines=other, recipe=told)
    shown = next(line for line in results(twice) if line.startswith("accuracy"))
    assert f"{run.scores['test']['accuracy'].value:.3f}" in shown, "its own score, not that of the baseline"
    assert "linear probe |" not in model_card(twice)
    # One step that changes next to nothing leaves the probe of the last layer.
    still = recipe(training={"max_steps": 1, "learning_rate": 1e-9, "eval_strategy": "no"})
    run = aft.train(still, tmp_path / "still")
    assert "kept" not in run.best
    assert run.scores["validation"]["accuracy"].value > 2 / 8, "a random head would be near one in eight"


def test_a_probe_is_read_again_as_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=size).astype(np.float32) for size in (4, 4, (2, 4), 2)]
    for start in (None, LinearHead(3, *parts)):
        probed = Probed(LinearHead(2, *parts), start, 3, 0.1, {"accuracy": 0.5}, rng.normal(size=(5, 2)), 1.5)
        probed.save(tmp_path / PROBE_FILE)
        again = Probed.load(tmp_path / PROBE_FILE)
        assert str(again) == str(probed) == "layer 2 of 3, inverse penalty 0.1"
        assert (again.start is None) == (start is None)
        assert again.is_kept(recipe(), {"metric": "accuracy", "value": 0.4})
        assert not again.is_kept(recipe(), {"metric": "accuracy", "value": 0.5})
        assert not again.is_kept(recipe(), {"metric": "loss", "value": 9.0})
        assert not again.is_kept(recipe(wise_ft_alpha=0.5), {"metric": "accuracy", "value": 0.4})
        assert again.start_for(recipe(pooling="max")) is None
        np.testing.assert_array_equal(again.best.logits(np.ones((1, 4))), probed.best.logits(np.ones((1, 4))))
        np.testing.assert_array_equal(again.predictions, probed.predictions)


def test_the_score_chooses_a_probe_and_the_loss_between_equal_scores() -> None:
    rng = np.random.default_rng(0)
    target, references = Label(("a", "b")), rng.integers(2, size=60)
    vectors = rng.normal(size=(60, 2, 4)).astype(np.float32)
    vectors[:, 1, 0] += 3 * references  # only the second layer knows the classes

    def validate(column: int, head: LinearHead) -> tuple[Any, Any]:
        odds = np.exp(head.logits(vectors[:, column]))
        return odds / odds.sum(1, keepdims=True), references

    def strength(probe: Any) -> float:
        return float(np.abs(probe.head.weights).sum())

    def fitted(score: Any) -> list[Any]:
        return fit_probes(target, [1, 2], vectors, references, validate, score)

    by_loss = fitted(lambda predictions, known: 0.0)
    assert [probe.head.layers for probe in by_loss] == [1, 2]
    assert max(by_loss, key=lambda probe: probe.rank).head.layers == 2
    # A score that likes doubt takes the strongest penalty, whatever the loss says.
    doubtful = fitted(lambda predictions, known: -float(predictions.max(1).mean()))
    assert doubtful[1].penalty == min(PENALTIES)
    assert doubtful[1].loss > by_loss[1].loss
    assert strength(doubtful[1]) < strength(by_loss[1])
