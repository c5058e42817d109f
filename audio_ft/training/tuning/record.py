"""tune.json: the trials of a search, from which it goes on after a stop, and the study of optuna that they make up."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.file_io import FORMAT, finite, read_versioned, write_json

if TYPE_CHECKING:
    import optuna

    from audio_ft.training.tuning.space import Space

TUNE_FILE = "tune.json"
# A trial is judged against the others from its second evaluation on, once so many others have come as far.
WARMUP, STARTUP = 1, 3
COMPLETE, PRUNED, FAILED, STOPPED, RUNNING = "complete", "pruned", "failed", "stopped", "running"


@dataclass(frozen=True)
class Trial:
    """Record one trial.

    Attributes:
        number: counted from 1.
        settings: the name of the value of each setting that was searched.
        state: complete, pruned, failed, stopped with the process in which it ran, or running.
        value: the best validation score, None without any.
        evaluations: the validation score by the number of the evaluation.
        seconds: how long it took.
        error: why it failed.
    """

    number: int
    settings: Mapping[str, Any]
    state: str = RUNNING
    value: float | None = None
    evaluations: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Record:
    """Hold what a search is about, and its trials.

    `about` has the digests of recipe and data, the metric, its direction and the search space in words.
    """

    about: Mapping[str, Any]
    trials: tuple[Trial, ...] = ()

    @property
    def greater(self) -> bool:
        """Return whether a greater score is better."""
        return bool(self.about["greater_is_better"])

    @property
    def judged(self) -> list[Trial]:
        """Return the trials that count: all but those that were stopped."""
        return [trial for trial in self.trials if trial.state not in (STOPPED, RUNNING)]

    @property
    def best(self) -> Trial | None:
        """Return the best complete trial, of equal ones the first."""
        complete = [trial for trial in self.trials if trial.state == COMPLETE and trial.value is not None]
        sign = 1 if self.greater else -1
        return max(complete, key=lambda trial: sign * float(trial.value or 0.0), default=None)

    @property
    def seconds(self) -> float:
        """Return how long all trials took."""
        return sum(trial.seconds for trial in self.trials)

    def count(self, state: str) -> int:
        """Return how many trials ended in a state."""
        return sum(trial.state == state for trial in self.trials)

    def with_trial(self, trial: Trial) -> Record:
        """Return the record with a new trial, or with the new state of the last one."""
        before = [known for known in self.trials if known.number != trial.number]
        return dataclasses.replace(self, trials=(*before, trial))

    def save(self, folder: Path) -> None:
        """Write tune.json."""
        best = self.best.number if self.best else None
        trials = [dataclasses.asdict(trial) for trial in self.trials]
        write_json(folder / TUNE_FILE, {"format": FORMAT, **self.about, "best": best, "trials": trials})

    @classmethod
    def load(cls, folder: Path, about: Mapping[str, Any]) -> Record:
        """Return the search in a folder that goes on, or a new one; a trial that was running was stopped.

        Raises:
            InputError: it searches for another recipe, other data or in another space.
        """
        if not (folder / TUNE_FILE).is_file():
            return cls(about)
        plain = read_versioned(folder / TUNE_FILE)
        if changed := " and ".join(name for name in about if plain.get(name) != about[name]):
            raise InputError(f"{folder} holds an unfinished search with another {changed}; choose another "
                             "--output-dir, or pass --overwrite to start again.")  # fmt: skip
        trials = [Trial(**trial) for trial in plain["trials"]]
        return cls(about, tuple(
            dataclasses.replace(trial, state=STOPPED, error="the process that ran it ended")
            if trial.state == RUNNING else trial for trial in trials
        ))  # fmt: skip


def asked(record: Record, space: Space, usual: Mapping[str, Any], seed: int) -> optuna.Trial:
    """Return the next trial of the study that the trials make up.

    The first tries the recipe as it is, a stopped one is repeated, and what follows depends on the trials and `seed`
    alone: a search that was stopped goes on as if it was not.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize" if record.greater else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed + len(record.judged), n_startup_trials=5),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=WARMUP),
    )
    distributions = _distributions(space)
    states = {COMPLETE: optuna.trial.TrialState.COMPLETE, PRUNED: optuna.trial.TrialState.PRUNED}
    for trial in record.judged:
        state = states.get(trial.state, optuna.trial.TrialState.FAIL)
        study.add_trial(optuna.trial.create_trial(
            state=state, value=trial.value if trial.state == COMPLETE else None, params=dict(trial.settings),
            distributions={name: distributions[name] for name in trial.settings},
            intermediate_values={int(step): value for step, value in trial.evaluations.items()},
        ))  # fmt: skip
    again = [trial.settings for trial in record.trials[-1:] if trial.state == STOPPED]
    if again or not record.judged:
        study.enqueue_trial(dict(again[0] if again else usual))
    return study.ask()


def _distributions(space: Space) -> dict[str, Any]:
    """Return the distribution of each setting, as a trial has it once it suggested them all."""
    import optuna

    study = optuna.create_study()
    trial = study.ask()
    for name, values in space.items():
        values.suggest(trial, name)
    return dict(trial.distributions)


def described(settings: Sequence[tuple[str, Any]]) -> str:
    """Return settings in a few words: "learning_rate 3e-05, freeze encoder"."""
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in settings
    )


def finite_evaluations(values: Mapping[int, float]) -> dict[str, float]:
    """Return evaluations as JSON has them, by number and without those that are not finite."""
    return {str(step): value for step, value in values.items() if finite(value) is not None}
