"""Tags: marks in transcripts that are not speech, such as <COMMA>, [laughter], (()) and <|0.00|>."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

# The signs that GigaSpeech writes as words.
SIGNS = {"<COMMA>": ",", "<PERIOD>": ".", "<QUESTIONMARK>": "?", "<EXCLAMATIONPOINT>": "!"}
TAG = re.compile(
    r"<\|[^|<>]{0,40}\|>"  # times and special tokens of Whisper
    r"|</?[A-Za-z][\w \-]{0,30}/?>"  # <SIL>, <unk>, </s>
    r"|\[[A-Za-z][\w \-/]{0,40}\]"  # [laughter], Switchboard
    r"|\{[A-Za-z][\w \-/]{0,40}\}"  # {laugh}, CallHome
    r"|\(\([^()]*\)\)"  # (()), or words that were hard to understand
)
# Words inside a tag that are spoken: ((so)) of CallHome, [laughter-so] of Switchboard.
_SPOKEN = re.compile(r"\(\(\s*([^()]*?)\s*\)\)|\[laughter-([^\]]+)\]")
_BEFORE_SIGN = re.compile(r"\s+(?=[,.?!](?:\s|$))")


def without_tags(transcript: str, *, signs: bool) -> str:
    """Return a transcript without tags; words inside them stay, and with `signs` <COMMA> becomes ","."""

    def replaced(tag: re.Match[str]) -> str:
        if spoken := _SPOKEN.fullmatch(tag[0]):
            return f" {spoken[1] or spoken[2] or ''} "
        return f" {SIGNS.get(tag[0].upper(), '') if signs else ''} "

    spelled = transcript
    while TAG.search(spelled):  # again, for a tag inside another
        spelled = TAG.sub(replaced, spelled)
    if spelled == transcript:
        return transcript
    return _BEFORE_SIGN.sub("", spelled).strip() if signs else spelled


def tags_found(rows: Sequence[tuple[str, str]]) -> str:
    """Return a sentence on the tags in transcripts, given with their keys; "" where there are none."""
    counts = Counter[str]()
    tagged = [(text, key) for text, key in rows if TAG.search(text)]
    for text, _ in tagged:
        counts.update(TAG.findall(text))
    if not tagged:
        return ""
    named = ", ".join(f"{tag} x {count:,}" for tag, count in counts.most_common(5))
    text, key = tagged[0]
    example = " ".join(text.split())
    shown = example if len(example) <= 60 else example[:58] + " …"
    return (
        f"{len(tagged):,} of {len(rows):,} transcripts have marks that are not speech: {named} (first: {key}, "
        f"{shown!r}); text.tags=keep learns them as they are written, drop removes them, map also makes <COMMA> a comma"
    )
