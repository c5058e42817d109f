"""The facts of a run in words: each property is a sentence, or the rows of a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from audio_ft.formatting import format_duration
from audio_ft.metrics.names import headlines, score_name
from audio_ft.recipe import Recipe
from audio_ft.redaction import display_name, hub_id, names_groups, without_names
from audio_ft.reporting.card import evidence
from audio_ft.reporting.card.energy import Energy, energy
from audio_ft.reporting.card.markdown import code, literal, table

if TYPE_CHECKING:
    from audio_ft.metrics import Score
    from audio_ft.run import Run

# More classes than this are shown as the weakest ones only.
MOST_CLASSES = 40
WEAKEST = 10
MOST_LABELS = 30
# So many characters tell one digest from another.
DIGEST = 12
# Recipe fields that the card tells elsewhere. Who chose the window is not known: a run's recipe has it resolved.
TOLD_ELSEWHERE = {
    "model", "revision", "data", "name", "task", "text", "chain", "augment", "training", "intended_use", "limits",
    "consent", "license", "push_to_hub", "extra_eval", "window",
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """Tell a run in words, for the template."""

    run: Run

    @cached_property
    def answer(self) -> str:
        """Say what the model answers with."""
        labels = [code(label) for label in self.run.labels]
        some = ", ".join(labels[:MOST_LABELS]) + (", …" if len(labels) > MOST_LABELS else "")
        target = f"`{self.run.data.get('target')}`"
        return self.run.target.wording.card.format(count=len(labels), labels=some, column=target)

    @cached_property
    def pipeline(self) -> str:
        """Return the name of the transformers pipeline that runs the model."""
        return self.run.target.pipeline_tag

    @cached_property
    def base(self) -> str:
        """Name the checkpoint from which the training began."""
        return place(self.run.recipe.model, self.run.recipe.revision, "", "a local checkpoint")

    @cached_property
    def data(self) -> str:
        """Name the data."""
        data = self.run.recipe.data
        told = place(data.path, data.revision, "datasets/", "local recordings")
        return told + (f", configuration `{data.name}`" if data.name else "")

    @cached_property
    def origin(self) -> str:
        """Say where the data comes from, under which license, and which rows of it were used."""
        data = self.run.recipe.data
        told = [f"{self.data[0].upper()}{self.data[1:]}."]
        told += [f"Source: {data.source.rstrip('.')}."] if data.source else []
        told += [f"License: {data.license}."] if data.license else []
        told += [f"Only rows with {' and '.join(map(code, data.where))} were used."] if data.where else []
        return " ".join(told)

    @cached_property
    def scores(self) -> str:
        """Return the table of headline scores, baselines beside them."""
        test, beside = self.run.scores["test"], [self.run.baselines[key] for key in self.baselines]
        rows = []
        for name in headlines(self.run.scores["test"]):
            others = [str(scores[name]) if name in scores else "–" for scores in beside]
            rows.append([score_name(name).title, f"{test[name].n:,}", f"**{test[name]}**", *others])
        return table(["score", "recordings", "this model", *self.baselines], rows, numbers=(1,))

    @cached_property
    def baselines(self) -> list[str]:
        """Return the baselines in the order in which they stand beside the model."""
        return list(self.run.baselines)

    @cached_property
    def meanings(self) -> str:
        """Say what the scores measure."""
        names = [score_name(name) for name in headlines(self.run.scores["test"])]
        return "; ".join(f"*{name.title}*: {name.meaning}" for name in names if name.meaning)

    @cached_property
    def intervals(self) -> str:
        """Say how the intervals came about."""
        return self.run.intervals.partition(": ")[2] or self.run.intervals

    @cached_property
    def classes(self) -> str:
        """Return the table of the classes' own scores, of the weakest where there are many; nothing without classes."""
        test = self.run.scores["test"]
        counts = self.run.splits["test"]["classes"]
        stems = list(dict.fromkeys(name.partition("[")[0] for name in test if name.endswith("]")))
        known = [label for label in self.run.labels if any(f"{stem}[{label}]" in test for stem in stems)]
        if not known:
            return ""
        told = ""
        if len(known) > MOST_CLASSES:
            told = f"The {WEAKEST} weakest of {len(known)} classes.\n\n"
            known = sorted(known, key=lambda label: min(_value(test, stem, label) for stem in stems))[:WEAKEST]
        rows = [
            [code(label), f"{counts.get(label, 0):,}", *(str(test.get(f"{stem}[{label}]", "–")) for stem in stems)]
            for label in known
        ]
        return told + table(["class", "recordings", *stems], rows, numbers=(1,))

    @cached_property
    def rule(self) -> str:
        """Say how the splits came about."""
        return str(self.run.data["rule"]).removeprefix("splits ")

    @cached_property
    def slices(self) -> str:
        """Return the weakest slices of the test split, if they were looked at."""
        return evidence.slices(self._slices, self.run.data.get("group")) if self._slices else ""

    @cached_property
    def calibration(self) -> str:
        """Say how far the stated probabilities can be trusted, if that was looked at."""
        return evidence.calibration(self._slices)

    @cached_property
    def robustness(self) -> str:
        """Return what worse recordings do to the score, if that was measured."""
        found = evidence.measured_robustness(self.run)
        return evidence.robustness(found, str(self.run.data["path"]))

    @cached_property
    def retention(self) -> str:
        """Return what fine-tuning did to earlier abilities, if that was measured."""
        extra = self.run.recipe.extra_eval
        return evidence.retention(self.run.retention, f"`{display_name(extra.path)}`" if extra else "")

    @cached_property
    def _slices(self) -> dict[str, Any]:
        return evidence.measured_slices(self.run)

    @cached_property
    def spelling(self) -> str:
        """Say which spelling of the transcripts was asked for."""
        text = self.run.recipe.text
        told = [f"in {text.case} case"] if text.case in ("lower", "upper") else []
        told += ["without punctuation"] if text.punctuation == "remove" else []
        return f"Transcripts were learned {' and '.join(told)}." if told and self.run.target.by_words else ""

    @cached_property
    def warnings(self) -> list[str]:
        """Return what was noticed in the data, without names of speakers and recordings or what was said."""
        return without_names(self.run.data)

    @cached_property
    def noticed(self) -> list[str]:
        """Return the same as Markdown shows it."""
        return [literal(" ".join(warning.split())) for warning in self.warnings]

    @cached_property
    def groups(self) -> str:
        """Say whether a voice of the test split may have been heard in training."""
        group = self.run.data.get("group")
        if not group:
            return (
                "The data does not say which recordings belong together (one speaker, one session), so some of a group "
                "may be on either side; on new voices expect less than these scores."
            )
        if any(names_groups(warning, self.run.data, "both ") for warning in self.run.data["warnings"]):
            return f"Some groups (`{group}`) are on more than one side, as told below."
        return f"Each group (`{group}`) is on one side only: the test split holds none that was heard in training."

    @cached_property
    def splits(self) -> str:
        """Return the table of the splits: recordings, durations, and what could not be read or learned from."""
        rows = [
            [
                name,
                f"{split['clips']:,}",
                format_duration(split["seconds_before"]),
                format_duration(split["seconds"]),
                f"{len(split['unreadable']) + len(split.get('excluded', ())):,}",
            ]
            for name, split in self.run.splits.items()
        ]
        header = ["split", "recordings", "duration", "after cleaning", "set aside"]
        return table(header, rows, numbers=(1, 2, 3, 4))

    @cached_property
    def cleaning(self) -> str:
        """Say how recordings were cleaned, and how those to learn from were changed at random."""
        digest = self.run.digests["chain"][:DIGEST]
        told = (
            f"{self.run.recipe.steps.describe()} audio_ft does the same to every recording it is asked about "
            f"(`chain.json`, digest `{digest}`)."
        )
        changes = ", ".join(augment.describe() for augment in self.run.recipe.augments)
        return f"{told} While training, recordings were also changed at random: {changes}." if changes else told

    @cached_property
    def plain_transformers(self) -> bool:
        """Tell whether plain transformers gives this model's answers: other poolings than the mean are ours."""
        return self.run.recipe.pooling == "mean"

    @cached_property
    def settings(self) -> str:
        """Return the table of the settings: those used and their origin, then the recipe's own that are no default."""
        recipe = self.run.recipe
        usual = Recipe(model=recipe.model, data=recipe.data).to_dict()
        own = {name: value for name, value in recipe.to_dict().items() if name not in TOLD_ELSEWHERE}
        asked = {**recipe.training} | {name: value for name, value in own.items() if value != usual[name]}
        told = {name: (setting["value"], setting["origin"]) for name, setting in self.run.training.items()}
        told |= {name: (value, "recipe") for name, value in asked.items() if name not in told}
        rows = [[code(name), code(json.dumps(value)), origin] for name, (value, origin) in told.items()]
        return table(["setting", "value", "chosen by"], rows) if rows else ""

    @cached_property
    def steps(self) -> str:
        """Say how long the network learned, and which step was kept."""
        steps = max((int(entry.get("step", 0)) for entry in self.run.history), default=0)
        epochs = max((float(entry.get("epoch", 0)) for entry in self.run.history), default=0.0)
        best = self.run.best
        told = f"{steps:,} optimizer steps in {epochs:.3g} epochs. " if steps else ""
        return f"{told}The weights are those of step {best['step']}: {best['why']}."

    @cached_property
    def energy(self) -> Energy:
        """Estimate the energy."""
        return energy(self.run.hardware, float(self.run.seconds["total"]))

    @cached_property
    def consumed(self) -> str:
        """Return the energy in a unit that fits it."""
        hours = self.energy.kilowatt_hours
        return f"{hours:.2g} kWh" if hours >= 0.1 else f"{hours * 1000:.2g} Wh"

    @cached_property
    def machine(self) -> str:
        """Name what computed."""
        hardware = self.run.hardware
        boards = [str(name) for name in hardware["accelerators"]]
        cores = f"{hardware['cores']} cores of {hardware['processor']}"
        told = f"{len(boards)} × {boards[0]} and {cores}" if boards else cores
        return f"{told}, {hardware['memory_gb']:g} GB of memory, computing in {hardware['precision']}"

    @cached_property
    def durations(self) -> str:
        """Say how long it took."""
        seconds = {name: float(value) for name, value in self.run.seconds.items()}
        parts = ", ".join(f"{format_duration(value)} {name}" for name, value in seconds.items() if name != "total")
        return f"{format_duration(seconds['total'])} in all: {parts}"

    @cached_property
    def versions(self) -> str:
        """Return the versions of what decided the result."""
        return ", ".join(f"{name} {version}" for name, version in self.run.versions.items())


def facts(run: Run) -> Facts:
    """Return a run's facts in words."""
    return Facts(run)


def place(name: str, revision: str | None, kind: str, local: str) -> str:
    """Return a Hub id as a link, or a local place by its last part."""
    known = hub_id(name)
    if known is None:
        return f"`{display_name(name)}` ({local})"
    at = f" at revision `{revision}`" if revision else ""
    return f"[{known}](https://huggingface.co/{kind}{known}){at}"


def _value(scores: Mapping[str, Score], stem: str, label: str) -> float:
    """Return a class's score, or the best possible one where it has none."""
    score = scores.get(f"{stem}[{label}]")
    return 1.0 if score is None else score.value
