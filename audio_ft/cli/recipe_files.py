"""Recipe files: Python that is run, or JSON and YAML that are data; and code of the user's own."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import runpy
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.errors import AudioFTError, InputError, did_you_mean

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe

# Recipes in these are data: nothing in them is run.
DATA_SUFFIXES = (".json", ".yaml", ".yml")


def read_recipe(file: Path) -> Recipe:
    """Return the recipe of a file: a .py is run and sets `recipe`; JSON and YAML are data, of which nothing is run.

    Raises:
        InputError: no such file, a mistake in it, or no `recipe`.
    """
    from audio_ft.recipe import Recipe

    if not file.is_file():
        hint = " For a model and data without a recipe: --model and --data." if not file.suffix else ""
        raise InputError(f"There is no recipe file {file}.{hint}")
    if file.suffix.lower() in DATA_SUFFIXES:
        return _recipe_of_data(file)
    try:
        found = runpy.run_path(str(file), run_name="audio_ft_recipe").get("recipe")
    except AudioFTError:
        raise
    except (SyntaxError, ValueError, TypeError, NameError, AttributeError, ImportError, KeyError, OSError) as error:
        raise InputError(f"{file}{_line(file, error)}: {error}{_field_hint(error)}") from error
    if not isinstance(found, Recipe):
        raise InputError(f"{file} has no `recipe`; a recipe file sets `recipe = Recipe(…)`.")
    return found


def _recipe_of_data(file: Path) -> Recipe:
    """Return the recipe of a recipe.json, of a run.json, or of a JSON or YAML file of the user's own."""
    import yaml

    from audio_ft.data import Data
    from audio_ft.file_io import read_json
    from audio_ft.formatting import why_not_parsed
    from audio_ft.recipe import Recipe
    from audio_ft.run import RUN_FILE, Run

    if file.name == RUN_FILE:
        return Run.load(file.parent).recipe
    if file.suffix.lower() == ".json":
        table = read_json(file)
    else:
        try:
            table = yaml.safe_load(file.read_bytes())
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise InputError(f"{file}: not valid YAML ({why_not_parsed(error)}); correct it.") from error
    if not isinstance(table, dict):
        raise InputError(f"{file}: expected settings by name, such as model, data and task.")
    if "format" in table:
        return Recipe.load(file) if file.suffix.lower() == ".json" else Recipe.from_dict(table)
    nothing = Recipe(model="none", data=Data(path="none"))
    try:
        recipe = nothing.assigned((str(name), value) for name, value in table.items())
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    for name, missing in (("model", recipe.model == nothing.model), ("data", recipe.data.path == nothing.data.path)):
        if missing:
            raise InputError(f"{file}: a recipe needs the setting {name!r}, and it is missing.")
    return recipe


def run_code(file: str) -> None:
    """Run a file of the user's own, whose steps, augmentations and metrics are then known by their names.

    Raises:
        InputError: no such file, or a mistake in it.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise InputError(f"--code {file}: there is no such file.")
    spec = importlib.util.spec_from_file_location(f"audio_ft_code_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"--code {file}: expected a Python file (.py).")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # for worker processes, which find classes by their module
    try:
        spec.loader.exec_module(module)
    except AudioFTError:
        raise
    except (SyntaxError, ValueError, TypeError, NameError, AttributeError, ImportError, KeyError, OSError) as error:
        raise InputError(f"{path}{_line(path, error)}: {error}") from error


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
