"""Word n-gram models: estimated from a few thousand sentences, and written as the ARPA files that KenLM reads."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from audio_ft.errors import InputError
from audio_ft.file_io import replacing

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
SPECIAL = frozenset((BEGIN, END, UNKNOWN))
# KenLM reads no models of single words, and beyond three a few thousand sentences have little to tell.
ORDERS = (2, 3, 4, 5)
# What ARPA files say for the probability of a beginning, which nobody asks for.
_NEVER = -99.0
# A discount for texts in which nothing is counted once.
_USUAL_DISCOUNT = 0.5
_MEND = "`audio-ft lm` makes one; KenLM's binary form needs a file of its words beside it."

NGram = tuple[str, ...]


@dataclass(frozen=True)
class LanguageModel:
    """Hold an n-gram model: log10 probabilities of n-grams, and the log10 weight with which each one backs off."""

    order: int
    probabilities: Mapping[NGram, float]
    backoffs: Mapping[NGram, float]

    @property
    def words(self) -> list[str]:
        """Return the words that it knows, sorted."""
        return sorted(gram[0] for gram in self.probabilities if len(gram) == 1 and gram[0] not in SPECIAL)

    def write(self, file: str | os.PathLike[str]) -> None:
        """Write an ARPA file, whole or not at all.

        Raises:
            InputError: there is no such place, or nobody may write there.
        """
        with replacing(Path(file)) as unfinished, unfinished.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        by_order = [sorted(gram for gram in self.probabilities if len(gram) == n) for n in range(1, self.order + 1)]
        yield "\\data\\"
        yield from (f"ngram {n}={len(grams)}" for n, grams in enumerate(by_order, 1))
        for n, grams in enumerate(by_order, 1):
            yield f"\n\\{n}-grams:"
            for gram in grams:
                backoff = f"\t{self.backoffs[gram]:.7f}" if gram in self.backoffs else ""
                yield f"{self.probabilities[gram]:.7f}\t{' '.join(gram)}{backoff}"
        yield "\n\\end\\"


def estimate(sentences: Iterable[Sequence[str]], order: int = 3) -> LanguageModel:
    """Return the interpolated Kneser-Ney model of sentences, each a sequence of words.

    With c(h, w) the count of word w after the words h, N(h) the number of different words after them, and one discount
    D = n1 / (n1 + 2 n2) for each order (n1, n2: n-grams counted once, twice):

        p(w | h) = max(c(h, w) - D, 0) / c(h) + D N(h) / c(h) p(w | h without its first word)

    Below the highest order c(h, w) is the number of different words before h w, and below the unigrams every word, the
    end and the unknown word are alike. Kneser and Ney 1995, interpolated as in Chen and Goodman 1998, section 4.1.6.

    Raises:
        InputError: an order that is not offered, too few words, or one with a meaning of its own in ARPA files.
    """
    if order not in ORDERS:
        raise InputError(f"The order of a language model is one of {', '.join(map(str, ORDERS))}, not {order}.")
    levels = _adjusted(_counted(sentences, order))
    if not levels[0]:
        raise InputError("There is not one word to make a language model of.")
    if not levels[-1]:
        raise InputError(f"There is no sentence of {max(order - 2, 1)} words to make a model of order {order} of.")
    # Below the unigrams stands the empty n-gram: its words are all alike, the unknown one among them.
    chances: dict[NGram, float] = {(): 1 / (len(levels[0]) + 1)}
    backoffs: dict[NGram, float] = {}
    for counts in levels:
        chances |= _interpolated(counts, chances, backoffs)
    chances[(UNKNOWN,)] = backoffs.pop(()) * chances.pop(())
    logs = {gram: min(math.log10(chance), 0.0) for gram, chance in chances.items()} | {(BEGIN,): _NEVER}
    return LanguageModel(order, logs, {gram: math.log10(weight) for gram, weight in backoffs.items()})


def _counted(sentences: Iterable[Sequence[str]], order: int) -> list[Counter[NGram]]:
    """Return how often each n-gram occurs, by order, a beginning and an end around each sentence."""
    from tqdm.auto import tqdm

    levels: list[Counter[NGram]] = [Counter() for _ in range(order)]
    for words in tqdm(sentences, desc="counting", unit="sentence", delay=2, leave=False):
        if SPECIAL & set(words):
            raise InputError(
                f"{', '.join(sorted(SPECIAL))} have a meaning of their own in ARPA files, and one is a word of the "
                f"sentence {' '.join(words)!r}; take it out."
            )
        marked = (BEGIN, *words, END) if words else ()
        for n, counts in enumerate(levels, 1):
            counts.update(marked[start : start + n] for start in range(len(marked) - n + 1))
    return levels


def _adjusted(levels: list[Counter[NGram]]) -> list[Counter[NGram]]:
    """Return counts of the highest order, and below it in how many different words' company each n-gram stands.

    Nothing stands before a beginning, so what begins with one is counted as it is; alone it is not predicted at all.
    """
    adjusted = [
        Counter(gram[1:] for gram in longer) + Counter({gram: count for gram, count in own.items() if gram[0] == BEGIN})
        for own, longer in pairwise(levels)
    ]
    adjusted.append(levels[-1].copy())
    adjusted[0].pop((BEGIN,), None)
    return adjusted


def _interpolated(
    counts: Counter[NGram], lower: Mapping[NGram, float], backoffs: dict[NGram, float]
) -> dict[NGram, float]:
    """Return the probabilities of one order's n-grams, and put the weight of each context into `backoffs`."""
    often = Counter(counts.values())
    discount = often[1] / (often[1] + 2 * often[2]) if often[1] else _USUAL_DISCOUNT
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
        InputError: there is no such file, or it is none of ARPA's.
    """
    words: list[str] = []
    try:
        with open(file, encoding="utf-8") as stream:
            lines = (line.strip() for line in stream)
            if next((line for line in lines if line), "") != "\\data\\":
                raise InputError(f"{file} is no ARPA file: its first line is not \\data\\. {_MEND}")
            for line in lines:
                if line in ("\\2-grams:", "\\end\\"):
                    break
                fields = line.split()
                if len(fields) > 1 and fields[0] != "ngram" and fields[1] not in SPECIAL:
                    words.append(fields[1])
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}); give an n-gram model as an ARPA file.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is no ARPA file: it is not UTF-8 text. {_MEND}") from error
    return words
