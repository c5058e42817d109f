"""Align references and transcripts with jiwer: which words agree, were replaced, left out or added.

A word is what is between spaces, as written, jiwer's default.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, get_args

Change = Literal["equal", "substitution", "deletion", "insertion"]

# By jiwer's names.
_CHANGES: dict[str, Change] = dict(zip(("equal", "substitute", "delete", "insert"), get_args(Change), strict=True))


@dataclass(frozen=True)
class Aligned:
    """Hold a word of the reference and the aligned one of the hypothesis, both as written; None where there is none."""

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
    aligned: list[Aligned] = []
    for chunk in output.alignments[0]:
        left = output.references[0][chunk.ref_start_idx : chunk.ref_end_idx]
        right = output.hypotheses[0][chunk.hyp_start_idx : chunk.hyp_end_idx]
        aligned += [Aligned(_CHANGES[chunk.type], *pair) for pair in zip_longest(left, right)]
    return tuple(aligned)


def errors(
    references: Sequence[str], hypotheses: Sequence[str], *, unit: Literal["word", "character"] = "word"
) -> list[Errors]:
    """Count the errors of each clip in words, or in characters with the spaces between words.

    Raises:
        ValueError: the numbers of hypotheses and references differ.
    """
    import jiwer

    count = jiwer.process_words if unit == "word" else jiwer.process_characters
    output = count(list(references), list(hypotheses))
    counted = []
    for truth, chunks in zip(output.references, output.alignments, strict=True):
        found: Counter[str] = Counter()
        for chunk in chunks:
            found[chunk.type] += max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        counted.append(Errors(len(truth), found["substitute"], found["delete"], found["insert"]))
    return counted
