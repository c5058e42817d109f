"""Compare the recordings, groups and transcripts of splits, and name recordings that hold the same sound."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audio_ft.data.leaks.alike import look_alike, spellings
from audio_ft.data.leaks.certificate import CHANGED, EXACT, PART, Alike, Certificate, Pair, digest_of
from audio_ft.data.leaks.copies import LEAST_FRAMES, Codes, Copy, find_copies, united_clips
from audio_ft.data.splitting.splits import SPLITS

# A copy whose longer side is heard for this much longer is a part of it.
_LONGER = 1.25


@dataclass(frozen=True)
class Side:
    """Hold what is compared of one split, one entry a clip.

    `digests` are equal for equal samples ("" where unknown), `fingerprints` are those of `audio.fingerprint`.
    """

    keys: Sequence[str]
    digests: Sequence[str]
    fingerprints: Sequence[Codes]
    groups: Sequence[str | None] = ()
    transcripts: Sequence[str] = ()


def copies_of(sides: Mapping[str, Side]) -> list[Copy]:
    """Return the clips that hold the same sound, on one side or on two, numbered over the splits in their usual order.

    `certify` and `families` take the result, so that one search serves both.
    """
    return find_copies([codes for side in _ordered(sides).values() for codes in side.fingerprints])


def certify(sides: Mapping[str, Side], copies: Sequence[Copy] | None = None) -> Certificate:
    """Compare the clips, groups and transcripts of every two splits; `copies` are those of `copies_of`, if known.

    Example:
        >>> import numpy as np
        >>> codes = np.random.default_rng(0).integers(1, 2**32, 100, dtype=np.uint32)
        >>> sides = {name: Side([f"{name}.wav"], [""], [codes[start:]]) for name, start in (("train", 0), ("test", 9))}
        >>> print(next(certify(sides).sentences()))
        1 recording of test is in train too: 1 re-encoded, resampled or gained (first: test.wav is train.wav); scores there flatter the model
    """  # noqa: E501
    ordered = _ordered(sides)
    silent = sum(int(np.count_nonzero(codes)) < LEAST_FRAMES for side in sides.values() for codes in side.fingerprints)
    shared = {f"{two} in {one}": _shared_transcripts(ordered[one], ordered[two])
              for one, two in itertools.combinations(ordered, 2)}  # fmt: skip
    return Certificate(
        clips={name: len(side.keys) for name, side in ordered.items()},
        pairs=tuple(_pairs(ordered, copies)),
        alike=tuple(_alike(ordered)),
        transcripts={which: number for which, number in shared.items() if number},
        silent=silent,
        digests={name: digest_of(side.digests) for name, side in ordered.items()},
    )


def families(sides: Mapping[str, Side], copies: Sequence[Copy] | None = None) -> tuple[tuple[str, ...], ...]:
    """Return the keys of recordings that hold the same sound, on whatever side: one tuple for each that has copies.

    `copies` are those of `copies_of`, if known.
    """
    ordered = _ordered(sides).values()
    keys = [key for side in ordered for key in side.keys]
    firsts: dict[str, int] = {}
    digests = [digest for side in ordered for digest in side.digests]
    equal = [Copy(firsts.setdefault(digest, place), place, 0, 1.0, 0) for place, digest in enumerate(digests) if digest]
    united = united_clips([*equal, *(copies_of(sides) if copies is None else copies)], len(keys))
    found: dict[int, list[str]] = {}
    for key, first in zip(keys, united, strict=True):
        found.setdefault(first, []).append(key)
    return tuple(sorted(tuple(sorted(family)) for family in found.values() if len(family) > 1))


def _ordered(sides: Mapping[str, Side]) -> dict[str, Side]:
    """Return the sides in the usual order of splits, others behind them."""
    return {name: sides[name] for name in dict.fromkeys((*SPLITS, *sides)) if name in sides}


def _pairs(sides: Mapping[str, Side], copies: Sequence[Copy] | None) -> Iterator[Pair]:
    """Yield the clips on two sides that hold the same recording, each clip of the later side once for each earlier."""
    place = [(name, row) for name, side in sides.items() for row in range(len(side.keys))]
    codes = [codes for side in sides.values() for codes in side.fingerprints]
    digests = [digest for side in sides.values() for digest in side.digests]
    numbers = {name: number for number, name in enumerate(sides)}
    if copies is None:
        copies = find_copies(codes, [numbers[name] for name, _ in place])
    across = (copy for copy in copies if place[copy.first][0] != place[copy.second][0])
    found = {(copy.first, copy.second): _kind(copy, codes) for copy in across}
    found |= dict.fromkeys(_equal(digests, [name for name, _ in place]), EXACT)
    for (first, second), kind in sorted(found.items()):
        (one, row), (two, other) = place[first], place[second]
        yield Pair(kind, one, sides[one].keys[row], two, sides[two].keys[other])


def _equal(digests: Sequence[str], names: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the places of equal digests on two sides: every later one with the first of each earlier side."""
    firsts: dict[str, dict[str, int]] = {}
    for place, (digest, name) in enumerate(zip(digests, names, strict=True)):
        if digest:
            seen = firsts.setdefault(digest, {})
            yield from ((first, place) for other, first in seen.items() if other != name)
            seen.setdefault(name, place)


def _kind(copy: Copy, codes: Sequence[Codes]) -> str:
    """Return whether a copy covers both clips, or one is longer."""
    lengths = [np.count_nonzero(codes[clip]) for clip in (copy.first, copy.second)]
    return PART if max(lengths) > _LONGER * copy.shared else CHANGED


def _alike(sides: Mapping[str, Side]) -> Iterator[Alike]:
    """Yield groups on two sides that look like one, unless the sides have groups in common anyway."""
    for one, two in itertools.combinations(sides, 2):
        here, there = ({group for group in sides[name].groups if group is not None} for name in (one, two))
        if not here & there:
            yield from (Alike(one, name, two, other) for name, other in look_alike(here, there))


def _shared_transcripts(one: Side, two: Side) -> int:
    """Return how many different transcripts of the second side the first one has too, whatever their spelling."""
    known = {form for text in set(one.transcripts) for form in spellings(text)}
    return sum(bool(spellings(text) & known) for text in set(two.transcripts))
