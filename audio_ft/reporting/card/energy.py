"""How much energy a training took: an estimate from what the machine is and how long it worked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The maker's limit for a whole board, in watts, by what its name holds; the first that fits counts.
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
OTHER_BOARD = 300
CORE = 10


@dataclass(frozen=True)
class Energy:
    """Hold an estimate in kilowatt-hours and the power it assumes, in watts and in words."""

    kilowatt_hours: float
    watts: int
    assumed: str


def energy(hardware: Mapping[str, Any], seconds: float) -> Energy:
    """Estimate the energy of a training: power of the boards at their makers' limit, or of the cores, times duration.

    Cooling, memory and the rest of the machine are left out, and boards are taken as busy all the time.
    """
    boards = [str(name) for name in hardware["accelerators"]]
    if boards:
        known = next((watts for pattern, watts in BOARDS if re.search(pattern, boards[0])), None)
        watts = len(boards) * (known or OTHER_BOARD)
        why = "the maker's limit" if known else f"a guess of {OTHER_BOARD} W each"
        assumed = f"{watts:,} W ({why} for {len(boards)} × {boards[0]})"
    else:
        watts = CORE * int(hardware["cores"])
        assumed = f"{watts:,} W ({CORE} W for each of {hardware['cores']} processor cores)"
    return Energy(watts * seconds / 3_600_000, watts, assumed)
