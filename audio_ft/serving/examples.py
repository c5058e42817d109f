"""Test clips of a run, to try its demo with."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from pathlib import Path

from audio_ft.audio.clip import read, write
from audio_ft.cleaning.place import source_of
from audio_ft.data import load
from audio_ft.errors import AudioError
from audio_ft.evaluation.predictions import Predictions
from audio_ft.formatting import escaped, shortened
from audio_ft.run import Run

# An example is to be short to play and to send.
MAX_SECONDS = 30.0
_NAME = 40


def write_examples(run: Run, folder: Path, count: int) -> list[tuple[str, Path]]:
    """Write test clips of a run into a folder, and return for each its target in words and its file.

    The first clip of each target comes first, then the second of each, in the order of the test split; of long ones it
    is the beginning. The files are numbered, because names of recordings may name people.

    Raises:
        InputError: the data of the run is not where it was, or the run has no predictions.
    """
    rows = Predictions.of(run).split("test").table.to_dict("records")
    judged = {clip.file: clip.reference for clip in map(run.target.judge, rows)}
    nth: Counter[str] = Counter()
    ranks = []
    for reference in judged.values():
        nth[reference] += 1
        ranks.append(nth[reference])
    table = load(run.recipe.data, known=run.target).splits["test"]
    places = {key: place for place, key in enumerate(list(table["key"]))}
    examples: list[tuple[str, Path]] = []
    for _, key in sorted(zip(ranks, judged, strict=True), key=itemgetter(0)):
        if len(examples) == count:
            break
        if key not in places:
            continue
        try:
            clip = read(source_of(table[places[key]]), seconds=MAX_SECONDS)
        except AudioError:
            continue
        wav = folder / f"{len(examples) + 1}.wav"
        write(clip, wav)
        examples.append((shortened(escaped(judged[key]), _NAME) or "silence", wav))
    return examples
