"""Findings on recordings that are copies of others by their sound: re-encoded, gained, cut, or one inside another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from audio_ft.data.findings import Finding
from audio_ft.data.leaks.certify import Side, families
from audio_ft.data.leaks.copies import Copy
from audio_ft.data.rows import Rows
from audio_ft.doctor.measure import Measured
from audio_ft.doctor.set_findings import are
from audio_ft.targets import Target

HOW = "re-encoded, gained, cut or inside a longer one"


def sides_of(rows: Mapping[str, Rows], measured: Mapping[str, Measured], kind: type[Target]) -> dict[str, Side]:
    """Return what is compared of each split: the recordings that were measured."""
    found = {}
    for name, part in rows.items():
        known = part.take([row for row, key in enumerate(part.keys) if key in measured])
        own = [measured[key] for key in known.keys]
        texts = list(map(str, known.targets)) if kind.by_words else []
        digests = ["" if one.silent else one.digest for one in own]
        found[name] = Side(known.keys, digests, [one.codes for one in own], known.groups, texts)
    return found


def of_changed_copies(
    sides: Mapping[str, Side], copies: Sequence[Copy], equal: Sequence[tuple[str, ...]], made_here: bool
) -> Iterator[Finding]:
    """Yield findings on copies that are not `equal`; splits that are made here keep them together in training."""
    split = {key: name for name, side in sides.items() for key in side.keys}
    same = [set(keys) for keys in equal]
    changed = [keys for keys in families(sides, copies) if not any(own.issuperset(keys) for own in same)]
    across = [keys for keys in changed if len({split[key] for key in keys}) > 1]
    inside = [keys for keys in changed if keys not in across]
    if across:
        name, sentence = "changed copies in two splits", f"{_all(across)} in two splits, {HOW} ({_first(across)})"
        if made_here:
            yield _finding(name, "warning", sentence, "nothing: training keeps each in one split", across)
        else:
            yield _finding(name, "error", sentence, "keep each in one split, or training is refused", across)
    if inside:
        sentence = f"{_all(inside)} copies of each other, {HOW} ({_first(inside)})"
        yield _finding("changed duplicate", "warning", sentence, "keep one of each", inside)


def _all(sets: Sequence[tuple[str, ...]]) -> str:
    return are([key for keys in sets for key in keys])


def _first(sets: Sequence[tuple[str, ...]]) -> str:
    return " = ".join(sets[0][:2])


def _finding(name: str, severity: str, sentence: str, fix: str, sets: Sequence[tuple[str, ...]]) -> Finding:
    return Finding(name, severity, sentence, fix, tuple(key for keys in sets for key in keys), tuple(sets))
