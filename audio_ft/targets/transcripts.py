"""Transcripts: their spelling, the vocabulary that takes, and why training skips one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, ClassVar, Literal, cast

from audio_ft.errors import InputError, did_you_mean
from audio_ft.settings import Settings
from audio_ft.settings.rules import Refused, Rule, shown
from audio_ft.targets.mojibake import garbled

# Replaces the space between words in a vocabulary, as in transformers' Wav2Vec2CTCTokenizer.
DELIMITER = "|"

# Whisper's codes, listed here so that reading a recipe does not import transformers.
_CODES = """
en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi
ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd
gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue
"""
CODES = frozenset(_CODES.split())

# Languages written without spaces between words.
UNSPACED = frozenset(("zh", "ja", "th", "lo", "my", "yue"))

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


def _language_code(language: Any) -> str:
    """Return Whisper's code of a language."""
    if not isinstance(language, str):
        raise Refused
    if language in CODES:
        return language
    from transformers.models.whisper.tokenization_whisper import LANGUAGES, TO_LANGUAGE_CODE

    name = " ".join(language.lower().split())
    for word in (name, re.split(r"[-_]", name)[0]):
        if word in LANGUAGES:
            return word
        if word in TO_LANGUAGE_CODE:
            return str(TO_LANGUAGE_CODE[word])
    hint = did_you_mean(name, [*TO_LANGUAGE_CODE, *LANGUAGES])
    raise InputError(f"text.language: expected {_LANGUAGE}, got {shown(language)}{hint and '.' + hint}")


_LANGUAGE = "a code or English name such as 'fr' or 'french'"


@dataclass(frozen=True, kw_only=True)
class Text(Settings):
    """Say how transcripts are spelled before a model learns them; all of it is recorded with the model.

    Attributes:
        language: what is spoken, as Whisper's code or English name ("fr", "french"; "pt-BR" is read as "pt"). None:
            unknown.
        case: "keep", "lower" or "upper"; None: what suits the task (CTC learns lower case, Whisper keeps).
        punctuation: "keep" or "remove"; None: what suits the task (CTC removes, Whisper keeps). Every character that
            is not a letter, mark or numeral becomes a space, hyphens too: "call-forward" sounds like "call forward".
            Apostrophes between letters stay, all of them straight: "we’ll" and "well" are two words.
        unicode: "NFC", "NFKC", "NFD" or "NFKD": whether "é" is one character or two, and (K) "ﬁ" is "fi".
        digits: "keep", or "refuse" to exclude transcripts with numerals: "1984" does not say how it was read.
        prompt: text that Whisper gets before each transcript, such as names it should know, in training, scoring and
            prediction.
        timestamps: whether Whisper trains on the times of segments.

    Raises:
        InputError: a setting of another type or value.
    """

    prefix: ClassVar[str] = "text"

    language: Annotated[str | None, Rule(_LANGUAGE, _language_code)] = None
    case: Literal["keep", "lower", "upper"] | None = None
    punctuation: Literal["keep", "remove"] | None = None
    unicode: Literal["NFC", "NFKC", "NFD", "NFKD"] = "NFC"
    digits: Literal["keep", "refuse"] = "keep"
    prompt: str = ""
    timestamps: bool = False

    @property
    def space(self) -> str:
        """Return the separator of words: "" in languages that are written without spaces."""
        return "" if self.language in UNSPACED else " "

    def resolved(self, *, case: str, punctuation: str) -> Text:
        """Return the settings with the open ones filled in by the task's defaults."""
        return self.replace(case=self.case or case, punctuation=self.punctuation or punctuation)

    def apply(self, transcript: str) -> str:
        """Return a transcript as the model learns it, with single spaces between words (idempotent).

        Invisible characters (soft hyphens, marks of writing direction, byte-order marks) and control characters are
        removed, except for the joiners that are part of the spelling in some scripts.
        """
        # Case is changed in composed form, where a letter is one character, and may itself take a letter apart.
        composed = cast("Literal['NFC', 'NFKC']", self.unicode.replace("D", "C"))
        spelled = unicodedata.normalize(composed, transcript.translate(_VISIBLE))
        spelled = unicodedata.normalize(composed, self._cased(spelled))
        if self.punctuation == "remove":
            spelled = _without_punctuation(spelled)
        return " ".join(unicodedata.normalize(self.unicode, spelled).split())

    def _cased(self, transcript: str) -> str:
        if self.case is None or self.case == "keep":
            return transcript
        change: Callable[[str], str] = str.lower if self.case == "lower" else str.upper
        # Turkish has two letters i, with and without dot, each with its capital.
        dotted = self.language in ("tr", "az")
        return change(transcript.translate(_DOTTED[self.case]) if dotted else transcript)


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
    visible = transcript.translate(_VISIBLE)
    if not visible.strip():
        return EMPTY
    if garbled(transcript):
        return GARBLED
    kinds = {unicodedata.category(character)[0] for character in set(text.apply(visible))}
    if not kinds & {"L", "N"}:
        return BARE
    return NUMERALS if text.digits == "refuse" and "N" in kinds else None


class _Table(dict[int, str]):
    """Map each character for `str.translate`, computed when it first occurs."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__()
        self._change = change

    def __missing__(self, code: int) -> str:
        self[code] = self._change(chr(code))
        return self[code]


def _visible(character: str) -> str:
    """Return a character, nothing for an invisible one, a space for a control character."""
    kind = unicodedata.category(character)
    if kind == "Cf":
        return character if character in _JOINERS else ""
    return " " if kind == "Cc" else character


def _spoken(character: str) -> str:
    """Return a letter, mark, numeral or sign inside words as it is; a space for all else."""
    kept = unicodedata.category(character)[0] in "LMN" or character in _JOINERS or character in _INSIDE_WORDS
    return character if kept else " "


_VISIBLE, _SPOKEN = _Table(_visible), _Table(_spoken)


def _without_punctuation(transcript: str) -> str:
    """Return letters, marks, numerals and signs inside words; a space for all else."""

    def replaced(sign: re.Match[str]) -> str:
        if not sign["loose"]:
            return _INSIDE_WORDS[sign[0]]
        # The letter apostrophe begins and ends words in some languages.
        return sign[0] if unicodedata.category(sign[0]) == "Lm" else " "

    return _INSIDE.sub(replaced, transcript.translate(_SPOKEN))
