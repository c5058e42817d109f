"""The arguments that several commands share, each declared once, and the settings that they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from audio_ft.cli.inputs import local
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe
    from audio_ft.tasks.ctc_beam import Beam

FLAG: dict[str, Any] = {"action": "store_true"}
REPEATABLE: dict[str, Any] = {"action": "append", "default": []}
DATA = {"metavar": "DATA", "help": "folder, table (csv, txt, jsonl, xlsx, parquet …), archive or id on the Hub"}
# {} is what a command adds.
SHARED: dict[str, dict[str, Any]] = {
    "run": {"metavar": "RUN_OR_MODEL", "help": "a run's folder, or a model's id on the Hub"},
    "model": {"metavar": "RUN_OR_MODEL", "help": "a run's folder, a model's folder or an id on the Hub"},
    "data": DATA,
    "--data": DATA,
    # Not `data.splits.SPLITS`, with which --help would wait for numpy.
    "--split": {"default": "test", "choices": ("train", "validation", "test"), "help": "default: test"},
    "--recipe": {
        "metavar": "R.py|recipe.json|RUN",
        "help": "clean as this recipe or run does (default: the default chain)",
    },
    "--set": {"metavar": "KEY=VALUE", **REPEATABLE, "help": "{}; repeatable"},
    "--task": {"metavar": "TASK", "help": "classification (default) or transcription"},
    "--target": {"metavar": "COLUMN", "help": "column of the labels, numbers or transcripts"},
    "--group": {"metavar": "COLUMN", "help": "column of speakers or sessions, kept in one split; '' for none"},
    "--where": {
        "metavar": "FILTER",
        **REPEATABLE,
        "help": 'use only rows that meet it, "language=en" or "age>60"; repeatable',
    },
    "--json": {**FLAG, "help": "print {} as JSON instead of text"},
    "--overwrite": {**FLAG, "help": "replace {}"},
    "--language": {
        "metavar": "CODE",
        "help": "language spoken, such as fr (default: the model's; a multilingual Whisper detects it)",
    },
    "--lm": {"metavar": "FILE", "help": "language model of words: ARPA (see audio-ft lm) or KenLM"},
    "--lm-words": {"metavar": "FILE", "help": "words that may be predicted (default: all of the model)"},
    "--lm-weight": {"metavar": "W", "type": float, "help": "weight of the language model (default: 1)"},
    "--word-score": {"metavar": "S", "type": float, "help": "score added for each word (default: 0)"},
    "--beams": {"metavar": "N", "type": int, "help": "hypotheses kept at each step (default: 50)"},
    "--anonymize": {**FLAG, "help": "leave out names of people, places and recordings, transcripts and players"},
    "--debug": {**FLAG, "help": "show tracebacks and what the libraries log"},
    "--quiet": {**FLAG, "help": "show results, warnings and errors only"},
}
CHAINS = 'chain=Resample,Mono,Trim or chain=[{"step": "Trim", "top_db": 30}, …]'


def add_options(parser: argparse._ActionsContainer, *names: str, **added: str) -> None:
    """Add arguments of `SHARED` by their names; `added`, such as json="the scores", completes their help."""
    for name in names:
        shared = SHARED[name]
        parser.add_argument(name, **shared | {"help": shared["help"].format(added.get(name.strip("-")))})


def add_labeled_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a model, and labeled data to score it on."""
    settings = "a setting of the data: data.target=word, data.group=speaker"
    add_options(parser, "model", "data", "--split", "--set", "--where", set=settings)


def add_beam_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of beam search."""
    group = parser.add_argument_group("beam search, for CTC models")
    add_options(group, "--lm", "--lm-words", "--lm-weight", "--word-score", "--beams")


def number(convert: Callable[[str], float], fits: Callable[[float], bool], expected: str) -> Callable[[str], float]:
    """Return a reader of numbers for argparse, which refuses any other text as "is not `expected`"."""

    def read(text: str) -> float:
        with suppress(ValueError):
            if fits(value := convert(text)):
                return value
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")

    return read


def changed(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """Return the recipe as the options of a command change it.

    Raises:
        InputError: an option with a value that does not fit.
    """
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    if "model" in given:
        recipe = recipe.replace(model=given["model"], revision=None)
    if "data" in given and given["data"] != recipe.data.path:
        # What is true of the old recordings only is dropped, and so is the consent to their use.
        facts = ("name", "revision", "splits", "license", "source", "language", "name_pattern", "folds", "test_fold",
                 "together")  # fmt: skip
        old = (*facts, "audio", "target", "start", "end", "duration", "channel", "tracks", "tier")
        data = recipe.data.replace(path=local(given["data"]), **dict.fromkeys(old))
        recipe = recipe.replace(data=data, consent="")
    columns = {name: given[name] for name in ("target", "group", "seed") if name in given}
    named = {name: given[name] for name in ("task", "push_to_hub") if name in given}
    recipe = recipe.replace(data=recipe.data.replace(**columns), **named).override(given.get("set", ()))
    return recipe.replace(data=recipe.data.replace(where=(*recipe.data.where, *given["where"])))


def beam_of(arguments: argparse.Namespace) -> Beam | None:
    """Return the beam search that the options ask for, or None.

    Raises:
        InputError: options of beam search without a language model, or wrong values.
    """
    from audio_ft.tasks.ctc_beam import Beam

    options = {"words": "lm_words", "weight": "lm_weight", "word_score": "word_score", "beams": "beams"}
    given = {name: value for name, option in options.items() if (value := getattr(arguments, option)) is not None}
    if arguments.lm is not None:
        return Beam(arguments.lm, **given)
    if given:
        option = options[next(iter(given))].replace("_", "-")
        raise InputError(f"--{option} needs a language model: add --lm FILE.")
    return None
