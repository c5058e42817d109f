"""A recipe that a command is given: a recipe file in Python, recipe.json, a finished run or a saved model."""

from __future__ import annotations

import dataclasses
import re
import runpy
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.errors import AudioFTError, InputError, did_you_mean

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe


def read_recipe(file: Path) -> Recipe:
    """Run a recipe file and return its `recipe`.

    Raises:
        InputError: no such file, a mistake in it, or no `recipe`.
    """
    from audio_ft.recipe import Recipe

    if not file.is_file():
        hint = " For a model and data without a recipe: --model and --data." if not file.suffix else ""
        raise InputError(f"There is no recipe file {file}.{hint}")
    try:
        found = runpy.run_path(str(file), run_name="audio_ft_recipe").get("recipe")
    except AudioFTError:
        raise
    except (SyntaxError, ValueError, TypeError, NameError, AttributeError, ImportError, KeyError, OSError) as error:
        raise InputError(f"{file}{_line(file, error)}: {error}{_field_hint(error)}") from error
    if not isinstance(found, Recipe):
        raise InputError(f"{file} has no `recipe`; a recipe file sets `recipe = Recipe(…)`.")
    return found


def empty_recipe(data: str = "none") -> Recipe:
    """Return the recipe of commands that need no model, or that get one from their options."""
    from audio_ft.data import Data
    from audio_ft.recipe import Recipe

    return Recipe(model="none", data=Data(path=data))


def saved_recipe(folder: Path) -> Recipe | None:
    """Return the recipe of a run's or a model's folder; None where there is no such folder."""
    from audio_ft.recipe import Recipe
    from audio_ft.run import MODEL_FOLDER, RECIPE_FILE

    files = (folder / MODEL_FOLDER / RECIPE_FILE, folder / RECIPE_FILE)
    return next((Recipe.load(file) for file in files if file.is_file()), None)


def chosen_recipe(source: str | None) -> Recipe:
    """Return the recipe of a file, a finished run or a saved model; for None, one with the default chain.

    Raises:
        InputError: none of these.
    """
    from audio_ft.recipe import Recipe

    if source is None:
        return empty_recipe()
    path = Path(source).expanduser()
    if saved := saved_recipe(path):
        return saved
    if path.is_dir():
        raise InputError(f"{source} has no recipe.json; give a finished run, a recipe.json or a recipe's .py file.")
    return Recipe.load(path) if path.suffix == ".json" and path.is_file() else read_recipe(path)


def _line(file: Path, error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return ""  # its message has the line
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f", line {lines[-1]}" if lines else ""


def _field_hint(error: Exception) -> str:
    """Return the closest field where a dataclass was given one that it does not have."""
    from audio_ft.data import Data
    from audio_ft.recipe import Recipe

    match = re.match(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error))
    kind = {"Recipe": Recipe, "Data": Data}.get(match[1]) if match else None
    return "." + did_you_mean(match[2], [field.name for field in dataclasses.fields(kind)]) if match and kind else ""
