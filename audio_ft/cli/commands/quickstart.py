"""`audio-ft quickstart`: the whole job on what ships inside the package."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import DONE, say, show
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe
    from audio_ft.run import Run

ASSETS = Path(__file__).parents[2] / "assets"
MODEL = ASSETS / "wav2vec2-mini"
EPILOG = """Fifty synthetic voices say eight words. A small Wav2Vec2 learns from thirty of them, the best checkpoint is
chosen by eight others, and the score is that on the last twelve, which it never heard. With --task transcription the
same voices read short sentences, and the model learns to write them down: those of the last twelve voices are new."""


@dataclass(frozen=True)
class Lesson:
    """Hold one job on what ships inside: the recordings, how long to learn from them and how fast.

    `example` is the pattern of a recording to try the model on, and `wanted` what a folder of one's own must hold.
    """

    task: str
    folder: str
    data: Path
    epochs: int
    recipe: Mapping[str, Any]
    example: str
    wanted: str


LESSONS = {
    lesson.task: lesson
    for lesson in (
        Lesson(
            task="classification",
            folder="audio-ft-quickstart",
            data=ASSETS / "words",
            epochs=12,
            # The head starts from nothing and the encoder does not, so it learns faster. Thirty voices are many for
            # eight words; other speeds and noise would add time and no accuracy (measured).
            recipe={
                "augment": (),
                "head_learning_rate": 5e-3,
                "training": {"learning_rate": 5e-4, "per_device_train_batch_size": 8},
            },
            example="*_yes.ogg",
            wanted="a sub-folder for each label, or a table of files and labels",
        ),
        Lesson(
            task="transcription",
            folder="audio-ft-quickstart-transcription",
            data=ASSETS / "sentences",
            epochs=5,
            # A head for letters needs many steps before it writes any, and those of two clips cost little more
            # (measured: 42 ms a clip on one core, against 29 ms in steps of eight).
            recipe={
                "augment": (),
                "head_learning_rate": 5e-3,
                "training": {"learning_rate": 1e-3, "per_device_train_batch_size": 2},
            },
            example="*_1.ogg",
            wanted="a metadata.csv with the columns file_name and text, or another table of files and transcripts",
        ),
    )
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `quickstart`."""
    parser.epilog = EPILOG
    first = next(iter(LESSONS))
    parser.add_argument("--task", choices=LESSONS, default=first, help=f"what to learn (default: {first})")
    folders = " or ".join(lesson.folder for lesson in LESSONS.values())
    parser.add_argument("--output-dir", metavar="RUN", help=f"folder for the run (default: {folders})")
    parser.add_argument("--data", metavar="DATA", help="other recordings than those that ship inside")
    epochs = " or ".join(dict.fromkeys(str(lesson.epochs) for lesson in LESSONS.values()))
    parser.add_argument("--epochs", metavar="N", type=_epochs, help=f"default: {epochs}")
    parser.add_argument("--overwrite", action="store_true", help="train again where a finished run lies")


def run(arguments: argparse.Namespace) -> int:
    """Train, score and say what to do next; a finished run is shown again."""
    from audio_ft.run import RUN_FILE, Run
    from audio_ft.training.messages import results
    from audio_ft.training.train import train

    lesson = LESSONS[arguments.task]
    folder = Path(arguments.output_dir or lesson.folder).expanduser()
    data = arguments.data or str(lesson.data)
    if (folder / RUN_FILE).is_file() and not arguments.overwrite:
        found = Run.load(folder)
        _check_task(found, lesson)
        show(results(found))
        say(f"{folder} was finished before and is shown as it is; --overwrite trains again.")
    else:
        recipe = _recipe(lesson, data, arguments.epochs)
        train(recipe, folder, overwrite=arguments.overwrite, tell=say, report=show)
    show(next_steps(lesson, folder, data))
    return DONE


def _check_task(found: Run, lesson: Lesson) -> None:
    """Refuse to show a run of another task.

    Raises:
        InputError: it is one.
    """
    if (found.kind == "text") != (lesson.task == "transcription"):
        raise InputError(
            f"{found.folder} holds a finished run of another task ({found.recipe.task}); give another --output-dir, "
            "or --overwrite to put this one in its place."
        )


def _recipe(lesson: Lesson, data: str, epochs: float | None) -> Recipe:
    """Return the recipe of a lesson on this data."""
    from audio_ft.data import Data
    from audio_ft.recipe import Recipe

    settings = dict(lesson.recipe)
    training = {**settings.pop("training"), "num_train_epochs": epochs or lesson.epochs}
    return Recipe(
        name="quickstart", task=lesson.task, model=str(MODEL), data=Data(path=data), training=training, **settings
    )


def next_steps(lesson: Lesson, folder: Path, data: str) -> str:
    """Return three commands that run as they are printed, and what to put in place of their paths."""
    recording = next(iter(sorted((lesson.data / "test").glob(lesson.example))), lesson.data)
    own, model, example = (shlex.quote(str(path)) for path in (data, MODEL, recording))
    task = "" if lesson is next(iter(LESSONS.values())) else f" --task {lesson.task}"
    return (
        f"\nNext, on recordings of your own: put your folder ({lesson.wanted})\n"
        f"in place of {own}\n"
        f"  audio-ft inspect {own}{task}\n"
        f"  audio-ft train --model {model} --data {own}{task} --output-dir my-run\n"
        f"  audio-ft predict {shlex.quote(str(folder))} {example}"
    )


def _epochs(text: str) -> float:
    try:
        epochs = float(text)
    except ValueError:
        epochs = 0
    if not 0 < epochs < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of epochs; give one above 0, such as 12")
    return epochs
