"""The energy that a training took, estimated from the machine's power and the duration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The manufacturers' power limits of whole boards in watts, by patterns of their names; the first match counts.
BOARDS = (
    (r"B200|B300", 1000),
    (r"H[12]00 PCIe", 350),
    (r"H[128]00|GH200", 700),
    (r"A100.*PCIe", 300),
    (r"A[18]00\b", 400),
    (r"MI300", 750),
    (r"RTX 5090", 575),
    (r"RTX 4090", 450),
    (r"RTX 3090|L40S", 350),
    (r"A10G|A40\b|L40\b|V100|A6000|6000 Ada", 300),
    (r"A10\b", 150),
    (r"\bL4\b", 72),
    (r"\bT4\b", 70),
)
UNKNOWN_BOARD = 300
CORE = 10


@dataclass(frozen=True)
class Energy:
    """Hold an estimate in kilowatt-hours, the power it assumes in watts, and how that was chosen."""

    kilowatt_hours: float
    watts: int
    assumed: str


def energy(hardware: Mapping[str, Any], seconds: float) -> Energy:
    """Estimate energy as duration times the power limit of the accelerators, or the assumed power of the cores.

    Accelerators count as fully loaded; cooling, memory and the rest of the machine are left out.
    """
    boards = hardware["accelerators"]
    if boards:
        known = next((watts for pattern, watts in BOARDS if re.search(pattern, boards[0])), None)
        watts = len(boards) * (known or UNKNOWN_BOARD)
        source = "the manufacturer's limit" if known else f"assuming {UNKNOWN_BOARD} W each"
        source += f" for {len(boards)} × {boards[0]}"
    else:
        watts = CORE * int(hardware["cores"])
        source = f"{CORE} W for each of {hardware['cores']} processor cores"
    return Energy(watts * seconds / 3_600_000, watts, f"{watts:,} W ({source})")
