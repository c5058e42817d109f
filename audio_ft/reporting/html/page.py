"""Write report.html of a run: collect what the page shows, render it, and save it as one file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audio_ft.errors import AudioFTError, InputError
from audio_ft.evaluation.predictions import Predictions
from audio_ft.evaluation.summary import describe
from audio_ft.plots.audio import feature
from audio_ft.redaction import EXCLUDED, display_name, redact_run
from audio_ft.reporting import record
from audio_ft.reporting.html import cleaning, evaluation, figures, scores, timelines
from audio_ft.reporting.html.recordings import Recordings, player, progress
from audio_ft.reporting.html.render import write_page
from audio_ft.run import Run
from audio_ft.targets.judged import Judged

REPORT_FILE = "report.html"
# Errors with a player and a spectrogram each, which take two to three megabytes.
ERRORS = 24
# Rows of the table of all recordings; browsers are slow with more.
ROWS = 2_000


def report(
    run: Run | str | Path, output: str | os.PathLike[str] | None = None, *, errors: int = ERRORS, audio: bool = True
) -> Path:
    """Write a run as one HTML file that needs neither network nor other files, and return its path.

    Scores and predictions are those of the run. Recordings are read again from its data for players, spectrograms and
    the effects of cleaning; if the data is missing, the page is written without them and says so.

    Args:
        run: a finished run, or its folder.
        output: file to write; report.html in the run's folder if None.
        errors: how many of the worst errors get a player and a spectrogram.
        audio: whether the page contains recordings.

    Raises:
        InputError: the run's predictions are missing, or the file cannot be written.
    """
    run = Run.of(run)
    target = run.folder / REPORT_FILE if output is None else Path(output)
    if not target.parent.is_dir():
        raise InputError(f"{target}: the folder {target.parent} does not exist; create it, or set another --output.")
    # Checked before the page is made, which takes minutes.
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"{target}: the folder {target.parent} is not writable; set another --output.")
    write_page(gather(run, errors, audio), target, "page.html")
    return target


def gather(run: Run, errors: int, audio: bool) -> dict[str, Any]:
    """Return what the templates show as `page`; `no_audio` is the reason why there are no players, or ""."""
    test, target = Predictions.of(run).split("test"), run.target
    judged = [target.judge(row) for row in test.table.to_dict("records")]
    clips = sorted(judged, key=lambda clip: (not clip.wrong, -clip.badness, clip.file))
    described = describe(run)
    recordings, no_audio = _recordings(run) if audio else (None, "This page was made without recordings.")
    worst = [clip for clip in clips if clip.wrong][:errors]
    return {
        "run": run,
        "target": target,
        "clips": clips,
        "most_rows": ROWS,
        "hardware": record.hardware(run),
        "lead": target.lead(clips),
        "headlines": scores.headlines(run),
        "scores": scores.table(run),
        "folds": scores.folds(run),
        "leaks": record.leaks_text(run),
        "leaky": record.leaky(run),
        "retention": record.retention(run),
        "classes": scores.classes(run),
        "learning": figures.learning(run),
        "predictions_lead": target.predictions_lead(clips, run.scores["test"]),
        "confusion_matrix": figures.confusion(clips, run.labels) if target.exclusive and clips else None,
        "confusions": target.confusions(clips),
        "confidence": evaluation.confidence(described, test),
        "slices": evaluation.slices(described, run),
        "robustness": evaluation.robustness(run),
        "worst": [_error(clip, recordings, run) for clip in progress(worst, "errors")],
        "no_audio": no_audio,
        "cleaning": _cleaning(recordings, sorted(clip.file for clip in clips)),
        "notes": cleaning.notes(run),
        "excluded": [row for split in run.splits.values() for kind in EXCLUDED for row in split.get(kind, ())],
        "settings": settings(run),
    }


def settings(run: Run) -> dict[str, str]:
    """Return the recipe's settings without tokens and local paths, then those that training used."""
    recipe = redact_run(run).recipe.to_dict()
    data, chain = recipe.pop("data"), recipe.pop("chain")
    rows: dict[str, Any] = {"model": recipe.pop("model")}
    rows |= {f"data.{name}": value for name, value in data.items()}
    rows |= {f"chain {number}": step for number, step in enumerate(chain, start=1)}
    rows |= recipe | {f"used {name}": value for name, value in run.used.items()}
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        for name, value in rows.items()
    }


def _recordings(run: Run) -> tuple[Recordings | None, str]:
    """Return the recordings of a run and "", or None and the reason why they cannot be read."""
    try:
        return Recordings.of(run), ""
    except AudioFTError as error:
        path = run.recipe.data.path
        reason = str(error).replace(path, display_name(path))  # the folders above are private
        return None, f"The recordings could not be found when this page was made, so it has no players: {reason}"


def _error(clip: Judged, recordings: Recordings | None, run: Run) -> dict[str, Any]:
    """Return one wrong prediction with its words, its spectrogram and its player."""
    shown = {"clip": clip, "words": run.target.words(clip), "picture": None, "player": None, "part": ""}
    if recordings and (found := recordings.trace(clip.file)):
        if clip.lanes and found.clean.length:
            return shown | timelines.shown_errors(clip, found)
        shown["player"] = player(found.raw)
        if found.clean.length:
            drawn = feature(found.clean, "mel", width=figures.NARROW if run.target.by_words else figures.SMALL)
            shown["picture"] = figures.picture(drawn, alt=f"Mel spectrogram of {clip.file}")
    return shown


def _cleaning(recordings: Recordings | None, keys: Sequence[str]) -> dict[str, Any]:
    """Return the effects of cleaning on a sample of the test recordings, and a few examples."""
    if recordings is None:
        return {"effects": None, "examples": []}
    traced = ((key, recordings.trace(key)) for key in progress(cleaning.sampled(keys), "cleaning"))
    measured = {key: cleaning.measure(found) for key, found in traced if found}
    examples = [
        {"why": why, "file": key, "clip": found, "before": player(found.raw), "after": player(found.clean),
         "picture": figures.cleaned(found.raw, found.clean, key), "caption": cleaning.caption(measured[key])}
        for why, key in cleaning.examples(measured)
        if (found := recordings.trace(key))
    ]  # fmt: skip
    return {"effects": cleaning.effects(list(measured.values())) if measured else None, "examples": examples}
