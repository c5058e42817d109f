"""How a long recording is cut into windows; training, scoring and prediction all cut here."""

from __future__ import annotations

import math


def windows(length: int, size: int) -> list[tuple[int, int]]:
    """Return (start, stop) sample positions of the fewest windows of `size` samples that cover `length`.

    They are spread evenly and so overlap a little instead of leaving a short last piece. A clip no longer than `size`
    is one window, also when it is empty.
    """
    if length <= size:
        return [(0, length)]
    count = math.ceil(length / size)
    starts = [round(index * (length - size) / (count - 1)) for index in range(count)]
    return [(start, start + size) for start in starts]
