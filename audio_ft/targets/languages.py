"""Languages: the codes by which Whisper and MMS name them, so that reading a recipe does not import transformers."""

from __future__ import annotations

import re
from typing import Any

from audio_ft.errors import InputError, did_you_mean
from audio_ft.settings.rules import Refused, shown

# Whisper's codes, each with the name that MMS has for the language, by ISO 639-3.
_PAIRS = """
en eng zh cmn de deu es spa ru rus ko kor fr fra ja jpn pt por tr tur pl pol ca cat nl nld ar ara sv swe id ind hi hin
fi fin vi vie he heb uk ukr el ell ms zlm cs ces ro ron da dan hu hun ta tam no nob th tha ur urd hr hrv bg bul lt lit
la lat mi mri ml mal cy cym sk slk te tel fa fas lv lav bn ben sr srp az azj sl slv kn kan et est mk mkd br bre eu eus
is isl hy hye ne npi mn mon bs bos kk kaz sq sqi sw swh gl glg mr mar pa pan si sin km khm sn sna yo yor so som af afr
oc oci ka kat be bel tg tgk sd snd gu guj am amh yi yid lo lao uz uzb fo fao ht hat ps pus tk tuk nn nno mt mlt sa san
lb ltz my mya bo bod tl tgl mg mlg as asm tt tat haw haw ln lin ha hau ba bak jw jav su sun yue yue it ita
"""
ISO_639_3 = dict(zip(_PAIRS.split()[::2], _PAIRS.split()[1::2], strict=True))
CODES = frozenset(ISO_639_3)
# Other codes of Whisper's languages: bibliographic ones, and those of several languages at once.
_OTHERS = """
ger de fre fr chi zh zho zh dut nl gre el cze cs per fa rum ro slo sk alb sq arm hy baq eu bur my geo ka ice is mac mk
mao mi may ms msa ms tib bo wel cy swa sw aze az nor no nep ne jv jw iw he
"""
_WHISPERS = {name: code for code, name in ISO_639_3.items()} | dict(
    zip(_OTHERS.split()[::2], _OTHERS.split()[1::2], strict=True)
)
# A language of MMS: its code, with script or dialect where it has several.
_OTHER = re.compile(r"[a-z]{3}(-[a-z]+_[a-z0-9_]+)*")
LANGUAGE = "a code or English name such as 'fr' or 'french', or for MMS a code of three letters such as 'quz'"
# Languages written without spaces between words.
_UNSPACED = frozenset(("zh", "ja", "th", "lo", "my", "yue"))


def spaced(language: str | None) -> bool:
    """Return whether a language (from `language_code`; None: unknown) is written with spaces between words."""
    stem = (language or "").partition("-")[0]
    return _WHISPERS.get(stem, stem) not in _UNSPACED


def language_code(language: Any) -> str:
    """Return Whisper's code of a language, or that of ISO 639-3 for one that Whisper does not know.

    Raises:
        InputError: it is neither code nor English name of a language.
    """
    if not isinstance(language, str):
        raise Refused
    if language in CODES:
        return language
    from transformers.models.whisper.tokenization_whisper import LANGUAGES, TO_LANGUAGE_CODE

    name = " ".join(language.lower().split())
    for word in (name, re.split(r"[-_]", name)[0]):
        if word != name and _OTHER.fullmatch(name):
            break  # uzb-script_cyrillic is another adapter than that of uzb-script_latin
        if code := word if word in LANGUAGES else TO_LANGUAGE_CODE.get(word) or _WHISPERS.get(word):
            return str(code)
    if _OTHER.fullmatch(name):
        return name
    hint = did_you_mean(name, [*TO_LANGUAGE_CODE, *LANGUAGES])
    raise InputError(f"text.language: expected {LANGUAGE}, got {shown(language)}{hint and '.' + hint}")
