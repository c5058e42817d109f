"""Long recordings: cut them into pieces at pauses, and join the words of the pieces."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import Clip, blocks
from audio_ft.audio.level import Level
from audio_ft.audio.vad import PAUSE_SECONDS, Spectrum
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.step import Cut
from audio_ft.errors import InputError
from audio_ft.inference.sources import require_mono

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.audio.codec.source import Source

BLOCK_SECONDS = 5.0
# A piece shorter than a third of the window lacks context; the last one is at least as long.
SHORTEST = 1 / 3
# Overlap on either side of a cut inside speech: room for the longest words.
REACH_SECONDS, REACH = 2.0, 0.1
# A pause counts up to one second; a late cut counts as half a second of pause.
_ENOUGH_SECONDS, _LATE_SECONDS = 1.0, 0.5
_QUIETEST_SECONDS = 0.2
# A silence this close to an end of the buffer may continue beyond it.
_EDGE_SECONDS = 0.1
# A longer silence, or the end of a sentence, ends a segment; a breath does not.
SEGMENT_GAP_SECONDS = 0.8
# Such a silence also ends a piece of at least this length: models are fine-tuned on utterances, seldom several in one
# clip. whisper-tiny.en fine-tuned on prompts, on 69 others joined: WER as written .245 in pieces of maximal length,
# .155 this way (.155 clip by clip), untuned .287 and .287; normalized .074 and .032 (.047), untuned .067 and .071.
UTTERANCE_SECONDS = 2.0
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")


@dataclass(frozen=True)
class Piece:
    """Hold a part of a recording that begins `start` seconds into it; once cleaned, its clip has one channel.

    Its first `overlap_before` and last `overlap_after` seconds are also in its neighbors: 0 where it was cut in a
    pause. `silent`: it certainly contains no speech.
    """

    clip: Clip
    start: float
    overlap_before: float = 0.0
    overlap_after: float = 0.0
    silent: bool = False

    @property
    def samples(self) -> NDArray[np.float32]:
        """Return the samples (time,) of the first channel."""
        return self.clip.samples[0]


class Notes:
    """Collect the notes on a recording while it is read in blocks: those of the blocks, then those on its level."""

    def __init__(self) -> None:
        self._level, self._found = Level(), dict[str, None]()

    def watch(self, parts: Iterator[Clip]) -> Iterator[Clip]:
        """Yield the blocks."""
        for part in parts:
            self._level.add(part.samples)
            self.add(part.notes)
            yield part
        self.add(self._level.notes())

    def add(self, notes: Iterable[str]) -> None:
        """Add notes, each of which is kept once."""
        self._found.update(dict.fromkeys(notes))

    def all(self) -> tuple[str, ...]:
        """Return all notes."""
        return tuple(self._found)


def pieces(
    source: Source | Clip, chain: Chain, rate: int, longest: float, notes: Notes | None = None, *,
    utterances: bool = True,
) -> Iterator[Piece]:  # fmt: skip
    """Yield a recording of any length in pieces of at most `longest` seconds, one channel at `rate` Hz.

    A recording that fits is one piece. A longer one is cut in silences of 0.8 s and more, unless that leaves less than
    two seconds; without any, or without `utterances`, in pauses in the last two thirds of a piece, and otherwise at
    the quietest position of its second half, with an overlap of up to two seconds on both sides. Each piece is cleaned
    by the chain like a training clip; a step that cuts moves its start and never cuts an overlap. Little more than one
    piece is in memory. `notes` receives those of the reader and of the chain.

    Raises:
        AudioError: the recording cannot be read, raised when the position is reached.
        InputError: the chain returns another rate or several channels, or has a step that changes the duration.
    """
    notes = notes or Notes()
    for piece in _uncleaned(notes.watch(blocks(source, BLOCK_SECONDS)), rate, longest, utterances):
        cleaned = _cleaned(piece, chain)
        require_mono(cleaned.clip, rate)
        notes.add(cleaned.clip.notes)
        yield cleaned


def _cleaned(piece: Piece, chain: Chain) -> Piece:
    """Return the piece with its clip cleaned, and its start where that begins."""
    clip, start = piece.clip, piece.start
    for step in chain.steps:
        if isinstance(step, Cut):
            first, last = step.span(clip) or (0, clip.length)
            first, last = (0 if piece.overlap_before else first), (clip.length if piece.overlap_after else last)
            start += first / clip.rate
            clip = _part(clip, first, last)
            continue
        after = step(clip)
        # Resampling rounds a length up to whole samples of the new rate.
        if abs(after.seconds - clip.seconds) > 2 / min(after.rate, clip.rate):
            raise InputError(
                f"The step {type(step).__name__} of the model's chain changes {clip.seconds:.3f} s to "
                f"{after.seconds:.3f} s, so words of long recordings would have wrong times; give short recordings."
            )
        clip = after
    return replace(piece, clip=clip, start=start)


def _uncleaned(parts: Iterator[Clip], rate: int, longest: float, utterances: bool) -> Iterator[Piece]:
    """Cut a recording that is read in blocks, with a buffer for one piece and the shortest next one."""
    buffer = next(parts)
    # After resampling, which rounds up to whole samples, a piece must not exceed the window.
    most = int(longest * rate) * buffer.rate // rate
    start, before, fits = 0, 0, True
    for part in itertools.chain(parts, [None]):
        if part is not None:
            samples = np.concatenate([buffer.samples, part.samples], axis=1)
            samples.setflags(write=False)  # not shared, so a clip need not copy them
            buffer = buffer.with_samples(samples)
        fits = fits and buffer.length <= most
        while not fits and (found := _cut(buffer, most, utterances, whole=part is None)):
            cut, reach, silent = found
            clip = _part(buffer, 0, cut + reach)
            yield Piece(clip, start / clip.rate, before / clip.rate, 2 * reach / clip.rate, silent)
            start, before, buffer = start + cut - reach, 2 * reach, _part(buffer, cut - reach, buffer.length)
    if buffer.length:
        yield Piece(buffer, start / buffer.rate, before / buffer.rate, 0.0, Spectrum.of(buffer).is_silent())


def _part(clip: Clip, begin: int, end: int) -> Clip:
    return clip.with_samples(clip.samples[:, begin:end])


def _cut(buffer: Clip, most: int, utterances: bool, *, whole: bool) -> tuple[int, int, bool] | None:
    """Return the frame of the next cut, the overlap on each side in frames, and whether the piece before is silent.

    None: nothing is to be cut, or not yet; `whole`: the buffer contains all the rest of the recording.
    """
    full = buffer.length > most and (whole or buffer.length >= most * (1 + SHORTEST))
    if not (full or utterances):
        return None
    spectrum = Spectrum.of(buffer)
    pauses = spectrum.pauses()
    if utterances:
        seconds = _end_of_utterance(pauses, buffer.seconds, min(UTTERANCE_SECONDS, most * SHORTEST / buffer.rate))
        if seconds is not None and seconds * buffer.rate <= most:
            return round(seconds * buffer.rate), 0, spectrum.until(seconds).is_silent()
    if not full:
        return None
    least = most * SHORTEST
    low, high = least / buffer.rate, min(most, buffer.length - least) / buffer.rate
    seconds, reach = _best_pause(pauses, low, high), 0.0
    if seconds is None:
        reach = min(REACH_SECONDS, REACH * most / buffer.rate)
        seconds = _quietest(spectrum, most / buffer.rate / 2, high - reach)
    silent = spectrum.until(seconds + reach).is_silent()
    return round(seconds * buffer.rate), round(reach * buffer.rate), silent


def _end_of_utterance(pauses: list[tuple[float, float]], seconds: float, least: float) -> float | None:
    """Return the middle of the first long silence between speech and speech that leaves `least` seconds before it.

    Silence at either end of the buffer stays with the speech next to it: alone, it makes models invent words.
    """
    for start, stop in pauses:
        inside = start > _EDGE_SECONDS and stop < seconds - _EDGE_SECONDS
        if inside and stop - start >= SEGMENT_GAP_SECONDS and (start + stop) / 2 >= least:
            return (start + stop) / 2
    return None


def _best_pause(pauses: list[tuple[float, float]], low: float, high: float) -> float | None:
    """Return the middle of the best pause between `low` and `high` (s): long, and rather late than early."""
    best, middle = -np.inf, None
    for start, stop in pauses:
        first, last = max(start, low), min(stop, high)
        late = ((first + last) / 2 - low) / (high - low)
        quality = min(last - first, _ENOUGH_SECONDS) + _LATE_SECONDS * late
        if last - first >= PAUSE_SECONDS and quality > best:
            best, middle = quality, (first + last) / 2
    return middle


def _quietest(spectrum: Spectrum, low: float, high: float) -> float:
    """Return the quietest position between `low` and `high` (s), by the mean level of 0.2 s around it."""
    first, last = round(low / spectrum.hop), max(round(high / spectrum.hop), round(low / spectrum.hop) + 1)
    levels = spectrum.levels()[first:last]
    around = min(len(levels), round(_QUIETEST_SECONDS / spectrum.hop))
    means = np.convolve(levels, np.full(around, 1 / around), "valid")
    return (first + int(np.argmin(means)) + around / 2) * spectrum.hop


def join(
    transcripts: Iterable[tuple[Piece, Sequence[Mapping[str, Any]]]], *, between: str = " "
) -> list[dict[str, Any]]:
    """Join the words of all pieces and return segments: {"start", "end", "text", "words"}, in seconds.

    A piece comes with its words, {"start", "end", "text"} each, in seconds from the piece's own beginning; a start
    of None is the end of the word before, an end of None that of the piece. Of an overlap the first piece gives the
    first half and the second one the second half, by the middle of each word; a word that would be kept or dropped
    twice is kept once. A segment ends with a sentence, with a piece cut in a pause, and before 0.8 s of silence.
    `between` is put between two words, unless they contain spaces.
    """
    runs: list[list[dict[str, Any]]] = []
    for piece, words in transcripts:
        placed = _placed(piece, words)
        if runs and piece.overlap_before:
            runs[-1] = _merged(runs[-1], placed, piece.start + piece.overlap_before / 2)
        else:
            runs.append(placed)
    return [_segment(words, between) for run in runs for words in _segments(run)]


def _placed(piece: Piece, words: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the words with times from the start of the recording, inside the piece, unknown times filled in."""
    placed: list[dict[str, Any]] = []
    seconds, before = piece.clip.seconds, 0.0
    for word in words:
        start = before if word["start"] is None else min(max(float(word["start"]), 0.0), seconds)
        before = seconds if word["end"] is None else min(max(float(word["end"]), start), seconds)
        if word["text"].strip():
            placed.append({"start": piece.start + start, "end": piece.start + before, "text": word["text"]})
    return placed


def _merged(old: list[dict[str, Any]], new: list[dict[str, Any]], middle: float) -> list[dict[str, Any]]:
    """Return the words of two overlapping pieces, each once."""

    def late(word: Mapping[str, Any]) -> bool:
        return (word["start"] + word["end"]) / 2 >= middle

    first, beyond = list(itertools.filterfalse(late, old)), list(filter(late, old))
    ahead, second = list(itertools.filterfalse(late, new)), list(filter(late, new))
    if first and second and _same(first[-1], second[0]):
        second = second[1:]
    elif beyond and ahead and _same(beyond[0], ahead[-1]):
        first = [*first, beyond[0]]
    return first + second


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether words of two pieces are the same: equal letters, and times overlapping by half the shorter."""
    letters, others = (list(filter(str.isalnum, word["text"].casefold())) for word in (one, other))
    shared = min(one["end"], other["end"]) - max(one["start"], other["start"])
    return letters == others and shared >= min(one["end"] - one["start"], other["end"] - other["start"]) / 2


def _segments(words: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return runs of words that belong together; no word starts before the end of the one before."""
    runs: list[list[dict[str, Any]]] = []
    end, ended = 0.0, True
    for word in words:
        start = max(word["start"], end)
        if ended or start - end >= SEGMENT_GAP_SECONDS:
            runs.append([])
        end = max(word["end"], start)
        ended = word["text"].rstrip().endswith(_SENTENCE_ENDS)
        runs[-1].append({**word, "start": start, "end": end})
    return runs


def _segment(words: Sequence[dict[str, Any]], between: str) -> dict[str, Any]:
    plain = [
        {"start": round(word["start"], 3), "end": round(word["end"], 3), "text": word["text"].strip()} for word in words
    ]
    if any(word["text"][0].isspace() for word in words):
        text = "".join(word["text"] for word in words)
    else:
        text = between.join(word["text"] for word in plain)
    return {"start": plain[0]["start"], "end": plain[-1]["end"], "text": text.strip(), "words": plain}
