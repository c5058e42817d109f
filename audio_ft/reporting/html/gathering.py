"""Everything a page shows, gathered from a run: its record, its predictions, its recordings where they still are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from audio_ft.errors import AudioFTError
from audio_ft.evaluation.predictions import Predictions
from audio_ft.evaluation.summary import describe
from audio_ft.redaction import display_name
from audio_ft.reporting.html import evidence, facts, figures, scores
from audio_ft.reporting.html.cleaning import Measured, effects, examples, measure, sampled, told
from audio_ft.reporting.html.page import CleaningShown, Example, Page, Shown
from audio_ft.reporting.html.recordings import Recordings, player
from audio_ft.reporting.html.robustness import robustness

if TYPE_CHECKING:
    from audio_ft.reporting.html.figures import Picture
    from audio_ft.run import Run
    from audio_ft.targets.judged import Judged

# Rows of the table of all recordings; more make a page that browsers are slow with.
ROWS = 2_000
ASKED_SILENT = "Recordings were left out of this page when it was made."
Item = TypeVar("Item")


class Follow(Protocol):
    """Go through items and show how far it is, as tqdm does."""

    def __call__(self, items: Sequence[Item], what: str, /) -> Iterable[Item]:
        """Return the items again."""


def gather(run: Run, errors: int, audio: bool, follow: Follow) -> Page:
    """Return the page of a run; `follow` goes through keys of recordings and shows how far it is."""
    test, target = Predictions.of(run).split("test"), run.target
    judged = target.judge(test.table.to_dict("records"))
    clips = sorted(judged, key=lambda clip: (not clip.wrong, -clip.badness, clip.file))
    told = describe(run)
    recordings, silent = find(run) if audio else (None, ASKED_SILENT)
    states, kept = scores.kept(run)
    worst = [clip for clip in clips if clip.wrong][:errors]
    return Page(
        title=facts.title(run),
        target=target,
        created=run.created[:10],
        lead=facts.lead(run, clips),
        facts=facts.facts(run, clips),
        warnings=[str(warning) for warning in run.data.get("warnings", ())],
        intervals=run.intervals.partition(": ")[2] or run.intervals,
        headlines=scores.headlines(run),
        columns=columns(run),
        scores=scores.table(run),
        states=states,
        kept=kept,
        best=run.best,
        learning=figures.learning(run),
        predictions_lead=target.predictions_lead(clips, run.scores["test"]),
        confusion=confused(run, clips),
        confusions=target.confusions(clips),
        classes=scores.classes(run),
        trust=evidence.trust(told, test),
        slices=evidence.slices(told, run),
        robustness=robustness(run),
        errors_lead=facts.errors_lead(run, clips, len(worst)),
        worst=[show(clip, recordings, run) for clip in follow(worst, "errors")],
        all_clips=clips[:ROWS],
        left_out=max(len(clips) - ROWS, 0),
        grouped=str(run.data.get("group") or "") if any(clip.group for clip in clips) else "",
        silent=silent,
        cleaning=cleaned(run, recordings, sorted(clip.file for clip in clips), follow),
        making=facts.making(run),
        unreadable=facts.unreadable(run),
        settings=facts.settings(run),
        versions=facts.versions(run),
    )


def columns(run: Run) -> dict[str, str]:
    """Return the columns of the table of all scores: what each is called, and its key in the run."""
    own = dict.fromkeys(("test", *run.scores))
    return {name: name for name in (*own, *run.baselines)}


def confused(run: Run, clips: Sequence[Judged]) -> list[Picture]:
    """Return the confusion matrix where each clip has exactly one class."""
    if not run.target.exclusive or not clips:
        return []
    return figures.confusion([clip.reference for clip in clips], [clip.prediction for clip in clips], run.labels)


def find(run: Run) -> tuple[Recordings | None, str]:
    """Return the recordings of a run and "", or None and the sentence that says why the page does without."""
    try:
        return Recordings.of(run), ""
    except AudioFTError as error:
        place = run.recipe.data.path
        why = str(error).replace(place, display_name(place))  # the folders above are nobody's business
        return None, f"The recordings could not be found when this page was made, so it has no players: {why}"


def show(clip: Judged, recordings: Recordings | None, run: Run) -> Shown:
    """Return one error with what can be seen and heard of it."""
    words = run.target.words(clip)
    heard = recordings.hear(clip.file) if recordings else None
    if heard is None:
        return Shown(clip, words)
    return Shown(clip, words, figures.spectrogram(heard.clean, clip.file, broad=run.target.by_words), player(heard.raw))


def cleaned(run: Run, recordings: Recordings | None, keys: Sequence[str], follow: Follow) -> CleaningShown:
    """Return the section on cleaning, measured on a sample of the test recordings."""
    measured: dict[str, Measured] = {}
    found: list[Example | None] = []
    if recordings is not None:
        for key in follow(sampled(keys), "cleaning"):
            if heard := recordings.hear(key):
                measured[key] = measure(heard)
        found = [example(why, key, recordings) for why, key in examples(measured)]
    return CleaningShown(
        chain=run.recipe.steps.describe(),
        splits=tuple(facts.splits(run)),
        noticed=tuple(facts.noticed(run)),
        effects=effects(list(measured.values())) if measured else None,
        examples=tuple(one for one in found if one is not None),
    )


def example(why: str, key: str, recordings: Recordings) -> Example | None:
    """Return one recording before and after cleaning."""
    heard = recordings.hear(key)
    if heard is None:
        return None
    before, after = heard.raw, heard.clean
    drawn = figures.before_after(before, after, key, told(measure(heard)))
    return Example(why, key, before.seconds, after.seconds, drawn, player(before), player(after))
