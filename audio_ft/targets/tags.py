r"""Tags: marks in transcripts that are not speech, such as <COMMA>, [laughter], (()) and <|0.00|>.

`drop` removes the tags that all corpora share and keeps the words inside them: ((so)) is "so". The presets also read
what a corpus writes in a way of its own, by its documentation:

| preset      | in the corpus                                                 | becomes                                |
|-------------|---------------------------------------------------------------|----------------------------------------|
| gigaspeech  | NOW <COMMA>  WHO <QUESTIONMARK>  <SIL>  <MUSIC>  <OTHER>      | NOW,  WHO?  nothing                    |
| switchboard | [laughter-yes]  [noise]  <b_aside>  (%hesitation)             | yes  nothing                           |
|             | -[an]y  ab[solute]-  ammu[n]it-  (not all was spoken)         | -y  ab-  ammu-it-                      |
|             | [splored/explored]  {yuppiedom}  them_1                       | splored  yuppiedom  them               |
| callhome    | %um  &Mary  @NATO  ~FBI  ^Homer  (later ones of the LDC, too) | um  Mary  NATO  FBI  Homer             |
|             | **schlump**  +probly+  //yes//  #no#  <Spanish hola>          | schlump  probly  yes  no  hola         |
|             | {laugh}  [static/] [/static]  [[skip]]  (( ))  --             | nothing                                |
| tedlium     | it 's  don 't  read(2)                                        | it's  don't  read                      |
|             | {SMACK}  <unk>  ignore_time_segment_in_scoring                | nothing                                |

`map` is the rule of gigaspeech for corpora with signs of the same names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

Tags = Literal["keep", "drop", "map", "gigaspeech", "switchboard", "callhome", "tedlium"]
Rules = tuple[tuple[re.Pattern[str], str], ...]

# The signs that GigaSpeech writes as words.
SIGNS = {"<COMMA>": ",", "<PERIOD>": ".", "<QUESTIONMARK>": "?", "<EXCLAMATIONPOINT>": "!"}
_TAG = (
    r"<\|[^|<>]{0,40}\|>"  # times and special tokens of Whisper
    r"|</?[A-Za-z][\w \-]{0,30}/?>"  # <SIL>, <unk>, </s>
    r"|\[[A-Za-z][\w \-/]{0,40}\]"  # [laughter], Switchboard
    r"|\{[A-Za-z][\w \-/]{0,40}\}"  # {laugh}, CallHome
    r"|\(\([^()]*\)\)"  # (()), or words that were hard to understand
)
TAG = re.compile(_TAG)
# What is counted as well, and only presets change: %um, &Mary, them_1, ab[solute]-.
MARK = re.compile(
    rf"{_TAG}|(?<!\S)[%&][A-Za-z]\w*|[A-Za-z]+_\d(?!\S)|\w+\[[\w']+\]-|ignore_time_segment_in_scoring", re.IGNORECASE
)
# Words inside a tag that are spoken: ((so)) of CallHome, [laughter-so] of Switchboard.
_SPOKEN = re.compile(r"\(\(\s*([^()]*?)\s*\)\)|\[laughter-([^\]]+)\]", re.IGNORECASE)
_BEFORE_SIGN = re.compile(r"\s+(?=[,.?!](?:\s|$))")


def _rules(*pairs: tuple[str, str]) -> Rules:
    return tuple((re.compile(pattern, re.IGNORECASE), new) for pattern, new in pairs)


# What a corpus writes in its own way and what takes its place, in order; the tags that are left are then dropped.
RULES: Mapping[str, Rules] = {
    "switchboard": _rules(
        (r"(?<!\S)-?\[(?!laughter|noise|silence)-?[\w']+\](?=\w)", "-"),  # the beginning was not spoken
        (r"(?<=[\w'])\[[\w' ]+\]-?", "-"),  # nor the end, or the middle
        (r"\[laughter-([^\[\]\s]+)\]", r"\1"),
        (r"\[?([^\[\]/\s]+)/[^\[\]\s]+\]", r"\1"),  # said and meant
        (r"\{([^{}]+)\}", r"\1"),
        (r"(?<=[a-z'])_\d+(?!\S)", ""),  # variants of pronunciation
        (r"\(%hesitation\)", " "),
    ),
    "callhome": _rules(
        (r"</?foreign[^<>]*>|\[\[[^\[\]]*\]\]|\[/[^\[\]]*\]", " "),
        (r"<(?:\?|[a-z]+)\s+([^<>]*)>", r" \1 "),  # in another language
        (r"//([^/]*)//|#([^#]*)#|\*\*([^*]+)\*\*|(?<!\S)\+([^+\s]+)\+", r"\1\2\3\4"),
        (r"(?<![\w&%@^~+*])[%&@^~+*](?=\w)", ""),
        (r"(?<!\S)--(?!\S)", " "),
    ),
    "tedlium": _rules(
        (r"ignore_time_segment_in_scoring", " "),
        (r"(?<=\w)\(\d+\)", ""),
        (r"(?<=\w)\s+(?='(?:s|t|re|ve|m|ll|d|clock|all)(?!\w))", ""),
    ),
}
# What gives a corpus away.
_TYPICAL = {
    "gigaspeech": re.compile("|".join(SIGNS)),
    "switchboard": re.compile(r"\[laughter-|\[vocalized-noise\]|[a-z]_1(?!\S)|\w\[[\w']+\]-", re.IGNORECASE),
    "callhome": re.compile(r"(?<!\S)%[a-z]+|(?<!\S)&[A-Z]"),
    "tedlium": re.compile(r"\{(SMACK|BREATH|UH|COUGH)\}|ignore_time_segment|\w\(2\)"),
}


def without_tags(transcript: str, tags: Tags) -> str:
    """Return a transcript as one of the rules above has it."""
    signs = tags in ("map", "gigaspeech")

    def replaced(tag: re.Match[str]) -> str:
        if spoken := _SPOKEN.fullmatch(tag[0]):
            return f" {spoken[1] or spoken[2] or ''} "
        return f" {SIGNS.get(tag[0].upper(), '') if signs else ''} "

    spelled = transcript
    for pattern, new in RULES.get(tags, ()):
        spelled = pattern.sub(new, spelled)
    while TAG.search(spelled):  # again, for a tag inside another
        spelled = TAG.sub(replaced, spelled)
    if spelled == transcript:
        return transcript
    return _BEFORE_SIGN.sub("", spelled).strip() if signs else spelled


def tags_found(rows: Sequence[tuple[str, str]]) -> str:
    """Return a sentence on the tags in transcripts, given with their keys; "" where there are none."""
    counts = Counter[str]()
    tagged = [(text, key) for text, key in rows if MARK.search(text)]
    for text, _ in tagged:
        counts.update(MARK.findall(text))
    if not tagged:
        return ""
    named = ", ".join(f"{tag} x {count:,}" for tag, count in counts.most_common(5))
    text, key = tagged[0]
    example = " ".join(text.split())
    shown = example if len(example) <= 60 else example[:58] + " …"
    likely = Counter(corpus for text, _ in tagged for corpus, typical in _TYPICAL.items() if typical.search(text))
    corpora = f" (these look like {likely.most_common(1)[0][0]})" if likely else ""
    return (
        f"{len(tagged):,} of {len(rows):,} transcripts have marks that are not speech: {named} (first: {key}, "
        f"{shown!r}); text.tags=keep learns them as they are written, drop removes them, map also makes <COMMA> a "
        f"comma, and {', '.join(_TYPICAL)} read them as that corpus writes them{corpora}"
    )
