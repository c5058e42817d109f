"""Whether fine-tuning is worth it: every model from scratch and frozen probes of checkpoints, on the same splits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audio_ft.errors import InputError
from audio_ft.file_io import read_json, write_json
from audio_ft.folder_lock import owned
from audio_ft.metrics import Score, direction
from audio_ft.metrics.names import headlines
from audio_ft.models.scratch import ESTIMATORS, FROM_SCRATCH, NETWORKS, is_from_scratch
from audio_ft.recipe import Recipe
from audio_ft.redaction import display_name
from audio_ft.run import RUN_FILE, Run
from audio_ft.settings.rules import as_json
from audio_ft.training.messages import progress
from audio_ft.training.run_folder import STARTED_FILE
from audio_ft.training.train import train


@dataclass(frozen=True)
class Baseline:
    """Hold one row: a model's test scores, the seconds of its training and its size, or why there is none.

    Cleaning and scoring are left out of the seconds: the first model pays for what all of them share.
    """

    name: str
    scores: Mapping[str, Score]
    seconds: float | None = None
    parameters: int | None = None
    folder: str = ""
    why: str = ""


@dataclass(frozen=True)
class Baselines:
    """Hold the rows, the best first by the first of the `metrics`, and what the intervals resample."""

    rows: tuple[Baseline, ...]
    metrics: tuple[str, ...]
    intervals: str

    def to_dict(self) -> dict[str, Any]:
        """Return {"rows": [{name, scores, seconds, parameters, folder, why}], "metrics", "intervals"}."""
        return {"rows": [as_json(vars(row)) for row in self.rows], "metrics": list(self.metrics),
                "intervals": self.intervals}  # fmt: skip

    def cells(self) -> list[dict[str, Any]]:
        """Return a row of a table for each model, with the ends of the intervals in columns of their own."""
        found = []
        for row in self.rows:
            cells: dict[str, Any] = {"model": row.name}
            for name in self.metrics:
                score = row.scores.get(name)
                cells |= {name: score and score.value, f"{name}_low": score and score.low,
                          f"{name}_high": score and score.high}  # fmt: skip
            found.append(cells | {"seconds": row.seconds, "parameters": row.parameters, "why": row.why})
        return found


def baselines(
    recipe: Recipe,
    output_dir: str | Path,
    models: Sequence[str] = FROM_SCRATCH,
    *,
    log: Callable[[str], None] = progress,
) -> Baselines:
    """Train each of `models` on the recipe's data, and return their test scores in one table.

    A name of a model from scratch is trained; a checkpoint is not, and gets a linear probe. Cleaned recordings and
    splits are shared. Settings of steps are for networks, `select` is for the other models from scratch. Each is an
    ordinary run in a sub-folder of `output_dir`; called again, finished ones are kept.

    Raises:
        InputError: data that cannot be used, a name twice, or a folder with other baselines in it.
    """
    folder = Path(output_dir)
    places = {name: folder / re.sub(r"[^\w.-]+", "_", display_name(name)) for name in models}
    if len(set(places.values())) < len(models):
        raise InputError(f"models: each needs another name, got {', '.join(models)}.")
    with owned(folder):
        _mark(folder, recipe)
        rows, runs, failed = [], dict[str, Run](), dict[str, InputError]()
        for number, (name, place) in enumerate(places.items(), start=1):
            finished = (place / RUN_FILE).is_file()
            log(f"model       {name} ({number} of {len(places)}){': finished earlier' if finished else ''}")
            try:
                runs[name] = Run.load(place) if finished else _trained(recipe, name, place, log)
            except InputError as error:
                failed[name] = error
                log(f"left out    {name}: {error}")
    if not runs:
        raise next(iter(failed.values()))
    first = next(iter(runs.values()))
    metrics = tuple(headlines(first.scores["test"]))
    rows = [
        Baseline(name if is_from_scratch(name) else f"{display_name(name)}, frozen", run.scores["test"],
                 run.seconds["training"], run.parameters["total"], str(run.folder))
        for name, run in runs.items()
    ]  # fmt: skip
    constant = first.target.constant_name
    if constant in first.baselines:
        rows.append(Baseline(constant, first.baselines[constant]))
    sign = -1 if direction(metrics[0]) else 1
    rows.sort(key=lambda row: sign * row.scores[metrics[0]].value)
    rows += [Baseline(name, {}, why=str(error)) for name, error in failed.items()]
    return Baselines(tuple(rows), metrics, first.intervals)


def _trained(recipe: Recipe, name: str, place: Path, log: Callable[[str], None]) -> Run:
    """Return the run of one model, with those of the settings that it has."""
    method = "fine-tune" if is_from_scratch(name) else "probe"
    training = recipe.training if name in NETWORKS else {}
    select = recipe.select if name in ESTIMATORS else None
    own = recipe.replace(model=name, method=method, training=training, select=select)
    return train(own, place, log=log, report=lambda line: None)


def _mark(folder: Path, recipe: Recipe) -> None:
    """Note what the runs in a folder have in common, and refuse those of another recipe."""
    marker, own = folder / STARTED_FILE, {"baselines": recipe.replace(model=FROM_SCRATCH[0]).digest}
    if marker.is_file() and read_json(marker) != own:
        raise InputError(f"{folder} holds baselines of other data or settings; choose another --output-dir.")
    write_json(marker, own)
