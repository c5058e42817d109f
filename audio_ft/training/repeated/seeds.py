"""One recipe with several seeds: how much of a score is chance, and one model out of all of them.

Recordings are read, cleaned and split once, and baselines and linear probe are those of all seeds. Which weights are
saved is decided on validation alone: the best seed, or the average of all (Wortsman et al. 2022, model soups).
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.evaluation.leaks import FINGERPRINTS_FILE
from audio_ft.file_io import remove, replacing
from audio_ft.folder_lock import owned
from audio_ft.metrics import direction
from audio_ft.metrics.spread import spreads
from audio_ft.models.load import quiet_transformers
from audio_ft.run import (
    ADAPTER_FOLDER,
    BASELINES_FILE,
    MODEL_FOLDER,
    PREDICTIONS_FILE,
    PROBE,
    PROBE_FILE,
    RECIPE_FILE,
    UNTUNED_FILE,
    Run,
)
from audio_ft.settings.rules import LARGEST_SEED
from audio_ft.training.loop import Fitted
from audio_ft.training.parity_check import clean_process
from audio_ft.training.processes import first_goes_first
from audio_ft.training.repeated.several import each_trained, released_if_empty
from audio_ft.training.resolving.defaults import RECIPE, Value
from audio_ft.training.run_folder import PRETRAINING, STARTED_FILE, Clock, begin, clips_before
from audio_ft.training.save_run import finish
from audio_ft.training.setup import prepare
from audio_ft.training.single import train_prepared
from audio_ft.training.steps.trackers import Trackers
from audio_ft.training.weights.retention import score_split, tuned

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe
    from audio_ft.training.setup import Prepared

# What is computed once for all seeds, in the folder around theirs.
SHARED = (PROBE_FILE, UNTUNED_FILE, PRETRAINING)


@dataclass(frozen=True)
class Choice:
    """Hold what is saved: the run of the seed that is best on validation, or in its place an averaged network.

    Attributes:
        metric: the validation score that chooses.
        seed: the best seed.
        run: its run.
        averaged: the seeds whose weights were averaged, () where there are fewer than two to average.
        value: the score of the average, None without one.
        model: the average where it is better than the best seed, else None.
    """

    metric: str
    seed: str
    run: Run
    averaged: tuple[str, ...] = ()
    value: float | None = None
    model: Any = None

    def best(self) -> dict[str, Any]:
        """Return which weights are kept and why, as `Run.best`."""
        alone = self.run.scores["validation"][self.metric].value
        average = f"average of seeds {', '.join(self.averaged)}"
        if self.model is not None:
            why = f"{self.metric} {self.value:.4f} on the validation split; {alone:.4f} with the best, seed {self.seed}"
            return {"seeds": average, "metric": self.metric, "value": self.value, "why": why}
        other = f"; {alone:.4f} as saved, {self.value:.4f} with the {average}" if self.averaged else ""
        return {**self.run.best, "seeds": f"seed {self.seed}", "why": f"{self.run.best['why']}{other}"}


def check_seeds(recipe: Recipe) -> None:
    """Check that several seeds make sense for a recipe.

    Raises:
        InputError: nothing in it is left to chance, it sets the seed of Trainer itself, or trains once for each fold.
    """
    asked = f"seeds={recipe.seeds}"
    if recipe.seeds > 1 and recipe.method == "probe":
        raise InputError(f"{asked}: a linear probe is the same with every seed; leave out seeds or method=probe.")
    if recipe.seeds > 1 and (own := {"seed", "data_seed"} & recipe.training.keys()):
        raise InputError(f"{asked} counts up from the seed of the recipe; leave {min(own)} out of training.")
    if recipe.seeds > 1 and recipe.budget is not None:
        raise InputError(f"{asked} takes as many trainings as there are, whatever the budget; leave one of them out.")
    if recipe.seed + recipe.seeds - 1 > LARGEST_SEED:
        raise InputError(f"{asked} counts up from seed={recipe.seed} above {LARGEST_SEED}; take a lower seed.")


def train_seeds(recipe: Recipe, folder: Path, *, overwrite: bool, smoke: bool, log: Callable[[str], None]) -> Run:
    """Train once for each seed, in seed-N of a folder that this process owns, and return the run of what is saved.

    Called again, finished seeds are kept and a stopped one resumes.

    Raises:
        InputError: see `train`.
        AudioFTError: see `train`.
    """
    from accelerate import PartialState

    clock, first = Clock(), PartialState().is_main_process
    places = {str(seed): folder / f"seed-{seed}" for seed in range(recipe.seed, recipe.seed + recipe.seeds)}
    with first_goes_first():
        known = None if overwrite else next(filter(None, map(clips_before, places.values())), None)
        prepared = dataclasses.replace(prepare(recipe, log, known), shared=folder)
        if first:
            begin(folder, prepared, overwrite, clock)
    log(f"seeds       {', '.join(places)}: one training each, on the same splits")
    clock.enter("training")
    with released_if_empty(folder) if first else nullcontext():
        one = partial(_train_one, prepared, smoke=smoke, log=_once(log))
        runs = each_trained(places, one, log, "seed")
    clock.enter("scoring")
    with first_goes_first():
        return _together(prepared, runs, folder, clock, smoke) if first else Run.load(folder)


def _train_one(prepared: Prepared, seed: str, place: Path, *, smoke: bool, log: Callable[[str], None]) -> Run:
    """Return the run of one seed, trained in its folder."""
    from accelerate import PartialState

    clock, first = Clock(), PartialState().is_main_process
    own = with_seed(prepared, int(seed))
    with owned(place) if first else nullcontext():
        with first_goes_first():
            if first:
                begin(place, own, False, clock)
        run = train_prepared(own, place, clock, log, smoke=smoke)
    name = own.task.target.headline
    log(f"seed {seed:<7}{name} {run.scores['validation'][name]} on validation, {run.scores['test'][name]} on test")
    return run


def with_seed(prepared: Prepared, seed: int) -> Prepared:
    """Return a training of the same data with another seed, as an ordinary recipe has it."""
    recipe = prepared.recipe.replace(seed=seed, seeds=1, push_to_hub=None)
    training = {**prepared.resolved.training, **dict.fromkeys(("seed", "data_seed"), Value(seed, RECIPE))}
    return dataclasses.replace(
        prepared, recipe=recipe, resolved=dataclasses.replace(prepared.resolved, training=training)
    )


def _once(log: Callable[[str], None]) -> Callable[[str], None]:
    """Return a log without lines that it has had: what is true of all seeds is logged for the first."""
    seen = set[str]()

    def new(line: str) -> None:
        if line not in seen:
            log(line)
        seen.add(line)

    return new


def _together(prepared: Prepared, runs: Mapping[str, Run], folder: Path, clock: Clock, smoke: bool) -> Run:
    """Choose on validation what is saved, write it as an ordinary run with the scores of all seeds, and return that."""
    of_seeds = {seed: {"folder": run.folder.name, "scores": run.scores["test"], "validation": run.scores["validation"],
                       "kept": run.kept} for seed, run in runs.items()}  # fmt: skip
    facts = {"seeds": of_seeds, "spread": spreads([run.scores["test"] for run in runs.values()])}
    facts["pretraining"] = next(iter(runs.values())).pretraining
    for stage in ("training", "scoring"):
        clock.take(stage, sum(run.seconds[stage] for run in runs.values()))
    with quiet_transformers():
        chosen = choose(prepared, runs)
        if chosen.model is None:
            run = _adopted(prepared.recipe, chosen, folder, {**facts, "seconds": clock.seconds()})
        else:
            with clean_process() as process:
                run = finish(prepared, _as_fitted(chosen, folder, facts), folder, clock, process, smoke=smoke)
    for name in (STARTED_FILE, *SHARED):
        remove(folder / name)
    return run


def choose(prepared: Prepared, runs: Mapping[str, Run]) -> Choice:
    """Return what is best on the validation split: one seed, or the average of those whose fine-tuning was kept."""
    target = prepared.task.target
    known = next(iter(runs.values())).scores["validation"]
    metric = prepared.resolved.metric if prepared.resolved.metric in known else target.headline
    sign = 1 if direction(metric) else -1

    def value(seed: str) -> float:
        return sign * runs[seed].scores["validation"][metric].value

    best = max(runs, key=value)  # of equal ones the first
    tuned_ones = tuple(seed for seed, run in runs.items() if run.best.get("kept") != PROBE)
    chosen = Choice(metric, best, runs[best])
    if len(tuned_ones) < 2:
        return chosen
    model = averaged(prepared, [runs[seed] for seed in tuned_ones])
    score = score_split(tuned(prepared, model), model, "validation").scores[metric].value
    kept = model if sign * score > value(best) else None
    return dataclasses.replace(chosen, averaged=tuned_ones, value=score, model=kept)


def averaged(prepared: Prepared, runs: list[Run]) -> Any:
    """Return a network with the average of the weights of saved models of the same shape."""
    import torch

    from audio_ft.system.machine import pick_device

    model: Any = prepared.task.load(prepared.adapter, runs[0].model_folder)
    others = [prepared.task.load(prepared.adapter, run.model_folder).state_dict() for run in runs[1:]]
    done = set[int]()
    with torch.no_grad():
        for name, weight in model.state_dict().items():
            # Whisper's output layer is its embedding under a second name, and would be averaged twice.
            if weight.is_floating_point() and weight.data_ptr() not in done:
                done.add(weight.data_ptr())
                weight.copy_(torch.stack([weight.double(), *(other[name].double() for other in others)]).mean(0))
    model.to("cpu" if prepared.resolved.training["use_cpu"].value else pick_device())
    return model


def _as_fitted(chosen: Choice, folder: Path, facts: Mapping[str, Any]) -> Fitted:
    """Return an averaged network as a training leaves it; its settings are those of each seed."""
    one = chosen.run
    return Fitted(
        model=chosen.model,
        untuned=one.baselines.get("untuned", {}),
        retention={},
        history=(),
        best=chosen.best(),
        parameters=one.parameters,
        precision=one.hardware["precision"],
        settings=one.training,
        trackers=Trackers((), folder),
        facts=facts,
    )


def _adopted(recipe: Recipe, chosen: Choice, folder: Path, facts: Mapping[str, Any]) -> Run:
    """Copy the run of the best seed into the folder around it, as that of the whole recipe, and return it."""
    run = chosen.run
    with replacing(folder / MODEL_FOLDER) as unfinished:
        shutil.copytree(run.model_folder, unfinished)
        recipe.save(unfinished / RECIPE_FILE)
    if (run.folder / ADAPTER_FOLDER).is_dir():
        with replacing(folder / ADAPTER_FOLDER) as unfinished:
            shutil.copytree(run.folder / ADAPTER_FOLDER, unfinished)
    for name in (PREDICTIONS_FILE, BASELINES_FILE, FINGERPRINTS_FILE):
        with replacing(folder / name) as copy:
            shutil.copyfile(run.folder / name, copy)
    digests = {**run.digests, "recipe": recipe.digest}
    run = dataclasses.replace(run, folder=folder, recipe=recipe, digests=digests, best=chosen.best(), **facts)
    run.save()
    return run
