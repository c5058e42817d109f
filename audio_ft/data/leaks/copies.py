"""Find recordings that are copies of each other, by sorted keys of their fingerprints, in about n log n steps.

A key is made of some bits of two codes 64 ms apart, more bits the more codes there are, so that the number of keys that
are equal by chance stays the same for each code. Places with equal keys are compared, then the clips that they are in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.fingerprint import BITS
from audio_ft.parallel import progress_bar

Codes = NDArray[np.uint32]
Places = NDArray[np.int64]

# Codes of a copy agree in at least this share of bits beyond chance (1: all, 0: half). Copies as MP3 at 64 kbit/s reach
# 0.86 and as Opus at 24 kbit/s 0.54; two takes of one word by one speaker at most 0.49 (benchmarks/leaks.py).
AGREEMENT, AGREEMENT_OF_PARTS = 0.52, 0.75
# Shorter overlaps agree by chance. Those that are not most of the shorter clip have to agree in more.
LEAST_FRAMES, LEAST_SHARE, MOST = 20, 0.4, 0.8
# The second code of a key is so many frames later: with the bits of one code alone, 16 times as many keys are equal by
# chance (28 bits: 2 to the power of -22.4 of all pairs, and -26.6 in two codes), while copies have as many in common.
LATER = 16
# Every place has a key in so many tables, each of other bits, because a copy seldom keeps all of them.
TABLES = 4
# A key has two bits fewer than it takes to number all places, and at least so many.
LEAST_BITS = 16
# One of two places that are compared is a multiple of this.
INDEXED = 4
# A key that is common says little: a place is compared with at most so many others that have it.
COMMON = 8
# Where two places must agree, in frames from them: at the edges first, which are seldom equal by chance, then all over;
# then the clips, in a sample of frames.
EDGES, AROUND, SAMPLED = (-16, -8, 24, 32), tuple(range(-16, 33, 3)), 48
_LIKELY_EDGES, _LIKELY = 0.3, 0.4
_GAP = np.zeros(2 * LATER, np.uint32)
_BLOCK = 1 << 19


class Copy(NamedTuple):
    """Say that clip `second` is a copy of clip `first`, or of a part of it, or the other way round.

    `lag` is where `second` starts in `first`, in frames; `agreement` is that of the bits beyond chance; `shared` counts
    the frames in which both are heard.
    """

    first: int
    second: int
    lag: int
    agreement: float
    shared: int


def find_copies(fingerprints: Sequence[Codes], sides: Sequence[int] = ()) -> list[Copy]:
    """Return all pairs of clips that hold the same recording, by their fingerprints.

    Gain, resampling, codecs and cuts do not matter, and one may be inside the other. Of a recording with many copies,
    each copy is found, but not all of their pairs. With `sides`, one for each clip, only those on different sides are
    compared.
    """
    joined = _Joined.of(fingerprints, sides or range(len(fingerprints)))
    likely = [np.zeros((0, 3), np.int64)]
    for table in progress_bar(range(TABLES), desc="comparing recordings"):
        likely += [_likely(joined, left, right) for left, right in _equal_keys(joined, table)]
    best: dict[tuple[int, int], Copy] = {}
    for first, second, lag in np.unique(np.concatenate(likely), axis=0).tolist():
        found = _compared(fingerprints[first], fingerprints[second], first, second, lag)
        if found and found.agreement > getattr(best.get((first, second)), "agreement", 0.0):
            best[first, second] = found
    return [best[pair] for pair in sorted(best)]


class _Joined(NamedTuple):
    """Hold all codes in a row with silence between clips, the side of each place, and where each clip is."""

    codes: Codes
    sides: NDArray[np.int32]
    starts: Places
    lengths: Places

    @classmethod
    def of(cls, fingerprints: Sequence[Codes], sides: Sequence[int]) -> _Joined:
        codes = np.concatenate([*(part for one in fingerprints for part in (_GAP, one)), _GAP])
        lengths = np.array([len(one) for one in fingerprints], np.int64)
        taken = lengths + len(_GAP)
        return cls(codes, np.repeat(np.array(sides, np.int32), taken), np.cumsum(taken) - lengths, lengths)


def _equal_keys(joined: _Joined, table: int) -> Iterator[tuple[Places, Places]]:
    """Yield pairs of places that have the same key in a table, each with the first ones that have it."""
    # A sorted number is a hash of the key, a bit that is 0 at indexed places so that they come first, and the place.
    digits = len(joined.codes).bit_length()
    flag, numbers = np.uint64(1 << digits), _sorted_keys(joined, table, digits)
    place, start = flag - np.uint64(1), 0
    while start < len(numbers):
        last = numbers[min(start + _BLOCK, len(numbers)) - 1]
        stop = int(np.searchsorted(numbers, last | flag | place, side="right"))
        part, start = numbers[start:stop], stop
        keys = part >> np.uint64(digits + 1)
        runs = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        first, rows = np.repeat(runs, np.diff(runs, append=len(part))), np.arange(len(part))
        for step in range(COMMON):
            kept = first + step < rows
            kept[kept] = part[first[kept] + step] & flag == 0
            first, rows = first[kept], rows[kept]
            if not len(rows):
                break
            yield (part[first + step] & place).astype(np.int64), (part[rows] & place).astype(np.int64)


def _sorted_keys(joined: _Joined, table: int, digits: int) -> NDArray[np.uint64]:
    """Return the sorted numbers of a table, uint64 (places that are heard, and so is the code `LATER`)."""
    early, late = joined.codes[:-LATER], joined.codes[LATER:]
    heard = (early != 0) & (late != 0)
    numbers = np.empty(np.count_nonzero(heard), np.uint64)
    bits = max(LEAST_BITS, len(numbers).bit_length() - 2)
    rng = np.random.default_rng(table)
    one, two = (sum(1 << int(bit) for bit in rng.permutation(BITS)[: (bits + more) // 2]) for more in (0, 1))
    filled = 0
    for start in range(0, len(heard), _BLOCK):
        places = np.flatnonzero(heard[start : start + _BLOCK]) + start
        key = (early[places] & np.uint32(one)).astype(np.uint64) << np.uint64(32) | late[places] & np.uint32(two)
        for _ in range(2):
            key *= np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(32)
        key = (key << np.uint64(1) | (places % INDEXED != 0)) << np.uint64(digits) | places.astype(np.uint64)
        numbers[filled : filled + len(key)] = key
        filled += len(key)
    numbers.sort()
    return numbers


def _likely(joined: _Joined, left: Places, right: Places) -> Places:
    """Return (first, second, lag) of those pairs of places around which, and on the whole, two clips agree."""
    codes, starts, lengths = joined.codes, joined.starts, joined.lengths
    kept = joined.sides[left] != joined.sides[right]
    left, right = left[kept], right[kept]
    for around, likely in ((EDGES, _LIKELY_EDGES), (AROUND, _LIKELY)):
        kept = _agree(codes, left[:, None] + around, right[:, None] + around, likely)
        left, right = left[kept], right[kept]
    left, right = np.minimum(left, right), np.maximum(left, right)
    first, second = (np.searchsorted(starts, place, side="right") - 1 for place in (left, right))
    found = np.unique(np.stack([first, second, left - starts[first] - right + starts[second]], axis=1), axis=0)
    first, second, lags = found.T
    begin = np.maximum(lags, 0)
    shared = np.minimum(lengths[first], lengths[second] + lags) - begin
    here = (starts[first] + begin)[:, None] + shared[:, None] * np.arange(SAMPLED) // SAMPLED
    there = here + (starts[second] - lags - starts[first])[:, None]
    return found[_agree(codes, here, there, _LIKELY)]


def _agree(codes: Codes, left: Places, right: Places, likely: float) -> NDArray[np.bool_]:
    """Return which rows of places (pairs, frames) agree where both are heard, at least in two and in a quarter."""
    one, two = codes[left], codes[right]
    both = (one != 0) & (two != 0)
    heard = both.sum(axis=1)
    wrong = (np.bitwise_count(one ^ two) * both).sum(axis=1, dtype=np.int64)
    return np.asarray((heard >= max(2, left.shape[1] // 4)) & (2 * wrong < (1 - likely) * BITS * heard))


def _compared(one: Codes, two: Codes, first: int, second: int, lag: int) -> Copy | None:
    """Return what two clips share with the second one starting `lag` frames into the first, if they are copies."""
    start, stop = max(lag, 0), min(len(one), len(two) + lag)
    here, there = one[start:stop], two[start - lag : stop - lag]
    both = (here != 0) & (there != 0)
    shared = int(both.sum())
    share = shared / min(np.count_nonzero(one), np.count_nonzero(two))
    if shared < LEAST_FRAMES or share < LEAST_SHARE:
        return None
    wrong = int(np.bitwise_count(here[both] ^ there[both]).sum())
    agreement = 1 - 2 * wrong / (BITS * shared)
    enough = AGREEMENT if share >= MOST else AGREEMENT_OF_PARTS
    return Copy(first, second, lag, agreement, shared) if agreement >= enough else None


def united_clips(copies: Sequence[Copy], count: int) -> list[int]:
    """Return for each of `count` clips the first clip that it is a copy of, over any number of steps; itself else."""
    root = list(range(count))

    def of(clip: int) -> int:
        while root[clip] != clip:
            root[clip] = clip = root[root[clip]]
        return clip

    for copy in copies:
        low, high = sorted((of(copy.first), of(copy.second)))
        root[high] = low
    return [of(clip) for clip in range(count)]
