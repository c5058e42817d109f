"""A student learns its teacher's probabilities: the loss by its formula, the record, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from checkpoints import WORDS
from scipy.special import expit, rel_entr, softmax

import audio_ft as aft
from audio_ft import Data, Recipe
from audio_ft.errors import InputError
from audio_ft.file_io import file_digest
from audio_ft.training.steps.distillation import TEMPERATURE, divergence

STEPS = {"max_steps": 2, "per_device_train_batch_size": 8}


def student(**settings) -> Recipe:
    return Recipe(**{"model": "crnn", "data": Data(path=WORDS, limit=48), "training": STEPS, **settings})


def test_the_divergence_is_that_of_hinton_2015():
    rng = np.random.default_rng(0)
    own, wanted = rng.normal(0, 3, (2, 5, 4)).astype(np.float32)
    one, other = softmax(own / TEMPERATURE, 1), softmax(wanted / TEMPERATURE, 1)
    expected = TEMPERATURE**2 * rel_entr(other, one).sum(1).mean()
    found = divergence(torch.from_numpy(own), torch.from_numpy(wanted), "single_label_classification")
    assert found.item() == pytest.approx(expected, rel=1e-5)
    one, other = expit(own / TEMPERATURE), expit(wanted / TEMPERATURE)
    expected = TEMPERATURE**2 * (rel_entr(other, one) + rel_entr(1 - other, 1 - one)).mean()
    found = divergence(torch.from_numpy(own), torch.from_numpy(wanted), "multi_label_classification")
    assert found.item() == pytest.approx(expected, rel=1e-4)
    assert divergence(torch.from_numpy(own), torch.from_numpy(own), "regression").item() == 0


def test_a_student_learns_from_its_teacher_which_the_record_names(small_run, tmp_path):
    lines: list[str] = []
    plain = aft.train(student(), tmp_path / "plain")
    run = aft.train(student(teacher=str(small_run)), tmp_path / "taught", log=lines.append)
    assert any(line.startswith(f"teacher     {small_run}: 50% of the loss") for line in lines)
    assert run.digests["teacher"] == file_digest(small_run / "model" / "model.safetensors")
    assert "teacher" not in plain.digests
    assert run.recipe.digest != plain.recipe.digest
    assert run.digests["model"] != plain.digests["model"]
    assert "teacher" not in (tmp_path / "taught" / "model" / "config.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"model": "svm", "training": {}}, "only networks that classify whole clips learn from one"),
        ({"augment": "Mixup"}, "Mixup blends clips"),
        ({"data": Data(path=WORDS, limit=48, where=("label!=yes",))}, r"predicts other labels \('yes'\)"),
        ({"teacher": "nowhere/at/all"}, "nowhere"),
    ],
)
def test_what_cannot_be_taught_is_refused(settings, why, small_run, tmp_path):
    with pytest.raises(InputError, match=why):
        aft.train(student(**{"teacher": str(small_run), **settings}), tmp_path / "run")
