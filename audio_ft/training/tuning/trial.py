"""One of many trainings that are judged on validation: prepared and fitted in silence, without a run of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.models.load import quiet_transformers
from audio_ft.system.memory import freed_memory_kept
from audio_ft.training.loop import Fitted, fit
from audio_ft.training.setup import Prepared, prepare
from audio_ft.training.small.estimators import fit_estimator

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe

# Inside the folder of all trials: what those with one chain and one window share.
SHARED = "shared"


def fitted_quietly(
    recipe: Recipe, place: Path, *, predicts_test: bool = True, callbacks: tuple[Any, ...] = ()
) -> tuple[Prepared, Fitted]:
    """Return a training, fitted in a folder from its last checkpoint if there is one, and nothing logged.

    The probe is shared with the other trials in the folder around it. Without `predicts_test` nothing is computed for
    the test split, not even for baselines.

    Raises:
        InputError: see `prepare` and `fit`.
        AudioFTError: see `fit`.
    """
    prepared = prepare(recipe.replace(push_to_hub=None), quiet)
    alike = f"{prepared.adapter.window:g}s-{prepared.recipe.steps.digest[:8]}"
    shared = place.parent / SHARED / alike
    shared.mkdir(parents=True, exist_ok=True)
    place.mkdir(exist_ok=True)
    own = dataclasses.replace(prepared, shared=shared, callbacks=callbacks, predicts_test=predicts_test)
    with quiet_transformers(), freed_memory_kept():
        if own.adapter.fitted_at_once:
            fitted = fit_estimator(own, place, quiet, lambda: None)
        else:
            fitted = fit(own, place, quiet, lambda: None, lambda: None)
    return dataclasses.replace(own, callbacks=()), fitted


def quiet(line: str) -> None:
    """Drop the lines of a training that is one among many."""
