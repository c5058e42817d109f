"""List what can be set, or what it is for a model and data."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import columns, say, screen_width, show_result
from audio_ft.cli.inputs import empty_recipe
from audio_ft.cli.options import add_data_options, add_options, changed, for_task
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe
    from audio_ft.training.resolving.setting_list import Setting

STAGE = "train"
EPILOG = """examples:
  audio-ft settings                     the common ones
  audio-ft settings learning_rate       one, in full
  audio-ft settings batch               all that have to do with it
  audio-ft settings --model openai/whisper-tiny.en --data recordings

Any of them goes to `audio-ft train` as --set NAME=VALUE; TrainingArguments has more, which a WORD finds. With --model
and --data, recordings are cleaned (the training will not do it again) and each automatic value is shown with its
reason."""
LONGEST_DEFAULT = 18


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `settings`."""
    parser.add_argument("word", nargs="?", metavar="WORD", help="a setting, or a word in its name or description")
    parser.add_argument("--model", metavar="ID_OR_PATH", help="checkpoint: a folder or an id on the Hub")
    add_options(parser, "--data", "--code")
    add_data_options(parser, set="a setting that the others depend on")
    add_options(parser, "--json", json="the list")


def run(arguments: argparse.Namespace) -> None:
    """List settings, or what they are for a model and data."""
    from audio_ft.recipe import Recipe
    from audio_ft.training.resolving.setting_list import list_settings

    if bool(arguments.model) != bool(arguments.data):
        raise InputError("--model and --data together give values; neither of them lists all settings.")
    if arguments.model:
        for_task(arguments, lambda task: _values(changed(empty_recipe(), arguments).replace(task=task), arguments))
        return
    word = (arguments.word or "").strip()
    found = list_settings(word)
    exact = len(found) == 1 and found[0].name in (word, Recipe.full_name(word))
    content = [{"name": one.name, "expected": one.kind, "default": one.default or None, "meaning": one.meaning,
                "aliases": one.aliases} for one in found]  # fmt: skip
    show_result(arguments, content, in_full(found[0]) if exact else as_lines(found))


def _values(recipe: Recipe, arguments: argparse.Namespace) -> None:
    """Show the resolved values, each with its origin."""
    from audio_ft.settings.rules import as_json
    from audio_ft.training.resolving.defaults import OUR_OWN
    from audio_ft.training.resolving.setting_list import resolved_values

    values = resolved_values(recipe, say)
    word = (arguments.word or "").lower()
    values = {name: value for name, value in sorted(values.items()) if word in name and value.origin != OUR_OWN}
    content = {name: {"value": as_json(value.value), "origin": value.origin} for name, value in values.items()}
    rows = [(name, *_parts(value)) for name, value in values.items()]
    show_result(arguments, content, _fitting(columns([("setting", "value", "origin"), *rows])))


def _parts(value: Any) -> tuple[str, str]:
    """Return a value and its origin for a table."""
    shown = str(value).removesuffix(f"({value.origin.partition(': ')[2]})").strip()
    return shown or "–", value.origin


def as_lines(found: Sequence[Setting]) -> list[str]:
    """Return a line for each setting, cut where the terminal ends."""
    rows = []
    for one in found:
        short = one.default if len(one.default) <= LONGEST_DEFAULT else f"{one.default[: LONGEST_DEFAULT - 1]}…"
        rows.append((one.name, short or "–", f"{one.meaning} ({one.kind})" if one.meaning else one.kind))
    return _fitting(columns([("setting", "default", "what it is for (what it may be)"), *rows]))


def in_full(one: Setting) -> list[str]:
    """Return everything about one setting."""
    width = min(screen_width() or 100, 100)
    rows = [("default", one.default or "none"), ("expected", one.kind), ("also", ", ".join(one.aliases))]
    facts = [f"  {what:<10}{text}" for what, text in rows if text]
    meaning = textwrap.wrap(one.meaning, width, initial_indent="  ", subsequent_indent="  ")
    return [one.name, *meaning, *facts, f"  {'set it':<10}--set {one.name}=…"]


def _fitting(lines: Sequence[str]) -> list[str]:
    """Return lines cut to the width of the terminal; elsewhere as they are."""
    width = screen_width()
    return [line if width is None or len(line) <= width else f"{line[: width - 1]}…" for line in lines]
