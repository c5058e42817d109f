"""Words that stay: of transcripts of a growing recording, those that will most likely not change any more.

LocalAgreement-n of Liu et al. 2020 and Macháček et al. 2023, "Turning Whisper into Real-Time Transcription System"
(https://arxiv.org/abs/2307.14743): what n transcripts in a row begin with is final.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, TypeAlias

Word: TypeAlias = "Mapping[str, Any]"  # {"start", "end", "text"}, in seconds

# A word of a new transcript that begins this much (s) before the end of the last final one is not that one again:
# times of the same word differ by a few frames from transcript to transcript.
SLACK = 0.1
# So many words at the junction are compared, in case times differ by more.
OVERLAP = 5


def letters(word: Word) -> str:
    """Return what two spellings of a word have in common: its letters and digits, without case."""
    return "".join(filter(str.isalnum, word["text"].casefold()))


@dataclass
class Agreement:
    """Collect the transcripts of a turn as it grows, and say which words are final.

    `needed` transcripts in a row have to agree in the letters of a word; the spelling is that of the last. With
    `margin`, a word must also end so many seconds before the end of what was received.

    Example:
        >>> both, words = Agreement(needed=2), [{"start": 0.0, "end": 0.4, "text": "Hello"}]
        >>> both.add(words, 1.0)
        []
        >>> [word["text"] for word in both.add([*words, {"start": 0.5, "end": 0.9, "text": "you"}], 2.0)]
        ['Hello']
    """

    needed: int = 2
    margin: float = 0.0
    final: list[Word] = field(default_factory=list)
    _before: list[Sequence[Word]] = field(default_factory=list)

    def add(self, words: Sequence[Word], received: float) -> list[Word]:
        """Return the words that are final now and were not before, by a transcript of what was received until then."""
        new, before = self._after_final(words), [self._after_final(one) for one in self._before]
        self._before = [*self._before, words][1 - self.needed :] if self.needed > 1 else []
        if len(before) < self.needed - 1:
            return []
        columns = zip(new, *before, strict=False)
        same = takewhile(lambda column: len({letters(word) for word in column}) == 1, columns)
        found = [column[0] for column in takewhile(lambda column: column[0]["end"] <= received - self.margin, same)]
        self.final += found
        return found

    def end(self, words: Sequence[Word]) -> list[Word]:
        """Return the words that a last transcript of the turn adds, all of them final."""
        new = self._after_final(words)
        self.final += new
        return new

    def _after_final(self, words: Sequence[Word]) -> list[Word]:
        """Return the words of a transcript that come after the final ones."""
        if not self.final:
            return list(words)
        end = self.final[-1]["end"]
        later = [word for word in words if (word["start"] + word["end"]) / 2 > end - SLACK]
        tail, head = [letters(word) for word in self.final[-OVERLAP:]], [letters(word) for word in later[:OVERLAP]]
        # "no, no" is two words: one that begins after the last final word is another.
        again = bool(later) and later[0]["start"] < end + SLACK
        for size in range(min(len(tail), len(head)) if again else 0, 0, -1):
            if tail[-size:] == head[:size]:
                return later[size:]
        return later
