"""Cut a recording and its transcript at pauses, where the words around them are those that a model recognizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from audio_ft.metrics.alignment import align

# A piece shorter than a third of what is allowed has little context; a pause counts up to one second, and a late cut as
# half a second of pause: as where long recordings are cut for prediction.
SHORTEST, ENOUGH_SECONDS, LATE_SECONDS = 1 / 3, 1.0, 0.5
# Stands for a word that is only punctuation, which never agrees with another.
_NOTHING = ("\u0001", "\u0002")


@dataclass(frozen=True)
class Segment:
    """Hold a part of a recording, in seconds, with its part of the transcript.

    `agreement` is one minus the word error rate of what the model recognizes in it, at least 0.
    """

    start: float
    end: float
    text: str
    agreement: float


@dataclass(frozen=True)
class _Cut:
    """Hold where a recording may be cut, in seconds, how long the pause is there, and the first words after it."""

    seconds: float
    pause: float
    word: int
    recognized: int


def segments(
    text: str,
    words: Sequence[Mapping[str, Any]],
    pauses: Sequence[tuple[float, float]],
    seconds: float,
    longest: float,
) -> list[Segment]:
    """Return a recording in parts of at most `longest` seconds, where that is possible, with their transcripts.

    A cut lies in a pause between two words that follow each other in the transcript and in what was recognized,
    so nothing depends on how exactly words are timed. Where there is no such place, a part is longer.

    Args:
        text: the transcript of all that is said.
        words: what a model recognizes: {"start", "end", "text"} each, in seconds, in order.
        pauses: (start, stop) of pauses in seconds, in order.
        seconds: the duration of the recording.
        longest: the most seconds of a part.

    Example:
        >>> recognized = [{"start": 0.2, "end": 0.6, "text": "Yes."}, {"start": 2.1, "end": 2.5, "text": "No."}]
        >>> [(part.end, part.text) for part in segments("yes, no", recognized, [(0.7, 2.0)], 3.0, 2.0)]
        [(1.35, 'yes,'), (3.0, 'no')]
    """
    written, space = units(text)
    ours, theirs = [_key(word, 0) for word in written], [_key(str(word["text"]), 1) for word in words]
    if not (ours and theirs):
        return [Segment(0.0, seconds, text, 0.0)] if ours else []
    pairs = _matched(ours, theirs)
    ends = [_Cut(0.0, 0.0, 0, 0), _Cut(seconds, 0.0, len(ours), len(theirs))]
    chosen = [ends[0], *_chosen(list(_cuts(pairs, words, pauses)), seconds, longest), ends[1]]
    found = []
    for begin, end in pairwise(chosen):
        own, recognized = ours[begin.word : end.word], theirs[begin.recognized : end.recognized]
        wrong = (
            sum(one.kind != "equal" for one in align(" ".join(own), " ".join(recognized)))
            if own and recognized
            else len(own)
        )
        part = space.join(written[begin.word : end.word])
        found.append(Segment(begin.seconds, end.seconds, part, max(0.0, 1 - wrong / max(len(own), 1))))
    return [part for part in found if part.text]


def units(text: str) -> tuple[list[str], str]:
    """Return the words of a transcript, or its characters where the script has no spaces, and what is between them.

    Punctuation belongs to what is before it.
    """
    words = text.split()
    spaced = len(words) > 1 or not any("\u3040" <= character <= "\u9fff" for character in text)
    found, space = list[str](), " " if spaced else ""
    for unit in words if spaced else "".join(words):
        if found and not any(map(str.isalnum, unit)):
            found[-1] += space + unit
        else:
            found.append(unit)
    return found, space


def _key(word: str, side: int) -> str:
    """Return the letters and digits of a word, by which words are compared."""
    return "".join(filter(str.isalnum, word.casefold())) or _NOTHING[side]


def _matched(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Return the positions of the words that agree: in the transcript, and in what was recognized."""
    pairs, row, column = [], 0, 0
    for one in align(" ".join(ours), " ".join(theirs)):
        if one.kind == "equal":
            pairs.append((row, column))
        row, column = row + (one.reference is not None), column + (one.hypothesis is not None)
    return pairs


def _cuts(
    pairs: Sequence[tuple[int, int]], words: Sequence[Mapping[str, Any]], pauses: Sequence[tuple[float, float]]
) -> Iterator[_Cut]:
    """Yield the cuts between neighbors that agree, one in the longest pause between their middles."""
    middles = [(float(word["start"]) + float(word["end"])) / 2 for word in words]
    first = 0
    for (row, column), (next_row, next_column) in pairwise(pairs):
        low, high = middles[column], middles[next_column]
        while first < len(pauses) and pauses[first][1] <= low:
            first += 1
        if (next_row, next_column) != (row + 1, column + 1):
            continue
        inside = []
        for start, stop in pauses[first:]:
            if start >= high:
                break
            inside.append((max(start, low), min(stop, high)))
        if inside:
            start, stop = max(inside, key=lambda pause: pause[1] - pause[0])
            yield _Cut((start + stop) / 2, stop - start, next_row, next_column)


def _chosen(cuts: Sequence[_Cut], seconds: float, longest: float) -> Iterator[_Cut]:
    """Yield the cuts to make: each the best one within reach of the one before, or the next one there is."""
    start = 0.0
    while seconds - start > longest:
        ahead = [cut for cut in cuts if cut.seconds > start]
        if not ahead:
            return
        near = [cut for cut in ahead if cut.seconds <= start + longest] or ahead[:1]
        roomy = [cut for cut in near if cut.seconds >= start + longest * SHORTEST] or near
        best = max(
            roomy, key=lambda cut: min(cut.pause, ENOUGH_SECONDS) + LATE_SECONDS * (cut.seconds - start) / longest
        )
        yield best
        start = best.seconds
