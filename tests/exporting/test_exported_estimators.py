"""Linear models and support vector machines as ONNX: what scikit-learn computes, from samples on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from checkpoints import RATE, WORDS

import audio_ft as aft
from audio_ft.audio.features.mfcc_statistics import mfcc_statistics
from audio_ft.errors import InputError
from audio_ft.exporting.estimator import EstimatorLayers
from audio_ft.exporting.graph import answer_of
from audio_ft.models.estimator import Estimator, EstimatorConfig
from audio_ft.models.front_end import MfccStatisticsInput
from audio_ft.models.scratch import Selection
from audio_ft.targets import Label, Labels, Number
from audio_ft.tasks import Classification
from audio_ft.training.small.pipelines import TRIED, pipeline_of, selector_of

ROWS, FEATURES = 60, 12
TARGETS = {
    "single_label_classification": Label(("a", "b", "c")),
    "multi_label_classification": Labels(("a", "b", "c")),
    "regression": Number(),
}


def references(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return what each row is: two of three classes, labels, or numbers far from 0."""
    if kind == "regression":
        return rng.normal(100, 20, (ROWS, 1)).ravel()
    return rng.integers(0, 2, (ROWS, 3)) if kind == "multi_label_classification" else 2 * rng.integers(0, 2, ROWS)


@pytest.mark.parametrize("select", [None, Selection(5), Selection(4, components=True)])
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", ["linear", "svm"])
def test_the_layers_compute_what_scikit_learn_does(name, kind, select):
    rng = np.random.default_rng(0)
    vectors, known = rng.normal(3, 5, (ROWS, FEATURES)), references(kind, rng)
    selector = selector_of(select, TARGETS[kind], vectors, known, 0)
    pipeline = pipeline_of(name, TRIED[name][-1], TARGETS[kind], selector, features=FEATURES, seed=0)
    config = EstimatorConfig(estimator=name, scale=2.0, num_labels=1 if kind == "regression" else 3, problem_type=kind)
    network = Estimator(config, pipeline.fit(vectors, known))
    new = torch.tensor(rng.normal(3, 5, (20, FEATURES)), dtype=torch.float32)
    with torch.inference_mode():
        found, expected = EstimatorLayers(network)(new).logits, network(new).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_several_labels_have_a_probability_each():
    for kind, expected in (("single_label_classification", 1 / 3), ("multi_label_classification", 0.5)):
        name, answer = answer_of(Classification(TARGETS[kind]))
        assert name == "probabilities"
        assert answer(torch.zeros(1, 3)).numpy() == pytest.approx(expected)


@pytest.mark.parametrize("rate", [8_000, RATE, 22_050])
@pytest.mark.parametrize("samples", [1, 100, 161, 500, 9_999])
def test_the_front_end_computes_the_statistics(rate, samples):
    wave = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    found = MfccStatisticsInput(rate)(torch.from_numpy(wave)[None])["input_features"][0].numpy()
    np.testing.assert_allclose(found, mfcc_statistics(wave, rate), atol=2e-3)


def test_an_exported_svm_gives_the_probabilities_of_its_run(tmp_path):
    pytest.importorskip("onnxscript")
    data = aft.Data(path=WORDS, limit=48)
    run = aft.train(aft.Recipe(model="svm", data=data, select=60), tmp_path / "run")
    model = aft.load(run.folder)
    aft.export(model, tmp_path / "onnx")
    clips = [f"{WORDS}/test/{name}" for name in ("en-029_grandpa_down.ogg", "en-029_grandpa_go.ogg")]
    for one, other in zip(model(clips), aft.load(tmp_path / "onnx")(clips), strict=True):
        assert other == pytest.approx(one, abs=1e-4)


def test_a_forest_is_refused_with_the_reason():
    rng = np.random.default_rng(0)
    pipeline = pipeline_of("forest", {"min_samples_leaf": 4}, Label(("a", "b", "c")), [], features=FEATURES, seed=0)
    known = references("single_label_classification", rng)
    fitted = Estimator(
        EstimatorConfig(estimator="forest", num_labels=3), pipeline.fit(rng.normal(size=(ROWS, 12)), known)
    )
    with pytest.raises(InputError, match=r"the other side of a threshold .* Export a linear model or an svm"):
        EstimatorLayers(fitted)
