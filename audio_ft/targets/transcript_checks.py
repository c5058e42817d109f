"""Wording: what is doubtful about transcripts, said while they are loaded and not after an hour of training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from audio_ft.targets.mojibake import garbled
from audio_ft.targets.transcripts import BARE, EMPTY, GARBLED, Text, fault

# Transcripts and the keys of their recordings, both by row.
Said = tuple[Sequence[str], Sequence[str]]

_GAPS = frozenset(("nan", "NaN", "None", "none", "null", "NULL", "NA", "N/A", "<NA>", "#N/A"))
_WRITTEN = Text()
# Two spellings of one sentence sound alike.
_ALIKE = Text(case="lower", punctuation="remove", unicode="NFKC")


def doubts(splits: Mapping[str, Said]) -> list[str]:
    """Return a warning for each kind of transcript that cannot be what was said, and for sentences in two splits."""
    return [*_unlearnable(splits), *_gaps(splits), *_broken_lines(splits), *_repeated(splits)]


def _unlearnable(splits: Mapping[str, Said]) -> list[str]:
    """Warn of transcripts that nothing can be learned from, with count and first recording."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    total = 0
    for said, keys in splits.values():
        total += len(said)
        for text, key in zip(said, keys, strict=True):
            if (reason := fault(text, _WRITTEN)) is not None:
                found[reason].append((key, text))
    notes = []
    for reason, what in ((EMPTY, "empty"), (BARE, "nothing but punctuation")):
        if found[reason]:
            notes.append(f"{_of(found[reason], total)} {what} (first: {found[reason][0][0]}): none is learned from")
    if found[GARBLED]:
        key, text = found[GARBLED][0]
        notes.append(
            f"{_of(found[GARBLED], total)} wrongly decoded (first: {key}, with {garbled(text)!r}): none is learned "
            "from; export the table again as UTF-8"
        )
    return notes


def _gaps(splits: Mapping[str, Said]) -> list[str]:
    """Warn of what programs write for nothing; a single one may well have been said."""
    found: dict[str, list[str]] = defaultdict(list)
    total = 0
    for said, keys in splits.values():
        total += len(said)
        for text, key in zip(said, keys, strict=True):
            if text.strip() in _GAPS:
                found[text.strip()].append(key)
    return [
        f"{_of(keys, total, 'read', 'reads')} {text!r} (first: {keys[0]}), as programs write a gap, and taken as said: "
        "empty the cells that are gaps"
        for text, keys in found.items()
        if len(keys) > 1
    ]


def _broken_lines(splits: Mapping[str, Said]) -> list[str]:
    """Warn of line breaks inside transcripts, which an unpaired quotation mark makes out of two rows."""
    broken = [key for said, keys in splits.values() for text, key in zip(said, keys, strict=True) if "\n" in text]
    if not broken:
        return []
    total = sum(len(keys) for _, keys in splits.values())
    return [
        f"{_of(broken, total, 'hold', 'holds')} a line break (first: {broken[0]}), read as a space; where none was "
        "meant, a quotation mark without its partner joined two rows of the table"
    ]


def _repeated(splits: Mapping[str, Said]) -> list[str]:
    """Warn of sentences that are trained on and scored on, case and punctuation aside."""
    alike = {name: [_ALIKE.apply(text) for text in said] for name, (said, _) in splits.items()}
    trained = set(alike.get("train", ()))
    notes = []
    for name, spelled in alike.items():
        both = [row for row, text in enumerate(spelled) if text and text in trained] if name != "train" else []
        if both:
            first = " ".join(splits[name][0][both[0]].split())
            notes.append(
                f"{len(both):,} of {len(spelled):,} transcripts of {name} are in train too (first: {_short(first)!r}): "
                "scores there flatter the model"
            )
    return notes


def _of(found: Sequence[object], total: int, several: str = "are", one: str = "is") -> str:
    """Return "2 of 9 transcripts are"."""
    return f"{len(found):,} of {total:,} transcripts {one if len(found) == 1 else several}"


def _short(text: str, longest: int = 60) -> str:
    return text if len(text) <= longest else text[: longest - 2] + " …"
