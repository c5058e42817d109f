"""Warnings about transcripts that look wrong, given while they are loaded and not after an hour of training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from audio_ft.targets.mojibake import garbled
from audio_ft.targets.transcripts import BARE, EMPTY, GARBLED, Text, fault

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
            first = " ".join(splits[name][0][both[0]].split())
            shown = first if len(first) <= 60 else first[:58] + " …"
            yield (
                f"{len(both):,} of {len(texts):,} transcripts of {name} are in train too (first: {shown!r}): "
                "scores there flatter the model"
            )


def _of(found: Sequence[object], rows: Sequence[object], several: str = "are", one: str = "is") -> str:
    """Return "2 of 9 transcripts are"."""
    return f"{len(found):,} of {len(rows):,} transcripts {one if len(found) == 1 else several}"
