"""Find recordings that are copies of each other, by a sorted index of their fingerprints.

At most `COMMON` places are compared for a code, so the work is bounded by n log n; until that many are found it grows
faster: 0.28 ms a clip among 12,500 clips and 0.83 ms among 100,000 (benchmarks/leaks.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.fingerprint import BITS

Codes = NDArray[np.uint32]
Places = NDArray[np.int64]

# Codes of a copy agree in at least this share of bits beyond chance (1: all, 0: half). Copies as MP3 at 64 kbit/s reach
# 0.86 and as Opus at 24 kbit/s 0.54; two takes of one word by one speaker at most 0.49 (benchmarks/leaks.py).
AGREEMENT, AGREEMENT_OF_PARTS = 0.52, 0.75
# Shorter overlaps agree by chance. Those that are not most of the shorter clip have to agree in more.
LEAST_FRAMES, LEAST_SHARE, MOST = 20, 0.4, 0.8
# Every code has these entries in the index, each by other bits, because a copy seldom keeps all of them.
TABLES = 4
# Of a longer clip only every second, third or fourth code is in the index.
INDEXED, SPARSEST = 64, 4
# A code that is common says little: at most so many places are looked up for it.
COMMON = 8
# What must agree before two clips are compared: codes on either side of a hit, and a sample of all.
AROUND, SAMPLED, LIKELY = 16, 48, 0.4
_BLOCK = 500_000


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
    best: dict[tuple[int, int], Copy] = {}
    for first, second, lag in _candidates(joined):
        found = _compared(fingerprints[first], fingerprints[second], first, second, lag)
        if found and found.agreement > getattr(best.get((first, second)), "agreement", 0.0):
            best[first, second] = found
    return [best[pair] for pair in sorted(best)]


class _Joined(NamedTuple):
    """Hold all codes in a row, with silence between clips: `heard` are the places of codes, `clips` whose they are."""

    sides: Places
    codes: Codes
    starts: Places
    lengths: Places
    heard: Places
    clips: Places

    @classmethod
    def of(cls, fingerprints: Sequence[Codes], sides: Sequence[int]) -> _Joined:
        gap = np.zeros(AROUND, np.uint32)
        codes = np.concatenate([*(part for one in fingerprints for part in (gap, one)), gap])
        lengths = np.array([len(one) for one in fingerprints], np.int64)
        starts = np.cumsum(lengths + AROUND) - lengths
        heard = np.flatnonzero(codes)
        clips = np.searchsorted(starts, heard, side="right") - 1
        return cls(np.array(sides, np.int64), codes, starts, lengths, heard, clips)


def _candidates(joined: _Joined) -> Iterator[tuple[int, int, int]]:
    """Yield (first, second, lag) of clips that agree around an equal code and on the whole, each once."""
    from tqdm import tqdm

    codes, heard, indexed = joined.codes, joined.heard, _indexed(joined.clips)
    bits = int(np.clip(np.ceil(np.log2(len(indexed) + 1)) + 4, 20, 28))
    found = [np.zeros((0, 3), np.int64)]
    blocks = range(0, len(heard), _BLOCK)
    bar = tqdm(total=TABLES * len(blocks), desc="comparing recordings", delay=2, leave=False)
    for table in range(TABLES):
        mask = np.uint32(sum(1 << int(bit) for bit in np.random.default_rng(table).permutation(BITS)[:bits]))
        keys = codes[heard[indexed]] & mask
        order = np.argsort(keys, kind="stable")
        keys, rows = keys[order], indexed[order]
        for start in blocks:
            left, right = _hits(codes[heard[start : start + _BLOCK]] & mask, keys)
            found.append(_likely(joined, left + start, rows[right]))
            bar.update()
    bar.close()
    yield from map(tuple, np.unique(np.concatenate(found), axis=0).tolist())


def _likely(joined: _Joined, left: Places, right: Places) -> Places:
    """Return (first, second, lag) of those hits, places in `heard`, around which and on the whole two clips agree."""
    codes, heard, clips = joined.codes, joined.heard, joined.clips
    others = joined.sides[clips[left]] != joined.sides[clips[right]]
    left, right = left[others], right[others]
    around = np.arange(-AROUND, AROUND + 1, 2)
    near = _agree(codes, (heard[left] + step for step in around), (heard[right] + step for step in around), AROUND // 2)
    left, right = left[near], right[near]
    swapped = clips[left] > clips[right]
    one, two = np.where(swapped, right, left), np.where(swapped, left, right)
    first, second = clips[one], clips[two]
    lags = heard[one] - joined.starts[first] - heard[two] + joined.starts[second]
    found = np.unique(np.stack([first, second, lags], axis=1), axis=0)
    first, second, lags = found.T
    begin = np.maximum(lags, 0)
    length = np.minimum(joined.lengths[first], joined.lengths[second] + lags) - begin
    steps = [begin + length * step // SAMPLED for step in range(SAMPLED)]
    whole = _agree(codes, (joined.starts[first] + step for step in steps),
                   (joined.starts[second] + step - lags for step in steps), SAMPLED // 8)  # fmt: skip
    return found[whole]


def _indexed(clips: Places) -> Places:
    """Return which of the codes, whose clips these are, are in the index."""
    bounds = np.append(np.flatnonzero(np.diff(clips, prepend=-1)), len(clips))
    counts = np.diff(bounds)
    strides = np.repeat(np.clip(counts // INDEXED, 1, SPARSEST), counts)
    positions = np.arange(len(clips)) - np.repeat(bounds[:-1], counts)
    return np.flatnonzero(positions % strides == 0)


def _hits(wanted: Codes, keys: Codes) -> tuple[Places, Places]:
    """Return the pairs (place in `wanted`, place in the sorted `keys`) of equal codes."""
    first = np.searchsorted(keys, wanted, side="left")
    counts = np.minimum(np.searchsorted(keys, wanted, side="right") - first, COMMON)
    left = np.repeat(np.arange(len(wanted)), counts)
    return left, np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)


def _agree(codes: Codes, left: Iterable[Places], right: Iterable[Places], least: int) -> NDArray[np.bool_]:
    """Return which pairs of clips agree at these places, of which they must both be heard at more than `least`."""
    wrong: Any = 0
    heard: Any = 0
    for here, there in zip(left, right, strict=True):
        one, two = codes[here], codes[there]
        both = (one != 0) & (two != 0)
        wrong = wrong + np.bitwise_count(one ^ two) * both.astype(np.int32)
        heard = heard + both
    return np.asarray((heard > least) & (2 * wrong < (1 - LIKELY) * BITS * heard))


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
