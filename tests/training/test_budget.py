"""A budget of time: what it plans, that it ends in time, what it keeps, and how it goes on after a stop."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from checkpoints import WORDS, tiny_checkpoint

import audio_ft as aft
from audio_ft import Data, InputError, Recipe
from audio_ft.cli.main import main
from audio_ft.reporting.card.render import model_card, with_gaps_marked
from audio_ft.training.run_folder import Clock
from audio_ft.training.setup import prepare
from audio_ft.training.timed import budget, time_limit
from audio_ft.training.timed.dry_run import Costs
from audio_ft.training.timed.time_limit import TimeLimit

LONG = 36_000.0


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """Return a recipe whose budget no machine can use up, so that what is trained depends on steps alone."""
    return Recipe(
        model=tiny_checkpoint("wav2vec2-group", tmp_path_factory.mktemp("tiny")),
        data=Data(path=WORDS, limit=24),
        training={"max_steps": 2, "per_device_train_batch_size": 8},
        precision="float32",
        augment=(),
        budget=LONG,
    )


@pytest.fixture(scope="module")
def finished(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[aft.Run, list[str]]:
    lines: list[str] = []
    return aft.train(recipe, tmp_path_factory.mktemp("budget") / "run", log=lines.append), lines


def names(run: aft.Run) -> list[str]:
    return [stage["name"] for stage in run.budget["stages"]]


@pytest.mark.parametrize(
    ("given", "seconds"), [("30s", 30.0), ("10min", 600.0), ("1.5 h", 5400.0), (90, 90.0), ("2min", 120.0)]
)
def test_a_budget_is_a_time_with_or_without_a_unit(recipe: Recipe, given: Any, seconds: float) -> None:
    assert recipe.replace(budget=given).budget == recipe.override([f"budget={given}"]).budget == seconds


@pytest.mark.parametrize("given", ["soon", "0s", 0, "10 minutes", True])
def test_what_is_not_a_time_is_refused(recipe: Recipe, given: Any) -> None:
    with pytest.raises(InputError, match='budget: expected a time above 0 such as "30s"'):
        recipe.replace(budget=given)


def test_a_recipe_without_a_budget_keeps_its_digest(recipe: Recipe) -> None:
    plain = Recipe(model="a", data=Data(path="b"))
    # As audio_ft computed it before it knew budgets.
    assert plain.digest == "9366b82eedebc03b66e4a1b7c9dc7d80ac5c1e4cf0c16724b24c074a172acc05"
    assert plain.replace(budget=60).digest not in (plain.digest, plain.replace(budget=61).digest)


def test_each_stage_is_recorded_with_its_time_and_validation_score(finished: tuple[aft.Run, list[str]]) -> None:
    run, lines = finished
    assert names(run) == ["linear probe", "top layers", "everything"]
    assert [stage["steps"] for stage in run.budget["stages"]] == [0, 2, 2]
    values = [stage["value"] for stage in run.budget["stages"]]
    kept = [stage for stage in run.budget["stages"] if stage["kept"]]
    assert kept[-1]["name"] == run.budget["kept"]
    assert kept[-1]["value"] == max(values) == run.scores["validation"]["f1_macro"].value
    assert run.budget["seconds"] == LONG
    assert run.seconds["total"] < LONG
    for name in names(run)[1:]:
        assert sum(line.startswith(f"budget      {name}: ") for line in lines) == 2
    assert "ended early, because 2 steps are enough for this set" in run.within_budget
    assert run.within_budget in model_card(with_gaps_marked(run))
    assert aft.Run.load(run.folder).budget == run.budget
    assert not (run.folder / "checkpoints").exists()


def test_steps_are_counted_through_all_stages(finished: tuple[aft.Run, list[str]]) -> None:
    run, _ = finished
    evaluated = [entry["step"] for entry in run.history if "eval_loss" in entry]
    assert evaluated == sorted(evaluated)
    assert evaluated[-1] == 4
    journal = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in journal] == [entry["step"] for entry in run.history]


def test_a_training_that_was_stopped_goes_on_with_what_is_left(recipe: Recipe, tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def stop(line: str) -> None:
        if line.startswith("budget      everything: "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aft.train(recipe, folder, log=stop)
    spent = sum(json.loads((folder / "started.json").read_text())["seconds"].values())
    lines: list[str] = []
    run = aft.train(recipe, folder, log=lines.append)
    assert not any(line.startswith(("budget      top layers", "probe ")) for line in lines)
    assert names(run) == ["linear probe", "top layers", "everything"]
    assert run.seconds["total"] > spent
    assert [entry["step"] for entry in run.history if "eval_loss" in entry][-1] == 4


def test_a_budget_too_short_for_a_probe_is_refused_with_the_least_it_takes(
    recipe: Recipe, finished: tuple[aft.Run, list[str]], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"10 ms is too short: with the linear probe it takes at least about \d"):
        aft.train(recipe.replace(budget=0.01), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_budget_too_short_for_cleaning_is_refused_before_it(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIO_FT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="too short: cleaning the recordings alone takes about "):
        aft.train(recipe.replace(budget=1e-4), tmp_path / "run")
    assert not list((tmp_path / "cache").rglob("*.arrow"))


def test_a_probe_alone_ends_early(recipe: Recipe, tmp_path: Path) -> None:
    run = aft.train(recipe.replace(method="probe", training={}), tmp_path / "run")
    assert names(run) == [run.budget["kept"]] == ["linear probe"]
    assert run.budget["early"] == "ended early, because method=probe trains nothing else"


def test_what_a_budget_decides_itself_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    changes: dict[str, dict[str, Any]] = {
        "eval_steps": {"training": {"eval_steps": 3}},
        "extra_eval": {"extra_eval": recipe.data},
        "wise_ft_alpha": {"wise_ft_alpha": 0.5},
    }
    for name, change in changes.items():
        with pytest.raises(InputError, match=f"budget plans the training by the clock, without {name}"):
            aft.train(recipe.replace(**change), tmp_path / "run")
    with pytest.raises(InputError, match="seeds=2 takes as many trainings as there are, whatever the budget"):
        aft.train(recipe.replace(seeds=2), tmp_path / "run")
    with pytest.raises(InputError, match="every fold is one"):
        aft.cross_validate(recipe.replace(data=recipe.data.replace(folds=2)), tmp_path / "run")


def test_the_command_line_takes_a_budget(recipe: Recipe, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--model", recipe.model, "--data", WORDS, "--set", "data.limit=24", "--budget", "soon"]
    assert main([*command, "--output-dir", str(tmp_path / "run")]) == 2
    assert "budget: expected a time above 0" in capfd.readouterr().err


class Machine:
    """Call a time limit as Trainer does, on a clock that steps and evaluations move by so many seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.now, self.folder = 1000.0, folder
        monkeypatch.setattr(time_limit, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.rates: list[float] = []
        self.evaluated: list[int] = []

    def train(self, limit: TimeLimit, most: int, step: list[float], evaluation: float, state: Any = None) -> Any:
        """Train until the limit ends it; the seconds of each step repeat the last one of `step`."""
        state = state or SimpleNamespace(global_step=0, max_steps=most)
        state.max_steps = most
        scheduler = SimpleNamespace(lr_lambdas=[lambda at: (most - at) / most])
        limit.on_train_begin(None, state, None, lr_scheduler=scheduler)
        while True:
            self.rates.append(scheduler.lr_lambdas[0](state.global_step))
            self.now += step[min(state.global_step, len(step) - 1)]
            state.global_step += 1
            control = SimpleNamespace(should_evaluate=False, should_save=False, should_training_stop=False)
            limit.on_step_end(None, state, control)
            if control.should_evaluate:
                self.now += evaluation
                self.evaluated.append(state.global_step)
                limit.on_save(None, state, control)
            if control.should_training_stop:
                return state


@pytest.mark.parametrize(
    ("steps", "evaluation"), [([1.0], 2.0), ([1.0] * 40 + [3.0], 2.0), ([2.0] * 10 + [0.5], 1.0), ([1.0], 8.0)]
)
def test_a_stage_ends_in_time_with_its_whole_schedule(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, steps: list[float], evaluation: float
) -> None:
    machine = Machine(monkeypatch, tmp_path)
    limit = TimeLimit(machine.now + 120, evaluation=2.0, step=1.0, folder=tmp_path)
    state = machine.train(limit, 1000, steps, evaluation)
    assert machine.now == pytest.approx(1120, abs=4 + evaluation / 2)
    assert machine.rates == sorted(machine.rates, reverse=True)
    assert machine.rates[0] == 1
    assert machine.rates[-1] < 0.06
    assert machine.evaluated[-1] == state.global_step
    assert len(machine.evaluated) * 2.0 <= 0.15 * 120


def test_a_stage_with_time_to_spare_ends_after_its_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = Machine(monkeypatch, tmp_path)
    state = machine.train(TimeLimit(machine.now + 1000, 2.0, 1.0, tmp_path), 50, [1.0], 2.0)
    assert state.global_step == 50
    assert machine.rates == pytest.approx([(50 - step) / 50 for step in range(50)], abs=0.021)


def test_a_stage_that_goes_on_passes_through_the_rest_of_its_schedule(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine = Machine(monkeypatch, tmp_path)
    limit = TimeLimit(machine.now + 100, 2.0, 1.0, tmp_path)
    machine.train(limit, 1000, [1.0], 2.0)
    (tmp_path / time_limit.PROGRESS_FILE).write_text('{"progress": 0.5}')
    machine.rates.clear()
    state = SimpleNamespace(global_step=40, max_steps=1000)
    machine.train(TimeLimit(machine.now + 30, 2.0, 1.0, tmp_path), 1000, [1.0], 2.0, state)
    assert machine.rates[0] == pytest.approx(0.5, abs=0.05)
    assert machine.rates[-1] < 0.06


def test_a_probe_without_time_for_all_windows_learns_from_a_sample(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "FEWEST_PROBED", 8)
    lines: list[str] = []
    prepared = prepare(recipe, lambda _line: None)
    every = len(prepared.windows("train"))
    costs = Costs(clip=1.0, ending=0.0, evaluation=0.0, building=0.0, probe=float(every), baselines=0.0)
    spent = budget.Budget(prepared, tmp_path, lines.append, Clock(), costs)
    assert (spent.probed_windows(), lines) == (every, [])
    spent.seconds = 20.0
    assert 8 <= spent.probed_windows() < every
    spent.seconds = 1.0
    assert spent.probed_windows() == 8
    assert lines[-1] == f"budget      the probe learns from 8 of {every} training windows, for lack of time"
