"""Run: the results of a training, as one frozen record that reads and writes run.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audio_ft.errors import InputError
from audio_ft.file_io import FORMAT, finite, read_versioned, write_json
from audio_ft.formatting import counted, format_duration
from audio_ft.metrics import Score, Spread, direction
from audio_ft.models.scratch import is_from_scratch
from audio_ft.recipe import Recipe
from audio_ft.settings.rules import as_json, shown
from audio_ft.settings.secrets import hide_all
from audio_ft.targets import Target, target_class

RUN_FILE = "run.json"
MODEL_FOLDER = "model"
PREDICTIONS_FILE = "predictions.parquet"
# What the baselines predict for the test clips, a row for each of theirs in the file above.
BASELINES_FILE = "baselines.parquet"
# LoRA matrices alone, if the recipe keeps them.
ADAPTER_FOLDER = "adapter"
# The scores of the untuned checkpoint, while training.
UNTUNED_FILE = "untuned.json"
# The linear probe of the untuned checkpoint, while training.
PROBE_FILE = "probe.npz"
# What tables call that probe, the baseline that shares the checkpoint with the model.
PROBE = "linear probe"
# In the model folder, next to the files of transformers.
CHAIN_FILE = "chain.json"
RECIPE_FILE = "recipe.json"
# The fields that hold scores, in tables of tables: by split or baseline and name; by place, state and name.
_LEVELS = {"scores": 2, "baselines": 2, "retention": 3, "without_leaks": 1, "by": 3}


@dataclass(frozen=True, kw_only=True)
class Run:
    """Record one finished training.

    `splits` holds for each split clips, seconds before and after cleaning, unreadable recordings with reasons, notes
    and class counts; `scores` and `baselines` hold `Score`s by split or baseline name; `best` says which checkpoint was
    kept and why. `training` holds {name: {value, origin}} of the settings that were used, the origin being "recipe" or
    "default: " and the reason; `seconds` holds the time of all starts. `smoke` marks a training that only checked that
    everything fits together, so that its scores mean nothing. `leaks` is the `Certificate` of the splits as a table,
    empty in runs of older versions; where clips of the test split leak, `without_leaks` holds the scores of the others.
    With several seeds, `seeds` holds folder and scores of each, and `spread` how far they are apart on the test split.
    With a budget, `budget` holds its seconds, and the stages with the seconds and the validation score of each.
    `by` holds the main scores of each source and language of the test split, where the data has several.
    `tuning` says how many trials of `tune` chose which settings, and by which score. `pretraining` says what the
    checkpoint learned from recordings without labels first.
    """

    folder: Path
    recipe: Recipe
    kind: str
    labels: tuple[str, ...]
    data: Mapping[str, Any]
    splits: Mapping[str, Mapping[str, Any]]
    scores: Mapping[str, Mapping[str, Score]]
    baselines: Mapping[str, Mapping[str, Score]]
    intervals: str
    best: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]
    parameters: Mapping[str, int]
    digests: Mapping[str, str]
    versions: Mapping[str, str]
    hardware: Mapping[str, Any]
    seconds: Mapping[str, float]
    training: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    retention: Mapping[str, Mapping[str, Mapping[str, Score]]] = field(default_factory=dict)
    smoke: bool = False
    folds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seeds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    spread: Mapping[str, Spread] = field(default_factory=dict)
    budget: Mapping[str, Any] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    pretraining: Mapping[str, Any] = field(default_factory=dict)
    leaks: Mapping[str, Any] = field(default_factory=dict)
    without_leaks: Mapping[str, Score] = field(default_factory=dict)
    by: Mapping[str, Mapping[str, Mapping[str, Score]]] = field(default_factory=dict)

    @property
    def model_folder(self) -> Path:
        """Return the folder of the saved model."""
        return self.folder / MODEL_FOLDER

    @property
    def target(self) -> Target:
        """Return what the model predicts."""
        return target_class(self.kind)(tuple(self.labels), self.recipe.text, self.recipe.events)

    @property
    def weights(self) -> str:
        """Return what tables of scores call the model: "fine-tuned", "linear probe", or "crnn" if from scratch."""
        return self.best.get("kept", self.recipe.model if is_from_scratch(self.recipe.model) else "fine-tuned")

    @property
    def kept(self) -> str:
        """Return the weights that were kept and why, "step 480: …", "linear probe: …"; "" in a cross-validation."""
        if not self.best:
            return ""
        step = f"step {self.best['step']:,}" if "step" in self.best else None  # an average of seeds has none
        which = (self.best.get("seeds"), self.best.get("kept", step))
        return f"{', '.join(filter(None, which))}: {self.best['why']}"

    @property
    def within_budget(self) -> str:
        """Return what became of the budget: time used, validation score of each stage, the stage kept; or ""."""
        if not self.budget:
            return ""
        metric, stages = self.budget["metric"], self.budget["stages"]
        shown = [
            f"{stage['name']} ({format_duration(stage['seconds'])})"
            + ("" if stage["value"] is None else f" {metric} {stage['value']:.4f}")
            for stage in stages
        ]
        used, whole = (format_duration(seconds) for seconds in (self.seconds["total"], self.budget["seconds"]))
        early = self.budget["early"] and f"; {self.budget['early']}"
        return f"{used} of {whole} used; on validation {', '.join(shown)}; kept {self.budget['kept']}{early}"

    @property
    def pretrained(self) -> str:
        """Return what the checkpoint learned from recordings without labels before it was fine-tuned, else ""."""
        if not (done := self.pretraining):
            return ""
        where = "the training split" if self.recipe.pretrain == "train" else self.recipe.pretrain
        copies = f"; {done['copies']:,} of them in validation or test too" if done["copies"] else ""
        return (
            f"own objective on {counted(done['recordings'], 'recording')} of {where}, {done['steps']:,} steps, "
            f"learning rate {done['learning_rate']:g} at most; loss on held-out ones {done['before']:.3f} before and "
            f"{done['after']:.3f} after{copies}"
        )

    @property
    def tuned(self) -> str:
        """Return a sentence that says how the settings were chosen where `tune` chose them, else ""."""
        if not (found := self.tuning):
            return ""
        before = "" if found["before"] is None else f", and {found['before']:.4f} with the recipe as it was"
        return (
            f"Settings chosen by {counted(found['trials'], 'trial')} on validation ({found['pruned']} ended early, "
            f"{found['failed']} failed): {found['chosen']}; {found['metric']} {found['value']:.4f} there{before}."
        )

    @property
    def other_baselines(self) -> Mapping[str, Mapping[str, Score]]:
        """Return the baselines that are not the model: a kept probe was one too, in another precision."""
        return {name: scores for name, scores in self.baselines.items() if name != self.weights}

    @property
    def below_probe(self) -> str:
        """Return a sentence where the main test score is worse than that of the checkpoint's linear probe, else ""."""
        name = self.target.headline
        ours, probe = (scores.get(name) for scores in (self.scores["test"], self.other_baselines.get(PROBE, {})))
        if ours is None or probe is None:
            return ""
        gain = (ours.value - probe.value) * (1 if direction(name) else -1)
        if gain >= 0:
            return ""
        return (
            f"Fine-tuning did not pay: {name} is {ours.value:.3f}, and {probe.value:.3f} with the linear probe of the "
            "frozen checkpoint."
        )

    @property
    def used(self) -> dict[str, Any]:
        """Return the value of each setting in `training`, whoever chose it."""
        return {name: setting["value"] for name, setting in self.training.items()}

    def _repr_html_(self) -> str:
        """Return scores with intervals, baselines and learning curves, for notebooks."""
        from audio_ft.plots.notebook import run_html

        return run_html(self, ": ".join(filter(None, (self.recipe.name, self.recipe.model))))

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-serializable data, without its folder and without tokens in addresses."""
        plain = {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name != "folder"}
        history = [{name: finite(value) for name, value in entry.items()} for entry in self.history]
        # Names of recordings in lists of excluded ones and in warnings may be signed addresses.
        return {"format": FORMAT, **hide_all(as_json(plain | {"history": history}))}

    def save(self) -> None:
        """Write run.json; its presence says that the run is done."""
        write_json(self.folder / RUN_FILE, self.to_dict())

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """Read a finished run.

        Raises:
            InputError: the folder holds no run.json, or one that is damaged.
        """
        folder = Path(folder)
        file = folder / RUN_FILE
        if not file.is_file():
            raise InputError(f"{folder} holds no {RUN_FILE}; give the --output-dir of a training that has finished.")
        plain = read_versioned(file)
        try:
            return cls(folder=folder, **_parsed(plain))
        except InputError:
            raise
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise InputError(f"{file} is damaged ({error}); copy it again, or train again.") from error

    @classmethod
    def of(cls, run: Run | str | Path) -> Run:
        """Return a run, given as such or by its folder.

        Raises:
            InputError: see `load`.
        """
        return run if isinstance(run, Run) else cls.load(run)

    def require_model(self) -> None:
        """Refuse a cross-validation where one model is needed.

        Raises:
            InputError: this is a cross-validation.
        """
        if self.folds:
            first = self.folder / next(iter(self.folds.values()))["folder"]
            raise InputError(
                f"{self.folder} is a cross-validation of {len(self.folds)} models, none of which has trained on all "
                f"recordings; give the folder of one of them, such as {first}, or train one with data.test_fold=NAME."
            )


def _parsed(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a run from what run.json holds; whatever is raised says that it is damaged."""
    kinds = {"Mapping": dict, "tuple": list, "str": str, "bool": bool, "Recipe": dict}
    for item in dataclasses.fields(Run):
        kind = kinds.get(str(item.type).partition("[")[0])
        if kind and item.name in plain and not isinstance(plain[item.name], kind):
            raise TypeError(f"{item.name} is not a {kind.__name__}")
    for name in ("labels", "history"):
        wrong = next((value for value in plain[name] if not isinstance(value, str if name == "labels" else dict)), None)
        if wrong is not None:
            raise TypeError(f"{name} holds {shown(wrong)}")
    scores = {name: scores_from_dict(plain[name], levels) for name, levels in _LEVELS.items() if name in plain}
    folds = {name: fold | {"scores": scores_from_dict(fold["scores"]),
                           "baselines": scores_from_dict(fold["baselines"], 2)}
             for name, fold in plain.get("folds", {}).items()}  # fmt: skip
    seeds = {name: seed | {split: scores_from_dict(seed[split]) for split in ("scores", "validation")}
             for name, seed in plain.get("seeds", {}).items()}  # fmt: skip
    spread = {name: Spread(**values) for name, values in plain.get("spread", {}).items()}
    parsed = {"recipe": Recipe.from_dict(plain["recipe"]), "labels": tuple(plain["labels"])}
    return {**plain, **scores, **parsed, "history": tuple(plain["history"]), "folds": folds,
            "seeds": seeds, "spread": spread}  # fmt: skip


def scores_from_dict(plain: Mapping[str, Any], levels: int = 1) -> dict[str, Any]:
    """Return the scores of a file, {name: {value, low, high, n}}, inside `levels` - 1 tables by other names."""
    if levels == 1:
        return {name: Score.from_dict(score) for name, score in plain.items()}
    return {name: scores_from_dict(inner, levels - 1) for name, inner in plain.items()}
