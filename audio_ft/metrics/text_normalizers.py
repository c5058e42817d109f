"""Whisper's text normalizers, chosen by language, for `wer_normalized`.

One rule for every model and every language setting makes scores comparable:

- English: transformers' EnglishTextNormalizer (lower case, no punctuation, contractions written out, numbers as
  digits). Its table of British spellings is a file that comes with some checkpoints and not with others; scores must
  not depend on which checkpoint was scored, so the table is left empty and "colour" for "color" is an error.
- Other languages, and where the language is not known: BasicTextNormalizer (lower case, no punctuation or symbols, no
  text in brackets; diacritics stay).
- Languages written without spaces: the same, with every letter as a word, as in the Whisper paper (Radford et
  al. 2022, appendix C); their word error rate is a character error rate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

_ENGLISH = "en"
# Chinese, Japanese, Thai, Lao, Burmese: the Whisper paper's list; Cantonese came with large-v3.
_WITHOUT_SPACES = ("zh", "ja", "th", "lo", "my", "yue")
# ISO 639-3, which MMS checkpoints speak, for the codes in the rules above.
_LONG_CODES = {"eng": "en", "cmn": "zh", "zho": "zh", "jpn": "ja", "tha": "th", "lao": "lo", "mya": "my"}


def normalizer(language: str | None) -> Callable[[str], str]:
    """Return Whisper's normalizer for a language.

    Args:
        language: an ISO code with or without a region ("en", "eng", "pt-BR") or an English name ("french"); None or a
            language that Whisper does not know gets the basic rules.
    """
    code = _code(language)
    return _normalizer(code if code in (_ENGLISH, *_WITHOUT_SPACES) else None)


def _code(language: str | None) -> str | None:
    if language is None:
        return None
    from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

    name = language.strip().lower()
    stem = name.replace("_", "-").partition("-")[0]
    return TO_LANGUAGE_CODE.get(name) or _LONG_CODES.get(stem, stem)


@cache
def _normalizer(code: str | None) -> Callable[[str], str]:
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

    if code == _ENGLISH:
        return EnglishTextNormalizer({})
    return BasicTextNormalizer(split_letters=code is not None)
