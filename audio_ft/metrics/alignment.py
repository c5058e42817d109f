"""Align references and transcripts with jiwer: which words agree, were replaced, left out or added.

A word is what is between spaces, as written, jiwer's default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from jiwer import AlignmentChunk

Change = Literal["equal", "substitution", "deletion", "insertion"]

_CHANGES: dict[str, Change] = {
    "equal": "equal",
    "substitute": "substitution",
    "delete": "deletion",
    "insert": "insertion",
}


@dataclass(frozen=True)
class Aligned:
    """Hold a word of the reference and the aligned one of the hypothesis; None where there is none.

    Attributes:
        kind: "equal", "substitution", "deletion" (a word of the reference is missing) or "insertion" (one was added).
        reference: the word as written; None for an insertion.
        hypothesis: the word as transcribed; None for a deletion.
    """

    kind: Change
    reference: str | None
    hypothesis: str | None


@dataclass(frozen=True)
class Errors:
    """Count the reference words of one clip, and the words that were replaced, left out and added."""

    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def total(self) -> int:
        """Count the errors of all three kinds."""
        return self.substitutions + self.deletions + self.insertions


def align(reference: str, hypothesis: str) -> tuple[Aligned, ...]:
    """Align the words of a transcript with those of its reference, in reading order, with the fewest errors."""
    import jiwer

    output = jiwer.process_words(reference, hypothesis)
    reference_words, words = output.references[0], output.hypotheses[0]
    aligned: list[Aligned] = []
    for chunk in output.alignments[0]:
        kind = _CHANGES[chunk.type]
        left = reference_words[chunk.ref_start_idx : chunk.ref_end_idx]
        right = words[chunk.hyp_start_idx : chunk.hyp_end_idx]
        aligned += [Aligned(kind, *pair) for pair in zip_longest(left, right)]
    return tuple(aligned)


def errors(
    references: Sequence[str], hypotheses: Sequence[str], *, unit: Literal["word", "character"] = "word"
) -> list[Errors]:
    """Count the errors of each clip.

    Args:
        references: one text a clip.
        hypotheses: one transcript a clip.
        unit: what to count: words, or characters with the spaces between words (jiwer's character error rate).

    Raises:
        ValueError: the numbers of hypotheses and references differ.
    """
    import jiwer

    count = jiwer.process_words if unit == "word" else jiwer.process_characters
    output = count(list(references), list(hypotheses))
    return [_counted(len(truth), chunks) for truth, chunks in zip(output.references, output.alignments, strict=True)]


def _counted(words: int, chunks: Sequence[AlignmentChunk]) -> Errors:
    found = dict.fromkeys(_CHANGES.values(), 0)
    for chunk in chunks:
        length = max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        found[_CHANGES[chunk.type]] += length
    return Errors(words, found["substitution"], found["deletion"], found["insertion"])
