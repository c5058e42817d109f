"""Write report.html of a run: collect what the page shows, render it, and save it as one file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.evaluation.predictions import Predictions
from audio_ft.evaluation.summary import describe
from audio_ft.models.scratch import is_from_scratch
from audio_ft.plots.audio import feature
from audio_ft.redaction import EXCLUDED
from audio_ft.reporting import record
from audio_ft.reporting.html import all_clips, both, cleaning, evaluation, figures, scores, timelines
from audio_ft.reporting.html.embedding_map import embedding_map
from audio_ft.reporting.html.explanations import explain_worst
from audio_ft.reporting.html.recordings import Recordings, player, progress, recordings_of
from audio_ft.reporting.html.render import write_page
from audio_ft.reporting.html.vocabulary import unseen_words
from audio_ft.run import Run
from audio_ft.targets.judged import Judged

if TYPE_CHECKING:
    from audio_ft.cleaning.cleaned import Cleaned
    from audio_ft.inference.predictor import Model

# Errors with a player and a spectrogram each, which take two to three megabytes.
ERRORS = 24
# Of these, how many are explained: more take minutes, and a megabyte.
EXPLAINED = 6
# Rows of the table of all recordings; browsers are slow with more.
ROWS = 2_000


def report(
    run: Run | str | Path,
    other: Run | str | Path | None = None,
    output: str | os.PathLike[str] | None = None,
    *,
    errors: int = ERRORS,
    audio: bool = True,
    embeddings: bool = True,
    repository: str | None = None,
    explained_by: Model | None = None,
    explained: int = EXPLAINED,
) -> Path:
    """Write a run, or two side by side, as one HTML file that needs neither network nor other files; return its path.

    Scores and predictions are those of the runs. Recordings are read again from their data for players, spectrograms
    and the effects of cleaning; if the data is missing, the page is written without them and says so.

    Args:
        run: a finished run, or its folder.
        other: a second one, with the same test split, to compare with it.
        output: file to write; if None, report.html in the run's folder, of two runs report-against-FIRST.html in that
            of the second.
        errors: how many of the worst errors, or of the clips that only one run has right, get a player.
        audio: whether the page contains recordings.
        embeddings: whether the page of one run has a map of its test clips, for which the model embeds up to 500.
        repository: the id of the model on the Hub, which the page links to; the one it was pushed to by the training
            if None.
        explained_by: the run's model, with which the page of one run shows and plays what the worst errors rest on.
        explained: how many of the worst errors are explained, which takes some seconds each.

    Raises:
        InputError: a run's predictions are missing, the model cannot be explained, the test splits differ, or the
            file cannot be written.

    Example:
        aft.report("runs/first")
        aft.report("runs/first", "runs/second", output="both.html")
    """
    if str(other).endswith(".html"):
        raise InputError(f"{other} is a page and not a run; give the file to write as output={str(other)!r}.")
    first, second = Run.of(run), None if other is None else Run.of(other)
    target = (second or first).folder / file_name(first, second) if output is None else Path(output)
    _require_writable(target)
    if second is None:
        shown = gather(first, errors, audio, embeddings=embeddings)
        shown["explained"] = None if explained_by is None else explain_worst(shown, explained_by, explained)
        shown["again"] = record.command(first, repository)
        shown["repository"] = repository or (None if first.smoke else first.recipe.push_to_hub)
        write_page(shown, target, "page.html")
    else:
        write_page(both.gather(first, second, errors, audio), target, "both.html")
    return target


def errors_of(run: Run) -> str:
    """Return the wrong test predictions of a run as a CSV, worst first.

    Raises:
        InputError: the run's predictions are missing.
    """
    return all_clips.errors_csv(judged(run, Predictions.of(run).split("test")))


def judged(run: Run, test: Predictions) -> list[Judged]:
    """Return the test clips of a run, the worst errors first."""
    found = [run.target.judge(row) for row in test.table.to_dict("records")]
    return sorted(found, key=lambda clip: (not clip.wrong, -clip.badness, clip.file))


def file_name(first: Run, second: Run | None = None) -> str:
    """Return the name of the page in the folder of the run, or of the second one."""
    return f"report-against-{first.folder.resolve().name}.html" if second else "report.html"


def _require_writable(target: Path) -> None:
    """Check that the folder can be written into before the page is made, which takes minutes."""
    if not target.parent.is_dir():
        raise InputError(f"{target}: the folder {target.parent} does not exist; create it, or set another --output.")
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"{target}: the folder {target.parent} is not writable; set another --output.")


def gather(run: Run, errors: int, audio: bool, *, embeddings: bool = True) -> dict[str, Any]:
    """Return what the templates show as `page`; `no_audio` is the reason why there are no players, or ""."""
    test, target = Predictions.of(run).split("test"), run.target
    clips = judged(run, test)
    described = describe(run)
    recordings, no_audio = recordings_of(run, audio=audio)
    worst = [clip for clip in clips if clip.wrong][:errors]
    durations = dict(zip(test.table["file"], test.table["seconds"], strict=True)) if "seconds" in test.table else {}
    return {
        "run": run,
        "target": target,
        "clips": clips,
        "most_rows": ROWS,
        "hardware": record.hardware(run),
        "lead": target.lead(clips),
        "from_scratch": is_from_scratch(run.recipe.model),
        "beaten_by": record.better_baselines(run),
        "headlines": scores.headlines(run),
        "scores": scores.table(run),
        "folds": scores.folds(run),
        "seeds": scores.seeds(run),
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
        "recordings": recordings,
        "no_audio": no_audio,
        "sounds": all_clips.sounds(clips[:ROWS], recordings, durations),
        "errors_csv": all_clips.csv_link(clips) if worst else "",
        "histograms": all_clips.histograms(test.table, _cleaned(recordings, clips, run)),
        "unseen": unseen_words(clips, recordings.trained, target) if recordings and recordings.trained else None,
        "map": embedding_map(run, clips, recordings) if embeddings else None,
        "cleaning": _cleaning(recordings, sorted(clip.file for clip in clips)),
        "notes": cleaning.notes(run),
        "excluded": [row for split in run.splits.values() for kind in EXCLUDED for row in split.get(kind, ())],
        "settings": record.settings(run),
    }


def _error(clip: Judged, recordings: Recordings | None, run: Run) -> dict[str, Any]:
    """Return one wrong prediction with its words, its spectrogram and its player."""
    shown = {"clip": clip, "words": run.target.words(clip), "picture": None, "player": None, "part": ""}
    if recordings and (found := recordings.trace(clip.file)):
        if clip.lanes and found.clean.length:
            return shown | timelines.shown_errors(clip, found)
        shown["player"] = player(found.raw)
        if found.clean.length:
            width = figures.NARROW if run.target.by_words else figures.SMALL
            drawn = feature(found.clean, "mel", highest=found.raw.rate / 2, width=width)
            shown["picture"] = figures.picture(drawn, alt=f"Mel spectrogram of {clip.file}")
    return shown


def _cleaned(recordings: Recordings | None, clips: Sequence[Judged], run: Run) -> Cleaned | None:
    """Return the test recordings after cleaning, None in a cross-validation and where none can be read."""
    if recordings is None or run.folds or not any(clip.file in recordings.rows for clip in clips):
        return None
    try:
        table = recordings.table([clip.file for clip in clips])
        return recordings.cleaned(table, run.recipe.steps.output_rate(16_000))
    except InputError:
        return None


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
