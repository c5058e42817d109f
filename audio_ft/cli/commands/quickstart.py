"""Train and score a model on recordings that are included: no network, no GPU, about two minutes."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import DONE, say, show
from audio_ft.cli.options import add_overwrite
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe
    from audio_ft.run import Run

ASSETS = Path(__file__).parents[2] / "assets"
MODEL = ASSETS / "wav2vec2-mini"
EPILOG = """Fifty synthetic voices say eight words. A small Wav2Vec2 is trained on thirty of them, the best checkpoint
is selected on eight others, and the score is computed on the last twelve. With --task transcription the same voices
read short sentences, which the model learns to transcribe; the sentences of the last twelve voices are new too."""


@dataclass(frozen=True)
class Lesson:
    """Hold one job on the included recordings: which they are, how many epochs and how fast to learn.

    `example` is the pattern of a recording to predict, and `wanted` what a folder of the user's own has to contain.
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
            # The head is new and the encoder is not, so it gets a higher learning rate. Thirty voices are many for
            # eight words: augmentation adds time and no accuracy (measured).
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
            # A CTC head needs many steps before it predicts any letter, and batches of two cost little more
            # (measured: 42 ms a clip on one core, against 29 ms in batches of eight).
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
    parser.add_argument("--task", choices=LESSONS, default=first, help=f"default: {first}")
    folders = " or ".join(lesson.folder for lesson in LESSONS.values())
    parser.add_argument("--output-dir", metavar="RUN", help=f"folder for the run (default: {folders})")
    parser.add_argument("--data", metavar="DATA", help="other recordings than the included ones")
    epochs = " or ".join(dict.fromkeys(str(lesson.epochs) for lesson in LESSONS.values()))
    parser.add_argument("--epochs", metavar="N", type=_epochs, help=f"default: {epochs}")
    add_overwrite(parser, "a finished run in the output folder")


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
        say(f"{folder} has a finished run, which is shown here; --overwrite trains again.")
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
    from audio_ft.tasks import targets_of

    if type(found.target) not in targets_of(lesson.task):
        raise InputError(
            f"{found.folder} has a finished run of another task ({found.recipe.task}); give another --output-dir, "
            "or --overwrite to replace it."
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
    """Return three commands that run as they are printed, and what to replace in them."""
    recording = next(iter(sorted((lesson.data / "test").glob(lesson.example))), lesson.data)
    own, model, example = (shlex.quote(str(path)) for path in (data, MODEL, recording))
    task = "" if lesson is next(iter(LESSONS.values())) else f" --task {lesson.task}"
    return (
        f"\nNext, with your own recordings: replace {own}\n"
        f"by your folder ({lesson.wanted}):\n"
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
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of epochs; give one above 0, such as 12")
    return epochs
