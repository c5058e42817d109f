"""The runs of all folds as one: their test predictions together, scored, with those of the baselines."""

from __future__ import annotations

import datetime
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.data.leaks.certificate import Certificate
from audio_ft.errors import InputError
from audio_ft.evaluation.baselines import read_baselines
from audio_ft.evaluation.predictions import Predictions
from audio_ft.file_io import replacing
from audio_ft.formatting import counted, first_five
from audio_ft.run import BASELINES_FILE, PREDICTIONS_FILE, Run

if TYPE_CHECKING:
    from audio_ft.metrics import Score
    from audio_ft.recipe import Recipe


def pooled(recipe: Recipe, folder: Path, runs: Mapping[str, Run]) -> Run:
    """Return the runs by fold as one, whose predictions.parquet is written to its folder.

    Raises:
        InputError: the folds trained on different labels.
    """
    from audio_ft.metrics import resampling

    one = next(iter(runs.values()))
    require_same_labels({name: run.labels for name, run in runs.items()})
    predictions = _predictions(runs)
    # Runs of older versions have no certificate.
    known = all(run.leaks for run in runs.values())
    certificates = {name: Certificate.from_dict(run.leaks) for name, run in runs.items() if known}
    with replacing(folder / PREDICTIONS_FILE) as unfinished:
        predictions.table.to_parquet(unfinished, index=False)
    return Run(
        folder=folder,
        recipe=one.recipe.replace(data=one.recipe.data.replace(test_fold=None)),
        kind=one.kind,
        labels=one.labels,
        data=_facts(recipe, runs),
        splits={"test": _counts([run.splits["test"] for run in runs.values()])},
        scores={"test": predictions.score()},
        baselines=_baselines(runs, predictions),
        intervals=resampling(predictions.groups),
        best={},
        history=(),
        parameters=one.parameters,
        # Those that depend on the data may differ.
        training={name: used for name, used in one.training.items()
                  if all(run.training.get(name) == used for run in runs.values())},
        digests={"recipe": recipe.digest, "chain": one.digests["chain"]}
        | {name: _digest([run.digests[name] for run in runs.values()]) for name in ("data", "model")},
        versions=one.versions,
        hardware=one.hardware,
        seconds={stage: round(sum(run.seconds[stage] for run in runs.values()), 1) for stage in one.seconds},
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        smoke=any(run.smoke for run in runs.values()),
        leaks=Certificate.of_folds(list(certificates.values())).to_dict() if certificates else {},
        without_leaks=_without_leaks(certificates, predictions),
        folds={name: {"folder": run.folder.name, "scores": run.scores["test"], "baselines": run.baselines}
               for name, run in runs.items()},
    )  # fmt: skip


def require_same_labels(labels: Mapping[str, Sequence[str]]) -> None:
    """Check that the labels of all folds, by name, are equal.

    Raises:
        InputError: they are not.
    """
    first = next(iter(labels.values()))
    for name, own in labels.items():
        if apart := set(own) ^ set(first):
            raise InputError(f"fold {name} has other labels than the first ({first_five(sorted(apart))}); remove "
                             "labels that are in a single fold.")  # fmt: skip


def _predictions(runs: Mapping[str, Run]) -> Predictions:
    """Return the test predictions of all folds, with the fold of each in the column `fold`."""
    import pandas

    one = next(iter(runs.values()))
    tables = [Predictions.of(run).split("test").table.assign(fold=name) for name, run in runs.items()]
    return Predictions(pandas.concat(tables, ignore_index=True), one.target, one.recipe.seed)


def _without_leaks(certificates: Mapping[str, Certificate], predictions: Predictions) -> dict[str, Score]:
    """Return the scores without the clips that leak in their fold; {} if none or all of them do."""
    leaks = np.zeros(len(predictions), bool)
    for name, certificate in certificates.items():
        own, table = certificate.leaked(), predictions.table
        leaks |= (table["fold"] == name) & (table["file"].isin(own) | table["group"].isin(certificate.leaked_groups()))
    return {} if leaks.all() or not leaks.any() else predictions.where(~leaks).score()


def _baselines(runs: Mapping[str, Run], predictions: Predictions) -> dict[str, dict[str, Score]]:
    """Return the scores of each baseline that every fold has, which learned in each fold what the network did."""
    found = [read_baselines(run.folder / BASELINES_FILE) for run in runs.values()]
    return {
        name: predictions.target.score(np.concatenate([each[name] for each in found]), predictions.truth,
                                       predictions.groups, seed=predictions.seed)
        for name in found[0]
        if all(name in each for each in found)
    }  # fmt: skip


def _facts(recipe: Recipe, runs: Mapping[str, Run]) -> dict[str, Any]:
    """Return the facts about the data that all folds share; a rule says how the folds were made."""
    one, folds = next(iter(runs.values())), recipe.data.folds
    group = one.data["group"]
    made = f"made here{f', disjoint by {group}' if group else ', no groups known, so one speaker may be in several'}"
    how = made if isinstance(folds, int) else f"by {folds!r}"
    warnings = dict.fromkeys(warning for run in runs.values() for warning in run.data["warnings"])
    return {
        **one.data,
        "rule": f"{counted(len(runs), 'fold')} {how}; each was tested with a network that trained on the others",
        "warnings": list(warnings),
    }


def _counts(splits: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the counts of the test splits of all folds together."""
    notes, classes = Counter[str](), Counter[str]()
    for split in splits:
        notes.update(split["notes"])
        classes.update(split["classes"])
    return {
        **{name: sum(split[name] for split in splits) for name in ("clips", "windows")},
        **{name: round(sum(split[name] for split in splits), 2) for name in ("seconds_before", "seconds")},
        **{name: [pair for split in splits for pair in split[name]] for name in ("unreadable", "excluded")},
        "notes": dict(sorted(notes.items())),
        "classes": dict(classes),
    }


def _digest(digests: list[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()
