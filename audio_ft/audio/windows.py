"""Cut a long recording into windows, the same for training, evaluation and prediction."""

from __future__ import annotations

import math


def windows(length: int, size: int, overlap: int = 0) -> list[tuple[int, int]]:
    """Return (start, stop) in samples of the fewest windows of `size` samples that cover `length` samples.

    The windows are spaced evenly and overlap by at least `overlap` samples, so that no short piece is left at the end.
    A clip of up to `size` samples, also an empty one, is one window.

    Example:
        >>> windows(25, 10)
        [(0, 10), (8, 18), (15, 25)]
    """
    if length <= size:
        return [(0, length)]
    count = math.ceil((length - overlap) / (size - overlap))
    starts = [round(index * (length - size) / (count - 1)) for index in range(count)]
    return [(start, start + size) for start in starts]
