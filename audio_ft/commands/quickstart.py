"""`audio-ft quickstart`: the whole job on what ships inside the package."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from audio_ft.console import DONE, say, show

ASSETS = Path(__file__).parents[1] / "assets"
MODEL, WORDS = ASSETS / "wav2vec2-mini", ASSETS / "words"
FOLDER = "audio-ft-quickstart"
EPOCHS = 12
INTENDED_USE = "Seeing whether audio_ft works on a machine, and what a finished run looks like."
LIMITS = (
    "Eight English words, spoken by one speech synthesiser: it has heard no human voice, and takes any other word for "
    "one of the eight."
)
CONSENT = "Nobody was recorded: the voices are synthetic (eSpeak NG)."
EPILOG = """Fifty synthetic voices say eight words. A small Wav2Vec2 learns from thirty of them, the best checkpoint is
chosen by eight others, and the score is that on the last twelve, which it never heard."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `quickstart`."""
    parser.epilog = EPILOG
    parser.add_argument("--output-dir", metavar="RUN", default=FOLDER, help=f"folder for the run (default: {FOLDER})")
    parser.add_argument(
        "--data", metavar="DATA", default=str(WORDS), help="other recordings than those that ship inside"
    )
    parser.add_argument("--epochs", metavar="N", type=_epochs, default=EPOCHS, help=f"default: {EPOCHS}")
    parser.add_argument("--overwrite", action="store_true", help="train again where a finished run lies")


def run(arguments: argparse.Namespace) -> int:
    """Train, score and say what to do next; a finished run is shown again."""
    from audio_ft.data import Data
    from audio_ft.recipe import Recipe
    from audio_ft.run import RUN_FILE, Run
    from audio_ft.train import train
    from audio_ft.training.briefing import results

    folder = Path(arguments.output_dir).expanduser()
    if (folder / RUN_FILE).is_file() and not arguments.overwrite:
        show(results(Run.load(folder)))
        say(f"{folder} was finished before and is shown as it is; --overwrite trains again.")
    else:
        shipped = Data(path=str(WORDS), source="the words that ship with audio_ft", licence="CC0-1.0", language="en")
        recipe = Recipe(
            name="quickstart",
            model=str(MODEL),
            data=shipped if arguments.data == shipped.path else Data(path=arguments.data),
            # Thirty voices are many for eight words; other speeds and noise would add time and no accuracy (measured).
            augment=(),
            # The head starts from nothing and the encoder does not, so it learns faster.
            head_learning_rate=5e-3,
            training={
                "learning_rate": 5e-4,
                "num_train_epochs": arguments.epochs,
                "per_device_train_batch_size": 8,
            },
            intended_use=INTENDED_USE,
            limits=LIMITS,
            consent=CONSENT,
            licence="mit",
        )
        train(recipe, folder, overwrite=arguments.overwrite, tell=say, report=show)
    show(next_steps(folder, arguments.data))
    return DONE


def next_steps(folder: Path, data: str) -> str:
    """Return three commands that run as they are printed, and what to put in place of their paths."""
    recording = next(iter(sorted((WORDS / "test").glob("*_yes.ogg"))), WORDS)
    own, model, example = (shlex.quote(str(path)) for path in (data, MODEL, recording))
    return (
        f"\nNext, on recordings of your own: put your folder (a sub-folder for each label, or a table of files and\n"
        f"labels) in place of {own}\n"
        f"  audio-ft inspect {own}\n"
        f"  audio-ft train --model {model} --data {own} --output-dir my-run\n"
        f"  audio-ft predict {shlex.quote(str(folder))} {example}"
    )


def _epochs(text: str) -> float:
    try:
        epochs = float(text)
    except ValueError:
        epochs = 0
    if not 0 < epochs < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of epochs; give one above 0, such as {EPOCHS}")
    return epochs
