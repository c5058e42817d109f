"""Transcripts: their spelling, the vocabulary that takes, why training skips one, and which look wrong."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, ClassVar, Literal, cast

from audio_ft.formatting import shortened
from audio_ft.settings import Settings
from audio_ft.settings.rules import Rule
from audio_ft.targets.languages import LANGUAGE, language_code, spaced
from audio_ft.targets.mojibake import garbled
from audio_ft.targets.tags import Tags, tags_found, without_tags

# Replaces the space between words in a vocabulary, as in transformers' Wav2Vec2CTCTokenizer.
DELIMITER = "|"

NULL = "no transcript"
EMPTY = "empty transcript"
BARE = "only punctuation"
GARBLED = "wrongly decoded text"
NUMERALS = "digits, which text.digits='refuse' excludes"

# Signs that belong to the spelling between two letters, with their standard form: the apostrophe in its many forms,
# Catalan's middle dot, Hebrew's geresh and gershayim.
_INSIDE_WORDS = dict.fromkeys("'\u2019\u02bc\u2018\uff07`\u00b4", "'") | {dot: dot for dot in "\u00b7\u05f3\u05f4"}
_SIGNS = "".join(_INSIDE_WORDS)
_INSIDE = re.compile(rf"(?<=[^\s{_SIGNS}])[{_SIGNS}](?=[^\s{_SIGNS}])|(?P<loose>[{_SIGNS}])")
# Invisible characters that are part of the spelling, as in Persian and the scripts of India.
_JOINERS = frozenset("\u200c\u200d")
_DOTTED: Mapping[str, Mapping[int, str]] = {
    "lower": str.maketrans({"I": "ı", "İ": "i"}),
    "upper": str.maketrans({"i": "İ", "ı": "I"}),
}


@dataclass(frozen=True, kw_only=True)
class Text(Settings):
    """Say how transcripts are spelled before a model learns them; all of it is recorded with the model.

    Attributes:
        language: what is spoken, as Whisper's code or English name ("fr", "french"; "pt-BR" is read as "pt"), or for
            MMS any of its languages by ISO 639-3 ("quz", "uzb-script_cyrillic"). None: unknown.
        case: "keep", "lower" or "upper"; None: what suits the task (CTC learns lower case, Whisper keeps).
        punctuation: "keep" or "remove"; None: what suits the task (CTC removes, Whisper keeps). Every character that
            is not a letter, mark or numeral becomes a space, hyphens too: "call-forward" sounds like "call forward".
            Apostrophes between letters stay, all of them straight: "we’ll" and "well" are two words.
        unicode: "NFC", "NFKC", "NFD" or "NFKD": whether "é" is one character or two, and (K) "ﬁ" is "fi".
        digits: "keep", or "refuse" to exclude transcripts with numerals: "1984" does not say how it was read.
        tags: "keep" marks that are not speech (<SIL>, [laughter], (()), <|0.00|>) as text, "drop" them, or "map": drop
            them, but write the signs of GigaSpeech (<COMMA>, <PERIOD>) as such. Words inside, as in ((so)), stay.
            "gigaspeech", "switchboard", "callhome", "tedlium": as that corpus writes them; see targets/tags.py.
        prompt: text that Whisper gets before each transcript, such as names it should know, in training, scoring and
            prediction.
        timestamps: whether Whisper trains on the times of segments.

    Raises:
        InputError: a setting of another type or value.
    """

    prefix: ClassVar[str] = "text"

    language: Annotated[str | None, Rule(LANGUAGE, language_code)] = None
    case: Literal["keep", "lower", "upper"] | None = None
    punctuation: Literal["keep", "remove"] | None = None
    unicode: Literal["NFC", "NFKC", "NFD", "NFKD"] = "NFC"
    digits: Literal["keep", "refuse"] = "keep"
    tags: Tags = "keep"
    prompt: str = ""
    timestamps: bool = False

    @property
    def space(self) -> str:
        """Return the separator of words: "" in languages that are written without spaces."""
        return " " if spaced(self.language) else ""

    def resolved(self, *, case: str, punctuation: str) -> Text:
        """Return the settings with the open ones filled in by the task's defaults."""
        return self.replace(case=self.case or case, punctuation=self.punctuation or punctuation)

    def apply(self, transcript: str) -> str:
        """Return a transcript as the model learns it, with single spaces between words (idempotent).

        Invisible characters (soft hyphens, marks of writing direction, byte-order marks) and control characters are
        removed, except for the joiners that are part of the spelling in some scripts.
        """
        if self.tags != "keep":
            transcript = without_tags(transcript, self.tags)
        # Case is changed in composed form, where a letter is one character, and may itself take a letter apart.
        composed = cast("Literal['NFC', 'NFKC']", self.unicode.replace("D", "C"))
        spelled = unicodedata.normalize(composed, "".join(map(_visible, transcript)))
        if self.case in ("lower", "upper"):
            # Turkish has two letters i, with and without dot, each with its capital.
            spelled = spelled.translate(_DOTTED[self.case]) if self.language in ("tr", "az") else spelled
            spelled = unicodedata.normalize(composed, spelled.lower() if self.case == "lower" else spelled.upper())
        if self.punctuation == "remove":
            spelled = _without_punctuation(spelled)
        return " ".join(unicodedata.normalize(self.unicode, spelled).split())


def vocabulary(transcripts: Iterable[str]) -> tuple[str, ...]:
    """Return the characters of applied transcripts by code point, without the space and its delimiter."""
    return tuple(sorted(unseen((), transcripts)))


def unseen(known: Collection[str], transcripts: Iterable[str]) -> Counter[str]:
    """Return how often each character that is not in `known` occurs in applied transcripts."""
    counts = Counter(chain.from_iterable(transcripts))
    for character in (" ", DELIMITER, *known):
        del counts[character]
    return counts


def fault(transcript: str | None, text: Text) -> str | None:
    """Return why training skips a transcript (one of the reasons above), None where it does not."""
    if transcript is None:
        return NULL
    visible = "".join(map(_visible, transcript))
    if not visible.strip():
        return EMPTY
    if garbled(transcript):
        return GARBLED
    kinds = {unicodedata.category(character)[0] for character in set(text.apply(visible))}
    if not kinds & {"L", "N"}:
        return BARE
    return NUMERALS if text.digits == "refuse" and "N" in kinds else None


@functools.cache
def _visible(character: str) -> str:
    """Return a character, nothing for an invisible one, a space for a control character."""
    kind = unicodedata.category(character)
    if kind == "Cf":
        return character if character in _JOINERS else ""
    return " " if kind == "Cc" else character


@functools.cache
def _spoken(character: str) -> str:
    """Return a letter, mark, numeral or sign inside words as it is; a space for all else."""
    kept = unicodedata.category(character)[0] in "LMN" or character in _JOINERS or character in _INSIDE_WORDS
    return character if kept else " "


def _without_punctuation(transcript: str) -> str:
    """Return letters, marks, numerals and signs inside words; a space for all else."""

    def replaced(sign: re.Match[str]) -> str:
        if not sign["loose"]:
            return _INSIDE_WORDS[sign[0]]
        # The letter apostrophe begins and ends words in some languages.
        return sign[0] if unicodedata.category(sign[0]) == "Lm" else " "

    return _INSIDE.sub(replaced, "".join(map(_spoken, transcript)))


# By split: transcripts and the keys of their recordings, both by row.
Splits = Mapping[str, tuple[Sequence[str], Sequence[str]]]
_GAPS = frozenset(("nan", "NaN", "None", "none", "null", "NULL", "NA", "N/A", "<NA>", "#N/A"))
_AS_WRITTEN = Text()
# Two spellings of one sentence sound alike.
_SOUND = Text(case="lower", punctuation="remove", unicode="NFKC")


def transcript_warnings(splits: Splits) -> list[str]:
    """Return a warning for each kind of transcript that looks wrong, and for sentences in two splits."""
    rows = [(text, key) for texts, keys in splits.values() for text, key in zip(texts, keys, strict=True)]
    return [*_suspicious(rows), *_repeated(splits)]


def _suspicious(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Warn of transcripts that training skips or that are hardly meant, with count and first recording."""
    faults: dict[str | None, list[tuple[str, str]]] = defaultdict(list)
    gaps: dict[str, list[str]] = defaultdict(list)
    for text, key in rows:
        faults[fault(text, _AS_WRITTEN)].append((text, key))
        if text.strip() in _GAPS:
            gaps[text.strip()].append(key)
    for reason, what in ((EMPTY, "empty"), (BARE, "nothing but punctuation")):
        if found := faults[reason]:
            yield f"{_of(found, rows)} {what} (first: {found[0][1]}): training skips them"
    if found := faults[GARBLED]:
        text, key = found[0]
        yield (
            f"{_of(found, rows)} wrongly decoded (first: {key}, with {garbled(text)!r}): training skips them; "
            "export the table again as UTF-8"
        )
    for text, keys in gaps.items():
        if len(keys) > 1:  # a single one may really be spoken
            yield (
                f"{_of(keys, rows, 'read', 'reads')} {text!r} (first: {keys[0]}), as programs write a gap, and are "
                "taken as spoken: empty the cells that are gaps"
            )
    if tagged := tags_found(rows):
        yield tagged
    if broken := [key for text, key in rows if "\n" in text]:
        yield (
            f"{_of(broken, rows, 'contain', 'contains')} a line break (first: {broken[0]}), read as a space; where it "
            "is unexpected, an unpaired quotation mark joined two rows of the table"
        )


def _repeated(splits: Splits) -> Iterator[str]:
    """Warn of sentences that are both in train and in a split that is scored, ignoring case and punctuation."""
    spelled = {name: [_SOUND.apply(text) for text in texts] for name, (texts, _) in splits.items()}
    trained = set(spelled.pop("train", ()))
    for name, texts in spelled.items():
        both = [row for row, text in enumerate(texts) if text and text in trained]
        if both:
            shown = shortened(" ".join(splits[name][0][both[0]].split()), 60)
            yield (
                f"{len(both):,} of {len(texts):,} transcripts of {name} are in train too (first: {shown!r}): "
                "scores there flatter the model"
            )


def _of(found: Sequence[object], rows: Sequence[object], several: str = "are", one: str = "is") -> str:
    """Return "2 of 9 transcripts are"."""
    return f"{len(found):,} of {len(rows):,} transcripts {one if len(found) == 1 else several}"
