"""Train and score a model on included recordings, in 1 to 2 minutes."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from audio_ft.cli.console import say, show
from audio_ft.cli.options import INCLUDED_MODEL, add_options, number
from audio_ft.errors import InputError

ASSETS = Path(__file__).parents[2] / "assets"
STAGE = "train"
EPILOG = """Fifty synthetic voices say eight words. A small Wav2Vec2 is trained on thirty of them, the best checkpoint
is selected on eight others, and the score is computed on the last twelve. With --task transcription the same voices
read short sentences, which the model learns to transcribe; the sentences of the last twelve voices are new too."""


@dataclass(frozen=True)
class Lesson:
    """Hold one job on the included recordings: which they are, how many epochs, how fast to learn and in which batches.

    `example` is the pattern of a recording to predict, and `wanted` what a folder of the user's own has to contain.
    """

    folder: str
    data: Path
    epochs: int
    learning_rate: float
    batch: int
    example: str
    wanted: str


LESSONS = {
    # Thirty voices are many for eight words: augmentation adds time and no accuracy (measured).
    "classification": Lesson(
        folder="audio-ft-quickstart",
        data=ASSETS / "words",
        epochs=12,
        learning_rate=5e-4,
        batch=8,
        example="*_yes.ogg",
        wanted="a sub-folder for each label, or a table of files and labels",
    ),
    # A CTC head needs many steps before it predicts any letter, and batches of two cost little more
    # (measured: 42 ms a clip on one core, against 29 ms in batches of eight).
    "transcription": Lesson(
        folder="audio-ft-quickstart-transcription",
        data=ASSETS / "sentences",
        epochs=5,
        learning_rate=1e-3,
        batch=2,
        example="*_1.ogg",
        wanted="a metadata.csv with the columns file_name and text, or another table of files and transcripts",
    ),
}
FIRST = "classification"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `quickstart`."""
    folders = " or ".join(lesson.folder for lesson in LESSONS.values())
    epochs = " or ".join(str(lesson.epochs) for lesson in LESSONS.values())
    parser.add_argument("--task", choices=LESSONS, default=FIRST, help=f"default: {FIRST}")
    parser.add_argument("--output-dir", metavar="RUN", help=f"folder for the run (default: {folders})")
    parser.add_argument("--data", metavar="DATA", help="other recordings than the included ones")
    positive = number(float, lambda count: 0 < count < float("inf"), "a number of epochs; give one above 0, such as 12")
    parser.add_argument("--epochs", metavar="N", type=positive, help=f"default: {epochs}")
    add_options(parser, "--overwrite", overwrite="a finished run in the output folder")


def run(arguments: argparse.Namespace) -> None:
    """Train, score and say what to do next; a finished run is shown again."""
    from audio_ft.data import Data
    from audio_ft.recipe import Recipe
    from audio_ft.run import RUN_FILE, Run
    from audio_ft.tasks import targets_of
    from audio_ft.training.messages import results
    from audio_ft.training.train import train

    task, lesson = arguments.task, LESSONS[arguments.task]
    folder = Path(arguments.output_dir or lesson.folder).expanduser()
    data = arguments.data or str(lesson.data)
    if (folder / RUN_FILE).is_file() and not arguments.overwrite:
        found = Run.load(folder)
        if type(found.target) not in targets_of(task):
            raise InputError(
                f"{folder} has a finished run of another task ({found.recipe.task}); give another --output-dir, "
                "or --overwrite to replace it."
            )
        show(*results(found))
        say(f"{folder} has a finished run, which is shown here; --overwrite trains again.")
    else:
        recipe = Recipe(
            name="quickstart",
            task=task,
            model=str(INCLUDED_MODEL),
            data=Data(path=data),
            augment=(),
            training={
                "learning_rate": lesson.learning_rate,
                "per_device_train_batch_size": lesson.batch,
                "num_train_epochs": arguments.epochs or lesson.epochs,
            },
        )
        train(recipe, folder, overwrite=arguments.overwrite, log=say, report=show)
    recording = next(iter(sorted((lesson.data / "test").glob(lesson.example))), lesson.data)
    own, model, example, output = (shlex.quote(str(path)) for path in (data, INCLUDED_MODEL, recording, folder))
    option, program = "" if task == FIRST else f" --task {task}", _program()
    show(
        "",
        f"Next, with your own recordings: replace {own}",
        f"by your folder ({lesson.wanted}):",
        f"  {program} inspect {own}{option}",
        f"  {program} train --model {model} --data {own}{option} --output-dir my-run",
        f"  {program} predict {output} {example}",
    )


def _program() -> str:
    """Return how to start this program again: the one that `make quickstart` starts is in no PATH."""
    own = Path(sys.argv[0])
    if shutil.which("audio-ft") or own.name != "audio-ft":
        return "audio-ft"
    return shlex.quote(str(own))
