"""Weights between the start from a probe and the fine-tuned ones: which position is kept, and what is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import MINI, WORDS
from safetensors.torch import load_file

import audio_ft as aft
from audio_ft import Data, Recipe
from audio_ft.targets import Label
from audio_ft.training.weights import between
from audio_ft.training.weights.between import POSITIONS, Tried, chosen, place_between, replicates

CLIPS = 400


def tried_of(*wrong: int, first: tuple[int, ...] = (0, 0)) -> list[Tried]:
    """Return positions that take so many clips, from the first one on, for another class."""
    target, references, clips = Label(("a", "b")), np.arange(CLIPS) % 2, np.arange(CLIPS)
    found = []
    for position, count, begin in zip(POSITIONS, wrong, first, strict=True):
        mistaken = (begin <= clips) & (clips < begin + count)
        sample = target.checked(np.eye(2)[np.where(mistaken, 1 - references, references)], references)
        found.append(Tried(position, 1 - count / CLIPS, sample))
    return found


@pytest.mark.parametrize(
    ("wrong", "position"),
    [
        ((20, 20), 0.75),  # equal: nearer to the start
        ((20, 60), 0.75),
        ((30, 20), 1.0),  # ten clips are three standard errors
        ((60, 20), 1.0),
    ],
)
def test_the_nearest_to_the_start_within_one_standard_error_is_kept(wrong: tuple[int, ...], position: float) -> None:
    assert chosen(tried_of(*wrong), "accuracy").position == position


def test_a_lead_of_less_than_one_standard_error_is_luck() -> None:
    # Two clips more are wrong; 24 are wrong in one alone, so that the error is about sqrt(24) clips.
    assert chosen(tried_of(32, 30, first=(11, 0)), "accuracy").position == 0.75
    # The same two clips, and all others answered alike: the error is about sqrt(2) clips.
    assert chosen(tried_of(32, 30), "accuracy").position == 1.0


def test_the_error_is_that_of_paired_clips() -> None:
    # Accuracies of .95 and .90 of 400 clips: an unpaired error would be .018, the paired one is sqrt(.05 * .95 / 400).
    few, many = tried_of(20, 40)
    assert np.std(replicates(few.sample, "accuracy") - replicates(many.sample, "accuracy")) == pytest.approx(
        (0.05 * 0.95 / CLIPS) ** 0.5, rel=0.15
    )


def test_a_loss_has_no_error_and_its_least_is_kept() -> None:
    sample = tried_of(0, 0)[0].sample
    for values, position in (((0.8, 0.85), 0.75), ((0.85, 0.8499), 1.0), ((0.8, 0.8), 0.75)):
        losses = [Tried(*pair, sample) for pair in zip(POSITIONS, values, strict=True)]
        assert chosen(losses, "loss").position == position


def test_weights_are_placed_and_counters_stay() -> None:
    network = torch.nn.BatchNorm1d(2)
    start, end = ({name: value.clone() for name, value in network.state_dict().items()} for _ in range(2))
    start["weight"], end["weight"] = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 4.0])
    end["num_batches_tracked"] += 5
    network.load_state_dict(end)
    place_between(network, start, end, 0.75)
    assert network.weight.tolist() == [0.75, 3.5]
    assert int(network.num_batches_tracked) == 5
    place_between(network, start, end, 1.0)
    assert network.weight.tolist() == [1.0, 4.0]


def test_a_training_saves_the_position_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def recipe(**settings: Any) -> Recipe:
        training = {"max_steps": 6, "learning_rate": 1e-3}
        data = Data(path=WORDS, limit=64)
        return Recipe(model=MINI, data=data, precision="float32", augment=(), training=training, **settings)

    def weights(run: aft.Run) -> dict[str, torch.Tensor]:
        return load_file(run.folder / "model" / "model.safetensors")

    monkeypatch.setattr("audio_ft.training.probe.Probed.is_kept", lambda *_: False)
    starts: list[dict[str, torch.Tensor]] = []
    place = place_between

    def watched(network: Any, start: Any, end: Any, position: float) -> None:
        starts.append({name: value.clone() for name, value in start.items()})
        place(network, start, end, position)

    monkeypatch.setattr(between, "place_between", watched)
    whole = aft.train(recipe(wise_ft_alpha=1.0), tmp_path / "whole")
    assert not starts, "one setting overrules it"
    assert "position" not in whole.best
    run = aft.train(recipe(), tmp_path / "run")
    position = run.best.get("position", 1.0)
    assert position in POSITIONS
    assert ("of the way to it from the probe" in run.kept) == (position < 1)
    # What is scored is what is saved: validation's score is the one that chose.
    assert run.scores["validation"][run.best["metric"]].value == pytest.approx(run.best["value"], abs=1e-6)
    end = weights(whole)
    for name, value in weights(run).items():
        torch.testing.assert_close(value, starts[0][name].lerp(end[name], position), atol=1e-6, rtol=1e-5)
