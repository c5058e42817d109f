"""The stresses there are. Adding one is a function in a file of this folder and its entry in that file's tuple."""

from __future__ import annotations

from audio_ft.stress import Stress
from audio_ft.stresses.level import LEVELS
from audio_ft.stresses.line import LINES
from audio_ft.stresses.noise import NOISES
from audio_ft.stresses.room import ROOMS
from audio_ft.stresses.time import TIMES

__all__ = ["STRESSES"]

STRESSES: dict[str, Stress] = {stress.name: stress for stress in (*NOISES, *ROOMS, *LINES, *LEVELS, *TIMES)}
