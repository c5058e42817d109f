"""Two runs side by side: their scores, the paired comparison, confusions, settings, and the clips they disagree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from audio_ft.errors import InputError
from audio_ft.evaluation.compare_runs import Matched, Paired, match
from audio_ft.formatting import capitalized, counted
from audio_ft.metrics.names import score_name
from audio_ft.redaction import display_name
from audio_ft.reporting import record
from audio_ft.reporting.html import figures
from audio_ft.reporting.html.recordings import Player, Recordings, player, progress, recordings_of
from audio_ft.run import Run
from audio_ft.targets.judged import Judged, Word

# What the two runs are called on the page.
NAMES = ("A", "B")
# Rows of the table of clips that only one of the runs has right.
ROWS = 2_000


@dataclass(frozen=True)
class Disagreement:
    """Hold a clip that one run has right, or more nearly so, with what both predicted and a player."""

    better: str
    clips: tuple[Judged, Judged]
    words: tuple[tuple[Word, ...], ...]
    player: Player | None = None


def gather(first: Run, second: Run, errors: int, audio: bool) -> dict[str, Any]:
    """Return what the templates show as `page`; `no_audio` is the reason why there are no players, or "".

    Raises:
        InputError: the runs cannot be compared, or their test splits differ.
    """
    found = match(first, second)
    _require_same_split(first, second, found)
    paired, target = found.compared(), first.target
    pairs = [
        (first.target.judge(one), second.target.judge(two))
        for one, two in zip(*(each.table.to_dict("records") for each in (found.first, found.second)), strict=True)
    ]
    recordings, no_audio = recordings_of(first, audio=audio)
    apart = disagreements(pairs, exact=target.exclusive)
    shown = _first_of_each(apart, errors)
    runs = dict(zip(NAMES, (first, second), strict=True))
    return {
        "runs": runs,
        "titles": {name: run.recipe.name or run.folder.resolve().name for name, run in runs.items()},
        "hardware": {name: record.hardware(run) for name, run in runs.items()},
        "target": target,
        "paired": paired,
        "verdict": capitalized(paired.headline.describe(*NAMES)),
        "scores": scores(paired, first, second),
        "agreement": _agreement(pairs) if target.exclusive else "",
        "confusions": {name: figures.confusion([pair[side] for pair in pairs], run.labels,
                                               alt=f"Confusion matrix of run {name}")
                       for side, (name, run) in enumerate(runs.items())} if target.exclusive else {},
        "curves": {name: curve for name, run in runs.items()
                   if (curve := figures.learning(run, alt=f"Learning curves of run {name}"))},
        "settings": differing(record.settings(first), record.settings(second)),
        "others": differing({**first.versions, **first.digests, "hardware": record.hardware(first)},
                            {**second.versions, **second.digests, "hardware": record.hardware(second)}),
        "clips": apart[:ROWS],
        "more": max(0, len(apart) - ROWS),
        "shown": [_with_player(one, first, recordings) for one in progress(shown, "clips")],
        "no_audio": no_audio,
    }  # fmt: skip


def scores(paired: Paired, first: Run, second: Run) -> list[dict[str, Any]]:
    """Return a row for each score: its title, the score of both with its interval, and their difference."""
    return [
        {
            "title": score_name(each.metric).title,
            "scores": [run.scores["test"].get(each.metric) for run in (first, second)],
            "compared": each,
        }
        for each in (paired.headline, *paired.others)
    ]


def differing(first: dict[str, str], second: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return name and both values of what differs; "–" where one has none.

    Example:
        >>> differing({"seed": "1", "rank": "4"}, {"seed": "2"})
        [('seed', '1', '2'), ('rank', '4', '–')]
    """
    names = dict.fromkeys((*first, *second))
    rows = [(name, first.get(name, "–"), second.get(name, "–")) for name in names]
    return [row for row in rows if row[1] != row[2]]


def disagreements(pairs: Sequence[tuple[Judged, Judged]], *, exact: bool) -> list[Disagreement]:
    """Return the clips that one run has right and the other wrong; unless `exact`, also those that one has less wrong.

    The largest difference comes first.
    """
    found = []
    for pair in pairs:
        one, two = (0.0 if not clip.wrong else 1.0 if exact else clip.badness for clip in pair)
        if one != two:
            order = (-abs(one - two), -max(clip.badness for clip in pair), pair[0].file)
            found.append((order, Disagreement(NAMES[one > two], pair, ())))
    return [one for _, one in sorted(found, key=itemgetter(0))]


def _first_of_each(apart: Sequence[Disagreement], count: int) -> list[Disagreement]:
    """Return the first disagreements, as evenly as possible half of those that each run has right."""
    sides = [[one for one in apart if one.better == name] for name in NAMES]
    half = count // 2
    most = [max(half, count - len(sides[1])), max(count - half, count - len(sides[0]))]
    chosen = {id(one) for side, limit in zip(sides, most, strict=True) for one in side[:limit]}
    return [one for one in apart if id(one) in chosen][:count]


def _with_player(one: Disagreement, run: Run, recordings: Recordings | None) -> Disagreement:
    words = tuple(run.target.words(clip) for clip in one.clips) if run.target.by_words else ()
    found = recordings.trace(one.clips[0].file) if recordings else None
    return replace(one, words=words, player=player(found.raw) if found else None)


def _agreement(pairs: Sequence[tuple[Judged, Judged]]) -> str:
    """Return how many clips both, one or none of the runs has right."""
    counts = [sum((one.wrong, two.wrong) == wrong for one, two in pairs)
              for wrong in ((False, False), (False, True), (True, False), (True, True))]  # fmt: skip
    return (
        f"Of {counted(len(pairs), 'test recording')}, both runs have {counts[0]:,} right, only A {counts[1]:,}, only B "
        f"{counts[2]:,}, and neither {counts[3]:,}."
    )


def _require_same_split(first: Run, second: Run, found: Matched) -> None:
    """Refuse runs of different test splits, whose own scores say nothing beside each other.

    Raises:
        InputError: a run has test clips that the other does not have, or clips of another length.
    """
    only = {display_name(str(run.folder)): files
            for run, files in ((first, found.only_first), (second, found.only_second)) if files}  # fmt: skip
    counts = [f"only {name} has {counted(len(files), 'clip')}, such as {files[0]}" for name, files in only.items()]
    if found.unlike:
        counts.append(f"{counted(len(found.unlike), 'clip')} differ in length, such as {found.unlike[0]}")
    if counts:
        raise InputError(
            f"The test splits of {first.folder} and {second.folder} differ ({'; '.join(counts)}), so their scores "
            "cannot be shown side by side; train both on the same splits, or compare the clips that both have with "
            f"`audio-ft compare {first.folder} {second.folder}`."
        )
