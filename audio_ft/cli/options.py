"""The arguments that several commands share, each declared once, and the settings that they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from audio_ft.cli.console import say
from audio_ft.cli.inputs import local, with_columns
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.data import Data
    from audio_ft.inference.predictor import Model
    from audio_ft.recipe import Recipe
    from audio_ft.tasks.ctc_beam import Beam

T = TypeVar("T")
FLAG: dict[str, Any] = {"action": "store_true"}
REPEATABLE: dict[str, Any] = {"action": "append", "default": []}
DATA = {"metavar": "DATA", "help": "folder, table (csv, txt, jsonl, xlsx, parquet …), archive or id on the Hub"}
# Where servers listen unless they are told otherwise: at this machine alone.
LOCAL = "127.0.0.1"
# The checkpoint that is included, for commands that need none of the user's.
INCLUDED_MODEL = Path(__file__).parents[1] / "assets" / "wav2vec2-mini"
CHECKPOINT: dict[str, Any] = {
    "metavar": "RUN_OR_CHECKPOINT",
    "help": "a run's folder, or any checkpoint: a folder or an id on the Hub",
}
# {} is what a command adds.
SHARED: dict[str, dict[str, Any]] = {
    "run": {"metavar": "RUN_OR_MODEL", "help": "a run's folder, or a model's id on the Hub"},
    "model": {"metavar": "RUN_OR_MODEL", "help": "a run's folder, a model's folder or an id on the Hub"},
    "data": DATA,
    "--data": {**DATA, "action": "append", "help": f"{DATA['help']}; repeat it for several sources"},
    # Not `data.splits.SPLITS`, with which --help would wait for numpy.
    "--split": {
        "default": "test",
        "choices": ("train", "validation", "test"),
        "help": "which rows of the data are scored (default: test); data without splits is scored as a whole",
    },
    "--recipe": {
        "metavar": "R.py|recipe.json|RUN",
        "help": "clean as this recipe or run does (default: the default chain)",
    },
    "--set": {"metavar": "KEY=VALUE", **REPEATABLE, "help": "{}; repeatable"},
    "--task": {"metavar": "TASK", "help": "classification, transcription or events (default: {})"},
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
    # Not `hub.load.PRECISIONS`, with which --help would wait for numpy.
    "--precision": {
        "default": "float32",
        "choices": ("auto", "float32", "bf16"),
        "help": "of the encoder; auto is bf16 where it is fast and the model has one answer a recording (default: {})",
    },
    "--lm": {"metavar": "FILE", "help": "language model of words: ARPA (see audio-ft lm) or KenLM"},
    "--lm-words": {"metavar": "FILE", "help": "words that may be predicted (default: all of the model)"},
    "--lm-weight": {"metavar": "W", "type": float, "help": "weight of the language model (default: 1)"},
    "--word-score": {"metavar": "S", "type": float, "help": "score added for each word (default: 0)"},
    "--beams": {"metavar": "N", "type": int, "help": "hypotheses kept at each step (default: 50)"},
    "--anonymize": {**FLAG, "help": "leave out names of people, places and recordings, transcripts and players"},
    "--code": {
        "metavar": "FILE.py",
        **REPEATABLE,
        "help": "run this file first, for its own steps, augmentations and metrics; repeatable",
    },
    "--debug": {**FLAG, "help": "show tracebacks and what the libraries log"},
    "--quiet": {**FLAG, "help": "show results, warnings and errors only"},
}
EXAMPLE = '{"path": "folder", "weight": 2}'
DATA_SETTINGS = "another setting of the data: start=begin:ms, separator=',' (see audio-ft settings data)"
TASK_FOUND = "classification, or transcription where there are transcripts only"
CHAINS = 'chain=Resample,Mono,Trim or chain=[{"step": "Trim", "top_db": 30}, …]'


def add_options(parser: argparse._ActionsContainer, *names: str, **added: str) -> None:
    """Add arguments of `SHARED` by their names; `added`, such as json="the scores", completes their help."""
    for name in names:
        shared = SHARED[name]
        parser.add_argument(name, **shared | {"help": shared["help"].format(added.get(name.strip("-")))})


def add_data_options(parser: argparse.ArgumentParser, *, set: str, task: str = TASK_FOUND) -> None:
    """Add the options that say how data is read, the same in every command; `set` and `task` complete their help."""
    add_options(parser, "--task", "--target", "--group", "--where", "--set", task=task, set=set)


def add_unlabeled_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which recordings are embedded, and how."""
    add_layer_option(parser)
    window = "cut longer recordings into parts of so many seconds, each with a vector (default: no)"
    seconds = number(float, lambda length: length > 0, "a number of seconds above 0")
    parser.add_argument("--window", metavar="SECONDS", type=seconds, help=window)
    add_options(parser, "--group", "--where", "--set", "--code", set=DATA_SETTINGS)


def add_server_options(parser: argparse.ArgumentParser, *, port: str) -> None:
    """Add the options of commands that listen; `port` says which one is the default."""
    parser.add_argument("--port", metavar="N", type=int, help=port)
    parser.add_argument("--host", metavar="ADDRESS", default=LOCAL, help=f"where to listen (default: {LOCAL})")
    most = number(float, lambda seconds: seconds > 0, "a number of seconds above 0")
    parser.add_argument("--max-seconds", metavar="S", type=most, help="longest recording to accept (default: 600)")


def add_layer_option(parser: argparse.ArgumentParser) -> None:
    """Add the option of the hidden layer that is embedded."""
    layer = "hidden layer to take, from 1 (default: the last of a run, the middle one of a checkpoint)"
    parser.add_argument("--layer", metavar="N", type=number(int, lambda at: at >= 0, "a whole number"), help=layer)


def add_labeled_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a model, and labeled data to score it on."""
    add_options(parser, "model", "data", "--split", "--code")
    add_data_options(parser, set=DATA_SETTINGS, task="the model's, which it has to be")


def add_beam_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of beam search."""
    group = parser.add_argument_group("beam search, for CTC models")
    add_options(group, "--lm", "--lm-words", "--lm-weight", "--word-score", "--beams")


def require_task(arguments: argparse.Namespace, model: Model) -> None:
    """Refuse a task other than the model's.

    Raises:
        InputError: --task names another one.
    """
    from audio_ft.tasks import targets_of

    target = model.task.target
    if arguments.task and type(target) not in targets_of(arguments.task):
        raise InputError(
            f"--task {arguments.task}: {arguments.model} predicts {target.wording.short}; leave the option out, or "
            "give a model of that task."
        )


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
    data = source_of(given.pop("data", None))
    if data is not None and data.path != recipe.data.path:
        # What is true of the old recordings only is dropped, and so is the consent to their use.
        facts = ("name", "revision", "splits", "license", "source", "language", "name_pattern", "folds", "test_fold",
                 "together", "language_column")  # fmt: skip
        old = (*facts, "audio", "target", "start", "end", "duration", "channel", "tracks", "tier")
        data = recipe.data.replace(path=data.path, sources=data.sources, **dict.fromkeys(old))
        recipe = recipe.replace(data=data, consent="")
    seed = {"seed": given["seed"]} if "seed" in given else {}
    named = {name: given[name] for name in ("task", "push_to_hub") if name in given}
    recipe = recipe.replace(data=recipe.data.replace(**seed), **named).override(given.get("set", ()))
    return recipe.replace(data=with_columns(recipe.data, arguments))


def source_of(given: str | Sequence[str] | None) -> Data | None:
    """Return the data that --data names: one place, or several sources, each a place or its settings as JSON.

    Raises:
        InputError: settings that are not JSON, or do not fit.
    """
    from audio_ft.data import Data
    from audio_ft.settings.rules import parse_value

    if given is None:
        return None
    places = [given] if isinstance(given, str) else given
    sources = [parse_value(place) if place.startswith("{") else {"path": local(place)} for place in places]
    if wrong := next((place for place, one in zip(places, sources, strict=True) if isinstance(one, str)), None):
        raise InputError(f"--data: expected a place, or JSON such as {EXAMPLE}, got {wrong}")
    return Data.accept(sources if len(sources) > 1 or len(sources[0]) > 1 else sources[0])


def for_task(arguments: argparse.Namespace, work: Callable[[str], T], *, usual: str | None = None) -> T:
    """Return what `work` makes of the data for a task: --task, or `usual`, or classification.

    Where nobody chose a task and the data has transcripts and no labels, the task is transcription, which is said.

    Raises:
        TranscriptsFound: the same where a task was chosen.
    """
    from audio_ft.data.table.find_target import TranscriptsFound

    sets = [word.partition("=")[2] for word in arguments.set if word.partition("=")[0].strip() == "task"]
    asked = arguments.task or (sets[-1] if sets else usual)
    try:
        return work(asked or "classification")
    except TranscriptsFound as error:
        if asked:
            raise
        say(f"task        transcription, because {error.found} (--task chooses)")
        return work("transcription")


def require_page(arguments: argparse.Namespace) -> None:
    """Raise `InputError` if --anonymize is set for a command whose page was not asked for."""
    if arguments.anonymize and not arguments.html:
        raise InputError("--anonymize is about the page; add --html FILE, or leave it out.")


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
