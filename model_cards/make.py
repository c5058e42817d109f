"""Write the cards in this folder anew, each from the run.json beside it.

Command    make cards                 or  python model_cards/make.py
Take in    make cards RUNS=runs       or  python model_cards/make.py runs     every finished run in that folder, by name

A run is taken in with what its card needs and nothing else: run.json, slices.json, stress.json. Paths keep their last
part only; the folders above are nobody's business.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from audio_ft.card import model_card
from audio_ft.description import SLICES_FILE, describe
from audio_ft.run import PREDICTIONS_FILE, RUN_FILE, Run, write_json

CARDS = Path(__file__).parent
CARD_FILE = "README.md"
MEASURED = (SLICES_FILE, "stress.json")


def main(runs: list[str]) -> None:
    """Take in the runs of each folder, then write every card."""
    for folder in runs:
        for file in sorted(Path(folder).glob(f"*/{RUN_FILE}")):
            take_in(file.parent, CARDS / file.parent.name)
    for file in sorted(CARDS.glob(f"*/{RUN_FILE}")):
        (file.parent / CARD_FILE).write_text(model_card(Run.load(file.parent)), encoding="utf-8")
        print(f"written: {file.parent / CARD_FILE}")


def take_in(source: Path, target: Path) -> None:
    """Copy what the card of a run needs, looking at the slices of its predictions if nobody has."""
    target.mkdir(exist_ok=True)
    write_json(target / RUN_FILE, without_folders(json.loads((source / RUN_FILE).read_text(encoding="utf-8"))))
    with tempfile.TemporaryDirectory() as scratch:
        # In a copy, because looking writes its findings beside the run.
        for name in (RUN_FILE, PREDICTIONS_FILE, *MEASURED):
            if (source / name).is_file():
                shutil.copy(source / name, scratch)
        if (source / PREDICTIONS_FILE).is_file():
            describe(Run.load(scratch))
        for name in MEASURED:
            if (Path(scratch) / name).is_file():
                shutil.copyfile(Path(scratch) / name, target / name)


def without_folders(value: Any) -> Any:
    """Return JSON values in which absolute paths have only their last part."""
    if isinstance(value, dict):
        return {name: without_folders(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_folders(each) for each in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


if __name__ == "__main__":
    main(sys.argv[1:])
