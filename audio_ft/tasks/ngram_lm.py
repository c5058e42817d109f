"""Estimate word n-gram models from a few thousand sentences, and write them as ARPA files for KenLM."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from audio_ft.errors import InputError
from audio_ft.file_io import write_text
from audio_ft.parallel import progress_bar

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
SPECIAL = frozenset((BEGIN, END, UNKNOWN))
# KenLM reads no unigram models, and a few thousand sentences have little evidence beyond trigrams.
ORDERS = (2, 3, 4, 5)
# The conventional log probability of <s> in ARPA files, which is never used.
_NEVER = -99.0
# The discount of texts without any n-gram that occurs once.
_USUAL_DISCOUNT = 0.5
_FIX = "`audio-ft lm` makes one; KenLM's binary form needs a file of its words beside it."

NGram = tuple[str, ...]


@dataclass(frozen=True)
class LanguageModel:
    """Hold an n-gram model: log10 probabilities and log10 backoff weights of n-grams."""

    order: int
    probabilities: Mapping[NGram, float]
    backoffs: Mapping[NGram, float]

    @property
    def words(self) -> list[str]:
        """Return the known words, sorted."""
        return sorted(gram[0] for gram in self.probabilities if len(gram) == 1 and gram[0] not in SPECIAL)

    def write(self, file: str | os.PathLike[str]) -> None:
        """Write an ARPA file, completely or not at all.

        Raises:
            InputError: the folder does not exist or cannot be written to.
        """
        by_order = [sorted(gram for gram in self.probabilities if len(gram) == n) for n in range(1, self.order + 1)]
        lines = ["\\data\\", *(f"ngram {n}={len(grams)}" for n, grams in enumerate(by_order, 1))]
        for n, grams in enumerate(by_order, 1):
            lines.append(f"\n\\{n}-grams:")
            for gram in grams:
                backoff = f"\t{self.backoffs[gram]:.7f}" if gram in self.backoffs else ""
                lines.append(f"{self.probabilities[gram]:.7f}\t{' '.join(gram)}{backoff}")
        write_text(Path(file), "\n".join([*lines, "\n\\end\\\n"]))


def estimate(sentences: Iterable[Sequence[str]], order: int = 3) -> LanguageModel:
    """Return the interpolated Kneser-Ney model of sentences, each a sequence of words.

    With c(h, w) the count of word w after the words h, N(h) the number of different words after them, and one discount
    D = n1 / (n1 + 2 n2) for each order (n1, n2: n-grams counted once, twice):

        p(w | h) = max(c(h, w) - D, 0) / c(h) + D N(h) / c(h) p(w | h without its first word)

    Below the highest order c(h, w) is the number of different words before h w, and below the unigrams all words, the
    end and the unknown word have the same probability. Kneser and Ney 1995, interpolated as in Chen and Goodman 1998,
    section 4.1.6.

    Raises:
        InputError: the order is not supported, there are too few words, or one is reserved in ARPA files.
    """
    if order not in ORDERS:
        raise InputError(f"The order of a language model is one of {', '.join(map(str, ORDERS))}, not {order}.")
    levels = _adjusted(_counted(sentences, order))
    if not levels[0]:
        raise InputError("The sentences contain no words; check the column of transcripts.")
    if not levels[-1]:
        raise InputError(
            f"A model of order {order} needs a sentence of {max(order - 2, 1)} words; choose a lower order."
        )
    # Below the unigrams is the empty n-gram: all words have the same probability, including the unknown one.
    chances: dict[NGram, float] = {(): 1 / (len(levels[0]) + 1)}
    backoffs: dict[NGram, float] = {}
    for counts in levels:
        chances |= _interpolated(counts, chances, backoffs)
    chances[(UNKNOWN,)] = backoffs.pop(()) * chances.pop(())
    logs = {gram: min(math.log10(chance), 0.0) for gram, chance in chances.items()} | {(BEGIN,): _NEVER}
    return LanguageModel(order, logs, {gram: math.log10(weight) for gram, weight in backoffs.items()})


def _counted(sentences: Iterable[Sequence[str]], order: int) -> list[Counter[NGram]]:
    """Count the n-grams of each order, with a start and an end around each sentence."""
    levels: list[Counter[NGram]] = [Counter() for _ in range(order)]
    for words in progress_bar(sentences, desc="counting", unit="sentence"):
        if SPECIAL & set(words):
            raise InputError(
                f"{', '.join(sorted(SPECIAL))} are reserved in ARPA files, and one is a word of the sentence "
                f"{' '.join(words)!r}; remove it."
            )
        marked = (BEGIN, *words, END) if words else ()
        for n, counts in enumerate(levels, 1):
            counts.update(marked[start : start + n] for start in range(len(marked) - n + 1))
    return levels


def _adjusted(levels: list[Counter[NGram]]) -> list[Counter[NGram]]:
    """Return the counts of the highest order, and below it the number of different words before each n-gram."""
    # Nothing precedes a start, so n-grams that begin with one keep their count; the start alone is never predicted.
    adjusted = [
        Counter(gram[1:] for gram in longer)
        + Counter({gram: count for gram, count in shorter.items() if gram[0] == BEGIN})
        for shorter, longer in pairwise(levels)
    ]
    adjusted.append(levels[-1].copy())
    adjusted[0].pop((BEGIN,), None)
    return adjusted


def _interpolated(
    counts: Counter[NGram], lower: Mapping[NGram, float], backoffs: dict[NGram, float]
) -> dict[NGram, float]:
    """Return the probabilities of one order's n-grams, and add the weight of each context to `backoffs`."""
    frequency = Counter(counts.values())
    discount = frequency[1] / (frequency[1] + 2 * frequency[2]) if frequency[1] else _USUAL_DISCOUNT
    totals: Counter[NGram] = Counter()
    for gram, count in counts.items():
        totals[gram[:-1]] += count
    kinds = Counter(gram[:-1] for gram in counts)
    backoffs |= {context: discount * kinds[context] / total for context, total in totals.items()}
    return {
        gram: max(count - discount, 0) / totals[gram[:-1]] + backoffs[gram[:-1]] * lower[gram[1:]]
        for gram, count in counts.items()
    }


def unigrams(file: str | os.PathLike[str]) -> list[str]:
    """Return the words of an ARPA file, in its order.

    Raises:
        InputError: there is no such file, or it is not an ARPA file.
    """
    words: list[str] = []
    try:
        with open(file, encoding="utf-8") as stream:
            lines = (line.strip() for line in stream)
            if next((line for line in lines if line), "") != "\\data\\":
                raise InputError(f"{file} is not an ARPA file: its first line is not \\data\\. {_FIX}")
            for line in lines:
                if line in ("\\2-grams:", "\\end\\"):
                    break
                fields = line.split()
                if len(fields) > 1 and fields[0] != "ngram" and fields[1] not in SPECIAL:
                    words.append(fields[1])
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}); give an n-gram model as an ARPA file.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not an ARPA file: it is not UTF-8 text. {_FIX}") from error
    return words
