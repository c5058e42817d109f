"""Write the cards in this folder again, each from the run.json in its folder.

Command    make cards                 or  python model_cards/make.py
Take in    make cards RUNS=runs       or  python model_cards/make.py runs     the finished runs in that folder

A run is taken in with what its card needs and nothing else: run.json, slices.json, robustness.json. Paths lose the
folders above them, as in a push. A run whose recipe lacks the texts of a card is skipped.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
import tempfile
from pathlib import Path

from audio_ft.errors import InputError
from audio_ft.evaluation.summary import SLICES_FILE, describe
from audio_ft.redaction import redact_run
from audio_ft.reporting.card import model_card
from audio_ft.run import PREDICTIONS_FILE, RUN_FILE, Run

CARDS = Path(__file__).parent
CARD_FILE = "README.md"
MEASURED = (SLICES_FILE, "robustness.json")
TEXTS = ("intended_use", "limits", "consent", "license")
DATA_TEXTS = ("license", "language", "source")


def main(runs: list[str]) -> None:
    """Take in the runs of each folder, then write every card."""
    for folder in runs:
        for file in sorted(Path(folder).glob(f"*/{RUN_FILE}")):
            run = with_texts(Run.load(file.parent))
            try:
                model_card(run)
            except InputError as error:
                print(f"left out: {file.parent}: {error}")
            else:
                take_in(run, folder_of(run))
    for file in sorted(CARDS.glob(f"*/{RUN_FILE}")):
        (file.parent / CARD_FILE).write_text(model_card(Run.load(file.parent)), encoding="utf-8")
        print(f"written: {file.parent / CARD_FILE}")


def folder_of(run: Run) -> Path:
    """Return the folder of a run's card."""
    return CARDS / (run.recipe.name or run.folder.name)


def with_texts(run: Run) -> Run:
    """Return the run with the texts of the card that is here already."""
    if not (folder_of(run) / RUN_FILE).is_file():
        return run
    known = Run.load(folder_of(run)).recipe
    data = dataclasses.replace(run.recipe.data, **{name: getattr(known.data, name) for name in DATA_TEXTS})
    return dataclasses.replace(
        run, recipe=run.recipe.replace(data=data, **{name: getattr(known, name) for name in TEXTS})
    )


def take_in(run: Run, target: Path) -> None:
    """Copy what the card of a run needs, and find the slices of its predictions if that was not done."""
    source = run.folder
    target.mkdir(exist_ok=True)
    dataclasses.replace(redact_run(run), folder=target).save()
    with tempfile.TemporaryDirectory() as scratch:
        # In a copy, because that writes a file into the run.
        for name in (RUN_FILE, PREDICTIONS_FILE, *MEASURED):
            if (source / name).is_file():
                shutil.copy(source / name, scratch)
        if (source / PREDICTIONS_FILE).is_file():
            describe(Run.load(scratch))
        for name in MEASURED:
            if (Path(scratch) / name).is_file():
                shutil.copyfile(Path(scratch) / name, target / name)


if __name__ == "__main__":
    main(sys.argv[1:])
