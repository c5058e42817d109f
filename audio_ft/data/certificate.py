"""Leak certificate: which recordings, speakers and transcripts are on two sides of a split, and what was compared."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from audio_ft.data.alike import look_alike, spellings
from audio_ft.data.copies import LEAST_FRAMES, Codes, Copy, find_copies, united_clips
from audio_ft.data.splits import FLATTERS, SPLITS, first_five
from audio_ft.formatting import counted

# How a recording on one side relates to one on the other. Gain cannot be told from coding after cleaning.
EXACT, CHANGED, PART = "exact", "changed", "part"
KINDS = {
    EXACT: "the same samples",
    CHANGED: "re-encoded, resampled or gained",
    PART: "cut, or inside a longer one",
}
# A copy whose longer side is heard for this much longer is a part of it.
_LONGER = 1.25
# As benchmarks/leaks.py measures it on digits, emotion_de and prompts_asr.
SENSITIVITY = (
    "of copies planted in three data sets (the same samples, MP3, Opus, resampled, 24 bits, gained, cut, inside a "
    "longer recording) 1,649 of 1,650 are found; those at another speed or pitch, below other sounds or heard for less "
    "than 0.1 s are not"
)


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


class Pair(NamedTuple):
    """Name two clips on two sides that hold the same recording, and how they differ."""

    kind: str
    split: str
    key: str
    other_split: str
    other_key: str


class Alike(NamedTuple):
    """Name two groups on two sides that look like one under two spellings."""

    split: str
    name: str
    other_split: str
    other_name: str


@dataclass(frozen=True)
class Certificate:
    """Hold what was compared between splits, and what was found on two sides.

    Attributes:
        clips: clips of each split whose sound was compared.
        pairs: clips on two sides that hold the same recording.
        alike: names of groups that look like one under two spellings, where the splits seem to be disjoint by group.
        transcripts: how many transcripts of one split another one has too, {"test in train": number}.
        silent: clips that were compared by their samples only: too short or too steady to be recognized.
        digests: a digest of the clean samples of each split, whatever the names and the order of its clips.
        folds: how many folds were compared, each with its own splits; 0 for splits.
    """

    clips: Mapping[str, int]
    pairs: tuple[Pair, ...] = ()
    alike: tuple[Alike, ...] = ()
    transcripts: Mapping[str, int] = field(default_factory=dict)
    silent: int = 0
    digests: Mapping[str, str] = field(default_factory=dict)
    folds: int = 0

    @classmethod
    def of_folds(cls, folds: Sequence[Certificate]) -> Certificate:
        """Return what was found in the splits of all folds, whose test splits are one split then."""
        return cls(
            clips={name: sum(fold.clips[name] for fold in folds) for name in folds[0].clips},
            pairs=tuple(dict.fromkeys(pair for fold in folds for pair in fold.pairs)),
            alike=tuple(dict.fromkeys(pair for fold in folds for pair in fold.alike)),
            transcripts={which: sum(fold.transcripts.get(which, 0) for fold in folds)
                         for which in dict.fromkeys(name for fold in folds for name in fold.transcripts)},
            silent=max(fold.silent for fold in folds),
            digests={"test": _digest(fold.digests.get("test", "") for fold in folds)},
            folds=len(folds),
        )  # fmt: skip

    @property
    def leaks(self) -> bool:
        """Return whether a score on these splits would flatter the model."""
        return bool(self.pairs or self.alike)

    def leaked(self, split: str = "test") -> set[str]:
        """Return the keys of the clips of a split that another split has too."""
        sides = [((one.split, one.key), (one.other_split, one.other_key)) for one in self.pairs]
        return {key for both in sides for name, key in both if name == split}

    def leaked_groups(self, split: str = "test") -> set[str]:
        """Return the groups of a split that another split has under another spelling."""
        sides = [((one.split, one.name), (one.other_split, one.other_name)) for one in self.alike]
        return {group for both in sides for name, group in both if name == split}

    def split_of(self, digests: Mapping[str, str], split: str) -> str | None:
        """Return which of other splits, by their digests, has the same clean samples as a split that was compared."""
        return next((name for name, digest in digests.items() if digest == self.digests[split]), None)

    def sentences(self) -> Iterator[str]:
        """Yield a sentence for each kind of leak between two splits, with examples."""
        for (one, two), pairs in _by_splits(self.pairs).items():
            number = len({pair.other_key for pair in pairs})
            kinds = Counter(pair.kind for pair in pairs)
            how = ", ".join(f"{kinds[kind]:,} {KINDS[kind]}" for kind in KINDS if kinds[kind])
            first = min(pairs, key=lambda pair: list(KINDS).index(pair.kind))
            are = "is" if number == 1 else "are"
            yield (f"{counted(number, 'recording')} of {two} {are} in {one} too: {how} "
                   f"(first: {first.other_key} is {first.key}); {FLATTERS}")  # fmt: skip
        for (one, two), names in _by_splits(self.alike).items():
            shown = first_five([f"{pair.name!r} in {one} and {pair.other_name!r} in {two}" for pair in names])
            yield f"{shown} look like the same speaker under two spellings; if they are, {FLATTERS}"

    def summary(self, split: str = "test") -> str:
        """Return what was found between a split and the others, and how much was compared, in a sentence for a card."""
        others = sum(number for name, number in self.clips.items() if name != split)
        compared = f"{self.clips.get(split, 0):,} × {others:,} clips compared"
        if self.folds:
            compared = f"{self.clips.get(split, 0):,} clips of {self.folds} folds compared with the others of each fold"
        number = len(self.leaked(split))
        if number:
            what = f"{counted(number, 'recording')} of the {split} split {'is' if number == 1 else 'are'}"
            return f"{what} in train or validation too, as they are, re-encoded, gained or in part ({compared})."
        return (f"No recording of the {split} split, nor a re-encoded, gained or cut copy of one, was found in "
                f"train or validation ({compared}; {SENSITIVITY}).")  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "clips": dict(self.clips),
            "pairs": [pair._asdict() for pair in self.pairs],
            "alike": [pair._asdict() for pair in self.alike],
            "transcripts": dict(self.transcripts),
            "silent": self.silent,
            "digests": dict(self.digests),
            "folds": self.folds,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Certificate:
        """Return the certificate of a run.json."""
        pairs = tuple(Pair(**pair) for pair in plain["pairs"])
        alike = tuple(Alike(**pair) for pair in plain["alike"])
        known = plain.get("digests", {}), plain.get("folds", 0)
        return cls(plain["clips"], pairs, alike, plain["transcripts"], plain["silent"], *known)


def certify(sides: Mapping[str, Side]) -> Certificate:
    """Compare the clips, groups and transcripts of every two splits.

    Example:
        >>> import numpy as np
        >>> codes = np.random.default_rng(0).integers(1, 2**32, 100, dtype=np.uint32)
        >>> sides = {name: Side([f"{name}.wav"], [""], [codes[start:]]) for name, start in (("train", 0), ("test", 9))}
        >>> print(next(certify(sides).sentences()))
        1 recording of test is in train too: 1 re-encoded, resampled or gained (first: test.wav is train.wav); scores there flatter the model
    """  # noqa: E501
    names = [name for name in SPLITS if name in sides] + [name for name in sides if name not in SPLITS]
    ordered = {name: sides[name] for name in names}
    silent = sum(int(np.count_nonzero(codes)) < LEAST_FRAMES for side in sides.values() for codes in side.fingerprints)
    shared = {f"{two} in {one}": _shared_transcripts(ordered[one], ordered[two])
              for one, two in itertools.combinations(names, 2)}  # fmt: skip
    return Certificate(
        clips={name: len(side.keys) for name, side in ordered.items()},
        pairs=tuple(_pairs(ordered)),
        alike=tuple(_alike(ordered)),
        transcripts={which: number for which, number in shared.items() if number},
        silent=silent,
        digests={name: _digest(side.digests) for name, side in ordered.items()},
    )


def families(sides: Sequence[Side]) -> tuple[tuple[str, ...], ...]:
    """Return the keys of recordings that hold the same sound, on whatever side: one tuple for each that has copies."""
    keys = [key for side in sides for key in side.keys]
    firsts: dict[str, int] = {}
    digests = [digest for side in sides for digest in side.digests]
    equal = [Copy(firsts.setdefault(digest, place), place, 0, 1.0, 0) for place, digest in enumerate(digests) if digest]
    copies = find_copies([codes for side in sides for codes in side.fingerprints])
    found: dict[int, list[str]] = {}
    for key, first in zip(keys, united_clips([*equal, *copies], len(keys)), strict=True):
        found.setdefault(first, []).append(key)
    return tuple(sorted(tuple(sorted(family)) for family in found.values() if len(family) > 1))


def _pairs(sides: Mapping[str, Side]) -> Iterator[Pair]:
    """Yield the clips on two sides that hold the same recording, each clip of the later side once for each earlier."""
    place = [(name, row) for name, side in sides.items() for row in range(len(side.keys))]
    codes = [codes for side in sides.values() for codes in side.fingerprints]
    digests = [digest for side in sides.values() for digest in side.digests]
    numbers = {name: number for number, name in enumerate(sides)}
    copies = find_copies(codes, [numbers[name] for name, _ in place])
    found = {(copy.first, copy.second): _kind(copy, codes) for copy in copies}
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


def _digest(digests: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def _by_splits(pairs: Sequence[Any]) -> dict[tuple[str, str], list[Any]]:
    """Return the pairs of each two splits."""
    found: dict[tuple[str, str], list[Any]] = {}
    for pair in pairs:
        found.setdefault((pair.split, pair.other_split), []).append(pair)
    return found
