"""The recipes: each is complete, checks without a network and runs behind one door; and recipe files that fail."""

from __future__ import annotations

import ast
import json
from importlib import import_module
from pathlib import Path

import pytest
from forked import in_fork

from audio_ft.cli import main as cli
from audio_ft.cli import recipe_script as door
from audio_ft.cli.recipe_files import read_recipe
from audio_ft.cli.recipe_script import SMOKE_CLIPS, SMOKE_STEPS
from audio_ft.errors import InputError
from audio_ft.recipe import Recipe
from audio_ft.training.resolving.arguments import check_training

REPOSITORY = Path(__file__).parents[2]
RECIPES = sorted((REPOSITORY / "recipes").glob("*.py"))


def test_all_three_families_have_one():
    assert {file.stem for file in RECIPES} >= {"wav2vec2_keywords", "hubert_emotion", "whisper_keywords"}


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_checks_and_survives_json_without_a_network(file):
    recipe = read_recipe(file)
    check_training(recipe)
    assert recipe.name == file.stem.replace("_", "-")
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))).digest == recipe.digest
    assert recipe.intended_use
    assert recipe.limits
    assert recipe.consent
    # Data that name no groups say in the limits who may be on both sides.
    assert recipe.data.group or "the same artists in training and test" in recipe.limits, "speakers in training"


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_states_its_command_and_only_declares(file):
    tree = ast.parse(file.read_text("utf-8"))
    page = ast.get_docstring(tree) or ""
    for word in ("Command", f"python recipes/{file.name}", "--smoke", "Hardware", "Expected"):
        assert word in page
    kinds = [type(node) for node in tree.body[1:] if not isinstance(node, ast.ImportFrom)]
    assert kinds == [ast.Assign, ast.If]
    assert len(file.read_text("utf-8").splitlines()) <= 50


def test_the_door_puts_flags_above_the_recipe(monkeypatch):
    asked: list[tuple[Recipe, Path, bool]] = []

    def train(recipe: Recipe, folder: Path, *, overwrite: bool, **others: object) -> None:
        asked.append((recipe, folder, overwrite))

    # Stands in for the training itself, which other tests run; here only what it is asked for matters.
    monkeypatch.setattr(import_module("audio_ft.training.train"), "train", train)
    recipe = read_recipe(REPOSITORY / "recipes" / "hubert_emotion.py")
    words = "--model other --data there --output-dir out --set seed=3 --set learning_rate=0.1 --where age>60"
    with pytest.raises(SystemExit) as end:
        door.main(recipe, words.split())
    assert end.value.code == 0
    ((asked_for, folder, overwrite),) = asked
    assert (asked_for.model, asked_for.data.path, folder, overwrite) == ("other", "there", Path("out"), False)
    assert (asked_for.seed, asked_for.training["learning_rate"]) == (3, 0.1)
    assert asked_for.data.where == ("age>60",)
    assert asked_for.data.group == recipe.data.group
    assert asked_for.data.splits is None, "split names of the recipe's own data mean nothing elsewhere"
    assert asked_for.steps == recipe.steps
    with pytest.raises(SystemExit):
        door.main(recipe, ["--smoke"])
    smoke, folder, overwrite = asked[1]
    assert (smoke.data.limit, smoke.training["max_steps"]) == (SMOKE_CLIPS, SMOKE_STEPS)
    assert (folder, overwrite) == (Path("runs/hubert-emotion-smoke"), True)
    assert smoke.model == recipe.model


def test_the_door_refuses_unknown_flags_and_a_push_without_a_token(monkeypatch, capsys):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    recipe = read_recipe(RECIPES[0])
    pushing = ["--push-to-hub", "me/x"]
    for words, sentence in (
        (["--smok"], "Did you mean '--smoke'?"), (pushing, "hf auth login"), (["--smoke", *pushing], "hf auth login"),
    ):  # fmt: skip
        with pytest.raises(SystemExit) as end:
            door.main(recipe, words)
        assert end.value.code == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("recipe = 3", "no `recipe`"),
        ("", "no `recipe`"),
        ("recipe = Recipe(", "was never closed"),
        ("from audio_ft import Recipe\nrecipe = Recipe(model='m', data='d', lerning='x')", "line 2.*'lerning'"),
        ("from audio_ft import Recipe\nrecipe = Recipe(model='m', data='d', poling='max')", "Did you mean 'pooling'"),
        ("from audio_ft import Recipe\nrecipe = Recipe(model='m', data='d', pooling='mox')", "Did you mean 'max'"),
        ("import nothing_of_that_name", "line 1.*nothing_of_that_name"),
    ],
)
def test_a_mistake_in_a_recipe_file_is_named(tmp_path, text, sentence):
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_recipe(file)


def test_a_missing_recipe_file_is_an_error_of_the_arguments(tmp_path, capsys):
    assert cli.main(["train", str(tmp_path / "none.py")]) == 2
    assert "There is no recipe file" in capsys.readouterr().err


@pytest.mark.real
def test_a_smoke_run_on_real_recordings_is_small_and_says_so(shared, tmp_path):
    words = [str(REPOSITORY / "recipes" / "wav2vec2_keywords.py"), "--smoke", "--output-dir", str(tmp_path / "run")]
    words += ["--data", str(shared / "data" / "digits"), "--model", str(shared / "checkpoints" / "wav2vec2-mini")]
    outcome = in_fork(f"import runpy; runpy.run_path({words[0]!r}, run_name='__main__')", *words[1:], trains=True)
    assert outcome.returncode == 0, outcome.stderr
    run = json.loads((tmp_path / "run-smoke" / "run.json").read_text())
    assert run["best"]["step"] <= SMOKE_STEPS
    assert run["splits"]["train"]["clips"] == SMOKE_CLIPS
    assert run["smoke"]
    assert "scores mean nothing" in outcome.stdout
