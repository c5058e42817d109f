"""The losses are those of torch and of their papers, and the balanced weights those of scikit-learn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax
from scores import places
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from audio_ft.errors import InputError
from audio_ft.targets import Label, Labels, Number
from audio_ft.tasks import Classification
from audio_ft.tasks.base import HeadSettings

LABELS = ("cat", "dog", "owl")
WEIGHTS = {"cat": 0.5, "dog": 2.0, "owl": 3.0}
WEIGHT = torch.tensor(list(WEIGHTS.values()))


TARGETS = {"label": Label(LABELS), "labels": Labels(LABELS), "number": Number()}


class Network:
    """Stand in for a network: it returns the logits that it is given."""

    def __call__(self, logits: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=logits)


class Fixed:
    """Compute losses of given logits by the task's own route."""

    def __init__(self, kind: str) -> None:
        self.task = Classification(TARGETS[kind])

    def loss(self, logits: torch.Tensor, labels: torch.Tensor, settings: HeadSettings) -> torch.Tensor:
        return self.task.loss(Network(), {"logits": logits}, labels, settings)[0]


def task(kind: str = "label") -> Fixed:
    return Fixed(kind)


def logits(seed: int = 0, count: int = 7, scale: float = 2.0) -> torch.Tensor:
    return scale * torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))


def ids(seed: int = 0, count: int = 7) -> torch.Tensor:
    return torch.randint(0, 3, (count,), generator=torch.Generator().manual_seed(seed))


def several(seed: int = 0, count: int = 7) -> torch.Tensor:
    return torch.randint(0, 2, (count, 3), generator=torch.Generator().manual_seed(seed)).float()


def head(**settings: Any) -> HeadSettings:
    return HeadSettings(**settings)


def test_single_labels_cost_torchs_cross_entropy() -> None:
    torch.testing.assert_close(task().loss(logits(), ids(), head()), functional.cross_entropy(logits(), ids()))


def test_several_labels_cost_torchs_binary_cross_entropy() -> None:
    ours = task("labels").loss(logits(), several(), head())
    torch.testing.assert_close(ours, functional.binary_cross_entropy_with_logits(logits(), several()))


@pytest.mark.parametrize("count", [1, 7])
def test_numbers_cost_their_squared_error(count: int) -> None:
    outputs, values = logits(count=count)[:, :1], torch.linspace(-1, 4, count)
    ours = task("number").loss(outputs, values, head())
    torch.testing.assert_close(ours, functional.mse_loss(outputs[:, 0], values))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_label_smoothing_is_torchs(smoothing: float) -> None:
    ours = task().loss(logits(), ids(), head(label_smoothing=smoothing))
    torch.testing.assert_close(ours, functional.cross_entropy(logits(), ids(), label_smoothing=smoothing))


def test_label_smoothing_of_several_labels_pulls_targets_to_the_middle() -> None:
    ours = task("labels").loss(logits(), several(), head(label_smoothing=0.2))
    softened = several().clamp(0.1, 0.9)
    torch.testing.assert_close(ours, functional.binary_cross_entropy_with_logits(logits(), softened))


def test_class_weights_are_torchs() -> None:
    ours = task().loss(logits(), ids(), head(class_weights=WEIGHTS))
    torch.testing.assert_close(ours, functional.cross_entropy(logits(), ids(), weight=WEIGHT))


def test_class_weights_of_several_labels_weigh_what_is_present() -> None:
    ours = task("labels").loss(logits(), several(), head(class_weights=WEIGHTS))
    theirs = functional.binary_cross_entropy_with_logits(logits(), several(), pos_weight=WEIGHT)
    torch.testing.assert_close(ours, theirs)


def test_class_weights_go_by_name() -> None:
    turned = dict(reversed(WEIGHTS.items()))
    torch.testing.assert_close(
        task().loss(logits(), ids(), head(class_weights=turned)),
        task().loss(logits(), ids(), head(class_weights=WEIGHTS)),
    )


@given(seed=st.integers(0, 1_000), gamma=st.floats(0, 5), count=st.integers(1, 9))
def test_focal_loss_is_the_papers(seed: int, gamma: float, count: int) -> None:
    """Lin et al. 2017, equation 4: -(1 - p_t)^gamma log(p_t)."""
    ours = task().loss(logits(seed, count), ids(seed, count), head(loss="focal", focal_gamma=gamma))
    rows = log_softmax(logits(seed, count).double().numpy(), axis=1)[np.arange(count), ids(seed, count).numpy()]
    assert ours.item() == pytest.approx(float(np.mean(-((1 - np.exp(rows)) ** gamma) * rows)), rel=1e-4, abs=1e-6)


@given(seed=st.integers(0, 1_000), gamma=st.floats(0, 5))
def test_focal_loss_of_several_labels_is_the_papers(seed: int, gamma: float) -> None:
    ours = task("labels").loss(logits(seed), several(seed), head(loss="focal", focal_gamma=gamma))
    present = expit(logits(seed).double().numpy())
    right = np.where(several(seed).numpy() == 1, present, 1 - present)
    assert ours.item() == pytest.approx(float(np.mean(-((1 - right) ** gamma) * np.log(right))), rel=1e-4, abs=1e-6)


def test_focal_loss_of_gamma_zero_is_cross_entropy() -> None:
    ours = task().loss(logits(), ids(), head(loss="focal", focal_gamma=0.0, class_weights=WEIGHTS))
    torch.testing.assert_close(ours, functional.cross_entropy(logits(), ids(), weight=WEIGHT))


def test_soft_targets_are_torchs() -> None:
    soft = logits(5).softmax(-1)
    torch.testing.assert_close(task().loss(logits(), soft, head()), functional.cross_entropy(logits(), soft))


def test_hard_targets_written_as_soft_ones_cost_the_same() -> None:
    soft = functional.one_hot(ids(), 3).float()
    for settings in (head(), head(class_weights=WEIGHTS), head(loss="focal"), head(label_smoothing=0.1)):
        torch.testing.assert_close(task().loss(logits(), soft, settings), task().loss(logits(), ids(), settings))


@given(
    kind=st.sampled_from(["label", "labels", "number"]),
    scale=st.sampled_from([0.0, 1.0, 30.0, 1e3, 1e4]),
    gamma=st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    loss=st.sampled_from(["cross_entropy", "focal"]),
    smoothing=st.sampled_from([0.0, 0.1]),
    half=st.booleans(),
)
def test_loss_and_gradient_are_finite_however_sure_the_network(
    kind: str, scale: float, gamma: float, loss: str, smoothing: float, half: bool
) -> None:
    outputs = (logits(3, 9, scale) if kind != "number" else logits(3, 9, scale)[:, :1]).requires_grad_()
    targets = {"label": ids(3, 9), "labels": several(3, 9), "number": torch.linspace(-1, 1, 9)}[kind]
    settings = head(loss=loss, focal_gamma=gamma, label_smoothing=smoothing)
    value = task(kind).loss(outputs.bfloat16() if half else outputs, targets, settings)
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(outputs.grad).all()


def test_balanced_weights_are_scikit_learns() -> None:
    references = np.asarray([0] * 5 + [1] * 2 + [2] * 13)
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=references)
    assert list(TARGETS["label"].balanced_weights(references).values()) == pytest.approx(list(theirs))
    assert list(TARGETS["label"].balanced_weights(references)) == list(LABELS)


def test_balanced_weights_of_several_labels_are_absent_over_present() -> None:
    references = np.asarray([[1, 0, 1], [1, 0, 0], [0, 1, 1], [1, 0, 1]], np.float32)
    assert TARGETS["labels"].balanced_weights(references) == pytest.approx({"cat": 1 / 3, "dog": 3, "owl": 1 / 3})
    always = np.asarray([[1, 0, 0], [1, 0, 1]], np.float32)
    assert TARGETS["labels"].balanced_weights(always) == pytest.approx({"cat": 1, "dog": 2, "owl": 1})


def test_balanced_weights_need_labels() -> None:
    with pytest.raises(InputError, match="needs classes"):
        TARGETS["number"].balanced_weights(np.ones(3))


# ---- from logits to answers


def test_windows_of_a_clip_are_averaged_before_the_softmax() -> None:
    outputs = logits(1, 5).numpy()
    clips = np.asarray([1, 0, 1, 1, 0])
    ours = task().task.predictions(outputs, places(*clips), 2)
    for clip in range(2):
        expected = np.exp(log_softmax(outputs[clips == clip].astype(float).mean(0)))
        np.testing.assert_allclose(ours[clip], expected, rtol=1e-6)


def test_predictions_of_several_labels_and_numbers() -> None:
    outputs = logits(1, 4).numpy()
    clips = np.arange(4)
    np.testing.assert_allclose(task("labels").task.predictions(outputs, places(*clips), 4), expit(outputs), rtol=1e-6)
    np.testing.assert_allclose(
        task("number").task.predictions(outputs[:, :1], places(*clips), 4), outputs[:, 0], rtol=1e-6
    )
    assert TARGETS["number"].as_dict(np.asarray(2.5)) == {"value": 2.5}
    assert list(TARGETS["label"].as_dict(np.asarray([0.2, 0.5, 0.3]))) == ["dog", "owl", "cat"]


def test_sure_logits_of_several_labels_overflow_nothing() -> None:
    with np.errstate(all="raise"):
        ours = task("labels").task.predictions(np.asarray([[-2_000, 0, 2_000]], np.float32), places(0), 1)
    np.testing.assert_allclose(ours, [[0, 0.5, 1]])


def test_targets_become_numbers() -> None:
    assert TARGETS["label"].encode(["owl", "cat"]).tolist() == [2, 0]
    assert TARGETS["labels"].encode([["owl", "cat"], []]).tolist() == [[1, 0, 1], [0, 0, 0]]
    assert TARGETS["number"].encode([1.5, -2]).tolist() == [1.5, -2]
