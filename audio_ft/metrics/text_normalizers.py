"""Whisper's text normalizers, chosen by language, for `wer_normalized`.

One rule for every model and every language setting makes scores comparable.
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
    if language is None:
        return _normalizer(None)
    from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

    name = language.strip().lower()
    stem = name.replace("_", "-").partition("-")[0]
    code = TO_LANGUAGE_CODE.get(name) or _LONG_CODES.get(stem, stem)
    return _normalizer(code if code in (_ENGLISH, *_WITHOUT_SPACES) else None)


@cache
def _normalizer(code: str | None) -> Callable[[str], str]:
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

    if code == _ENGLISH:
        # Lower case, no punctuation, contractions written out, numbers as digits. The table of British spellings comes
        # with some checkpoints and not with others; scores must not depend on which checkpoint was scored, so the table
        # is left empty and "colour" for "color" is an error.
        return EnglishTextNormalizer({})
    # Lower case, no punctuation or symbols, no text in brackets; diacritics stay. In languages written without spaces
    # every letter is a word, as in the Whisper paper (Radford et al. 2022, appendix C): their word error rate is a
    # character error rate.
    return BasicTextNormalizer(split_letters=code is not None)
