"""Train within a budget of time: a linear probe, the top layers, then everything, each where there is time for it.

What a stage reaches is kept if it gains on the validation split, and the next one goes on from there.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.evaluation.baselines import MAX_ROWS
from audio_ft.file_io import append_json_line, read_json, read_json_lines, remove, write_json
from audio_ft.formatting import format_duration
from audio_ft.metrics import direction
from audio_ft.run import BASELINES_FILE, PROBE, PROBE_FILE
from audio_ft.settings.rules import as_json
from audio_ft.training.loop import Fitted, build, fit, only_probed
from audio_ft.training.messages import data_briefing
from audio_ft.training.probe import probe
from audio_ft.training.resolving.arguments import build_arguments
from audio_ft.training.resolving.defaults import default
from audio_ft.training.run_folder import BUDGET_FILE, CHECKPOINTS, METRICS_FILE, Clock
from audio_ft.training.save_run import predict_baselines, save_model
from audio_ft.training.steps.trackers import Trackers
from audio_ft.training.timed.dry_run import Costs
from audio_ft.training.timed.stages import Plan, planned, stages_of
from audio_ft.training.weights.retention import score_untuned

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from audio_ft.training.setup import Prepared

# The share of the budget that is planned with; the rest is for what no forecast knows.
PLANNED = 0.97
# A training that ends before this share of it says why.
DUE = 0.9
# The share of the time that the first of two stages gets.
FIRST = 1 / 3
# The fewest training windows that a probe learns from where there is no time for all.
FEWEST_PROBED = 256
# The weights kept so far, among the checkpoints.
KEPT_FOLDER = "kept"
# What a resumed training needs of them besides.
FACTS = ("history", "best", "parameters", "precision", "settings")


def fit_within(
    prepared: Prepared, folder: Path, log: Callable[[str], None], clock: Clock, near_end: Callable[[], object]
) -> Fitted:
    """Fine-tune within the recipe's budget, which also holds all that follows; the best by validation alone is kept.

    A training that was stopped goes on with what is left of its budget. `clock` counts its time, the other arguments
    are those of `fit`.

    Raises:
        InputError: the budget is too short for the least that can be trained; otherwise as `fit`.
    """
    from transformers import set_seed

    recipe = prepared.recipe
    for line in data_briefing(prepared):
        log(line)
    arguments = build_arguments(prepared.resolved.arguments(), folder.resolve() / CHECKPOINTS)
    set_seed(arguments.seed)
    began = time.monotonic()
    model: Any = build(prepared, prepared.resolved)
    model.to(arguments.device)
    costs = Costs.measured(prepared, model, time.monotonic() - began)
    budget = Budget(prepared, folder, log, clock, costs)
    budget.require_time()
    near_end()
    score_untuned(prepared, model, arguments, folder, log)
    probed = probe(prepared, model, arguments, folder, log, budget.probed_windows())
    # What is left of the budget is known once these are.
    others = {PROBE: probed.predictions} if probed and recipe.method != "probe" else {}
    predict_baselines(prepared, others, folder / BASELINES_FILE)
    if probed:
        found = only_probed(prepared, probed, arguments, folder)
        budget.offer(found, PROBE, probed.seconds, probed.scores.get(budget.metric))
    if recipe.method != "probe":
        budget.train(stages_of(prepared, len(prepared.adapter.layers(model))), arguments)
    return budget.spent()


class Budget:
    """Spend the time that is left on stages, and hold the best network so far."""

    def __init__(
        self, prepared: Prepared, folder: Path, log: Callable[[str], None], clock: Clock, costs: Costs
    ) -> None:
        self.prepared, self.folder, self.log, self.clock, self.costs = prepared, folder, log, clock, costs
        self.seconds = float(prepared.recipe.budget or 0)
        self.metric = prepared.resolved.metric
        self.windows_to_probe = min(len(prepared.windows("train")), MAX_ROWS)
        self.place = folder / CHECKPOINTS
        self.kept: Fitted | None = None
        self.stages: list[dict[str, Any]] = []
        self.why_early = "method=probe trains nothing else"
        file = self.place / BUDGET_FILE
        # What earlier starts have planned and done.
        self.state: dict[str, Any] = read_json(file) if file.is_file() else {"plans": {}, "stages": []}

    def left(self) -> float:
        """Return the seconds that are left for training, before the ending."""
        return PLANNED * self.seconds - self.clock.seconds()["total"] - self.costs.ending

    def require_time(self) -> None:
        """Check that there is time for the least that can be trained.

        Raises:
            InputError: there is not.
        """
        costs, used = self.costs, self.clock.seconds()["total"]
        least_probe = max(0.0, costs.probe - costs.clip * max(0, self.windows_to_probe - FEWEST_PROBED))
        least = used + least_probe + costs.baselines + costs.ending
        if least > self.seconds and not self.state["stages"]:
            what = "the linear probe" if costs.probe else "the scores alone"
            raise InputError(
                f"budget: {format_duration(self.seconds)} is too short: with {what} it takes at least about "
                f"{format_duration(least)} ({format_duration(used)} until now, {format_duration(least_probe)} for the "
                f"probe, {format_duration(costs.baselines + costs.ending)} for baselines, scores and checks). Set a "
                "longer budget; the recordings need no cleaning again."
            )

    def probed_windows(self) -> int:
        """Return from how many training windows the probe learns: from a sample where there is no time for all."""
        costs, every = self.costs, self.windows_to_probe
        missing = costs.probe + costs.baselines - self.left()
        known = (self.folder / PROBE_FILE).is_file()
        fitting = every if known or missing <= 0 else max(FEWEST_PROBED, every - math.ceil(missing / costs.clip))
        if costs.probe and fitting < every:
            self.log(f"budget      the probe learns from {fitting:,} of {every:,} training windows, for lack of time")
        return min(fitting, every)

    def train(self, stages: Mapping[str, str], arguments: TrainingArguments) -> None:
        """Run the stages, {name: what is frozen}, that there is time for and that no earlier start has done."""
        self._restore()
        done = [stage["name"] for stage in self.state["stages"]]
        names = [name for name in stages if name not in done]
        plans = []
        for name in names:
            plans.append(planned(self.prepared, name, stages[name], arguments, self.state["plans"].get(name)))
            self.state["plans"][name] = {"size": plans[-1].size, "step": plans[-1].step}
        left, ending = format_duration(max(0.0, self.left())), format_duration(self.costs.ending)
        self.log(f"budget      {left} of {format_duration(self.seconds)} left to train, {ending} held back for scores "
                 "and checks")  # fmt: skip
        for plan, later in zip(plans, [*plans[1:], None], strict=True):
            seconds = self.left()
            if later and later.fits((1 - FIRST) * seconds, self.costs):
                seconds *= FIRST
            if plan.fits(seconds, self.costs):
                self._run(plan, seconds)
            else:
                self.why_early = f"the time left is too short for {plan.name}, {format_duration(plan.step)} a step"
                self.log(f"budget      {plan.name}: left out, {format_duration(max(0.0, seconds))} are too short for "
                         f"steps of {format_duration(plan.step)}")  # fmt: skip

    def offer(self, fitted: Fitted, name: str, seconds: float, value: float | None, steps: int = 0) -> Fitted:
        """Record what a stage reached, keep its network where the validation score gains, and return what is kept."""
        best = max if direction(self.metric) else min
        before = [stage["value"] for stage in self.stages if stage["value"] is not None]
        gains = self.kept is None or value is None or not before or best(*before, value) != best(before)
        self.stages.append({"name": name, "seconds": round(seconds, 1), "steps": steps, "value": value, "kept": gains})
        if self.kept is not None:
            self.kept.trackers.close()
            fitted = dataclasses.replace(
                fitted if gains else self.kept,
                history=(*self.kept.history, *fitted.history),
                trackers=fitted.trackers,
            )
        self.kept = fitted
        return fitted

    def spent(self) -> Fitted:
        """Return the best network with the record of the budget.

        Raises:
            InputError: there was time for no stage, and there is no probe either.
        """
        if self.kept is None:
            raise InputError(
                f"budget: {format_duration(self.seconds)} is too short for the fewest steps that are worth it; "
                f"{format_duration(self.clock.seconds()['total'])} are used, and {self.why_early}. Set a longer budget."
            )
        early = self.why_early if self.left() > (PLANNED - DUE) * self.seconds else ""
        record = {
            "seconds": self.seconds,
            "metric": self.metric,
            "stages": self.stages,
            "kept": next(stage["name"] for stage in reversed(self.stages) if stage["kept"]),
            "early": early and f"ended early, because {early}",
        }
        if early:
            self.log(f"budget      {record['early']}")
        return dataclasses.replace(self.kept, facts={"budget": record})

    def _run(self, plan: Plan, seconds: float) -> None:
        """Train one stage in so many seconds, and keep what it reached if it gains."""
        from audio_ft.training.timed.time_limit import Stage, TimeLimit

        self.log(f"budget      {plan.name}: {format_duration(plan.step)} a step of {plan.size} clips, so about "
                 f"{plan.fits(seconds, self.costs):,} steps in {format_duration(seconds)}")  # fmt: skip
        began, folder = time.monotonic(), self.place / plan.name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        write_json(self.place / BUDGET_FILE, self.state)
        until = began + seconds - 2 * self.costs.building
        limit = TimeLimit(until, self.costs.evaluation, plan.step, folder)
        trained = any(stage["kept"] and stage["steps"] for stage in self.stages)
        weights = self.kept.model.state_dict() if self.kept and trained else {}
        stage = Stage(folder, limit, weights)
        fitted = fit(plan.prepared, self.folder, self.log, self.clock.save, lambda: None, stage)
        fitted, steps, value = self._joined(fitted, folder)
        best = self.offer(fitted, plan.name, time.monotonic() - began, value, steps)
        shown = "" if value is None else f"{self.metric} {value:.4f} on validation "
        kept = "kept" if self.stages[-1]["kept"] else "not kept, for it does not gain"
        self.log(f"budget      {plan.name}: {shown}after {steps:,} steps; {kept}")
        enough = steps >= plan.most
        self.why_early = f"{steps:,} steps are enough for this set" if enough else "validation no longer gained"
        self._save(best)
        remove(folder)  # its checkpoints

    def _joined(self, fitted: Fitted, folder: Path) -> tuple[Fitted, int, float | None]:
        """Return a stage with its steps counted after those before it, their number, and its best validation score."""
        history, before = fitted.history, self.kept.history if self.kept else ()
        steps = max((int(entry["step"]) for entry in history), default=0)
        values = [float(entry[f"eval_{self.metric}"]) for entry in history if f"eval_{self.metric}" in entry]
        best = max if direction(self.metric) else min
        offset = {name: max((entry[name] for entry in before), default=0) for name in ("step", "epoch")}

        def moved(entry: Mapping[str, Any]) -> dict[str, Any]:
            return {**entry, **{name: entry[name] + more for name, more in offset.items() if name in entry}}

        for line in read_json_lines(folder / METRICS_FILE):
            append_json_line(self.folder / METRICS_FILE, moved(line))
        own = {"max_steps": dataclasses.asdict(default(steps, "as many as the budget had time for"))}
        joined = dataclasses.replace(
            fitted,
            history=tuple(map(moved, history)),
            best=moved(fitted.best),
            settings={**fitted.settings, **own},
        )
        return joined, steps, best(values, default=None)

    def _save(self, kept: Fitted) -> None:
        """Write what is kept for a start after this one."""
        if any(stage["kept"] and stage["steps"] for stage in self.stages):
            save_model(self.prepared, kept, self.place / KEPT_FOLDER)
        self.state["stages"] = [stage for stage in self.stages if stage["name"] != PROBE]
        self.state["facts"] = as_json({name: getattr(kept, name) for name in FACTS})
        write_json(self.place / BUDGET_FILE, self.state)

    def _restore(self) -> None:
        """Take over the stages of an earlier start, and the network that it kept."""
        stages = self.state["stages"]
        if not stages:
            return
        self.stages += stages
        facts = {**self.state["facts"], "history": tuple(self.state["facts"]["history"])}
        if any(stage["kept"] for stage in stages):
            facts["model"] = self.prepared.task.load(self.prepared.adapter, self.place / KEPT_FOLDER)
        empty = Fitted(**{**facts, "model": None}, untuned={}, retention={}, trackers=Trackers([], self.folder))
        self.kept = dataclasses.replace(self.kept or empty, **facts)
