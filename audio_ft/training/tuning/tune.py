"""Search for the settings of a recipe: short trials judged on validation, then one run of the best, scored once."""

from __future__ import annotations

import dataclasses
import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import AudioFTError, InputError
from audio_ft.file_io import remove
from audio_ft.models.load import quiet_transformers
from audio_ft.recipe import Recipe
from audio_ft.run import RECIPE_FILE, Run
from audio_ft.training.messages import progress
from audio_ft.training.parity_check import clean_process
from audio_ft.training.run_folder import STARTED_FILE, Clock, begin
from audio_ft.training.save_run import finish
from audio_ft.training.setup import prepare
from audio_ft.training.train import in_folder
from audio_ft.training.tuning.record import (
    COMPLETE,
    FAILED,
    PRUNED,
    TUNE_FILE,
    Record,
    Trial,
    asked,
    described,
    finite_evaluations,
)
from audio_ft.training.tuning.space import applied, read_search, search_space
from audio_ft.training.tuning.trial import SHARED, fitted_quietly

if TYPE_CHECKING:
    from audio_ft.training.loop import Fitted
    from audio_ft.training.setup import Prepared
    from audio_ft.training.tuning.space import Space

TRIALS = 20
# A smoke run checks that trials and the run after them fit together.
SMOKE_TRIALS = 2


def tune(
    recipe: Recipe,
    output_dir: str | Path,
    *,
    trials: int = TRIALS,
    minutes: float | None = None,
    search: Mapping[str, Any] | Sequence[str] = (),
    overwrite: bool = False,
    smoke: bool = False,
    log: Callable[[str], None] = progress,
    report: Callable[[str], None] | None = None,
) -> Run:
    """Search for the best settings of a recipe on validation, and return the run of these, scored once on test.

    The first trial is the recipe as it is. Learning rate, freezing, weighted layers, augmentation and dropout are
    searched where the recipe leaves them open, by optuna's TPE; trials that fall behind are ended early. Beside the
    run, `output_dir` gets tune.json with all trials, and recipe.json, with which `train` repeats the run. Called again,
    a search that was stopped goes on.

    Args:
        recipe: what is searched around.
        output_dir: a folder as for `train`.
        trials: how many, those of earlier starts included.
        minutes: no trial begins that would end later, from the time of earlier starts on.
        search: settings to search and between what, {"learning_rate": "1e-5:1e-3:log", "freeze": "encoder|none"};
            one value is not searched any more.
        overwrite: replace a finished run in the folder.
        smoke: only check that everything fits together.
        log: receives progress and a line a trial.
        report: receives the final scores (None: `log`).

    Example:
        >>> run = tune(recipe, "runs/tuned", trials=10)  # doctest: +SKIP

    Raises:
        InputError: see `train`; or a setting that cannot be searched, or optuna is not installed.
        AudioFTError: see `train`; or all trials failed.
    """
    _require(recipe, trials, minutes)
    limits = _Limits(min(trials, SMOKE_TRIALS) if smoke else trials, minutes)
    work = partial(_tune, limits=limits, searched=read_search(recipe, search))
    return in_folder(work, recipe, output_dir, overwrite=overwrite, smoke=smoke, log=log, report=report)


@dataclass(frozen=True)
class _Limits:
    trials: int
    minutes: float | None

    def reached(self, record: Record) -> bool:
        """Return whether no further trial begins."""
        done = record.judged
        if len(done) >= self.trials:
            return True
        if self.minutes is None or not done:
            return False
        usual = max((trial.seconds for trial in done if trial.state == COMPLETE), default=0.0)
        return record.seconds + usual > self.minutes * 60


def _require(recipe: Recipe, trials: int, minutes: float | None) -> None:
    """Check that a search makes sense for a recipe, and that optuna is there."""
    if importlib.util.find_spec("optuna") is None:
        raise InputError("tune needs optuna: pip install 'audio-ft[tune]'.")
    if trials < 1 or (minutes is not None and not minutes > 0):
        raise InputError("tune needs at least one trial, and minutes above 0.")
    if recipe.method == "probe":
        raise InputError("tune searches for settings of fine-tuning, and method=probe has none; leave it out.")
    if recipe.pretrain is not None:
        raise InputError("pretrain is for one training, and tune runs many: run `audio-ft pretrain` once, and "
                         "give its checkpoint as model.")  # fmt: skip
    if recipe.budget is not None:
        raise InputError("budget is for one training, and tune runs many; leave it out, and give tune minutes.")
    if recipe.seeds > 1:
        raise InputError(f"seeds={recipe.seeds}: tune trains one network a trial; leave seeds out, and then train the "
                         "recipe.json that it writes with it.")  # fmt: skip


def _tune(
    recipe: Recipe,
    folder: Path,
    *,
    overwrite: bool,
    smoke: bool,
    log: Callable[[str], None],
    limits: _Limits,
    searched: Mapping[str, Any],
) -> Run:
    """Search in a folder that belongs to this process, and finish the run of the best trial."""
    from accelerate import PartialState

    if PartialState().num_processes > 1:
        raise InputError("tune runs in one process; start it without torchrun, and train its recipe.json with it.")
    space_of = {name: values for name, values in searched.items() if hasattr(values, "suggest")}
    recipe = recipe.assigned((name, value) for name, value in searched.items() if name not in space_of)
    clock = Clock()
    base = prepare(recipe, log)
    space = search_space(base, recipe, searched)
    if base.resolved.arguments()["eval_strategy"] == "no":
        raise InputError("tune compares validation scores, and eval_strategy=no computes none; leave it out.")
    begin(folder, base, overwrite, clock)
    clock.enter("training")
    trials = _Trials(recipe, space, folder, _usual(base, recipe, space), _about(base, space), log)
    log(f"searching   {'; '.join(f'{name} {values}' for name, values in space.items())}")
    try:
        while not limits.reached(trials.record):
            trials.next(limits.trials)
            clock.save()
        prepared, fitted = trials.best()
    except BaseException:
        if not trials.record.judged:
            for name in (STARTED_FILE, TUNE_FILE, SHARED):
                remove(folder / name)
        raise
    applied(recipe, space, trials.record.best.settings).save(folder / RECIPE_FILE)  # type: ignore[union-attr]
    clock.enter("scoring")
    prepared = dataclasses.replace(
        prepared, shared=None, recipe=prepared.recipe.replace(push_to_hub=recipe.push_to_hub)
    )
    fitted = dataclasses.replace(fitted, facts={"tuning": trials.facts()})
    with quiet_transformers(), clean_process() as process:
        run = finish(prepared, fitted, folder, clock, process, smoke=smoke)
    remove(folder / SHARED)
    return run


def _about(base: Prepared, space: Space) -> dict[str, Any]:
    """Return what trials have in common, which a search that goes on has to share."""
    greater = bool(base.resolved.arguments()["greater_is_better"])
    words = {name: str(values) for name, values in space.items()}
    return {"metric": base.resolved.metric, "greater_is_better": greater, "search": words}


def _usual(base: Prepared, recipe: Recipe, space: Space) -> dict[str, Any]:
    """Return the settings of the recipe as it is by the names of a trial, without those outside the search."""
    known = base.resolved.arguments()
    values = {name: known[name] if name in known else getattr(recipe, name, None) for name in space}
    named = {name: space[name].usual(value) for name, value in values.items()}
    return {name: value for name, value in named.items() if value is not None}


class _Trials:
    """Run trials one after the other, with their record on the disk and the best network in memory."""

    def __init__(
        self,
        recipe: Recipe,
        space: Space,
        folder: Path,
        usual: Mapping[str, Any],
        about: Mapping[str, Any],
        log: Callable[[str], None],
    ) -> None:
        self.recipe, self.space, self.folder, self.usual, self.log = recipe, space, folder, usual, log
        self.record = Record.load(folder, about)
        self._best: tuple[int, Prepared, Fitted] | None = None

    def next(self, of: int) -> None:
        """Run the next trial, record how it ended, and log it."""
        suggested = asked(self.record, self.space, self.usual, self.recipe.seed)
        settings = {name: values.suggest(suggested, name) for name, values in self.space.items()}
        trial = Trial(len(self.record.trials) + 1, settings)
        self.record = self.record.with_trial(trial)
        self.record.save(self.folder)
        began = time.monotonic()
        ended, trained = self._run(trial, suggested)
        ended = dataclasses.replace(ended, seconds=round(time.monotonic() - began, 1))
        self.record = self.record.with_trial(ended)
        if trained and self.record.best == ended:
            self._best = ended.number, *trained
        self.record.save(self.folder)
        self.log(self._line(ended, of))

    def best(self) -> tuple[Prepared, Fitted]:
        """Return the best trial's training, repeated where an earlier start ran it.

        Raises:
            AudioFTError: all trials failed.
        """
        best = self.record.best
        if best is None:
            raise AudioFTError(f"No trial came to its end; the last: {self.record.trials[-1].error or 'pruned'}")
        if self._best is None or self._best[0] != best.number:
            self.log(f"again       trial {best.number}, the best, which an earlier start ran")
            self._best = best.number, *self._fit(best, ())
        return self._best[1:]

    def facts(self) -> dict[str, Any]:
        """Return what run.json says about the search."""
        record, best, first = self.record, self.record.best, self.record.judged[0]
        as_it_is = self.usual.keys() == self.space.keys() and first.state == COMPLETE
        chosen = best.settings if best else {}
        return {
            "trials": len(record.judged),
            "pruned": record.count(PRUNED),
            "failed": record.count(FAILED),
            "metric": record.about["metric"],
            "value": best.value if best else None,
            "before": first.value if as_it_is else None,
            "settings": {name: self.space[name].value(value) for name, value in chosen.items()},
            "chosen": described(list(chosen.items())),
        }

    def _run(self, trial: Trial, suggested: Any) -> tuple[Trial, tuple[Prepared, Fitted] | None]:
        """Return how a trial ended, and its training if it came to its end."""
        import optuna

        from audio_ft.training.tuning.pruning import Pruning

        pruning = Pruning(suggested, self.record.about["metric"])
        trained, state, error = None, COMPLETE, ""
        try:
            trained = self._fit(trial, (pruning,))
        except optuna.TrialPruned:
            state = PRUNED
        except (AudioFTError, MemoryError) as failure:
            state, error = FAILED, str(failure) or "the memory is too small"
        values = finite_evaluations(pruning.values)
        value = (max if self.record.greater else min)(values.values(), default=None)
        if state == COMPLETE and value is None:
            state, error = FAILED, "it ended before its first evaluation"
        ended = dataclasses.replace(trial, state=state, value=value, evaluations=values, error=error)
        return ended, trained

    def _fit(self, trial: Trial, callbacks: tuple[Any, ...]) -> tuple[Prepared, Fitted]:
        """Train with the settings of a trial in a folder of its own, which is gone afterwards."""
        place = self.folder / f"trial-{trial.number}"
        remove(place)
        try:
            return fitted_quietly(applied(self.recipe, self.space, trial.settings), place, callbacks=callbacks)
        finally:
            remove(place)

    def _line(self, trial: Trial, of: int) -> str:
        """Return the line of a trial that ended: its score, the best so far, and its settings."""
        best, metric = self.record.best, self.record.about["metric"]
        score = trial.state if trial.value is None else f"{metric} {trial.value:.3f}"
        score = f"{score} ({PRUNED})" if trial.state == PRUNED else score
        so_far = f"best {best.value:.3f} (trial {best.number})" if best else "no best yet"
        changed = [(name, value) for name, value in trial.settings.items() if self.usual.get(name) != value]
        what = described(changed) if changed else "the recipe as it is"
        error = f": {trial.error}" if trial.error else ""
        return f"trial {trial.number:>2} of {of}  {score}; {so_far}; {trial.seconds:.0f} s; {what}{error}"
