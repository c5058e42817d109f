"""Reference and transcript side by side: which words agree, were replaced, left out or added, as jiwer aligns them.

A word is what jiwer's default takes for one: what stands between spaces, as written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    """Hold a word of the reference beside one of the hypothesis; None where there is none.

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
    """Align the words of a transcript with those of its reference, in reading order, with as few errors as can be."""
    import jiwer

    output = jiwer.process_words(reference, hypothesis)
    truth, heard = output.references[0], output.hypotheses[0]
    aligned: list[Aligned] = []
    for chunk in output.alignments[0]:
        kind = _CHANGES[chunk.type]
        left = truth[chunk.ref_start_idx : chunk.ref_end_idx]
        right = heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
        for place in range(max(len(left), len(right))):
            aligned.append(Aligned(kind, left[place] if left else None, right[place] if right else None))
    return tuple(aligned)


def errors(
    references: Sequence[str], hypotheses: Sequence[str], *, unit: Literal["word", "character"] = "word"
) -> list[Errors]:
    """Count the errors of each clip.

    Args:
        references: what was said, one text a clip.
        hypotheses: what was transcribed, one text a clip.
        unit: what to count: words, or characters with the spaces between words (jiwer's character error rate).

    Raises:
        ValueError: another number of hypotheses than of references.
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
