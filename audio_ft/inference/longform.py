"""Recordings longer than a model hears at once: cut into pieces at pauses, and the pieces' words put together again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import Clip, blocks
from audio_ft.audio.vad import PAUSE_SECONDS, Spectrum
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.steps import Trim
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.audio.codec.source import Source

BLOCK_SECONDS = 5.0
# Below a third of what the model hears it lacks context; the rest of a recording is kept as long, too.
SHORTEST = 1 / 3
# What two pieces share on either side of a cut inside speech: room for the longest words.
REACH_SECONDS, REACH = 2.0, 0.1
# A pause of a second is as good as a longer one; a late cut is worth half a second of pause.
_ENOUGH_SECONDS, _LATE_SECONDS = 1.0, 0.5
_QUIETEST_SECONDS = 0.2
# A silence that comes so close to an end of what is held may go on beyond it.
_EDGE_SECONDS = 0.1
# Speech goes on after a breath; what follows a longer silence, or the end of a sentence, is a segment of its own.
SEGMENT_GAP_SECONDS = 0.8
# Such a silence also ends a piece that has this much: what a model was tuned on are utterances, seldom several in one
# clip. whisper-tiny.en tuned on prompts, 69 others joined: WER as written .245 in pieces as long as can be, .155 so
# (.155 clip by clip), untuned .287 and .287; normalized .074 and .032 (.047), untuned .067 and .071.
UTTERANCE_SECONDS = 2.0
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")


@dataclass(frozen=True)
class Piece:
    """Hold a cleaned part of a recording, float32 (time,) at `rate` Hz, that begins `start` seconds into it.

    It shares its first `overlap_before` and its last `overlap_after` seconds with its neighbors: 0 where it was cut in
    a pause. `silent` says that the recording surely holds no speech here.
    """

    samples: NDArray[np.float32]
    rate: int
    start: float
    overlap_before: float = 0.0
    overlap_after: float = 0.0
    silent: bool = False

    @property
    def seconds(self) -> float:
        """Return the duration in seconds."""
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class _Stretch:
    """Hold a part of a recording as it is, from frame `start` on; overlaps in frames as in `Piece`."""

    clip: Clip
    start: int
    before: int
    after: int
    silent: bool


def pieces(source: Source | Clip, chain: Chain, rate: int, longest: float) -> Iterator[Piece]:
    """Yield a recording of any length in pieces of at most `longest` seconds, one channel at `rate` Hz.

    A recording that fits is one piece. A longer one is cut in its silences of 0.8 s and more, unless that leaves less
    than two seconds; where there are none, in pauses in the last two thirds of a piece, and otherwise at the quietest
    place of its second half, with an overlap of up to two seconds on both sides. Each is cleaned by the chain as a
    training clip was; what Trim cuts moves the piece's start, and it cuts nothing that two pieces share. Memory holds
    little more than one piece.

    Raises:
        AudioError: the recording cannot be read, as soon as the place in question is reached.
        InputError: a chain that leaves another rate or several channels, or with a step that moves time.
    """
    for stretch in _stretches(blocks(source, BLOCK_SECONDS), rate, longest):
        clip, late = _cleaned(stretch, chain)
        if clip.rate != rate or clip.channels != 1:
            raise InputError(
                f"The model's chain leaves {clip.channels} channels at {clip.rate:,} Hz here, and the model hears one "
                f"at {rate:,} Hz; give recordings like those it was trained on."
            )
        original = stretch.clip.rate
        yield Piece(
            clip.samples[0],
            rate,
            stretch.start / original + late,
            stretch.before / original,
            stretch.after / original,
            stretch.silent,
        )


def _cleaned(stretch: _Stretch, chain: Chain) -> tuple[Clip, float]:
    """Return the clean clip of a stretch, and how many seconds later than the stretch it begins."""
    clip, late = stretch.clip, 0.0
    for step in chain.steps:
        if isinstance(step, Trim):
            first, last = step.span(clip) or (0, clip.length)
            first, last = (0 if stretch.before else first), (clip.length if stretch.after else last)
            late += first / clip.rate
            clip = _part(clip, first, last)
            continue
        after = step(clip)
        # Resampling rounds a length up to whole samples of the new rate.
        if abs(after.seconds - clip.seconds) > 2 / min(after.rate, clip.rate):
            raise InputError(
                f"The step {type(step).__name__} of the model's chain makes {after.seconds:.3f} s out of "
                f"{clip.seconds:.3f} s, so that words could not be placed in a long recording; give it short ones."
            )
        clip = after
    return clip, late


def _stretches(parts: Iterator[Clip], rate: int, longest: float) -> Iterator[_Stretch]:
    """Cut a recording that comes in parts, holding a piece and what the shortest next one needs."""
    held = next(parts)
    # In whole samples after resampling, which rounds up, a piece must not exceed what the model hears.
    most = int(longest * rate) * held.rate // rate
    start = before = 0
    more, fits = True, True
    while more:
        part = next(parts, None)
        more = part is not None
        held = held if part is None else _joined(held, part)
        fits = fits and held.length <= most
        while not fits and (found := _place(held, most, whole=not more)):
            cut, reach, silent = found
            yield _Stretch(_part(held, 0, cut + reach), start, before, 2 * reach, silent)
            start, before, held = start + cut - reach, 2 * reach, _part(held, cut - reach, held.length)
    if held.length:
        yield _Stretch(held, start, before, 0, Spectrum.of(held).is_silent())


def _joined(one: Clip, other: Clip) -> Clip:
    samples = np.concatenate([one.samples, other.samples], axis=1)
    samples.setflags(write=False)  # nobody else holds them: a clip need not copy them
    return one.with_samples(samples)


def _part(clip: Clip, begin: int, end: int) -> Clip:
    return clip.with_samples(clip.samples[:, begin:end])


def _place(held: Clip, most: int, *, whole: bool) -> tuple[int, int, bool] | None:
    """Return where to cut, by how many frames the pieces reach beyond it, and whether the first one is silent.

    None: nothing has to be cut, or nothing yet, unless these are the `whole` remains of the recording.
    """
    spectrum = Spectrum.of(held)
    pauses = spectrum.pauses()
    place = _end_of_utterance(pauses, held.seconds, min(UTTERANCE_SECONDS, most * SHORTEST / held.rate))
    if place is not None and place * held.rate <= most:
        return round(place * held.rate), 0, spectrum.until(place).is_silent()
    if held.length <= most or not (whole or held.length >= most * (1 + SHORTEST)):
        return None
    least = most * SHORTEST
    low, high = least / held.rate, min(most, held.length - least) / held.rate
    place, reach = _best_pause(pauses, low, high), 0.0
    if place is None:
        reach = min(REACH_SECONDS, REACH * most / held.rate)
        place = _quietest(spectrum, most / held.rate / 2, high - reach)
    silent = spectrum.until(place + reach).is_silent()
    return round(place * held.rate), round(reach * held.rate), silent


def _end_of_utterance(pauses: list[tuple[float, float]], seconds: float, least: float) -> float | None:
    """Return the middle of the first long silence between speech and speech that leaves `least` seconds before it.

    Silence at either end of what is held stays with the speech beside it: on its own it would be heard as something.
    """
    for start, stop in pauses:
        inside = start > _EDGE_SECONDS and stop < seconds - _EDGE_SECONDS
        if inside and stop - start >= SEGMENT_GAP_SECONDS and (start + stop) / 2 >= least:
            return (start + stop) / 2
    return None


def _best_pause(pauses: list[tuple[float, float]], low: float, high: float) -> float | None:
    """Return the middle of the best pause between `low` and `high` (s): long, and rather late than early."""
    inside = [(max(start, low), min(stop, high)) for start, stop in pauses]
    fitting = [(start, stop) for start, stop in inside if stop - start >= PAUSE_SECONDS]
    if not fitting:
        return None

    def worth(span: tuple[float, float]) -> float:
        return min(span[1] - span[0], _ENOUGH_SECONDS) + _LATE_SECONDS * (sum(span) / 2 - low) / (high - low)

    start, stop = max(fitting, key=worth)
    return (start + stop) / 2


def _quietest(spectrum: Spectrum, low: float, high: float) -> float:
    """Return the quietest place between `low` and `high` (s), by the mean level of the fifth of a second around it."""
    first, last = round(low / spectrum.hop), max(round(high / spectrum.hop), round(low / spectrum.hop) + 1)
    levels = spectrum.levels()[first:last]
    around = min(len(levels), round(_QUIETEST_SECONDS / spectrum.hop))
    means = np.convolve(levels, np.full(around, 1 / around), "valid")
    return (first + int(np.argmin(means)) + around / 2) * spectrum.hop


def join(answers: Iterable[tuple[Piece, Sequence[Mapping[str, Any]]]], *, between: str = " ") -> list[dict[str, Any]]:
    """Put the words of all pieces together and return segments: {"start", "end", "text", "words"}, in seconds.

    A piece comes with its words, {"start", "end", "text"} each, in seconds from the piece's own beginning; a start
    that is None is the end before it, an end that is None the piece's. Of what two pieces share, the first one tells
    the first half and the second one the second half, by the middle of each word; a word that both place on their own
    or on the other's side stays once. A segment ends with a sentence, with a piece cut in a pause, and before 0.8 s of
    silence. `between` goes between two words, unless they bring their own spaces along.
    """
    runs: list[list[dict[str, Any]]] = []
    for piece, words in answers:
        placed = _placed(piece, words)
        if runs and piece.overlap_before:
            runs[-1] = _merged(runs[-1], placed, piece.start + piece.overlap_before / 2)
        else:
            runs.append(placed)
    segments = [segment for run in runs for segment in _segments(_in_order(run))]
    return [_segment(words, between) for words in segments]


def _placed(piece: Piece, words: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return words with text by the recording's clock, inside the piece, with unknown times filled in."""
    placed: list[dict[str, Any]] = []
    before = 0.0
    for word in words:
        start = before if word["start"] is None else min(max(float(word["start"]), 0.0), piece.seconds)
        end = piece.seconds if word["end"] is None else min(max(float(word["end"]), start), piece.seconds)
        before = end
        if word["text"].strip():
            placed.append({"start": piece.start + start, "end": piece.start + end, "text": word["text"]})
    return placed


def _merged(old: list[dict[str, Any]], new: list[dict[str, Any]], middle: float) -> list[dict[str, Any]]:
    """Return the words of two pieces, each word in what they share once."""
    first = [word for word in old if _middle(word) < middle]
    second = [word for word in new if _middle(word) >= middle]
    beyond = [word for word in old if _middle(word) >= middle]
    ahead = [word for word in new if _middle(word) < middle]
    if first and second and _same(first[-1], second[0]):
        second = second[1:]
    elif beyond and ahead and _same(beyond[0], ahead[-1]):
        first = [*first, beyond[0]]
    return first + second


def _middle(word: Mapping[str, Any]) -> float:
    return float(word["start"] + word["end"]) / 2


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two pieces heard one word: the same letters, in times that agree for half the shorter one."""
    if _letters(one["text"]) != _letters(other["text"]):
        return False
    shared = min(one["end"], other["end"]) - max(one["start"], other["start"])
    return bool(shared >= min(one["end"] - one["start"], other["end"] - other["start"]) / 2)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _in_order(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return words none of which begins before the one before it has ended."""
    ordered: list[dict[str, Any]] = []
    end = 0.0
    for word in words:
        start = max(word["start"], end)
        end = max(word["end"], start)
        ordered.append({**word, "start": start, "end": end})
    return ordered


def _segments(words: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield runs of words that belong together."""
    run: list[dict[str, Any]] = []
    for word in words:
        if run and (
            word["start"] - run[-1]["end"] >= SEGMENT_GAP_SECONDS or run[-1]["text"].rstrip().endswith(_SENTENCE_ENDS)
        ):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _segment(words: Sequence[dict[str, Any]], between: str) -> dict[str, Any]:
    spaced = any(word["text"][0].isspace() for word in words)
    text = ("" if spaced else between).join(word["text"] if spaced else word["text"].strip() for word in words)
    told = [
        {"start": round(word["start"], 3), "end": round(word["end"], 3), "text": word["text"].strip()} for word in words
    ]
    return {"start": told[0]["start"], "end": told[-1]["end"], "text": text.strip(), "words": told}
